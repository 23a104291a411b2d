"""How the API says no: RFC 9457 problems, without any value that the client did not send."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.core.exceptions import (
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    ValidationError,
)
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.request import UnreadablePostError
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views import defaults
from rest_framework import exceptions
from rest_framework.response import Response

from cim.access.wire import JSONRenderer

CONTENT_TYPE = "application/problem+json"

# Paths whose clients are programs: an error there is a problem document even where no view answers.
PROGRAM_PATHS = ("/api/", "/services/")


class Problem(exceptions.APIException):
    """An error answer: status, sentence and further members, such as the customers in the way."""

    def __init__(self, status: int, detail: str, **extra: Any) -> None:
        super().__init__(detail)
        self.status_code = status
        self.extra = extra


class Conflict(Problem):
    """The request cannot be done as things stand."""

    def __init__(self, detail: str, **extra: Any) -> None:
        super().__init__(HTTPStatus.CONFLICT, detail, **extra)


def document(status: int, detail: str, **extra: Any) -> dict[str, Any]:
    """Write the members of a problem; those of the RFC win over extra ones."""
    return {
        **extra,
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }


def flattened(errors: Any, path: str = "") -> dict[str, list[str]]:
    """Turn nested errors into one level: `{"phones": {1: ["…"]}}` becomes `{"phones.1": ["…"]}`.

    Errors of no field are listed under `body`.
    """
    if isinstance(errors, Mapping):
        flat: dict[str, list[str]] = {}
        for key, value in errors.items():
            step = "" if key == "non_field_errors" else str(key)
            for name, messages in flattened(value, ".".join(filter(None, (path, step)))).items():
                flat.setdefault(name, []).extend(messages)
        return flat
    if isinstance(errors, list | tuple):
        flat = {}
        for position, value in enumerate(errors):
            if isinstance(value, Mapping | list | tuple):
                # A list of dicts is the errors of a list's items; the items without one are empty dicts.
                nested = flattened(value, ".".join(filter(None, (path, str(position)))))
            else:
                nested = {path or "body": [str(value)]}
            for name, messages in nested.items():
                flat.setdefault(name, []).extend(messages)
        return flat
    return {path or "body": [str(errors)]}


def invalid(errors: Any) -> dict[str, Any]:
    """Write the problem of invalid input: every message by field, the first one as the sentence."""
    flat = flattened(errors)
    detail = next(
        (f"{name}: {messages[0]}" for name, messages in flat.items() if messages), _("Invalid input.")
    )
    return document(HTTPStatus.BAD_REQUEST, detail, errors=flat)


def problem_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """Answer an exception of a view; None lets Django log it and answer by `server_error`."""
    body = _body_of(exc, context)
    if body is None:
        return None
    headers: dict[str, str] = {}
    if authenticate := getattr(exc, "auth_header", None):
        headers["WWW-Authenticate"] = authenticate
    if wait := getattr(exc, "wait", None):
        headers["Retry-After"] = str(int(wait))
    # An error is JSON whatever the view answers with.
    request = context.get("request")
    if request is not None:
        request.accepted_renderer, request.accepted_media_type = JSONRenderer(), "application/json"
    return Response(body, status=body["status"], headers=headers, content_type=CONTENT_TYPE)


def _body_of(exc: Exception, context: dict[str, Any]) -> dict[str, Any] | None:
    match exc:
        case Problem():
            return document(exc.status_code, str(exc.detail), **exc.extra)
        case exceptions.ValidationError():
            return invalid(exc.detail)
        case ValidationError():
            return invalid(exc.message_dict if hasattr(exc, "error_dict") else exc.messages)
        case exceptions.ParseError():
            return document(exc.status_code, str(exc.detail), errors={"body": [str(exc.detail)]})
        case exceptions.APIException():
            return document(exc.status_code, str(exc.detail))
        case Http404():
            return document(HTTPStatus.NOT_FOUND, _not_found_at(context["request"].path))
        case PermissionDenied():
            return document(HTTPStatus.FORBIDDEN, str(exc) or _("You may not do this."))
        case RequestDataTooBig():
            limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
            return document(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                _("The body is larger than %(limit)d bytes.") % {"limit": limit},
            )
        case SuspiciousOperation() | UnreadablePostError():
            return document(HTTPStatus.BAD_REQUEST, _("The request is malformed."))
        case _:
            return None


def _not_found_at(path: str) -> str:
    return _("There is nothing at “%(path)s”.") % {"path": path[:200]}


def is_for_programs(request: HttpRequest) -> bool:
    return request.path.startswith(PROGRAM_PATHS)


def _answer(status: int, detail: str) -> JsonResponse:
    return JsonResponse(document(status, detail), status=status, content_type=CONTENT_TYPE)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if is_for_programs(request):
        return _answer(HTTPStatus.BAD_REQUEST, _("The request is malformed."))
    return defaults.bad_request(request, exception)


def second_factor_missing(request: HttpRequest) -> HttpResponse:
    return _answer(
        HTTPStatus.FORBIDDEN,
        _("Your role asks for a second factor: set it up at your next sign-in to the pages."),
    )


def length_required(request: HttpRequest) -> HttpResponse:
    return _answer(
        HTTPStatus.LENGTH_REQUIRED, _("The body comes without a Content-Length; send it with one.")
    )


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form without its token: the page was open too long, or another site sent it."""
    return render(request, "access/stale_page.html", status=HTTPStatus.FORBIDDEN)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    if is_for_programs(request):
        return _answer(HTTPStatus.FORBIDDEN, _("You may not do this."))
    return defaults.permission_denied(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if is_for_programs(request):
        return _answer(HTTPStatus.NOT_FOUND, _not_found_at(request.path))
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    if is_for_programs(request):
        return _answer(HTTPStatus.INTERNAL_SERVER_ERROR, _("Something went wrong here; it was logged."))
    return defaults.server_error(request)
