"""The API of what belongs to the list beside its rows: labels, and how each user has arranged the columns."""

from typing import Any

from django.db.models.functions import Lower
from django.http import Http404
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cim.access import audit
from cim.access.api import idempotent, strict_query
from customers import labelling
from customers.models import Label, ListLayout
from customers.serializers import LabelBody, LayoutBody


def _label_json(label: Label) -> dict[str, Any]:
    return {"id": label.pk, "name": label.name, "color": label.color}


def _label(label_id: int) -> Label:
    try:
        return Label.objects.get(pk=label_id)
    except Label.DoesNotExist:
        raise Http404 from None


class LabelsView(APIView):
    """All labels by name, and a new one."""

    required_permissions = {"GET": "see_customers", "POST": "label_customers"}

    @extend_schema(operation_id="labels_list", responses=LabelBody(many=True))
    def get(self, request: Request) -> Response:
        strict_query(request, ())
        return Response([_label_json(label) for label in Label.objects.order_by(Lower("name"))])

    @extend_schema(operation_id="labels_create", request=LabelBody, responses={201: LabelBody})
    @idempotent
    def post(self, request: Request) -> Response:
        strict_query(request, ())
        body = _validated(LabelBody, request)
        if "name" not in body:
            raise exceptions.ValidationError({"name": [_("Give a name.")]})
        try:
            label = labelling.add_label(body["name"], body.get("color"), audit.actor_of(request))
        except labelling.LabelExists as refusal:
            raise exceptions.ValidationError({"name": [str(refusal)]}) from refusal
        return Response(_label_json(label), status=201)


class LabelView(APIView):
    """One label; deleting it takes it off every customer."""

    required_permissions = {"PATCH": "delete_customers", "DELETE": "delete_customers"}

    @extend_schema(operation_id="labels_partial_update", request=LabelBody, responses=LabelBody)
    def patch(self, request: Request, label_id: int) -> Response:
        strict_query(request, ())
        body = _validated(LabelBody, request)
        try:
            label = labelling.change_label(
                _label(label_id), body.get("name"), body.get("color"), audit.actor_of(request)
            )
        except labelling.LabelExists as refusal:
            raise exceptions.ValidationError({"name": [str(refusal)]}) from refusal
        return Response(_label_json(label))

    @extend_schema(operation_id="labels_destroy", responses={204: None})
    def delete(self, request: Request, label_id: int) -> Response:
        strict_query(request, ())
        labelling.delete_label(_label(label_id), audit.actor_of(request))
        return Response(status=204)


class LayoutView(APIView):
    """How the user has arranged the list: columns in order, their widths, which are shown (C21)."""

    required_permissions = {"GET": "see_customers", "PUT": "see_customers", "DELETE": "see_customers"}

    @extend_schema(operation_id="layout_retrieve", responses=LayoutBody)
    def get(self, request: Request) -> Response:
        strict_query(request, ())
        layout = ListLayout.objects.filter(user=request.user.pk).first() or ListLayout()
        return Response({"columns": layout.columns, "page_size": layout.page_size})

    @extend_schema(operation_id="layout_update", request=LayoutBody, responses=LayoutBody)
    def put(self, request: Request) -> Response:
        strict_query(request, ())
        body = _validated(LayoutBody, request)
        keys = [column["key"] for column in body["columns"]]
        if len(set(keys)) != len(keys):
            raise exceptions.ValidationError({"columns": [_("Each column may be named only once.")]})
        layout, _made = ListLayout.objects.update_or_create(
            user_id=request.user.pk, defaults={"columns": body["columns"], "page_size": body.get("page_size")}
        )
        return Response({"columns": layout.columns, "page_size": layout.page_size})

    @extend_schema(operation_id="layout_destroy", responses={204: None})
    def delete(self, request: Request) -> Response:
        """Go back to the standard layout."""
        strict_query(request, ())
        ListLayout.objects.filter(user=request.user.pk).delete()
        return Response(status=204)


def _validated(serializer: type[Any], request: Request) -> Any:
    checked = serializer(data=request.data)
    checked.is_valid(raise_exception=True)
    return checked.validated_data
