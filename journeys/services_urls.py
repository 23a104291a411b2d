"""The addresses of the Context Store and of customer management, from the one table of the settings."""

import re

from django.conf import settings
from django.urls import URLPattern, path

from journeys import contextstore_api as wire

_VIEWS = {
    "contexts": wire.ContextsView,
    "upsert": wire.UpsertView,
    "audit": wire.AuditView,
    "group": wire.GroupView,
    "alias": wire.AliasView,
    "keys": wire.KeysView,
    "key": wire.KeyView,
    "context": wire.ContextView,
}
_PARAMETERS = {"contextId": "context_id", "groupId": "group_id", "aliasId": "alias_id", "key": "key"}


def _route(template: str) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: f"<str:{_PARAMETERS[found[1]]}>", template)


def _patterns() -> list[URLPattern]:
    found = []
    for place, base in enumerate(settings.CIM_CONTEXT_STORE_BASES):
        for operation, view in _VIEWS.items():
            route = f"{base}/cs/contexts/{_route(settings.CIM_CONTEXT_STORE_PATHS[operation])}"
            found.append(path(route, view.as_view(), name=f"context-store-{place}-{operation}"))
        found.append(path(f"{base}/cs/contexts", wire.ContextsView.as_view()))
    return found


urlpatterns = [
    *_patterns(),
    path(
        "CustomerManagement/rest/customers/customerId",
        wire.CustomerManagementView.as_view(),
        name="customer-management",
    ),
]
