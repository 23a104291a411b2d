"""What an operator's machinery asks of a running process (contract 6.5)."""

import ipaddress
from typing import Any, ClassVar

from csp.constants import SELF
from csp.decorators import csp_update
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound, JsonResponse
from django.utils.decorators import method_decorator
from django_prometheus.exports import ExportToDjangoView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from kombu.exceptions import OperationalError
from rest_framework.request import Request

from cim.access.api import HasDeclaredPermission, strict_query
from cim.access.permissions import AUTHENTICATED, Required
from cim.access.rules import public
from cim.celery import app


@public
def healthz(_request: HttpRequest) -> HttpResponse:
    """Answer as long as the process does; ask nothing of anybody else."""
    return HttpResponse("ok\n", content_type="text/plain")


@public
def readyz(_request: HttpRequest) -> JsonResponse:
    """Answer 200 once database, migrations and broker are ready, else 503; always say which are."""
    ready = {"database": False, "migrations": False, "broker": _broker_answers()}
    try:
        executor = MigrationExecutor(connection)
        ready["database"] = True
        ready["migrations"] = not executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError:
        pass
    return JsonResponse(ready, status=200 if all(ready.values()) else 503)


def _broker_answers() -> bool:
    with app.connection_for_write() as broker:
        try:
            broker.ensure_connection(max_retries=1, interval_start=0, timeout=2)
        except (OSError, OperationalError):
            return False
    return True


@public
def metrics(request: HttpRequest) -> HttpResponse:
    """Show the Prometheus metrics to this machine only, or to everybody who can reach it if so configured."""
    address = request.META.get("REMOTE_ADDR", "")
    # A proxy on this machine forwards for others: its header says so.
    direct = "HTTP_X_FORWARDED_FOR" not in request.META
    if settings.METRICS_PUBLIC or (direct and address and ipaddress.ip_address(address).is_loopback):
        return ExportToDjangoView(request)
    return HttpResponseNotFound("not found\n", content_type="text/plain")


def describe(result: dict[str, Any], **_kwargs: Any) -> dict[str, Any]:
    """Put what is asked of a running process into the OpenAPI document, which knows only views of the API."""
    if "/api/v1/customers/" not in result["paths"]:
        return result
    text = {"text/plain": {"schema": {"type": "string"}}}
    parts = {"application/json": {"schema": {"type": "object", "additionalProperties": {"type": "boolean"}}}}
    for view, content, told in (
        (healthz, text, {"200": "It runs."}),
        (readyz, parts, {"200": "All is ready.", "503": "Something is not ready: what is false."}),
        (metrics, text, {"200": "The metrics.", "404": "They are not shown to this address."}),
    ):
        result["paths"][f"/{view.__name__}"] = {
            "get": {
                "operationId": view.__name__,
                "description": view.__doc__,
                "tags": ["operation"],
                "security": [{}],
                "responses": {
                    status: {"description": words, "content": content} for status, words in told.items()
                },
            }
        }
    return result


class ApiSchema(SpectacularAPIView):
    """The API as an OpenAPI document (Q35)."""

    required_permissions: ClassVar[dict[str, Required]] = {"GET": AUTHENTICATED}
    permission_classes = (HasDeclaredPermission,)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        strict_query(request, {"format", "lang", "version"})


# Swagger UI draws its arrows by images inside its style sheet.
@method_decorator(csp_update({"img-src": [SELF, "data:"]}), name="dispatch")
class ApiDocs(SpectacularSwaggerSplitView):
    """The browsable API, with script and style from files: the policy of contents allows no other."""

    required_permissions: ClassVar[dict[str, Required]] = {"GET": AUTHENTICATED}
    permission_classes = (HasDeclaredPermission,)
    template_name = "cim/api_docs.html"
