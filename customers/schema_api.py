"""The API of jobs on the values of an attribute: the change of its type, and filling in its default (C2, C7)."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from django.http import Http404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cim.access import audit
from cim.access.api import Conflict, refuse_input, strict_query
from cim.access.jobs import enqueue
from customers import retyping, tasks
from customers import schema as schemas
from customers.api import attribute_of, refusals
from customers.models import Attribute, AttributeJob
from customers.policy import MASK, sight_of
from customers.schema import Definition, Schema
from customers.serializers import ConversionBody
from customers.values import Kind, to_json


class UsageView(APIView):
    """How much each attribute is used: what a change of it costs."""

    required_permissions = {"GET": "schema"}

    @extend_schema(operation_id="attributes_usage", responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        strict_query(request, ())
        return Response({"attributes": {key: asdict(found) for key, found in schemas.usage().items()}})


class _JobView(APIView):
    required_permissions = {"GET": "schema", "POST": "schema", "DELETE": "schema"}
    kind: AttributeJob.Action

    def get(self, request: Request, key: str) -> Response:
        strict_query(request, ())
        job = retyping.latest(attribute_of(key), self.kind)
        return Response(_shown(job, request) if job else {"state": "none"})

    def delete(self, request: Request, key: str) -> Response:
        strict_query(request, ())
        retyping.cancel(self._latest(attribute_of(key)))
        enqueue(tasks.work_on_attribute_jobs)
        return Response(status=204)

    def _latest(self, attribute: Attribute) -> AttributeJob:
        job = retyping.latest(attribute, self.kind)
        if job is None:
            raise Http404
        return job

    def _accepted(self, job: AttributeJob, request: Request) -> Response:
        enqueue(tasks.work_on_attribute_jobs)
        return Response(_shown(job, request), status=202)


class ConversionView(_JobView):
    """The latest change of the attribute's type: asking for one, how far it is, what does not convert; stopping it."""

    kind = AttributeJob.Action.CONVERT

    @extend_schema(operation_id="attributes_conversion", responses=OpenApiTypes.OBJECT)
    def get(self, request: Request, key: str) -> Response:
        return super().get(request, key)

    @extend_schema(
        operation_id="attributes_convert", request=ConversionBody, responses={202: OpenApiTypes.OBJECT}
    )
    def post(self, request: Request, key: str) -> Response:
        strict_query(request, ())
        attribute = attribute_of(key)
        body = ConversionBody(data=request.data)
        body.is_valid(raise_exception=True)
        asked = dict(body.validated_data)
        dry_run = asked.pop("dry_run", False)
        wanted = Definition(**asked, given=frozenset(asked))
        with refusals(), _busy():
            job = retyping.ask(
                attribute, wanted, audit.actor_of(request), dry_run=dry_run, now=timezone.now()
            )
        return self._accepted(job, request)

    @extend_schema(operation_id="attributes_conversion_cancel", responses={204: None})
    def delete(self, request: Request, key: str) -> Response:
        return super().delete(request, key)


class FillView(_JobView):
    """The latest filling in of the attribute's default where nothing stood: asking, how far it is, stopping."""

    kind = AttributeJob.Action.FILL

    @extend_schema(operation_id="attributes_filling", responses=OpenApiTypes.OBJECT)
    def get(self, request: Request, key: str) -> Response:
        return super().get(request, key)

    @extend_schema(operation_id="attributes_fill", request=None, responses={202: OpenApiTypes.OBJECT})
    def post(self, request: Request, key: str) -> Response:
        refuse_input(request)
        attribute = attribute_of(key)
        with refusals(), _busy():
            job = retyping.ask_to_fill(attribute, audit.actor_of(request), now=timezone.now())
        return self._accepted(job, request)

    @extend_schema(operation_id="attributes_filling_cancel", responses={204: None})
    def delete(self, request: Request, key: str) -> Response:
        return super().delete(request, key)


@contextmanager
def _busy() -> Iterator[None]:
    try:
        yield
    except retyping.AtWork as refusal:
        raise Conflict(str(refusal)) from refusal


def _shown(job: AttributeJob, request: Request) -> dict[str, Any]:
    masked = job.attribute.key in sight_of(request.user, Schema.current()).masked
    shown: dict[str, Any] = {
        "state": job.state,
        "done": job.done,
        "total": max(job.total, job.done),
        "created_at": to_json(job.created_at, Kind.DATETIME),
        "finished_at": to_json(job.finished_at, Kind.DATETIME),
    }
    if job.action == AttributeJob.Action.FILL:
        return shown
    return shown | {
        "state": job.then if job.state == AttributeJob.State.CLEARING else job.state,
        "from_type": job.from_type,
        "type": job.type,
        "options": job.options,
        "max_length": job.max_length,
        "dry_run": job.dry_run,
        "wrong": job.wrong,
        "examples": [
            {
                "value": MASK if masked else example["value"],
                "reason": "" if masked else example["reason"],
                "customers": example["customers"],
                "customer": example["customer"],
            }
            for example in job.examples
        ],
    }
