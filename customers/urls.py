from django.urls import path

from customers import views

app_name = "customers"

urlpatterns = [
    path("", views.start, name="start"),
    path("customers/", views.customer_list, name="list"),
    path("customers/new/", views.new_customer, name="new"),
    path("customers/merge/", views.merge, name="merge"),
    path("customers/duplicates/", views.duplicates, name="duplicates"),
    path("customers/<uuid:customer_id>/", views.profile, name="profile"),
    path("schema/", views.schema_editor, name="schema"),
    path("imports/", views.imports, name="imports"),
    path("imports/new/", views.new_import, name="new_import"),
    path("imports/<uuid:import_id>/", views.import_run, name="import"),
]
