"""What makes a POST safe to send twice: its answer is kept in the transaction of its effect (Q25)."""

import functools
import hashlib
import json
import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Concatenate, ParamSpec, cast

from django.contrib.auth.models import User
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.http import HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response

from cim.access.models import IdempotencyRecord
from cim.access.problems import Problem
from cim.access.strictness import quoted
from cim.access.wire import JSONRenderer

HEADER = "Idempotency-Key"

# What RFC 9110 lets a header hold; 255 is the width of the column.
_KEY = re.compile(r"[\x21-\x7e]{1,255}")

# Headers that belong to the answer itself; the others are made anew.
_KEPT_HEADERS = ("ETag", "Location")

P = ParamSpec("P")
Handler = Callable[Concatenate[Any, Request, P], HttpResponseBase]


def idempotent(handler: Handler[P]) -> Handler[P]:
    """Let a POST that creates take an `Idempotency-Key` (Q25).

    The same key and body get the same answer for 72 hours.

    Opens the outer transaction of the request, so that the effect and the answer are committed together. The
    same key with another body or address answers 409. A second request with the same key waits for the first
    and then gives its answer. Only successes are kept: an answer of 4xx rolls everything back, so the request
    can be sent again under its key. The answer must have a body of JSON, or none.
    """

    @functools.wraps(handler)
    def answer(self: Any, request: Request, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        key = request.headers.get(HEADER)
        if key is None:
            return handler(self, request, *args, **kwargs)
        if not _KEY.fullmatch(key):
            message = _("%(key)s is not a key: it takes 1 to 255 visible ASCII characters.")
            raise exceptions.ValidationError({HEADER: [message % {"key": quoted(key)}]})
        user, fingerprint = cast(User, request.user), _fingerprint(request)
        with transaction.atomic():
            if not IdempotencyRecord.objects.claim(user, key, fingerprint, timezone.now()):
                return _given_before(user, key, fingerprint)
            response = handler(self, request, *args, **kwargs)
            if response.status_code >= HTTPStatus.BAD_REQUEST:
                transaction.set_rollback(True)
            else:
                _keep(user, key, response)
        return response

    answer.is_idempotent = True  # type: ignore[attr-defined]
    return answer


def _given_before(user: User, key: str, fingerprint: str) -> HttpResponse:
    record = IdempotencyRecord.objects.get(user=user, key=key)
    if record.request_hash != fingerprint:
        raise Problem(
            HTTPStatus.CONFLICT,
            _("The key %(key)s was used for another request.") % {"key": quoted(key)},
        )
    response = HttpResponse(record.body, status=record.status, headers=record.headers)
    response["Content-Type"] = "application/json"
    response["Idempotent-Replayed"] = "true"
    return response


def _keep(user: User, key: str, response: HttpResponseBase) -> None:
    if isinstance(response, Response):
        body = JSONRenderer().render(response.data) if response.data is not None else b""
    else:
        body = cast(HttpResponse, response).content
    IdempotencyRecord.objects.filter(user=user, key=key).update(
        status=response.status_code,
        headers={name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers},
        body=body.decode(),
    )


def _fingerprint(request: Request) -> str:
    """Hash what the request asks for; spaces, order and boundaries play no part."""
    data = request.data
    content = (
        [[name, [_described(value) for value in values]] for name, values in sorted(data.lists())]
        if isinstance(data, QueryDict)
        else data
    )
    asked = [request.method, request.get_full_path(), content]
    return hashlib.sha256(json.dumps(asked, sort_keys=True, default=str).encode()).hexdigest()


def _described(value: Any) -> Any:
    if not isinstance(value, UploadedFile):
        return value
    digest = hashlib.sha256()
    for chunk in value.chunks():
        digest.update(chunk)
    value.seek(0)
    return [value.name, value.size, digest.hexdigest()]
