"""The API of journeys: contact lists and attempts (contract 6.4)."""

from typing import Any, ClassVar

from django.db import IntegrityError, transaction
from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cim.access import audit
from cim.access.api import Conflict, idempotent, quoted, strict_query
from cim.access.permissions import Required
from journeys import attempts, retrieval
from journeys.models import ContactList
from journeys.serializers import AttemptBody, ContactListBody

_LISTS: Required = ("schema", "send_attempts")


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
