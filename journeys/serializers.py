"""The bodies that the API of journeys takes."""

from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers

from cim.access.api import StrictSerializer
from cim.access.strictness import quoted
from journeys.models import ContactList, RetrievalMode
from journeys.retrieval import MOST_PHONES
from journeys.wire import LONGEST_ID, plain_json

_LONGEST_NAME = 100
_LONGEST_VALUE = 500


def _names() -> serializers.ListField:
    return serializers.ListField(
        child=serializers.CharField(max_length=_LONGEST_NAME), required=False, max_length=200
    )


class ContactListBody(StrictSerializer):
    """A contact list as it is sent; what was left out is not changed."""

    id = serializers.IntegerField(read_only=True)
    name = serializers.CharField(max_length=_LONGEST_NAME)
    available = _names()
    selected = _names()
    customer_id_attribute = serializers.CharField(
        max_length=_LONGEST_NAME, required=False, allow_null=True, allow_blank=True
    )
    retrieval_mode = serializers.ChoiceField(choices=RetrievalMode.choices, required=False)
    created_at = serializers.DateTimeField(read_only=True)
    updated_at = serializers.DateTimeField(read_only=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        current = self.instance if isinstance(self.instance, ContactList) else ContactList()
        merged = {name: attrs.get(name, getattr(current, name)) for name in _FIELDS}
        merged["customer_id_attribute"] = (merged["customer_id_attribute"] or "").strip()
        errors: dict[str, list[str]] = {}
        for name in ("available", "selected"):
            doubles = sorted({item for item in merged[name] if merged[name].count(item) > 1})
            if doubles:
                errors[name] = [_("%(value)s is listed twice.") % {"value": quoted(doubles[0])}]
        # An attribute moves from one list to the other; it is never in both.
        merged["available"] = [name for name in merged["available"] if name not in merged["selected"]]
        if len(merged["selected"]) > MOST_PHONES:
            errors["selected"] = [
                _(
                    "%(value)s are %(count)d attributes; %(most)d numbers at most go along with the attempted one."
                )
                % {"value": quoted(merged["selected"]), "count": len(merged["selected"]), "most": MOST_PHONES}
            ]
        if not merged["customer_id_attribute"]:
            if len(merged["selected"]) > 1:
                errors["customer_id_attribute"] = [
                    _("It is mandatory, since several phone attributes are selected: %(value)s.")
                    % {"value": quoted(merged["selected"])}
                ]
            elif merged["retrieval_mode"] != RetrievalMode.ALWAYS:
                errors["customer_id_attribute"] = [
                    _("It is mandatory in the mode %(value)s, which reads the customer id from it.")
                    % {"value": quoted(str(merged["retrieval_mode"]))}
                ]
        if errors:
            raise serializers.ValidationError(errors)
        return merged


_FIELDS = ("name", "available", "selected", "customer_id_attribute", "retrieval_mode")


class _ListReference(serializers.JSONField):
    """The id or the name of a contact list."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, bool) or not isinstance(data, int | str) or data == "":
            raise serializers.ValidationError(
                _("%(value)s is neither the id nor the name of a contact list.") % {"value": quoted(data)}
            )
        return data


class _Values(serializers.DictField):
    child = serializers.JSONField(allow_null=True)

    def to_internal_value(self, data: Any) -> dict[str, str]:
        if not isinstance(data, dict):
            raise serializers.ValidationError(_("%(value)s is no object.") % {"value": quoted(data)})
        found = {}
        for name, value in data.items():
            if isinstance(value, dict | list | bool):
                raise serializers.ValidationError(
                    {name: [_("%(value)s is no text.") % {"value": quoted(value)}]}
                )
            text = "" if value is None else str(value)
            if len(text) > _LONGEST_VALUE or len(name) > _LONGEST_NAME:
                raise serializers.ValidationError(
                    {
                        name: [
                            _("%(value)s is too long; %(most)d characters are the most.")
                            % {"value": quoted(text or name), "most": _LONGEST_VALUE}
                        ]
                    }
                )
            found[name] = text
        return found


class _Data(serializers.JSONField):
    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            raise serializers.ValidationError(_("%(value)s is no object.") % {"value": quoted(data)})
        return dict(plain_json(data))


def _told(longest: int = LONGEST_ID) -> serializers.CharField:
    return serializers.CharField(required=False, allow_null=True, allow_blank=True, max_length=longest)


class AttemptBody(StrictSerializer):
    """One attempt of an outbound manager (J5b)."""

    list = _ListReference()
    attributes = _Values(required=False, help_text="the contact's attributes by their names on the list")
    attempted = serializers.CharField(max_length=LONGEST_ID, help_text="the number or address that was tried")
    phones = serializers.ListField(
        child=serializers.CharField(max_length=LONGEST_ID, allow_blank=True),
        required=False,
        help_text="up to four more numbers; left out, those of the list's selected attributes",
    )
    campaign = _told()
    topic = _told()
    result = _told()
    channel = _told(40)
    done = serializers.BooleanField(required=False, help_text="whether the campaign is done with the contact")
    data = _Data(required=False)  # type: ignore[assignment]  # a field of that name, as in its neighbours


class ElementTopicBody(StrictSerializer):
    topic = serializers.CharField(max_length=LONGEST_ID, allow_blank=True)
