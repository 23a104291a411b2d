"""The pages about CRMs. Each is a frame; what it shows comes from the API, by the scripts in static/js."""

from collections.abc import Callable
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext_lazy as _

from cim.access.pages import needs
from crm_mappings.models import Configuration, Delivery

READERS = ("integrations.edit", "integrations.create", "memorialisation.create", "dynamic_data.create")

TABS = (
    ("mapping", _("Written after contacts")),
    ("dynamic-data", _("Shown to agents")),
    ("workflows", _("Workflows and skills")),
    ("deliveries", _("Deliveries")),
    ("connection", _("Connection")),
)


@needs(*READERS)
def start(request: HttpRequest) -> HttpResponse:
    """Lead to the first configuration, or say how to make one."""
    first = Configuration.objects.in_order().first()
    if first is not None:
        return redirect("crm_mappings:mapping", configuration_id=first.pk)
    return render(request, "crm_mappings/none.html")


@needs("integrations.create")
def new(request: HttpRequest) -> HttpResponse:
    shown = {"configurations": Configuration.objects.in_order(), "configuration": None}
    return render(request, "crm_mappings/connection.html", shown)


def _tab(name: str, template: str) -> Callable[[HttpRequest, UUID], HttpResponseBase]:
    @needs(*READERS)
    def page(request: HttpRequest, configuration_id: UUID) -> HttpResponse:
        configuration = get_object_or_404(Configuration, pk=configuration_id)
        tabs = [
            {"address": f"crm_mappings:{key}", "label": label, "current": key == name} for key, label in TABS
        ]
        shown = {
            "configuration": configuration,
            "configurations": Configuration.objects.in_order(),
            "tabs": tabs,
        }
        return render(request, template, shown)

    return page


mapping = _tab("mapping", "crm_mappings/mapping.html")
dynamic_data = _tab("dynamic-data", "crm_mappings/dynamic_data.html")
workflows = _tab("workflows", "crm_mappings/workflows.html")
deliveries = _tab("deliveries", "crm_mappings/deliveries.html")
connection = _tab("connection", "crm_mappings/connection.html")


@needs("integrations.edit")
def sent(request: HttpRequest, delivery_id: UUID) -> HttpResponse:
    """What was written to the CRM in full: where a text was cut there, a link leads here (M12)."""
    rows = Delivery.objects.select_related("configuration", "interaction", "customer")
    return render(request, "crm_mappings/sent.html", {"delivery": get_object_or_404(rows, pk=delivery_id)})
