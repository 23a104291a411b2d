"""The API of journeys: the journey of a customer, its elements, contact lists and attempts (contract 6.4)."""

import datetime as dt
from typing import Any, ClassVar, Final
from uuid import UUID

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cim.access import audit
from cim.access.api import Conflict, Problem, idempotent, quoted, refuse_input, strict_query
from cim.access.jobs import enqueue
from cim.access.permissions import Required
from customers.models import Customer
from customers.schema import Schema
from interactions.families import family_of
from interactions.presenting import eye_of, masked_accounts
from journeys import attempts, details, elements, flows, picture, retrieval, tasks
from journeys.filters import (
    FLOW,
    FLOW_PARAMETERS,
    VIEW,
    VIEW_PARAMETERS,
    cursor_of,
    instant,
    question_of,
    view_of,
)
from journeys.models import ContactList, Element
from journeys.serializers import AttemptBody, ContactListBody, ElementTopicBody

_LISTS: Required = ("schema", "send_attempts")
_PAGE: Final = 50
_NEWS: Final = 20
_OVERLAP: Final = dt.timedelta(seconds=15)


class JourneyView(APIView):
    """The journey of a customer: when it began and ended, its points by channel, its elements (J10, J12)."""

    required_permissions: ClassVar[dict[str, Required]] = {"GET": "see_customers"}

    @extend_schema(operation_id="journey", parameters=VIEW_PARAMETERS, responses=OpenApiTypes.OBJECT)
    def get(self, request: Request, customer_id: UUID) -> Response:
        strict_query(request, VIEW)
        view = view_of(request.query_params)
        return Response(
            _seen(request, picture.journey_json(picture.journey(_family(customer_id), view, timezone.now())))
        )


class PictureView(APIView):
    """What the page of a journey draws; of a long journey the points come in bundles, finer in a shorter range."""

    required_permissions: ClassVar[dict[str, Required]] = {"GET": "see_customers"}

    @extend_schema(
        operation_id="journey_picture",
        parameters=[*VIEW_PARAMETERS, OpenApiParameter("only", str, enum=["lanes"])],
        responses=OpenApiTypes.OBJECT,
    )
    def get(self, request: Request, customer_id: UUID) -> Response:
        strict_query(request, VIEW | {"only"})
        view, now = view_of(request.query_params), timezone.now()
        only_lanes = request.query_params.get("only") == "lanes"
        found = picture.journey(_family(customer_id), view, now, only_shown=only_lanes)
        if only_lanes:
            return Response({"lanes": picture.lanes_json(found, view)})
        return Response(_seen(request, picture.picture_json(found, view, now)))


class JourneyListView(APIView):
    """The elements of a journey, the newest first, page by page: the picture in words."""

    required_permissions: ClassVar[dict[str, Required]] = {"GET": "see_customers"}

    @extend_schema(
        operation_id="journey_list",
        parameters=[
            *VIEW_PARAMETERS,
            OpenApiParameter("before", str, description="`next` of the page before"),
        ],
        responses=OpenApiTypes.OBJECT,
    )
    def get(self, request: Request, customer_id: UUID) -> Response:
        strict_query(request, VIEW | {"before"})
        view, before = view_of(request.query_params), cursor_of(request.query_params.get("before", ""))
        found = picture.journey(_family(customer_id), view, timezone.now(), only_shown=True)
        rows, has_more = picture.newest_first(found, before, _PAGE)
        following = (
            f"{rows[-1].started.isoformat().replace('+00:00', 'Z')}_{rows[-1].id}" if has_more else None
        )
        return Response(
            {"next": following, "results": _seen(request, [picture.element_json(row) for row in rows])}
        )


class JourneyNewsView(APIView):
    """What is new in a journey since a moment (J15)."""

    required_permissions: ClassVar[dict[str, Required]] = {"GET": "see_customers"}

    @extend_schema(
        operation_id="journey_news",
        parameters=[OpenApiParameter("since", str)],
        responses=OpenApiTypes.OBJECT,
    )
    def get(self, request: Request, customer_id: UUID) -> Response:
        strict_query(request, {"since"})
        errors: dict[str, list[str]] = {}
        now = timezone.now()
        since = instant(request.query_params, "since", errors) or now
        if errors:
            raise exceptions.ValidationError(errors)
        # A transaction that takes its time commits what has an earlier moment: some is told twice.
        found = Element.objects.of(_family(customer_id)).standing(now).filter(changed_at__gt=since - _OVERLAP)
        rows = found.order_by("-changed_at", "-id").values_list(
            "id", "changed_at", "channel", "is_open", "topic"
        )
        return Response(
            {
                "now": _moment(now),
                "changed": [
                    {
                        "id": str(key),
                        "at": _moment(at),
                        "channel": channel or None,
                        "open": is_open,
                        "topic": topic or None,
                    }
                    for key, at, channel, is_open, topic in rows[:_NEWS]
                ],
            }
        )


class JourneyStreamView(APIView):
    """The line of an open journey. The ASGI application answers it before Django does (`journeys.stream`)."""

    required_permissions: ClassVar[dict[str, Required]] = {"GET": "see_customers"}

    @extend_schema(
        operation_id="journey_stream",
        parameters=[OpenApiParameter("customer", OpenApiTypes.UUID, required=True)],
        responses={(200, "text/event-stream"): OpenApiTypes.STR},
    )
    def get(self, request: Request) -> Response:
        raise Problem(503, _("Streams are served by the ASGI server: uvicorn cim.asgi:application."))


class FlowsView(APIView):
    """Which channel follows which, how often and how long after (J16)."""

    required_permissions: ClassVar[dict[str, Required]] = {"GET": "live_wall", "POST": "live_wall"}

    @extend_schema(operation_id="flows", parameters=FLOW_PARAMETERS, responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        strict_query(request, FLOW)
        now = timezone.now()
        question = question_of(request.query_params, now.date())
        answer = {"from": question.first, "to": question.last, **flows.flows(question, now)}
        return Response({**answer, "topics": flows.topics(question)})

    @extend_schema(operation_id="flows_prepare", request=None, responses={202: None})
    def post(self, request: Request) -> Response:
        """Ask for the flows to be counted anew, in the background."""
        refuse_input(request)
        enqueue(tasks.prepare_flows)
        return Response(status=202)


class ElementView(APIView):
    """One element of a journey in depth: every status change, rating, data, links (J13)."""

    required_permissions: ClassVar[dict[str, Required]] = {"GET": "see_customers"}

    @extend_schema(operation_id="journey_element", responses=OpenApiTypes.OBJECT)
    def get(self, request: Request, element_id: UUID) -> Response:
        strict_query(request, ())
        return Response(_detail(request, element_id))


class ElementTopicView(APIView):
    """A topic is corrected (J11)."""

    required_permissions: ClassVar[dict[str, Required]] = {"POST": "wrap_up"}

    @extend_schema(
        operation_id="journey_element_topic", request=ElementTopicBody, responses=OpenApiTypes.OBJECT
    )
    def post(self, request: Request, element_id: UUID) -> Response:
        strict_query(request, ())
        body = ElementTopicBody(data=request.data)
        body.is_valid(raise_exception=True)
        assert isinstance(request.user, User)  # noqa: S101 - the permission lets nobody else in
        try:
            elements.correct_topic(
                element_id,
                body.validated_data["topic"],
                request.user,
                audit.actor_of(request),
                timezone.now(),
            )
        except Element.DoesNotExist:
            raise Http404 from None
        return Response(_detail(request, element_id))


def _seen(request: Request, answer: Any) -> Any:
    return masked_accounts(answer, eye_of(request.user, Schema.current()))


def _detail(request: Request, element_id: UUID) -> dict[str, Any]:
    try:
        eye = eye_of(request.user, Schema.current())
        return masked_accounts(details.detail_json(element_id, eye, timezone.now()), eye)
    except Element.DoesNotExist:
        raise Http404 from None


def _family(customer_id: UUID) -> list[UUID]:
    family = family_of(customer_id)
    if not Customer.objects.filter(pk=family[0], deleted_at=None).exists():
        raise Http404
    return family


def _moment(at: dt.datetime) -> str:
    return at.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")


class ContactListsView(APIView):
    """How each list of an outbound manager finds its customers."""

    required_permissions: ClassVar[dict[str, Required]] = {"GET": _LISTS, "POST": _LISTS}

    @extend_schema(operation_id="contact_lists_list", responses=ContactListBody(many=True))
    def get(self, request: Request) -> Response:
        strict_query(request, ())
        return Response([contact_list_json(item) for item in ContactList.objects.order_by("name")])

    @extend_schema(
        operation_id="contact_lists_create", request=ContactListBody, responses={201: ContactListBody}
    )
    @idempotent
    def post(self, request: Request) -> Response:
        strict_query(request, ())
        saved = _saved(ContactList(created_at=timezone.now()), request, "create")
        return Response(contact_list_json(saved), status=201)


class ContactListView(APIView):
    required_permissions: ClassVar[dict[str, Required]] = {
        "GET": _LISTS,
        "PUT": _LISTS,
        "PATCH": _LISTS,
        "DELETE": _LISTS,
    }

    @extend_schema(operation_id="contact_lists_retrieve", responses=ContactListBody)
    def get(self, request: Request, list_id: int) -> Response:
        strict_query(request, ())
        return Response(contact_list_json(_contact_list(list_id)))

    @extend_schema(operation_id="contact_lists_update", request=ContactListBody, responses=ContactListBody)
    def put(self, request: Request, list_id: int) -> Response:
        strict_query(request, ())
        return Response(contact_list_json(_saved(_contact_list(list_id), request, "change")))

    @extend_schema(
        operation_id="contact_lists_partial_update", request=ContactListBody, responses=ContactListBody
    )
    def patch(self, request: Request, list_id: int) -> Response:
        strict_query(request, ())
        return Response(contact_list_json(_saved(_contact_list(list_id), request, "change", partial=True)))

    @extend_schema(operation_id="contact_lists_destroy", responses={204: None})
    def delete(self, request: Request, list_id: int) -> Response:
        strict_query(request, ())
        found = _contact_list(list_id)
        with audit.recorded(
            audit.actor_of(request),
            "contact_list.delete",
            object_type="contact_list",
            object_id=found.pk,
            name=found.name,
        ):
            found.delete()
        return Response(status=204)


class AttemptsView(APIView):
    """An outbound manager tells of an attempt: its customer id is found as its list says (J5b)."""

    required_permissions: ClassVar[dict[str, Required]] = {"POST": "send_attempts"}

    @extend_schema(operation_id="attempts_create", request=AttemptBody, responses={201: OpenApiTypes.OBJECT})
    @idempotent
    def post(self, request: Request) -> Response:
        strict_query(request, ())
        serializer = AttemptBody(data=request.data)
        serializer.is_valid(raise_exception=True)
        body: dict[str, Any] = serializer.validated_data
        said = {name: body.get(name) for name in ("campaign", "topic", "result", "channel", "done", "data")}
        try:
            made = attempts.send(
                _named(body["list"]),
                body.get("attributes", {}),
                body["attempted"],
                body.get("phones"),
                said,
                timezone.now(),
            )
        except (retrieval.IdIsMandatory, retrieval.TooManyPhones) as refusal:
            raise exceptions.ValidationError({"phones": [str(refusal)]}) from refusal
        return Response(
            {
                "work_request_id": made.work_request_id,
                "customer_id": made.customer_id or None,
                "found": made.found or None,
                "asked": [value for _kind, value in made.attempt.asked],
            },
            status=201,
        )


def contact_list_json(item: ContactList) -> dict[str, Any]:
    return {
        "id": item.pk,
        "name": item.name,
        "available": item.available,
        "selected": item.selected,
        "customer_id_attribute": item.customer_id_attribute or None,
        "retrieval_mode": item.retrieval_mode,
        "created_at": item.created_at,
        "updated_at": item.updated_at,
    }


def _saved(item: ContactList, request: Request, verb: str, *, partial: bool = False) -> ContactList:
    serializer = ContactListBody(item, data=request.data, partial=partial)
    serializer.is_valid(raise_exception=True)
    for name, value in serializer.validated_data.items():
        setattr(item, name, value)
    item.updated_at = timezone.now()
    try:
        with transaction.atomic():
            item.save()
            audit.note(
                audit.actor_of(request),
                f"contact_list.{verb}",
                object_type="contact_list",
                object_id=item.pk,
                name=item.name,
                mode=item.retrieval_mode,
                attribute=item.customer_id_attribute,
                selected=item.selected,
            )
    except IntegrityError:
        raise Conflict(_("There is a contact list %(name)s already.") % {"name": quoted(item.name)}) from None
    return item


def _contact_list(list_id: int) -> ContactList:
    found = ContactList.objects.filter(pk=list_id).first() if list_id < 2**63 else None
    if found is None:
        raise Http404
    return found


def _named(reference: int | str) -> ContactList:
    """Find a contact list by its id or its name."""
    found = None
    if isinstance(reference, str):
        found = ContactList.objects.filter(name__iexact=reference).first()
        if found is None and reference.isascii() and reference.isdigit():
            reference = int(reference[:20])
    if found is None and isinstance(reference, int) and 0 < reference < 2**63:
        found = ContactList.objects.filter(pk=reference).first()
    if found is None:
        raise exceptions.ValidationError(
            {"list": [_("%(value)s is no contact list.") % {"value": quoted(str(reference))}]}
        )
    return found
