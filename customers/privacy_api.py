"""The API of a person's rights: all that is kept of them, and its erasure with a certificate (C17, Q4)."""

from collections.abc import Mapping
from typing import Any, cast
from uuid import UUID

from django.contrib.auth.models import User
from django.http import Http404, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cim.access import audit
from cim.access.api import Conflict, quoted, refuse_input, strict_query
from cim.access.models import AuditEntry
from customers import erasing, merging, portraying
from customers.api import customer_of
from customers.models import Customer, Erasure
from customers.schema import Schema

MOST_LISTED = 200


class EraseView(APIView):
    """Remove all personal data of a person for good; the answer's Location is the certificate (C17)."""

    required_permissions = {"POST": "erase"}

    @extend_schema(operation_id="customers_erase", request=None, responses={204: None})
    def post(self, request: Request, customer_id: UUID) -> Response:
        refuse_input(request)
        try:
            erasure = erasing.erase(
                customer_id, audit.actor_of(request), schema=Schema.current(), now=timezone.now()
            )
        except Customer.DoesNotExist:
            raise Http404 from None
        except erasing.ImportAtWork as refusal:
            raise Conflict(str(refusal), **{"import": str(refusal.run.id)}) from refusal
        return Response(status=204, headers={"Location": reverse("erasure-certificate", args=[erasure.id])})


class ErasuresView(APIView):
    """The latest erasures, newest first: when, by whom, how much; nothing of whom."""

    required_permissions = {"GET": "erase"}

    @extend_schema(operation_id="erasures_list", responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        strict_query(request, ())
        return Response(
            [certificate_json(item) for item in Erasure.objects.order_by("-at", "-id")[:MOST_LISTED]]
        )


class CertificateView(APIView):
    """The certificate of an erasure, a document to keep; it names nobody."""

    required_permissions = {"GET": "erase"}

    @extend_schema(
        operation_id="erasures_certificate",
        parameters=[OpenApiParameter("form", str, enum=["html", "json"])],
        responses={(200, "text/html"): OpenApiTypes.STR, (200, "application/json"): OpenApiTypes.OBJECT},
    )
    def get(self, request: Request, erasure_id: UUID) -> HttpResponse:
        strict_query(request, {"form"})
        form = _form(request)
        erasure = Erasure.objects.filter(pk=erasure_id).first()
        if erasure is None:
            raise Http404
        if form == "json":
            return Response(certificate_json(erasure))
        text = render_to_string("customers/certificate.html", {"erasure": erasure, "counts": _words(erasure)})
        return _document(text, f"erasure-{erasure.at:%Y-%m-%d}-{str(erasure.id)[-6:]}.html")


class PortraitView(APIView):
    """All that is kept of a person, as JSON or as a page to read; what the asker may not see is masked (C36)."""

    required_permissions = {"GET": "export_customers"}

    @extend_schema(
        operation_id="customers_export",
        parameters=[OpenApiParameter("form", str, enum=["json", "html"])],
        responses={(200, "application/json"): OpenApiTypes.OBJECT, (200, "text/html"): OpenApiTypes.STR},
    )
    def get(self, request: Request, customer_id: UUID) -> HttpResponse:
        strict_query(request, {"form"})
        form = _form(request, "json")
        customer = customer_of(customer_id)
        now = timezone.now()
        portrait = portraying.portray(customer, cast(User, request.user), Schema.current(), now)
        audit.note(
            audit.actor_of(request),
            "customer.export",
            object_type="customer",
            object_id=customer.id,
            form=form,
        )
        if form == "html":
            text = render_to_string(
                "customers/portrait.html", {"portrait": portrait, "sections": _tables(portrait["sections"])}
            )
            return _document(text, f"person-{now:%Y-%m-%d}.html")
        name = f"person-{now:%Y-%m-%d}.json"
        return Response(portrait, headers={"Content-Disposition": f'attachment; filename="{name}"'})


class LooksView(APIView):
    """Who looked at a customer, changed or used it, newest first (Q4)."""

    required_permissions = {"GET": ("audit", "audit_team")}

    @extend_schema(operation_id="customers_looks", responses=OpenApiTypes.OBJECT)
    def get(self, request: Request, customer_id: UUID) -> Response:
        strict_query(request, ())
        family = merging.family_of(customer_of(customer_id).id)
        readable = AuditEntry.objects.readable_by(cast(User, request.user))
        return Response(portraying.who_looked(family, readable, 100))


def certificate_json(erasure: Erasure) -> dict[str, Any]:
    return {
        "id": str(erasure.id),
        "at": erasure.at,
        "by": erasure.by_name,
        "customers": [str(customer) for customer in erasure.customers],
        "erased": erasure.counts,
        "remembered_until": erasure.remembered_until,
        "certificate": reverse("erasure-certificate", args=[erasure.id]),
    }


def _words(erasure: Erasure) -> list[tuple[str, int]]:
    names = {
        "profiles": _("Profiles, with those merged into them"),
        "versions": _("Earlier versions"),
        "numbers": _("Phone numbers"),
        "emails": _("Email addresses"),
        "identifiers": _("Further identifiers"),
        "labels": _("Labels"),
        "interactions": _("Interactions whose texts were removed"),
        "contexts": _("Contexts of journeys that were emptied"),
        "crm_records": _("Answers of and deliveries to CRMs"),
        "files": _("Imported and exported files, dropped whole"),
    }
    return [(names.get(name, name), count) for name, count in erasure.counts.items()]


def _tables(sections: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [(title, _readable(content)) for title, content in sections.items()]


def _readable(value: Any) -> Any:
    """Bring nested data into what the template shows: lists, pairs, texts; what is empty is left out."""
    if isinstance(value, Mapping):
        found = [
            (str(key), _readable(item)) for key, item in value.items() if item not in (None, "", [], {}, ())
        ]
        return {"pairs": found}
    if isinstance(value, list | tuple):
        return {"items_shown": [_readable(item) for item in value]}
    if isinstance(value, bool):
        return {"text": _("yes") if value else _("no")}
    return {"text": str(value)}


def _document(text: str, name: str) -> HttpResponse:
    return HttpResponse(text, headers={"Content-Disposition": f'attachment; filename="{name}"'})


def _form(request: Request, default: str = "html") -> str:
    form = request.query_params.get("form", default)
    if form not in ("html", "json"):
        raise exceptions.ValidationError(
            {"form": [_("%(value)s is neither html nor json.") % {"value": quoted(form)}]}
        )
    return form
