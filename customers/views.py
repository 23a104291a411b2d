"""The pages about customers. Each is a frame; what it shows comes from the API, by the scripts in static/js."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.formats import number_format

from cim.access.models import UserPreference
from cim.access.pages import needs
from cim.access.permissions import AUTHENTICATED, full_name

# Where a person's main job is, in the order of asking; the first that they may open is their start page.
START_PAGES = (
    ("schema", "customers:list"),
    ("import_customers", "customers:imports"),
    ("see_customers", "customers:list"),
)


@needs(AUTHENTICATED)
def start(request: HttpRequest) -> HttpResponse:
    """Lead each role to its main job; whoever comes for the first time is shown the first steps."""
    if getattr(request, "preference", UserPreference()).welcomed_at is None and _has_pages(request):
        return redirect("welcome")
    for permission, address in START_PAGES:
        if request.user.has_perm(full_name(permission)):
            return redirect(address)
    return render(request, "customers/no_pages.html")


def _has_pages(request: HttpRequest) -> bool:
    return any(request.user.has_perm(full_name(permission)) for permission, _address in START_PAGES)


@needs("see_customers")
def customer_list(request: HttpRequest) -> HttpResponse:
    return render(request, "customers/list.html")


@needs("create_customers")
def new_customer(request: HttpRequest) -> HttpResponse:
    return render(request, "customers/new.html")


@needs("see_customers")
def profile(request: HttpRequest, customer_id: UUID) -> HttpResponse:
    return render(request, "customers/profile.html", {"customer_id": customer_id})


@needs("merge")
def merge(request: HttpRequest) -> HttpResponse:
    """Customers side by side, to become one (C49); their ids stand in the address, the survivor first."""
    return render(request, "customers/merge.html")


@needs("merge")
def duplicates(request: HttpRequest) -> HttpResponse:
    return render(request, "customers/duplicates.html")


@needs("schema")
def schema_editor(request: HttpRequest) -> HttpResponse:
    return render(request, "customers/schema.html")


@needs("import_customers")
def imports(request: HttpRequest) -> HttpResponse:
    return render(request, "customers/imports.html", _import_limits())


@needs("import_customers")
def new_import(request: HttpRequest) -> HttpResponse:
    return render(request, "customers/import_new.html", _import_limits())


@needs("import_customers")
def import_run(request: HttpRequest, import_id: UUID) -> HttpResponse:
    return render(request, "customers/import_run.html", {"import_id": import_id})


def _import_limits() -> dict[str, Any]:
    return {"row_limit": number_format(100_000, use_l10n=True, force_grouping=True)}
