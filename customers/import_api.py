"""The API of imports (contract 6.2): parse, one call, render."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import Any, BinaryIO, cast
from uuid import UUID

from django.contrib.auth.models import User
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cim.access import audit
from cim.access.api import (
    Conflict,
    Problem,
    StrictSerializer,
    idempotent,
    quoted,
    refuse_input,
    refuse_unstorable,
    strict_query,
)
from cim.access.wire import MultiPartParser
from customers import exporting, import_tasks
from customers.dialects import Unreadable
from customers.importing import correcting, reporting, running, uploads
from customers.importing.options import InvalidOptions, Options
from customers.importing.planning import Conflict as OnConflict
from customers.models import ImportRun
from customers.policy import sight_of
from customers.presenting import hides_kind
from customers.schema import Schema
from customers.spreadsheets import csv_lines, write_xlsx
from customers.streaming import Stream
from customers.values import Kind

_MOST_LISTED = 500


class OptionsBody(StrictSerializer):
    """What the uploader decides; everything may be left out."""

    on_conflict = serializers.ChoiceField(
        choices=[item.value for item in OnConflict],
        required=False,
        error_messages={"invalid_choice": gettext_lazy("“{input}” is not one of overwrite, update, reject.")},
    )
    region = serializers.CharField(required=False, allow_null=True, allow_blank=True, max_length=8)
    mapping = serializers.DictField(
        child=serializers.CharField(allow_null=True),
        required=False,
        help_text="header → key, or null to leave it out",
    )
    encoding = serializers.CharField(required=False, allow_null=True, allow_blank=True, max_length=40)
    delimiter = serializers.CharField(
        required=False, allow_null=True, allow_blank=True, max_length=4, trim_whitespace=False
    )
    decimal_comma = serializers.BooleanField(required=False)
    day_first = serializers.BooleanField(required=False, allow_null=True)
    empty_cells_clear = serializers.BooleanField(required=False)
    all_or_nothing = serializers.BooleanField(required=False)
    dry_run = serializers.BooleanField(required=False)
    start_at = serializers.DateTimeField(required=False, allow_null=True)


class UploadBody(serializers.Serializer[Any]):
    """A multipart body: the file, and the options as JSON."""

    file = serializers.FileField()
    options = OptionsBody(required=False)


class StartBody(StrictSerializer):
    start_at = serializers.DateTimeField(required=False, allow_null=True, help_text="left out: now")


class CancelBody(StrictSerializer):
    keep = serializers.BooleanField(help_text="keep what is written, or take it back")


class CorrectedRow(StrictSerializer):
    line = serializers.IntegerField(min_value=1, max_value=2**31 - 1)
    cells = serializers.ListField(
        child=serializers.CharField(allow_blank=True, trim_whitespace=False, max_length=100_000),
        max_length=2_000,
        help_text="all cells of the row, in the order of the file's columns",
    )


class CorrectionBody(StrictSerializer):
    rows = serializers.ListField(child=CorrectedRow(), min_length=1, max_length=correcting.MOST)


def _csv(rows: Iterable[Sequence[object]], name: str) -> Stream:
    response = Stream(csv_lines(rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@contextmanager
def _refusals() -> Iterator[None]:
    """Answer what importing refuses: 400, 404, 409, 413."""
    try:
        yield
    except Unreadable as refusal:
        raise exceptions.ValidationError({"file": [str(refusal)]}) from refusal
    except uploads.TooLarge as refusal:
        raise Problem(413, str(refusal)) from refusal
    except InvalidOptions as refusal:
        raise exceptions.ValidationError(
            {f"options.{name}": messages for name, messages in refusal.errors.items()}
        ) from refusal
    except running.NotPossible as refusal:
        raise Conflict(str(refusal)) from refusal
    except correcting.NotFailed as refusal:
        raise exceptions.ValidationError({"rows": list(refusal.errors.values())}) from refusal
    except ImportRun.DoesNotExist as refusal:
        raise Http404 from refusal


def _uploaded(request: Request) -> tuple[UploadedFile, Options]:
    """Read a multipart body strictly. Raises ValidationError that names what is wrong."""
    strict_query(request, ())
    data = cast(object, request.data)
    if not isinstance(data, QueryDict):
        raise exceptions.ValidationError({"body": [_("Send the file as multipart/form-data.")]})
    if unknown := set(data) - {"file", "options"}:
        raise exceptions.ValidationError(
            {
                name: [
                    _("%(name)s is not a field of this body; it takes: file, options.")
                    % {"name": quoted(name)}
                ]
                for name in unknown
            }
        )
    file = cast(object, data.get("file"))
    if not isinstance(file, UploadedFile):
        raise exceptions.ValidationError({"file": [_("Give the file as a part named “file”.")]})
    if any(len(data.getlist(name)) > 1 for name in data):
        raise exceptions.ValidationError({"body": [_("Give one file and its options once.")]})
    return file, _options(data.get("options"))


def _options(raw: Any) -> Options:
    if raw is None or raw == "":
        return Options(language=translation.get_language() or "en")
    try:
        if isinstance(raw, UploadedFile):
            raw = raw.read(1_000_000).decode()
        parsed = json.loads(raw)
    except (ValueError, RecursionError):
        raise exceptions.ValidationError(
            {"options": [_("%(value)s is not JSON.") % {"value": quoted(str(raw))}]}
        ) from None
    refuse_unstorable(parsed, "options")
    body = OptionsBody(data=parsed)
    if parsed != {}:
        try:
            body.is_valid(raise_exception=True)
        except exceptions.ValidationError as wrong:
            raise exceptions.ValidationError({"options": wrong.detail}) from wrong
    given = {
        name: value
        for name, value in (body.validated_data if parsed != {} else {}).items()
        if value is not None
    }
    if "region" in given:
        given["region"] = given["region"].strip().upper()
    return Options(**given, language=translation.get_language() or "en")


def _user(request: Request) -> User:
    return cast(User, request.user)


def _number(request: Request, name: str, default: int, least: int, most: int) -> int:
    """Read a whole number of the query. Raises ValidationError that quotes what is none, or out of range."""
    raw = request.query_params.get(name, str(default))
    if not raw.isascii() or not raw.isdecimal() or len(raw) > 10 or not least <= int(raw) <= most:
        raise exceptions.ValidationError(
            {
                name: [
                    _("%(value)s is not a number from %(least)d to %(most)d.")
                    % {"value": quoted(raw), "least": least, "most": most}
                ]
            }
        )
    return int(raw)


def _accepted(run: ImportRun, request: Request) -> Response:
    return Response(_described(reporting.find(run.id), request), status=202)


def _described(run: ImportRun, request: Request) -> dict[str, Any]:
    return reporting.description(run, hides_numbers=_hides_numbers(request))


def _hides_numbers(request: Request) -> bool:
    schema = Schema.current()
    return hides_kind(schema, sight_of(request.user, schema), Kind.PHONES, Kind.PHONE)


class ImportsView(APIView):
    """All imports, newest first, and a new one."""

    required_permissions = {"GET": "import_customers", "POST": "import_customers"}
    parser_classes = [MultiPartParser]

    @extend_schema(operation_id="imports_list", responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        strict_query(request, ())
        runs = ImportRun.objects.select_related("owner").order_by("-created_at", "-id")[:_MOST_LISTED]
        hides = _hides_numbers(request)
        return Response([reporting.description(run, hides_numbers=hides) for run in runs])

    @extend_schema(operation_id="imports_create", request=UploadBody, responses={202: OpenApiTypes.OBJECT})
    @idempotent
    def post(self, request: Request) -> Response:
        with _refusals():
            file, options = _uploaded(request)
            run = uploads.receive(
                cast(BinaryIO, file.file),
                file.name or "",
                options,
                _user(request),
                audit.actor_of(request).via,
                now=timezone.now(),
                size=file.size,
            )
        import_tasks.soon()
        return _accepted(run, request)


class InspectView(APIView):
    """What a file is, before it is imported: dialect, columns and what they match, number of rows, first rows (C61)."""

    required_permissions = {"POST": "import_customers"}
    parser_classes = [MultiPartParser]

    @extend_schema(operation_id="imports_inspect", request=UploadBody, responses=OpenApiTypes.OBJECT)
    def post(self, request: Request) -> Response:
        with _refusals():
            file, options = _uploaded(request)
            examined = uploads.examine(
                cast(BinaryIO, file.file), options, Schema.current(), size=file.size or 0
            )
        return Response(
            {
                "kind": examined.dialect.kind,
                "encoding": examined.dialect.encoding,
                "delimiter": examined.dialect.delimiter,
                "rows": examined.rows,
                "columns": [
                    {"header": column.header, "attribute": column.attribute} for column in examined.columns
                ],
                "first_rows": [{"line": line, "cells": cells} for line, cells in examined.first],
            }
        )


class ImportView(APIView):
    required_permissions = {"GET": "import_customers"}

    @extend_schema(operation_id="imports_retrieve", responses=OpenApiTypes.OBJECT)
    def get(self, request: Request, import_id: UUID) -> Response:
        strict_query(request, ())
        with _refusals():
            return Response(_described(reporting.find(import_id), request))


class PreviewView(APIView):
    """What a checked file will do: the first rows of each kind, old and new side by side (C61)."""

    required_permissions = {"GET": "import_customers"}

    @extend_schema(
        operation_id="imports_preview",
        parameters=[OpenApiParameter("rows", int)],
        responses=OpenApiTypes.OBJECT,
    )
    def get(self, request: Request, import_id: UUID) -> Response:
        strict_query(request, {"rows"})
        most = _number(request, "rows", 5, 1, 100)
        with _refusals():
            run = reporting.find(import_id)
        if run.state != ImportRun.State.READY:
            raise Conflict(_("There is a preview only between the check and the start of an import."))
        schema = Schema.current()
        return Response(reporting.preview(run, schema, sight_of(request.user, schema), most=most))


class ErrorReportView(APIView):
    """The wrong rows as CSV: line, column, value, reason, then the original row; can be corrected and sent again."""

    required_permissions = {"GET": "import_customers"}

    @extend_schema(operation_id="imports_errors", responses={(200, "text/csv"): OpenApiTypes.STR})
    def get(self, request: Request, import_id: UUID) -> HttpResponseBase:
        strict_query(request, ())
        with _refusals():
            run = reporting.find(import_id)
        return _csv(reporting.error_report(run), "errors.csv")


class FailedRowsView(APIView):
    """The failed rows that are still to be corrected, cell by cell, and their import anew, of those alone (C63)."""

    required_permissions = {"GET": "import_customers", "POST": "import_customers"}

    @extend_schema(
        operation_id="imports_failed_rows",
        parameters=[OpenApiParameter("after", int), OpenApiParameter("limit", int)],
        responses=OpenApiTypes.OBJECT,
    )
    def get(self, request: Request, import_id: UUID) -> Response:
        strict_query(request, {"after", "limit"})
        after, limit = _number(request, "after", 0, 0, 2**31 - 1), _number(request, "limit", 50, 1, 200)
        with _refusals():
            run = reporting.find(import_id)
            found = correcting.failed_rows(run, after=after, most=limit + 1)
        return Response(
            {
                "columns": run.columns,
                "rows": [
                    {"line": row.line, "cells": row.cells, "wrong": row.wrong, "reason": row.reason}
                    for row in found[:limit]
                ],
                "next": found[limit - 1].line if len(found) > limit else None,
                "corrections": [str(later.id) for later in correcting.corrections_of(run)],
            }
        )

    @extend_schema(
        operation_id="imports_correct", request=CorrectionBody, responses={202: OpenApiTypes.OBJECT}
    )
    @idempotent
    def post(self, request: Request, import_id: UUID) -> Response:
        strict_query(request, ())
        body = CorrectionBody(data=request.data)
        body.is_valid(raise_exception=True)
        given = body.validated_data["rows"]
        rows = {row["line"]: row["cells"] for row in given}
        if len(rows) < len(given):
            raise exceptions.ValidationError({"rows": [_("Give each line once.")]})
        with _refusals():
            run = correcting.correct(
                import_id, rows, _user(request), audit.actor_of(request).via, now=timezone.now()
            )
        import_tasks.soon()
        return _accepted(run, request)


class FateReportView(APIView):
    """What became of every line, as CSV."""

    required_permissions = {"GET": "import_customers"}

    @extend_schema(operation_id="imports_rows", responses={(200, "text/csv"): OpenApiTypes.STR})
    def get(self, request: Request, import_id: UUID) -> HttpResponseBase:
        strict_query(request, ())
        with _refusals():
            run = reporting.find(import_id)
        return _csv(reporting.fate_report(run), "rows.csv")


class StartView(APIView):
    """Let a checked file be written, now or later."""

    required_permissions = {"POST": "import_customers"}

    @extend_schema(operation_id="imports_start", request=StartBody, responses={202: OpenApiTypes.OBJECT})
    def post(self, request: Request, import_id: UUID) -> Response:
        strict_query(request, ())
        start_at = None
        if request.data not in (None, {}, ""):
            body = StartBody(data=request.data)
            body.is_valid(raise_exception=True)
            start_at = body.validated_data.get("start_at")
        with _refusals():
            run = running.start(import_id, audit.actor_of(request), now=timezone.now(), start_at=start_at)
        import_tasks.soon()
        return _accepted(run, request)


class CancelView(APIView):
    """Stop an import; keep what it has written, or take it back (C66)."""

    required_permissions = {"POST": "import_customers"}

    @extend_schema(operation_id="imports_cancel", request=CancelBody, responses={202: OpenApiTypes.OBJECT})
    def post(self, request: Request, import_id: UUID) -> Response:
        strict_query(request, ())
        body = CancelBody(data=request.data)
        body.is_valid(raise_exception=True)
        with _refusals():
            run = running.cancel(import_id, audit.actor_of(request), keep=body.validated_data["keep"])
        import_tasks.soon()
        return _accepted(run, request)


class UndoView(APIView):
    """Take back what a finished import has written, but for what has been changed since (C68)."""

    required_permissions = {"POST": ("undo_own_imports", "undo_any_import")}

    @extend_schema(operation_id="imports_undo", request=None, responses={202: OpenApiTypes.OBJECT})
    def post(self, request: Request, import_id: UUID) -> Response:
        refuse_input(request)
        user = _user(request)
        with _refusals():
            run = reporting.find(import_id)
            if run.owner_id != user.pk and not user.has_perm("access.undo_any_import"):
                raise exceptions.PermissionDenied(_("You may undo only your own imports."))
            run = running.request_undo(import_id, audit.actor_of(request))
        import_tasks.soon()
        return _accepted(run, request)


class TemplateView(APIView):
    """A file to begin with: a header for every attribute and one row of examples (C71)."""

    required_permissions = {"GET": "download_templates"}
    form = "csv"

    @extend_schema(operation_id="imports_template", responses={(200, "text/csv"): OpenApiTypes.STR})
    def get(self, request: Request) -> HttpResponseBase:
        strict_query(request, ())
        rows = exporting.template(Schema.current())
        if self.form == "csv":
            return _csv(rows, "template.csv")
        file = BytesIO()
        write_xlsx(file, rows)
        return HttpResponse(
            file.getvalue(),
            content_type="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            headers={"Content-Disposition": 'attachment; filename="template.xlsx"'},
        )


class SpreadsheetTemplateView(TemplateView):
    form = "xlsx"

    @extend_schema(operation_id="imports_template_xlsx", responses={(200, "application/octet-stream"): bytes})
    def get(self, request: Request) -> HttpResponseBase:
        return super().get(request)
