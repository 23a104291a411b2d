"""The table of contents: every address of CIM begins here."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from cim import health, welcome
from cim.words import words

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", health.metrics),
    path("api/v1/schema/", health.ApiSchema.as_view(), name="schema"),
    path("api/v1/docs/", health.ApiDocs.as_view(), name="docs"),
    path("api/v1/", include("customers.api_urls")),
    path("api/v1/", include("interactions.api_urls")),
    path("api/v1/", include("journeys.api_urls")),
    path("api/v1/", include("crm_mappings.api_urls")),
    path("services/", include("journeys.services_urls")),
    path("admin/", admin.site.urls),
    path("words.js", words, name="javascript-catalog"),
    path("welcome/", welcome.welcome, name="welcome"),
    path("", include("cim.access.urls")),
    path("", include("cim.access.sign_in_urls")),
    path("", include("customers.urls")),
    path("", include("interactions.urls")),
    path("", include("crm_mappings.urls")),
    path("", include("journeys.urls")),
]

handler400 = "cim.access.problems.bad_request"
handler403 = "cim.access.problems.permission_denied"
handler404 = "cim.access.problems.not_found"
handler500 = "cim.access.problems.server_error"
