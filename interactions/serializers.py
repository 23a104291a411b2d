"""The bodies that the API of interactions takes: shapes only. Events are checked in `events`, by hand, for speed."""

from typing import Any

from rest_framework import serializers

from cim.access.api import StrictSerializer
from interactions.events import CHANNELS, DIRECTIONS, ENDERS, IDENTIFIER_TYPES, SENT_TYPES


class _Agent(serializers.Serializer[Any]):
    id = serializers.CharField()
    name = serializers.CharField(required=False)
    team = serializers.CharField(required=False)


class _Skill(serializers.Serializer[Any]):
    id = serializers.CharField(required=False)
    name = serializers.CharField(required=False)
    screen_pop = serializers.BooleanField(required=False)


class _Identifier(serializers.Serializer[Any]):
    type = serializers.ChoiceField(choices=IDENTIFIER_TYPES)
    value = serializers.CharField()


class EventBody(serializers.Serializer[Any]):
    """For the schema only: what one event may hold."""

    event_id = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment]
    interaction_id = serializers.CharField()
    type = serializers.ChoiceField(choices=sorted(SENT_TYPES))
    occurred_at = serializers.DateTimeField()
    channel = serializers.ChoiceField(choices=CHANNELS, required=False)
    direction = serializers.ChoiceField(choices=DIRECTIONS, required=False)
    address = serializers.CharField(required=False)
    dialled = serializers.CharField(required=False)
    identifiers = _Identifier(many=True, required=False)
    customer_name = serializers.CharField(required=False)
    agent = _Agent(required=False)
    queue = serializers.CharField(required=False)
    skill = _Skill(required=False)
    topic = serializers.CharField(required=False)
    account = serializers.CharField(required=False)
    work_request_id = serializers.CharField(required=False)
    campaign = serializers.CharField(required=False)
    manual = serializers.BooleanField(required=False)
    status = serializers.CharField(required=False)
    notes = serializers.CharField(required=False)
    tags = serializers.ListField(child=serializers.CharField(), required=False)
    code = serializers.CharField(required=False)
    reason = serializers.CharField(required=False)
    ended_by = serializers.ChoiceField(choices=ENDERS, required=False)
    master_id = serializers.CharField(required=False)
    recording_url = serializers.URLField(required=False)
    transcript_url = serializers.URLField(required=False)
    data = serializers.DictField(required=False)  # type: ignore[assignment]


class _Rejected(serializers.Serializer[Any]):
    index = serializers.IntegerField()
    detail = serializers.CharField()


class RecordedBody(serializers.Serializer[Any]):
    accepted = serializers.IntegerField()
    duplicates = serializers.IntegerField()
    rejected = _Rejected(many=True)
    warnings = _Rejected(many=True)


class LinkBody(StrictSerializer):
    customer = serializers.UUIDField()
    remember = serializers.BooleanField(required=False, default=False)


class WrapUpBody(StrictSerializer):
    code = serializers.CharField(max_length=200)
    notes = serializers.CharField(max_length=20_000, required=False)


class NoteBody(StrictSerializer):
    text = serializers.CharField(max_length=20_000)


class DraftBody(StrictSerializer):
    text = serializers.CharField(max_length=20_000, allow_blank=True, trim_whitespace=False)


class TopicBody(StrictSerializer):
    topic = serializers.CharField(max_length=255)


class ContactBody(StrictSerializer):
    """The form that adds a caller to the contacts; `phones` and `emails` left out are those of the interaction."""

    first_name = serializers.CharField(max_length=1000)
    last_name = serializers.CharField(max_length=1000)
    phones = serializers.ListField(child=serializers.CharField(), required=False)
    emails = serializers.ListField(child=serializers.CharField(), required=False)


class DialBody(StrictSerializer):
    customer = serializers.UUIDField(required=False, allow_null=True)
    # The id of a phone as a number, or the phone number itself as text.
    phone = serializers.JSONField()

    def validate_phone(self, value: Any) -> int | str:
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise serializers.ValidationError("A phone is its id as a number, or its number as text.")
        return value


class OutcomeBody(StrictSerializer):
    outcome = serializers.ChoiceField(choices=["connected", "failed", "ended"])
    reason = serializers.CharField(max_length=500, required=False, allow_blank=True)
    source = serializers.CharField(max_length=100, required=False)  # type: ignore[assignment]
    interaction_id = serializers.CharField(max_length=255, required=False)


class DoNotCallBody(StrictSerializer):
    id = serializers.IntegerField(read_only=True)
    number = serializers.CharField(max_length=100)
    reason = serializers.CharField(max_length=500, required=False, allow_blank=True)
    added_by = serializers.CharField(read_only=True)
    added_at = serializers.DateTimeField(read_only=True)


class ReasonBody(StrictSerializer):
    id = serializers.IntegerField(read_only=True)
    queue = serializers.CharField(max_length=200, required=False, allow_blank=True)
    code = serializers.CharField(max_length=200)
    label = serializers.CharField(max_length=200, required=False, allow_blank=True)  # type: ignore[assignment]
    position = serializers.IntegerField(min_value=0, max_value=10_000, required=False)


class InteractionBody(serializers.Serializer[Any]):
    """For the schema only: the members of an interaction that the contract names."""

    id = serializers.UUIDField()
    source = serializers.CharField()  # type: ignore[assignment]
    interaction_id = serializers.CharField()
    state = serializers.CharField()
    channel = serializers.CharField(allow_null=True)
    direction = serializers.CharField(allow_null=True)
    address = serializers.CharField(allow_null=True)
    dialled = serializers.CharField(allow_null=True)
    customer = serializers.UUIDField(allow_null=True)
    link = serializers.DictField()
    started = serializers.DateTimeField()
    ended = serializers.DateTimeField(allow_null=True)
    wrap_up = serializers.DictField(allow_null=True)
    wrap_ups = serializers.ListField(child=serializers.DictField())
    activities = serializers.ListField(child=serializers.DictField())
    topic = serializers.CharField(allow_null=True)
    account = serializers.CharField(allow_null=True)
    work_request_id = serializers.CharField(allow_null=True)
    queue = serializers.CharField(allow_null=True)
    skill = serializers.DictField(allow_null=True)
    recording_url = serializers.CharField(allow_null=True)
    transcript_url = serializers.CharField(allow_null=True)
    notes = serializers.ListField(child=serializers.DictField())
    data = serializers.DictField()  # type: ignore[assignment]
