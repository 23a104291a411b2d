"""What the API refuses before looking closer: text that no database holds, unknown names, values of
another JSON type.

Every message quotes what was sent and says what would be right.
"""

import json
import re
import secrets
from collections.abc import Collection, Mapping
from decimal import Decimal
from http import HTTPStatus
from typing import IO, Any, NoReturn

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _
from rest_framework import exceptions, negotiation, parsers, renderers, serializers
from rest_framework.request import Request

from cim.access.problems import Problem

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
    return f"“{text}”"


def is_storable(text: str) -> bool:
    return _UNSTORABLE.search(text) is None


def refuse_unstorable(value: object, path: str = "body") -> None:
    """Refuse NUL and lone surrogates anywhere in a parsed body, names included, with a 400 that says
    where.
    """
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


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(_("%(name)s is not a JSON number.") % {"name": name})


def _exact_number(text: str) -> Decimal:
    number = Decimal(text)
    # 1e999999999 is valid JSON and would be a number of a gigabyte.
    if abs(number.adjusted()) > 400:
        raise ValueError(_("%(value)s is too large or too small a number.") % {"value": quoted(text)})
    return number


class JSONParser(parsers.JSONParser):
    """Reads JSON strictly: bounded in size, numbers exactly (as int or Decimal), no NaN, no unstorable
    text.
    """

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        raw = stream.read(limit + 1) if limit else stream.read()
        if limit and len(raw) > limit:
            raise Problem(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                _("The body is larger than %(limit)d bytes.") % {"limit": limit},
            )
        try:
            data = json.loads(raw.decode("utf-8"), parse_float=_exact_number, parse_constant=_refuse_constant)
        except RecursionError as exc:
            raise exceptions.ParseError(
                _("The body is not acceptable JSON: it is nested too deeply.")
            ) from exc
        except UnicodeDecodeError as exc:
            raise exceptions.ParseError(
                _("The body is not UTF-8: byte %(position)d cannot be read.") % {"position": exc.start}
            ) from exc
        except ValueError as exc:
            raise exceptions.ParseError(
                _("The body is not valid JSON: %(reason)s") % {"reason": exc}
            ) from exc
        refuse_unstorable(data)
        return data


class MultiPartParser(parsers.MultiPartParser):
    """Reads an upload; refuses unstorable text in its fields and file names."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        parsed = super().parse(stream, media_type, parser_context)
        for values in (parsed.data, parsed.files):
            for name, value in _pairs(values):
                refuse_unstorable(name, "body")
                refuse_unstorable((value.name or "") if isinstance(value, UploadedFile) else value, name)
        return parsed


def _pairs(values: MultiValueDict[str, Any]) -> list[tuple[str, Any]]:
    return [(name, value) for name, several in values.lists() for value in several]


class JSONRenderer(renderers.JSONRenderer):
    """Writes a Decimal as the number it is, digit for digit, where the ordinary renderer writes a string."""

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        rendered: bytes = super().render(data, accepted_media_type, renderer_context)
        return _EXACT_NUMBER.sub(rb"\1", rendered) if _MARK in rendered else rendered

    class encoder_class(renderers.JSONRenderer.encoder_class):  # noqa: N801 - the name is the framework's
        def default(self, obj: Any) -> Any:
            return (
                f"{_MARK.decode()}{obj:f}"
                if isinstance(obj, Decimal) and obj.is_finite()
                else super().default(obj)
            )


# Nobody outside this process knows the mark, so no text of a customer can pass for a number.
_MARK = f"number-{secrets.token_hex(16)}:".encode()
_EXACT_NUMBER = re.compile(rb'"' + _MARK + rb'(-?[0-9.]+)"')


class Negotiation(negotiation.DefaultContentNegotiation):
    """Answers in the view's own format where a client accepts nothing that it offers, rather than with
    406.
    """

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        try:
            return super().select_renderer(request, renderers, format_suffix)
        except exceptions.NotAcceptable:
            return renderers[0], renderers[0].media_type


def strict_query(request: Request, allowed: Collection[str]) -> None:
    """Refuse a query parameter that the endpoint does not know, with a 400 that names it and the known
    ones.
    """
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


_NUMBERS = (serializers.IntegerField, serializers.FloatField, serializers.DecimalField)
_ANYTHING = (
    serializers.JSONField,
    serializers.ReadOnlyField,
    serializers.SerializerMethodField,
    serializers.HiddenField,
)


def _expected(field: serializers.Field[Any, Any, Any, Any]) -> tuple[str, tuple[type, ...]] | None:
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


def mismatch(field: serializers.Field[Any, Any, Any, Any], value: Any) -> Any:
    """Describe where a value has another JSON type than its field; None where it fits.

    A number for a text, a text for a list, true for a number: nothing is converted, since a guess that is
    right for one client is a wrong value for another.
    """
    if value is None or value is serializers.empty:
        return None
    expected = _expected(field)
    if expected is None:
        return None
    words, types = expected
    # To Python, true is a number; to JSON it is not.
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        return [
            _("%(value)s is %(found)s; %(expected)s is expected.")
            % {"value": quoted(value), "found": _type_of(value), "expected": words}
        ]
    match field:
        case serializers.ListField() | serializers.ListSerializer():
            found = {i: wrong for i, item in enumerate(value) if (wrong := mismatch(field.child, item))}
        case serializers.DictField():
            found = {key: wrong for key, item in value.items() if (wrong := mismatch(field.child, item))}
        case serializers.Serializer():
            found = {
                name: wrong
                for name, inner in field.fields.items()
                if name in value and not inner.read_only and (wrong := mismatch(inner, value[name]))
            }
        case _:
            return None
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
        case _:
            return type(value).__name__


class StrictSerializer(serializers.Serializer[Any]):
    """A serializer that refuses an empty or non-object body, unknown fields and values of another JSON
    type.

    Read-only fields of its own may be sent and are ignored, so that what was read can be sent back. Messages
    of the framework that do not quote the value get it put before them.
    """

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, Mapping):
            message = _("%(value)s is %(found)s; an object is expected.")
            raise exceptions.ValidationError(
                {"body": [message % {"value": quoted(data), "found": _type_of(data)}]}
            )
        if not data and self.parent is None:
            message = _("The body is empty; it takes: %(known)s.")
            raise exceptions.ValidationError({"body": [message % {"known": self._known()}]})
        errors: dict[str, Any] = {
            str(name): [
                _("%(name)s is not a field of this object; it knows: %(known)s.")
                % {"name": quoted(str(name)), "known": self._known()}
            ]
            for name in data
            if name not in self.fields
        }
        for name, field in self.fields.items():
            if name in data and not field.read_only and (wrong := mismatch(field, data[name])):
                errors[name] = wrong
        # What has the right type is still checked, so that one answer names everything that is wrong.
        fitting = {name: value for name, value in data.items() if name not in errors}
        try:
            valid = super().to_internal_value(fitting)
        except exceptions.ValidationError as exc:
            for name, wrong in dict(exc.detail).items():  # type: ignore[arg-type]
                if name not in data or name not in errors:
                    errors.setdefault(name, _with_value(wrong, data.get(name, serializers.empty)))
            raise exceptions.ValidationError(errors) from exc
        if errors:
            raise exceptions.ValidationError(errors)
        return valid

    def _known(self) -> str:
        return ", ".join(sorted(name for name, field in self.fields.items() if not field.read_only)) or _(
            "none"
        )


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
