"""What keeps personal data out of caches and logs (Q31)."""

import re

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.deprecation import MiddlewareMixin
from django_structlog.middlewares import RequestMiddleware
from structlog.typing import EventDict, WrappedLogger

# What PostgreSQL says before it quotes a row, a statement or a value. A quoted text may hold anything, line ends
# too, so all that follows goes, up to the next error of a chain.
_QUOTES = re.compile(
    r"((?:DETAIL|CONTEXT|QUERY|LINE \d+|invalid input syntax for type [\w ]+|value out of range): |\bvalue (?=\"))"
    r".*?(?=\n\n(?:The above|During)|\Z)",
    re.DOTALL,
)


class NoStoreMiddleware(MiddlewareMixin):
    """Tell browsers and proxies to keep no copy of an answer, unless its view has said otherwise."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        response.headers.setdefault("Cache-Control", "no-store")
        return response


class RequestLogMiddleware(RequestMiddleware):
    """One line per request with its path only: a query string may hold a phone number."""

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        return f"{request.method} {request.path}"


def hide_database_values(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Drop what PostgreSQL quotes from the rows of people out of logged errors."""
    for key in ("event", "exception"):
        if isinstance(event.get(key), str):
            event[key] = _QUOTES.sub(r"\1(hidden)", event[key])
    return event
