"""What the API refuses before looking closer: unstorable text, unknown names, other JSON types.

Every message quotes what was sent and says what would be right.
"""

import json
import re
from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from typing import Any, cast

from django.utils.translation import gettext as _
from rest_framework import exceptions, serializers
from rest_framework.request import Request

AnyField = serializers.Field[Any, Any, Any, Any]

# Longer values are cut in messages: they are there to be recognised, not to be returned.
QUOTED_LENGTH = 80

# PostgreSQL stores neither NUL nor half of a surrogate pair; JSON can spell both.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def quoted(value: object) -> str:
    """Quote a value for a message: text in quotation marks, anything else as the JSON it came as."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text)
    if len(text) > QUOTED_LENGTH:
        text = text[:QUOTED_LENGTH] + "…"
    return _("“%s”") % text


def is_storable(text: str) -> bool:
    return _UNSTORABLE.search(text) is None


def refuse_unstorable(value: object, path: str = "body") -> None:
    """Refuse NUL and lone surrogates anywhere in a parsed body, with a 400 that says where."""
    pending: list[tuple[object, str]] = [(value, path)]
    while pending:
        item, where = pending.pop()
        if isinstance(item, str):
            if not is_storable(item):
                message = _(
                    "%(value)s contains a character that cannot be stored (NUL or half a surrogate pair)."
                )
                raise exceptions.ValidationError({where: [message % {"value": quoted(item)}]})
        elif isinstance(item, Mapping):
            for key, inner in item.items():
                inside = str(key) if where == path else f"{where}.{key}"
                if not is_storable(str(key)):
                    inside = quoted(key)
                    pending.append((str(key), inside))
                pending.append((inner, inside))
        elif isinstance(item, list):
            pending.extend((inner, f"{where}.{position}") for position, inner in enumerate(item))


def strict_query(request: Request, allowed: Collection[str]) -> None:
    """Refuse an unknown query parameter, with a 400 that names it and the known ones."""
    unknown = [name for name in request.query_params if name not in allowed]
    if unknown:
        known = ", ".join(sorted(allowed)) or _("none")
        raise exceptions.ValidationError(
            {
                name: [
                    _("%(name)s is not a parameter of this endpoint; it knows: %(known)s.")
                    % {"name": quoted(name), "known": known}
                ]
                for name in unknown
            }
        )


def refuse_input(request: Request) -> None:
    """Refuse whatever is sent to an action that takes nothing, with a 400 that names it; ``{}`` is nothing."""
    strict_query(request, ())
    body = request.data
    if not isinstance(body, Mapping):
        raise exceptions.ValidationError({"body": _not_an_object(body)})
    if body:
        raise exceptions.ValidationError({name: _unknown_field(name, _("none")) for name in body})


_NUMBERS = (serializers.IntegerField, serializers.FloatField, serializers.DecimalField)
_ANYTHING = (
    serializers.JSONField,
    serializers.ReadOnlyField,
    serializers.SerializerMethodField,
    serializers.HiddenField,
)


def _expected(field: AnyField) -> tuple[str, tuple[type, ...]] | None:
    """Say which JSON type a field takes, in words and in Python; None where it takes any."""
    match field:
        case serializers.ListSerializer() | serializers.ListField() | serializers.ManyRelatedField():
            return _("a list"), (list, tuple)
        case serializers.MultipleChoiceField():
            return _("a list"), (list, tuple)
        case serializers.BaseSerializer() | serializers.DictField():
            return _("an object"), (Mapping,)
        case serializers.BooleanField():
            return _("true or false"), (bool,)
        case _ if isinstance(field, _NUMBERS):
            return _("a number"), (int, float, Decimal)
        case serializers.ChoiceField() if not all(isinstance(choice, str) for choice in field.choices):
            return None
        case serializers.FileField() | serializers.ModelField():
            return None
        case _ if isinstance(field, _ANYTHING):
            return None
        case _:
            return _("a text"), (str,)


def mismatch(field: AnyField, value: Any) -> dict[Any, Any] | list[str] | None:
    """Describe where a value has another JSON type than its field; None where it fits.

    A number for a text, a text for a list, true for a number: nothing is converted, since a guess that is
    right for one client is a wrong value for another.
    """
    if value is None or value is serializers.empty or (expected := _expected(field)) is None:
        return None
    words, types = expected
    # To Python, true is a number; to JSON it is not.
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        message = _("%(value)s is %(found)s; %(expected)s is expected.")
        return [message % {"value": quoted(value), "found": _type_of(value), "expected": words}]
    items: Any = value  # the check above narrowed it to object
    inside: Iterable[tuple[Any, AnyField, Any]]
    match field:
        case serializers.ListField() | serializers.ListSerializer():
            inside = [(position, cast(AnyField, field.child), item) for position, item in enumerate(items)]
        case serializers.DictField():
            inside = [(key, field.child, item) for key, item in items.items()]
        case StrictSerializer():
            # Looks for itself, when its turn comes.
            return None
        case serializers.Serializer():
            inside = [(name, inner, items[name]) for name, inner in field.fields.items() if name in items]
        case _:
            return None
    found = {step: wrong for step, inner, item in inside if (wrong := mismatch(inner, item))}
    return found or None


def _type_of(value: Any) -> str:
    match value:
        case bool():
            return _("a boolean")
        case str():
            return _("a text")
        case int() | float() | Decimal():
            return _("a number")
        case Mapping():
            return _("an object")
        case list() | tuple():
            return _("a list")
        case None:
            return _("null")
        case _:
            return type(value).__name__


class StrictSerializer(serializers.Serializer[Any]):
    """A serializer that refuses an empty body, unknown fields and values of another JSON type.

    Read-only fields of its own may be sent and are ignored, so that what was read can be sent back. Messages
    of the framework that do not quote the value get it put before them. One answer names everything wrong.
    """

    def run_validation(self, data: Any = serializers.empty) -> Any:
        if self.root is self and not isinstance(data, Mapping):
            raise exceptions.ValidationError({"body": _not_an_object(data)})
        return super().run_validation(data)

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, Mapping):
            raise exceptions.ValidationError({"non_field_errors": _not_an_object(data)})
        known = ", ".join(sorted(name for name, field in self.fields.items() if not field.read_only)) or _(
            "none"
        )
        if not data and self.root is self:
            raise exceptions.ValidationError({"body": [_("The body is empty; it takes: %s.") % known]})
        errors: dict[str, Any] = {}
        for name, value in data.items():
            if name not in self.fields:
                errors[name] = _unknown_field(name, known)
            elif not self.fields[name].read_only and (wrong := mismatch(self.fields[name], value)):
                errors[name] = wrong
        try:
            valid = super().to_internal_value({name: data[name] for name in data if name not in errors})
        except exceptions.ValidationError as exc:
            for name, found in cast(dict[str, Any], exc.detail).items():
                errors.setdefault(name, _with_value(found, data.get(name, serializers.empty)))
        if errors:
            raise exceptions.ValidationError(errors)
        return valid


def _unknown_field(name: str, known: str) -> list[str]:
    message = _("%(name)s is not a field of this object; it knows: %(known)s.")
    return [message % {"name": quoted(name), "known": known}]


def _not_an_object(data: Any) -> list[str]:
    message = _("%(value)s is %(found)s; an object is expected.")
    return [message % {"value": quoted(data), "found": _type_of(data)}]


def _with_value(errors: Any, value: Any) -> Any:
    """Put the value before messages that do not quote it."""
    if value is serializers.empty or value is None:
        return errors
    if isinstance(errors, Mapping):
        return {key: _with_value(wrong, _inside(value, key)) for key, wrong in errors.items()}
    if isinstance(errors, list):
        return [
            _with_value(wrong, value)
            if isinstance(wrong, Mapping)
            else wrong
            if isinstance(value, Mapping | list) or str(value)[:QUOTED_LENGTH] in str(wrong)
            else f"{quoted(value)}: {wrong}"
            for wrong in errors
        ]
    return errors


def _inside(value: Any, key: Any) -> Any:
    try:
        return value[key]
    except (KeyError, IndexError, TypeError):
        return serializers.empty
