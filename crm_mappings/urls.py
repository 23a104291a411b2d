from django.urls import path

from crm_mappings import views

app_name = "crm_mappings"

urlpatterns = [
    path("crm/", views.start, name="list"),
    path("crm/new/", views.new, name="new"),
    path("crm/sent/<uuid:delivery_id>/", views.sent, name="sent"),
    path("crm/<uuid:configuration_id>/mapping/", views.mapping, name="mapping"),
    path("crm/<uuid:configuration_id>/dynamic-data/", views.dynamic_data, name="dynamic-data"),
    path("crm/<uuid:configuration_id>/workflows/", views.workflows, name="workflows"),
    path("crm/<uuid:configuration_id>/deliveries/", views.deliveries, name="deliveries"),
    path("crm/<uuid:configuration_id>/connection/", views.connection, name="connection"),
]
