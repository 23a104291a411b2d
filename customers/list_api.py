"""The API of what belongs to the list beside its rows: labels, layouts, saved views, bulk actions, exports."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.db.models.functions import Lower
from django.http import Http404
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cim.access import audit
from cim.access.api import Conflict, Problem, idempotent, refuse_input, strict_query
from cim.access.jobs import enqueue
from cim.access.permissions import full_name
from customers import bulk, exporting, filters, labelling, listing, tasks
from customers.exporting import UnknownColumn
from customers.models import Label, ListJob, ListLayout, SavedView
from customers.policy import MASK, Sight, sight_of
from customers.schema import Schema, dialplan
from customers.serializers import BulkBody, ExportBody, LabelBody, LayoutBody, ViewBody
from customers.streaming import Stream
from customers.values import BadValue, Kind, Reading, Rules, from_text

_FILE_TYPES = {
    ListJob.Format.CSV: "text/csv; charset=utf-8",
    ListJob.Format.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


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

    required_permissions = {"GET": "see_customers", "PATCH": "delete_customers", "DELETE": "delete_customers"}

    @extend_schema(operation_id="labels_retrieve", responses=LabelBody)
    def get(self, request: Request, label_id: int) -> Response:
        strict_query(request, ())
        return Response(_label_json(_label(label_id)))

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


class NewsView(APIView):
    """How many of those whom a list shows have come or changed since it was asked for."""

    required_permissions = {"GET": "see_customers"}

    @extend_schema(
        operation_id="customers_news",
        parameters=[
            *filters.LIST_PARAMETERS,
            OpenApiParameter("since", OpenApiTypes.DATETIME, required=True),
        ],
        responses=OpenApiTypes.OBJECT,
    )
    def get(self, request: Request) -> Response:
        schema = Schema.current()
        sight = sight_of(request.user, schema)
        given = request.query_params.copy()
        since = _moment(given.pop("since", []))
        news = listing.news(filters.asked(request, schema, sight, dict(given.lists())), since)
        return Response({"created": news.created, "changed": news.changed, "is_exact": news.is_exact})


def _moment(given: list[str]) -> datetime:
    if len(given) != 1:
        raise exceptions.ValidationError({"since": [_("Give one moment, such as 2026-11-30T14:05:00Z.")]})
    try:
        return from_text(given[0], Rules(Kind.DATETIME), Reading(dialplan()))  # type: ignore[return-value]
    except BadValue as refusal:
        raise exceptions.ValidationError({"since": [str(refusal)]}) from refusal


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
            user=_user(request), defaults={"columns": body["columns"], "page_size": body.get("page_size")}
        )
        return Response({"columns": layout.columns, "page_size": layout.page_size})

    @extend_schema(operation_id="layout_destroy", responses={204: None})
    def delete(self, request: Request) -> Response:
        """Go back to the standard layout."""
        strict_query(request, ())
        ListLayout.objects.filter(user=request.user.pk).delete()
        return Response(status=204)


class ViewsView(APIView):
    """The saved views that the user sees – the own ones, and those that others share – and a new one (C26)."""

    required_permissions = {"GET": "see_customers", "POST": "see_customers"}

    @extend_schema(operation_id="views_list", responses=ViewBody(many=True))
    def get(self, request: Request) -> Response:
        strict_query(request, ())
        user = _user(request)
        views = SavedView.objects.visible_to(user).select_related("owner").order_by(Lower("name"), "id")
        sight = sight_of(user, Schema.current())
        return Response([_view_json(view, user, sight) for view in views])

    @extend_schema(operation_id="views_create", request=ViewBody, responses={201: ViewBody})
    @idempotent
    def post(self, request: Request) -> Response:
        strict_query(request, ())
        body = _validated(ViewBody, request)
        if "name" not in body:
            raise exceptions.ValidationError({"name": [_("Give a name.")]})
        view = SavedView(owner=_user(request))
        _put(view, body, request)
        return Response(_view_json(view, _user(request)), status=201)


class SavedViewView(APIView):
    """One saved view. Its owner changes it, and who may share views those that are shared."""

    required_permissions = {"GET": "see_customers", "PATCH": "see_customers", "DELETE": "see_customers"}

    @extend_schema(operation_id="views_retrieve", responses=ViewBody)
    def get(self, request: Request, view_id: UUID) -> Response:
        strict_query(request, ())
        return Response(_view_json(_view(view_id, request), _user(request)))

    @extend_schema(operation_id="views_partial_update", request=ViewBody, responses=ViewBody)
    def patch(self, request: Request, view_id: UUID) -> Response:
        strict_query(request, ())
        view = _own(_view(view_id, request), request)
        _put(view, _validated(ViewBody, request), request)
        return Response(_view_json(view, _user(request)))

    @extend_schema(operation_id="views_destroy", responses={204: None})
    def delete(self, request: Request, view_id: UUID) -> Response:
        strict_query(request, ())
        _own(_view(view_id, request), request).delete()
        return Response(status=204)


class BulkView(APIView):
    """Label, unlabel or delete many customers; the user's own jobs, newest first (C28).

    Few are done when the answer comes (201), many go on in the background (202).
    """

    required_permissions = {
        "GET": ("label_customers", "delete_customers"),
        "POST": ("label_customers", "delete_customers"),
    }

    @extend_schema(operation_id="bulk_list", responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        strict_query(request, ())
        return Response([_job_json(job) for job in _own_jobs(request, exports=False)[:100]])

    @extend_schema(operation_id="bulk_create", request=BulkBody, responses=OpenApiTypes.OBJECT)
    @idempotent
    def post(self, request: Request) -> Response:
        strict_query(request, ())
        body = _validated(BulkBody, request)
        action = bulk.Action(body["action"])
        right = "delete_customers" if action == bulk.Action.DELETE else "label_customers"
        if not request.user.has_perm(full_name(right)):
            raise PermissionDenied
        try:
            labels = labelling.labels_named([body["label"]] if "label" in body else [])
        except labelling.UnknownLabel as refusal:
            raise exceptions.ValidationError({"label": [str(refusal)]}) from refusal
        return _asked(request, body, bulk.Wish(action, label=labels[0] if labels else None))


class ExportsView(APIView):
    """Make a file of customers; the user's own exports, newest first (C27)."""

    required_permissions = {"GET": "export_customers", "POST": "export_customers"}

    @extend_schema(operation_id="exports_list", responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        strict_query(request, ())
        return Response([_job_json(job) for job in _own_jobs(request, exports=True)[:100]])

    @extend_schema(operation_id="exports_create", request=ExportBody, responses=OpenApiTypes.OBJECT)
    @idempotent
    def post(self, request: Request) -> Response:
        strict_query(request, ())
        body = _validated(ExportBody, request)
        try:
            columns = exporting.chosen_columns(body.get("columns", []), Schema.current())
        except UnknownColumn as refusal:
            raise exceptions.ValidationError({"columns": [str(refusal)]}) from refusal
        return _asked(request, body, bulk.Wish(bulk.Action.EXPORT, format=body["format"], columns=columns))


class JobView(APIView):
    """One bulk action of the user: how far it is."""

    required_permissions = {"GET": ("label_customers", "delete_customers")}

    @extend_schema(operation_id="bulk_retrieve", responses=OpenApiTypes.OBJECT)
    def get(self, request: Request, job_id: UUID) -> Response:
        strict_query(request, ())
        return Response(_job_json(_job(job_id, request, exports=False)))


class CancelJobView(APIView):
    """Stop a bulk action; what it has done stands."""

    required_permissions = {"POST": ("label_customers", "delete_customers")}

    @extend_schema(operation_id="bulk_cancel", request=None, responses=OpenApiTypes.OBJECT)
    def post(self, request: Request, job_id: UUID) -> Response:
        refuse_input(request)
        return _cancelled(request, job_id, exports=False)


class ExportView(APIView):
    """One export of the user: how far it is."""

    required_permissions = {"GET": "export_customers"}

    @extend_schema(operation_id="exports_retrieve", responses=OpenApiTypes.OBJECT)
    def get(self, request: Request, job_id: UUID) -> Response:
        strict_query(request, ())
        return Response(_job_json(_job(job_id, request, exports=True)))


class CancelExportView(APIView):
    """Stop an export; there will be no file."""

    required_permissions = {"POST": "export_customers"}

    @extend_schema(operation_id="exports_cancel", request=None, responses=OpenApiTypes.OBJECT)
    def post(self, request: Request, job_id: UUID) -> Response:
        refuse_input(request)
        return _cancelled(request, job_id, exports=True)


class UndoJobView(APIView):
    """Take back what a bulk action has changed; goes on in the background."""

    required_permissions = {"POST": ("label_customers", "delete_customers")}

    @extend_schema(operation_id="bulk_undo", request=None, responses={202: OpenApiTypes.OBJECT})
    def post(self, request: Request, job_id: UUID) -> Response:
        refuse_input(request)
        with _refusals(), transaction.atomic():
            bulk.undo(_job(job_id, request, exports=False), audit.actor_of(request))
            enqueue(tasks.work_on_list_job, job_id=str(job_id))
        return Response(_job_json(_job(job_id, request, exports=False)), status=202)


class ExportFileView(APIView):
    """The file of a finished export, for a day."""

    required_permissions = {"GET": "export_customers"}

    @extend_schema(
        operation_id="exports_file", responses={(200, "application/octet-stream"): OpenApiTypes.BINARY}
    )
    def get(self, request: Request, job_id: UUID) -> HttpResponseBase:
        strict_query(request, ())
        job = _job(job_id, request, exports=True)
        if job.state != bulk.State.COMPLETED:
            raise Conflict(str(bulk.NotPossible(job, _("fetched"))))
        if not job.pieces.exists():
            raise Problem(410, _("The file was deleted after its time; export again."))
        audit.note(audit.actor_of(request), "export.fetch", object_type="list_job", object_id=job.id)
        kinds = {
            "csv": "text/csv; charset=utf-8",
            "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        }
        response = Stream(bulk.file_of(job), content_type=kinds[job.format])
        name = f"customers-{job.created_at:%Y-%m-%d-%H%M}.{job.format}"
        response["Content-Disposition"] = f'attachment; filename="{name}"'
        return response


def _asked(request: Request, body: dict[str, Any], wish: bulk.Wish) -> Response:
    """Write the job down, whom it concerns by the user's own sight, and answer how far it is."""
    schema = Schema.current()
    sight = sight_of(request.user, schema)
    asked = body.get("query", {})
    for name in filters.PAGING & set(asked):
        raise exceptions.ValidationError({"query": {name: [_("All pages are taken; leave it out.")]}})
    if "query" in body:
        wish = replace(wish, query=_query(asked, schema, sight, request))
    else:
        wish = replace(wish, ids=list(dict.fromkeys(body["ids"])))
    job = bulk.ask(wish, asked, sight, audit.actor_of(request))
    if job.state == bulk.State.COMPLETED:
        return Response(_job_json(job), status=201)
    enqueue(tasks.work_on_list_job, job_id=str(job.id))
    return Response(_job_json(job), status=202)


def _query(asked: dict[str, list[str]], schema: Schema, sight: Sight, request: Request) -> filters.Query:
    try:
        return filters.asked(request, schema, sight, asked)
    except exceptions.ValidationError as refusal:
        raise exceptions.ValidationError({"query": refusal.detail}) from refusal


def _own_jobs(request: Request, *, exports: bool) -> QuerySet[ListJob]:
    jobs = ListJob.objects.filter(owner=_user(request)).order_by("-created_at")
    kind = {"action": bulk.Action.EXPORT}
    return jobs.filter(**kind) if exports else jobs.exclude(**kind)


def _job(job_id: UUID, request: Request, *, exports: bool) -> ListJob:
    job = _own_jobs(request, exports=exports).filter(pk=job_id).first()
    if job is None:
        raise Http404
    return job


def _cancelled(request: Request, job_id: UUID, *, exports: bool) -> Response:
    with _refusals():
        bulk.cancel(_job(job_id, request, exports=exports))
    return Response(_job_json(_job(job_id, request, exports=exports)))


def _job_json(job: ListJob) -> dict[str, Any]:
    export = job.action == bulk.Action.EXPORT
    return {
        "id": str(job.id),
        "action": job.action,
        "state": job.state,
        "label": job.label_name or None,
        "format": job.format or None,
        "total": job.total if job.is_collected else None,
        "done": job.done,
        "changed": None if export else job.changed,
        "undoable": job.is_undoable,
        "not_returned": job.not_returned,
        "error": job.error,
        "file": f"/api/v1/exports/{job.id}/file/" if export and job.state == bulk.State.COMPLETED else None,
        "created_at": job.created_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
    }


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except bulk.NotPossible as refusal:
        raise Conflict(str(refusal)) from refusal


def _view(view_id: UUID, request: Request) -> SavedView:
    view = SavedView.objects.visible_to(_user(request)).select_related("owner").filter(pk=view_id).first()
    if view is None:
        raise Http404
    return view


def _own(view: SavedView, request: Request) -> SavedView:
    """Return a view that the user may change: the own one, or a shared one for who may share."""
    if view.owner_id != request.user.pk and not request.user.has_perm(full_name("share_views")):
        raise PermissionDenied(_("This view belongs to somebody else."))
    return view


def _put(view: SavedView, body: dict[str, Any], request: Request) -> None:
    if body.get("is_shared", view.is_shared) != view.is_shared and not request.user.has_perm(
        full_name("share_views")
    ):
        raise PermissionDenied(_("This needs the permission to share views."))
    for name, value in body.items():
        setattr(view, name, value)
    schema = Schema.current()
    try:
        filters.parse(view.query, schema, sight_of(request.user, schema))
    except exceptions.ValidationError as refusal:
        raise exceptions.ValidationError({"query": refusal.detail}) from refusal
    try:
        with transaction.atomic():
            view.save()
    except IntegrityError as refusal:
        raise exceptions.ValidationError(
            {"name": [_("You already have a view %(name)s.") % {"name": f"“{view.name}”"}]}
        ) from refusal


def _view_json(view: SavedView, user: User, sight: Sight | None = None) -> dict[str, Any]:
    """Show a view; what it asks of an attribute that is masked for the reader is masked too (C36)."""
    sight = sight or sight_of(user, Schema.current())
    query = {
        name: [MASK] * len(items) if name.partition("__")[0] in sight.masked else items
        for name, items in view.query.items()
    }
    return {
        "id": str(view.id),
        "name": view.name,
        "owner": view.owner.get_full_name() or view.owner.get_username(),
        "is_mine": view.owner_id == user.pk,
        "is_shared": view.is_shared,
        "query": query,
        "columns": view.columns,
    }


def _user(request: Request) -> User:
    return cast(User, request.user)


def _validated(serializer: type[Any], request: Request) -> Any:
    checked = serializer(data=request.data)
    checked.is_valid(raise_exception=True)
    return checked.validated_data
