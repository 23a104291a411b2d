"""The wire of the Context Store and of its customer management, as other makers' clients speak it (J2, J6).

Statuses and bodies of create, read and upsert are those that such clients rely on. The other operations have no path
that a client confirms: they are off until the installation switches them on.
"""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, ClassVar, Final

from django.conf import settings
from django.http import Http404, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cim.access.api import idempotent, problem_handler
from cim.access.permissions import Required
from cim.access.strictness import quoted, refuse_unstorable
from cim.access.wire import JSONParser
from customers.phones import from_address
from journeys import contexts, retrieval, trust
from journeys.models import Context, ContextVersion
from journeys.wire import LONG_LEASE, Body, Call, Malformed, plain_json, read_body, read_call

_ETAG = re.compile(r'(?:W/)?"?(\d{1,9})"?')

_QUERY: Final = [
    OpenApiParameter("rid", str, description="routing id, 0 by default"),
    OpenApiParameter("sid", str, description="taken and not used"),
    OpenApiParameter("touchpoint", str, description="who touches the context; written to its audit trail"),
]
_WRITE_QUERY: Final = [
    *_QUERY,
    OpenApiParameter("lease", int, description="seconds, from 1 to 2147483647; 7200 by default"),
    OpenApiParameter("rules", str, description="taken and not used"),
]

# What the wire calls an error, by its status.
_TYPES: Final = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    409: "Conflict",
    412: "PreconditionFailed",
    413: "TooLarge",
}


def wire_error(exc: Exception, context: dict[str, Any]) -> Response | None:
    """Answer an exception as `{"errors": [{"type", "message"}]}`; None lets Django log it."""
    match exc:
        case Malformed():
            exc = exceptions.ParseError(str(exc))
        case contexts.NoSuchContext():
            exc = exceptions.NotFound(str(exc))
        case contexts.IdInUse():
            exc = _Refusal(HTTPStatus.CONFLICT, str(exc))
        case contexts.StaleRevision():
            exc = _Refusal(HTTPStatus.PRECONDITION_FAILED, str(exc))
    answer = problem_handler(exc, context)
    if answer is None:
        return None
    status, detail = answer.status_code, str(answer.data["detail"])
    body = {"errors": [{"type": _TYPES.get(status, "Error"), "message": detail}]}
    return Response(body, status=status, headers=_kept(answer), content_type="application/json")


def _kept(answer: Response) -> dict[str, str]:
    return {name: answer[name] for name in ("WWW-Authenticate", "Retry-After") if name in answer}


class _Refusal(exceptions.APIException):
    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status_code = status


class AnyTypeParser(JSONParser):
    """Reads JSON whatever the media type says: there are clients that name none."""

    media_type = "*/*"


class WireView(APIView):
    """What the operations share: the ways to authenticate, how errors look, how a request is read."""

    parser_classes = (AnyTypeParser,)
    # Methods that are off unless the installation switches the unconfirmed operations on.
    unconfirmed: ClassVar[frozenset[str]] = frozenset()

    def get_authenticators(self) -> list[BaseAuthentication]:
        return trust.authenticators()

    def get_exception_handler(self) -> Any:
        return wire_error

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if request.method in self.unconfirmed and not settings.CIM_CONTEXT_STORE_UNCONFIRMED:
            if self.unconfirmed >= {method.upper() for method in self._methods()}:
                raise Http404
            raise exceptions.MethodNotAllowed(request.method or "")

    def _methods(self) -> list[str]:
        return [name for name in ("get", "post", "put", "delete") if hasattr(self, name)]

    def call(self, request: Request) -> Call:
        query = {name: request.query_params[name] for name in request.query_params}
        refuse_unstorable(query)
        return read_call(query)

    def body(self, request: Request) -> Body:
        return read_body(request.data)


class ContextsView(WireView):
    """A context is made."""

    required_permissions: ClassVar[dict[str, Required]] = {"POST": "use_contexts"}

    @extend_schema(
        parameters=[*_WRITE_QUERY, OpenApiParameter("shortid", str, description="true asks for a short id")],
        request=OpenApiTypes.OBJECT,
        responses=OpenApiTypes.OBJECT,
    )
    @idempotent
    def post(self, request: Request) -> Response:
        call, body = self.call(request), self.body(request)
        context = contexts.create(body, call, timezone.now())
        return _with_warning(Response({"data": {"contextId": context.context_id}}), call)


class UpsertView(WireView):
    """A context is changed, or made when there is none."""

    required_permissions: ClassVar[dict[str, Required]] = {"PUT": "use_contexts"}

    @extend_schema(parameters=_WRITE_QUERY, request=OpenApiTypes.OBJECT, responses={200: None})
    def put(self, request: Request, context_id: str) -> HttpResponse:
        call, body = self.call(request), self.body(request)
        context = contexts.upsert(
            _checked(context_id), body, call, timezone.now(), expected=_expected(request)
        )
        return _with_warning(_empty(context), call)


class ContextView(WireView):
    """One context is read; changed or deleted where that is switched on."""

    required_permissions: ClassVar[dict[str, Required]] = {
        "GET": "use_contexts",
        "PUT": "use_contexts",
        "DELETE": "use_contexts",
    }
    unconfirmed = frozenset({"PUT", "DELETE"})

    @extend_schema(parameters=_QUERY, responses=OpenApiTypes.OBJECT)
    def get(self, request: Request, context_id: str) -> Response:
        context = contexts.read(context_id, self.call(request), timezone.now())
        return Response({"data": context.data}, headers={"ETag": f'"{context.revision}"'})

    @extend_schema(parameters=_WRITE_QUERY, request=OpenApiTypes.OBJECT, responses={200: None})
    def put(self, request: Request, context_id: str) -> HttpResponse:
        call, body = self.call(request), self.body(request)
        context = contexts.update(context_id, body, call, timezone.now(), expected=_expected(request))
        return _with_warning(_empty(context), call)

    @extend_schema(parameters=_QUERY, responses={200: None})
    def delete(self, request: Request, context_id: str) -> HttpResponse:
        contexts.delete(context_id, self.call(request), timezone.now())
        return _empty()


class KeysView(WireView):
    """The keys of a context's data."""

    required_permissions: ClassVar[dict[str, Required]] = {"GET": "use_contexts"}
    unconfirmed = frozenset({"GET"})

    @extend_schema(parameters=_QUERY, responses=OpenApiTypes.OBJECT)
    def get(self, request: Request, context_id: str) -> Response:
        return Response(list(contexts.read(context_id, self.call(request), timezone.now()).data))


class KeyView(WireView):
    """One value of a context's data; it is sent as `{"value": …}`, or as `{<key>: …}`."""

    required_permissions: ClassVar[dict[str, Required]] = {
        "GET": "use_contexts",
        "PUT": "use_contexts",
        "DELETE": "use_contexts",
    }
    unconfirmed = frozenset({"GET", "PUT", "DELETE"})

    @extend_schema(parameters=_QUERY, responses=OpenApiTypes.OBJECT)
    def get(self, request: Request, context_id: str, key: str) -> Response:
        context = contexts.read(context_id, self.call(request), timezone.now())
        if key not in context.data:
            raise _no_such_key(key)
        return Response({"data": {key: context.data[key]}})

    @extend_schema(parameters=_QUERY, request=OpenApiTypes.OBJECT, responses={200: None})
    def put(self, request: Request, context_id: str, key: str) -> HttpResponse:
        sent = request.data
        value = sent
        if isinstance(sent, Mapping):
            value = next((sent[name] for name in (key, "value") if name in sent), sent)
        contexts.put_value(context_id, key, plain_json(value), self.call(request), timezone.now())
        return _empty()

    @extend_schema(parameters=_QUERY, responses={200: None})
    def delete(self, request: Request, context_id: str, key: str) -> HttpResponse:
        try:
            contexts.drop_value(context_id, key, self.call(request), timezone.now())
        except KeyError:
            raise _no_such_key(key) from None
        return _empty()


class GroupView(WireView):
    """The contexts of one group, which is a customer, the newest first."""

    required_permissions: ClassVar[dict[str, Required]] = {"GET": "use_contexts"}
    unconfirmed = frozenset({"GET"})

    @extend_schema(parameters=_QUERY, responses=OpenApiTypes.OBJECT)
    def get(self, request: Request, group_id: str) -> Response:
        found = contexts.of_group(group_id, self.call(request), timezone.now())
        return Response([_whole(context) for context in found])


class AliasView(WireView):
    """The context with an alias."""

    required_permissions: ClassVar[dict[str, Required]] = {"GET": "use_contexts"}
    unconfirmed = frozenset({"GET"})

    @extend_schema(parameters=_QUERY, responses=OpenApiTypes.OBJECT)
    def get(self, request: Request, alias_id: str) -> Response:
        context = contexts.by_alias(alias_id, self.call(request), timezone.now())
        return Response({"data": context.data})


class AuditView(WireView):
    """The audit trail of a context: who touched it, how and when."""

    required_permissions: ClassVar[dict[str, Required]] = {"GET": "use_contexts"}
    unconfirmed = frozenset({"GET"})

    @extend_schema(parameters=_QUERY, responses=OpenApiTypes.OBJECT)
    def get(self, request: Request, context_id: str) -> Response:
        found = contexts.trail(context_id, self.call(request), timezone.now())
        return Response([_touch(version) for version in found])


class CustomerManagementView(WireView):
    """The customer id behind phones, mail addresses and ids (J6)."""

    required_permissions: ClassVar[dict[str, Required]] = {"GET": "lookup"}

    _KINDS: ClassVar[dict[str, str]] = {
        "phone": "phone",
        "email": "email",
        "socialId": "social",
        "crmId": "crm",
        "accountId": "account",
        "customerId": "id",
    }

    @extend_schema(
        parameters=[OpenApiParameter(name, str, many=True) for name in _KINDS], responses=OpenApiTypes.OBJECT
    )
    def get(self, request: Request) -> Response:
        query = {name: request.query_params.getlist(name) for name in request.query_params}
        refuse_unstorable(query)
        kinds = {name.casefold(): kind for name, kind in self._KINDS.items()}
        pairs = [
            (kind, (from_address(value) if kind == "phone" else value).strip())
            for name, values in query.items()
            for value in values
            if (kind := kinds.get(name.casefold())) and value.strip()
        ]
        if not pairs:
            known = ", ".join(self._KINDS)
            raise Malformed(
                _("The query names nobody; ask by at least one of: %(known)s.") % {"known": known}
            )
        answer = retrieval.ask(pairs)
        if answer.customer is None:
            status = HTTPStatus.CONFLICT if answer.found == "several" else HTTPStatus.NOT_FOUND
            raise _Refusal(status, retrieval.describe(answer, pairs))
        return Response({"customerId": str(answer.customer)})


def _empty(context: Context | None = None) -> HttpResponse:
    """Answer 200 with nothing in it, as clients expect of a write."""
    response = HttpResponse(b"", content_type="application/json")
    if context is not None:
        response["ETag"] = f'"{context.revision}"'
    return response


def _with_warning(response: Any, call: Call) -> Any:
    if call.lease is not None and call.lease > LONG_LEASE:
        response["Warning"] = f'299 - "A lease of more than {LONG_LEASE} seconds is long"'
    return response


def _expected(request: Request) -> int | None:
    """Read the revision of `If-Match`; this server understands it, and clients that send none are served as ever."""
    header = request.headers.get("If-Match", "").strip()
    if not header or header == "*":
        return None
    found = _ETAG.fullmatch(header)
    if not found:
        raise Malformed(_("If-Match: %(value)s is no revision of a context.") % {"value": quoted(header)})
    return int(found[1])


def _checked(context_id: str) -> str:
    read_body({"contextId": context_id})
    return context_id


def _no_such_key(key: str) -> exceptions.NotFound:
    return exceptions.NotFound(_("The context has no key %(key)s.") % {"key": quoted(key)})


def _whole(context: Context) -> dict[str, Any]:
    return {
        "contextId": context.context_id,
        "groupId": context.group_id,
        "aliasIds": context.alias_ids,
        "tenantId": context.tenant_id,
        "topic": context.topic,
        "persistToEDM": context.permanent,
        "data": context.data,
    }


def _touch(version: ContextVersion) -> dict[str, Any]:
    return {
        "versionId": version.version,
        "touchpoint": version.touchpoint,
        "operation": version.operation,
        "time": version.at.isoformat().replace("+00:00", "Z"),
    }
