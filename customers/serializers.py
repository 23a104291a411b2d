"""The bodies that the customer API takes: shapes only; what a value may be is decided by the schema."""

from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers

from cim.access.api import StrictSerializer, quoted
from customers.models import Attribute, Identifier, Label
from customers.values import LISTS


def _text() -> serializers.CharField:
    return serializers.CharField(required=False, allow_null=True, allow_blank=True, trim_whitespace=False)


def _texts() -> serializers.ListField:
    return serializers.ListField(
        child=serializers.CharField(allow_blank=True, trim_whitespace=False), required=False, allow_null=True
    )


class AnyValue(serializers.JSONField):
    """Any JSON as it was parsed, exact numbers included; the schema decides what it may be."""

    def to_internal_value(self, data: Any) -> Any:
        return data


class IdentifierBody(StrictSerializer):
    type = serializers.ChoiceField(choices=Identifier.Type.choices)
    value = serializers.CharField(max_length=500)


class CustomerBody(StrictSerializer):
    """A customer as it is sent; read-only fields may be sent back as they were read."""

    id = serializers.UUIDField(read_only=True)
    version = serializers.IntegerField(read_only=True)
    stage = serializers.CharField(read_only=True)
    first_name = _text()
    last_name = _text()
    phones = _texts()
    emails = _texts()
    address = _text()
    postal_code = _text()
    crm_id = _text()
    account_id = _text()
    language = _text()
    labels = serializers.ListField(child=serializers.CharField(), required=False)
    identifiers = IdentifierBody(many=True, required=False)
    attributes = serializers.DictField(
        child=AnyValue(allow_null=True), required=False, help_text="custom attributes by key"
    )
    masked = serializers.ListField(child=serializers.CharField(), read_only=True)
    created_at = serializers.DateTimeField(read_only=True)
    updated_at = serializers.DateTimeField(read_only=True)


class AttributeBody(StrictSerializer):
    """The definition of an attribute as it is sent; what was left out is not changed."""

    key = serializers.CharField(read_only=True)
    custom = serializers.BooleanField(read_only=True)
    position = serializers.IntegerField(read_only=True)
    archived = serializers.BooleanField(read_only=True)
    index_state = serializers.CharField(read_only=True)
    demand = serializers.DictField(read_only=True, allow_null=True)
    state = serializers.CharField(read_only=True)
    label = serializers.CharField(  # type: ignore[assignment]
        required=False, allow_blank=True, help_text="unique, ignoring case"
    )
    type = serializers.ChoiceField(choices=Attribute.Type.values, required=False)
    description = serializers.CharField(required=False, allow_blank=True, max_length=500)
    required = serializers.BooleanField(required=False)  # type: ignore[assignment]
    default = AnyValue(required=False, allow_null=True)
    pii = serializers.BooleanField(required=False)
    read_only_for_agents = serializers.BooleanField(required=False)
    options = serializers.ListField(child=serializers.CharField(allow_blank=True), required=False)
    max_length = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=1000)
    fast = serializers.BooleanField(required=False)


class ConversionBody(StrictSerializer):
    """What type an attribute shall have; with ``dry_run`` it is only said what would not convert."""

    type = serializers.ChoiceField(choices=[kind for kind in Attribute.Type.values if kind not in LISTS])
    options = serializers.ListField(child=serializers.CharField(allow_blank=True), required=False)
    max_length = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=1000)
    dry_run = serializers.BooleanField(required=False)


class OrderBody(StrictSerializer):
    keys = serializers.ListField(child=serializers.CharField())


class LookupBody(StrictSerializer):
    """Each member one text or a list of texts; ``type`` and ``value`` go in pairs."""

    phone = AnyValue(required=False)
    email = AnyValue(required=False)
    type = AnyValue(required=False)
    value = AnyValue(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name, given in attrs.items():
            items = given if isinstance(given, list) else [given]
            if not all(isinstance(item, str) for item in items):
                raise serializers.ValidationError({name: [f"{given!r} is no text and no list of texts."]})
            found[name] = items
        return found


class LabelsBody(StrictSerializer):
    """Either exactly the ``labels`` that the customer shall carry, or what to ``add`` and ``remove``."""

    labels = serializers.ListField(child=serializers.CharField(), required=False)
    add = serializers.ListField(child=serializers.CharField(), required=False)
    remove = serializers.ListField(child=serializers.CharField(), required=False)


class RevealBody(StrictSerializer):
    attribute = serializers.CharField()


class NeverBody(StrictSerializer):
    customer = serializers.UUIDField()


class ConflictAnswer(serializers.Serializer[Any]):
    """What an answer says beside the customer after creating."""

    outcome = serializers.ChoiceField(choices=["created", "overwritten", "updated"])


class LabelBody(StrictSerializer):
    """A label as it is sent; what was left out is not changed."""

    id = serializers.IntegerField(read_only=True)
    name = serializers.CharField(required=False, max_length=60, help_text="unique, ignoring case")
    color = serializers.ChoiceField(required=False, choices=Label.Color.choices)

    def validate_name(self, name: str) -> str:
        if "," in name:
            raise serializers.ValidationError(_("%(name)s: a label has no comma.") % {"name": quoted(name)})
        return name


class ColumnBody(StrictSerializer):
    """One column of the list: the key of an attribute, or ``labels``."""

    key = serializers.CharField(max_length=40)
    width = serializers.IntegerField(required=False, min_value=20, max_value=2000)
    visible = serializers.BooleanField(required=False)


class LayoutBody(StrictSerializer):
    """How a user has arranged the list; columns that are not named stand at the end, shown."""

    columns = ColumnBody(many=True, max_length=100)  # type: ignore[call-arg]  # of the list, not of one
    page_size = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=200)


def _parameters(query: dict[str, Any]) -> dict[str, list[str]]:
    """Return the parameters of an address, each with its values; a single value may stand alone."""
    found = {name: value if isinstance(value, list) else [value] for name, value in query.items()}
    for name, texts in found.items():
        if not texts or not all(isinstance(text, str) for text in texts):
            raise serializers.ValidationError(
                {name: _("%(value)s is neither a text nor a list of texts.") % {"value": quoted(query[name])}}
            )
    return found


class _Question(StrictSerializer):
    """Whom something concerns: those whom the parameters of the list find, or those named."""

    query = serializers.DictField(
        required=False,
        help_text="parameters of the list; several values of one as a list",
        child=serializers.JSONField(),
    )
    ids = serializers.ListField(child=serializers.UUIDField(), required=False, max_length=10_000)

    def validate_query(self, query: dict[str, Any]) -> dict[str, list[str]]:
        return _parameters(query)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("query" in attrs) == ("ids" in attrs):
            raise serializers.ValidationError(
                {"query": _("Give either query, whom to find, or ids, whom to take – query {} is everybody.")}
            )
        return attrs


class BulkBody(_Question):
    """One thing to do to many customers (C28)."""

    action = serializers.ChoiceField(choices=["label", "unlabel", "delete"])
    label = serializers.CharField(  # type: ignore[assignment]
        required=False, max_length=60, help_text="name of the label to put on or take off"
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if (attrs["action"] == "delete") == ("label" in attrs):
            raise serializers.ValidationError(
                {"label": _("Name a label for label and unlabel, none for delete.")}
            )
        return super().validate(attrs)


class ExportBody(_Question):
    """Customers to be made a file of (C27)."""

    format = serializers.ChoiceField(choices=["csv", "xlsx"])
    columns = serializers.ListField(
        child=serializers.CharField(),
        required=False,
        max_length=100,
        help_text="keys in order; all when left out",
    )


class ViewBody(StrictSerializer):
    """A question to the list under a name (C26); what is left out is not changed."""

    id = serializers.UUIDField(read_only=True)
    owner = serializers.CharField(read_only=True)
    is_mine = serializers.BooleanField(read_only=True)
    name = serializers.CharField(
        required=False, max_length=100, help_text="unique among one's own, ignoring case"
    )
    is_shared = serializers.BooleanField(required=False)
    query = serializers.DictField(required=False, child=serializers.JSONField())
    columns = ColumnBody(many=True, required=False, max_length=100)  # type: ignore[call-arg]

    def validate_query(self, query: dict[str, Any]) -> dict[str, list[str]]:
        return _parameters(query)
