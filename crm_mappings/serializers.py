"""The bodies that the API of CRMs takes: shapes only; what makes sense is decided by the activities."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from cim.access.api import StrictSerializer
from crm_mappings.adapters import Kind as Holds
from crm_mappings.datafields import Kind
from crm_mappings.models import Configuration, SkillSetup, Workflow


class CredentialsField(serializers.JSONField):
    """Secrets by name. Refuses nothing itself, since the framework's refusals quote the value."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return {}
        return {str(name): value if isinstance(value, str) else "" for name, value in data.items()}


class GatewayRow(StrictSerializer):
    crm_field = serializers.CharField(max_length=200)
    attribute = serializers.CharField(max_length=40)


class ConfigurationBody(StrictSerializer):
    """A configuration as it is sent; credentials can be written and are never read."""

    id = serializers.UUIDField(read_only=True)
    name = serializers.CharField(max_length=100)
    description = serializers.CharField(max_length=500, required=False, allow_blank=True)
    type = serializers.CharField(max_length=40)
    region = serializers.ChoiceField(choices=Configuration.Region.choices)
    credentials = CredentialsField(write_only=True, help_text="`{api_key: …}`; write-only")
    base_url = serializers.CharField(max_length=300)
    screenpop_url = serializers.CharField(max_length=300)
    enabled = serializers.BooleanField(required=False)
    gateway = serializers.BooleanField(required=False)
    gateway_fields = GatewayRow(many=True, required=False)
    status = serializers.CharField(read_only=True)
    status_detail = serializers.CharField(read_only=True)
    label = serializers.CharField(read_only=True)  # type: ignore[assignment]
    checked_at = serializers.DateTimeField(read_only=True)
    system_user = serializers.CharField(read_only=True)
    time_zone = serializers.CharField(read_only=True)
    resting_until = serializers.DateTimeField(read_only=True)
    resting_reason = serializers.CharField(read_only=True)
    paused = serializers.BooleanField(read_only=True)


class FieldRow(StrictSerializer):
    crm_field = serializers.CharField(allow_blank=True, trim_whitespace=False)
    channel = serializers.ChoiceField(choices=[kind.value for kind in Kind])
    data_field = serializers.CharField(allow_blank=True, trim_whitespace=False)


class Entity(StrictSerializer):
    entity_type = serializers.CharField(max_length=100)
    rows = FieldRow(many=True)


class MemorialisationBody(StrictSerializer):
    id = serializers.UUIDField(read_only=True)
    configuration = serializers.UUIDField()
    name = serializers.CharField(max_length=100)
    description = serializers.CharField(max_length=500, required=False, allow_blank=True)
    entities = Entity(many=True)
    version = serializers.IntegerField(read_only=True)
    updated_at = serializers.DateTimeField(read_only=True)
    warnings = serializers.ListField(child=serializers.CharField(), read_only=True)


class TestRunBody(StrictSerializer):
    """Which past interaction to try, and, for a mapping that is not saved yet, its entities."""

    __test__ = False

    interaction = serializers.UUIDField()
    entities = Entity(many=True, required=False)


class ShownField(StrictSerializer):
    crm_field = serializers.CharField(max_length=200)
    data_type = serializers.ChoiceField(choices=[kind.value for kind in Holds])


class ShownType(StrictSerializer):
    record_type = serializers.CharField(max_length=100)

    def get_fields(self) -> dict[str, Any]:
        # `fields` is a name of the framework's own, so it cannot be declared as the others are.
        return {**super().get_fields(), "fields": ShownField(many=True)}


class DynamicDataBody(StrictSerializer):
    id = serializers.UUIDField(read_only=True)
    configuration = serializers.UUIDField()
    name = serializers.CharField(max_length=100)
    description = serializers.CharField(max_length=500, required=False, allow_blank=True)
    record_types = ShownType(many=True)
    updated_at = serializers.DateTimeField(read_only=True)


class Criterion(StrictSerializer):
    crm_field = serializers.CharField(max_length=200)
    attribute = serializers.CharField(max_length=40)


class Filling(StrictSerializer):
    crm_field = serializers.CharField(max_length=200)
    attribute = serializers.CharField(max_length=40, required=False)
    text = serializers.CharField(max_length=1000, required=False)


class WorkflowBody(StrictSerializer):
    id = serializers.UUIDField(read_only=True)
    configuration = serializers.UUIDField()
    name = serializers.CharField(max_length=100)
    purpose = serializers.ChoiceField(choices=Workflow.Purpose.choices, required=False)
    record_type = serializers.CharField(max_length=100, required=False)
    match_on = Criterion(many=True, required=False)
    on_none = serializers.ChoiceField(choices=Workflow.OnNone.choices, required=False)
    on_one = serializers.ChoiceField(choices=Workflow.OnOne.choices, required=False)
    on_several = serializers.ChoiceField(choices=Workflow.OnSeveral.choices, required=False)
    create_with = Filling(many=True, required=False)


class SkillBody(StrictSerializer):
    id = serializers.UUIDField(read_only=True)
    configuration = serializers.UUIDField()
    skill = serializers.CharField(
        max_length=150, required=False, allow_blank=True, help_text="id or name; empty: every other skill"
    )
    screen_pop = serializers.BooleanField(required=False)
    after_call_work = serializers.BooleanField(required=False)
    customer_first = serializers.ChoiceField(choices=SkillSetup.CustomerFirst.choices, required=False)
    search_workflow = serializers.UUIDField(required=False, allow_null=True)
    create_workflow = serializers.UUIDField(required=False, allow_null=True)
    memorialisation_mapping = serializers.UUIDField(required=False, allow_null=True)
    dynamic_data_mapping = serializers.UUIDField(required=False, allow_null=True)


class DeliveriesBody(StrictSerializer):
    """Which deliveries: these, or all failed ones of a configuration."""

    deliveries = serializers.ListField(child=serializers.UUIDField(), required=False, max_length=1000)
    configuration = serializers.UUIDField(required=False)
    state = serializers.ChoiceField(choices=["failed", "skipped"], required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("deliveries" in attrs) == ("configuration" in attrs):
            raise serializers.ValidationError(
                "Give either “deliveries”, a list of ids, or a “configuration”, whose failed ones are meant."
            )
        return attrs


class TakeOverBody(StrictSerializer):
    configuration = serializers.UUIDField()
    record = serializers.CharField(max_length=200)
    interaction = serializers.UUIDField(required=False, allow_null=True)
