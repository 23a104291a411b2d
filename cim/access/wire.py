"""How bodies are read and written: JSON strictly, numbers exactly, in the format of the endpoint."""

import json
import re
import secrets
from collections.abc import Mapping
from decimal import Decimal
from typing import IO, Any, NoReturn

from django.core.files.uploadedfile import UploadedFile
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _
from rest_framework import exceptions, negotiation, parsers, renderers
from rest_framework.request import Request
from rest_framework.utils.encoders import JSONEncoder

from cim.access.strictness import quoted, refuse_unstorable


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(_("%(name)s is not a JSON number.") % {"name": name})


def _exact_number(text: str) -> Decimal:
    number = Decimal(text)
    # 1e999999999 is valid JSON and would be a number of a gigabyte.
    if abs(number.adjusted()) > 400:
        raise ValueError(_("%(value)s is too large or too small a number.") % {"value": quoted(text)})
    return number


class JSONParser(parsers.JSONParser):
    """Reads JSON strictly: numbers exactly (as int or Decimal), no NaN, no unstorable text.

    The framework hands over a body that is within DATA_UPLOAD_MAX_MEMORY_SIZE.
    """

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        try:
            data = json.loads(
                stream.read().decode("utf-8"), parse_float=_exact_number, parse_constant=_refuse_constant
            )
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


# Nobody outside this process knows the mark, so no text of a customer can pass for a number.
_MARK = f"number-{secrets.token_hex(16)}:"
_MARKED = re.compile(rf'"{_MARK}(-?[0-9.]+)"'.encode())


class _Encoder(JSONEncoder):
    def default(self, obj: Any) -> Any:
        return f"{_MARK}{obj:f}" if isinstance(obj, Decimal) and obj.is_finite() else super().default(obj)


class JSONRenderer(renderers.JSONRenderer):
    """Writes a Decimal as the number it is, digit for digit, where the ordinary renderer writes a string."""

    encoder_class = _Encoder

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        rendered: bytes = super().render(data, accepted_media_type, renderer_context)
        return _MARKED.sub(rb"\1", rendered)


class Negotiation(negotiation.DefaultContentNegotiation):
    """Answers in the view's own format, rather than with 406, a client that accepts nothing it offers."""

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        try:
            return super().select_renderer(request, renderers, format_suffix)
        except exceptions.NotAcceptable:
            return renderers[0], renderers[0].media_type
