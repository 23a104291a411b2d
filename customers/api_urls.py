from django.urls import include, path

from customers import api, list_api, schema_api

urlpatterns = [
    path("", include("customers.import_api_urls")),
    path("", include("customers.merge_api_urls")),
    path("", include("customers.privacy_api_urls")),
    path("attributes/", api.AttributesView.as_view(), name="attributes"),
    path("attributes-usage/", schema_api.UsageView.as_view(), name="attributes-usage"),
    path("attributes/order/", api.AttributeOrderView.as_view(), name="attribute-order"),
    path("attributes/<slug:key>/", api.AttributeView.as_view(), name="attribute"),
    path("attributes/<slug:key>/restore/", api.RestoreAttributeView.as_view(), name="attribute-restore"),
    path(
        "attributes/<slug:key>/conversion/", schema_api.ConversionView.as_view(), name="attribute-conversion"
    ),
    path("attributes/<slug:key>/fill/", schema_api.FillView.as_view(), name="attribute-fill"),
    path("customers/", api.CustomersView.as_view(), name="customers"),
    path("customers/count/", api.CountView.as_view(), name="customers-count"),
    path("customers/news/", list_api.NewsView.as_view(), name="customers-news"),
    path("customers/lookup/", api.LookupView.as_view(), name="lookup"),
    path("customers/<uuid:customer_id>/", api.CustomerView.as_view(), name="customer"),
    path("customers/<uuid:customer_id>/restore/", api.UndeleteView.as_view(), name="customer-undelete"),
    path("customers/<uuid:customer_id>/versions/", api.VersionsView.as_view(), name="versions"),
    path(
        "customers/<uuid:customer_id>/versions/<int:version>/restore/",
        api.RestoreVersionView.as_view(),
        name="version-restore",
    ),
    path("customers/<uuid:customer_id>/labels/", api.CustomerLabelsView.as_view(), name="customer-labels"),
    path(
        "customers/<uuid:customer_id>/identifiers/",
        api.CustomerIdentifiersView.as_view(),
        name="customer-identifiers",
    ),
    path("customers/<uuid:customer_id>/never/", api.NeverView.as_view(), name="customer-never"),
    path("customers/<uuid:customer_id>/reveal/", api.RevealView.as_view(), name="customer-reveal"),
    path("labels/", list_api.LabelsView.as_view(), name="labels"),
    path("labels/<int:label_id>/", list_api.LabelView.as_view(), name="label"),
    path("layout/", list_api.LayoutView.as_view(), name="layout"),
    path("views/", list_api.ViewsView.as_view(), name="views"),
    path("views/<uuid:view_id>/", list_api.SavedViewView.as_view(), name="view"),
    path("bulk/", list_api.BulkView.as_view(), name="bulk"),
    path("bulk/<uuid:job_id>/", list_api.JobView.as_view(), name="bulk-job"),
    path("bulk/<uuid:job_id>/cancel/", list_api.CancelJobView.as_view(), name="bulk-cancel"),
    path("bulk/<uuid:job_id>/undo/", list_api.UndoJobView.as_view(), name="bulk-undo"),
    path("exports/", list_api.ExportsView.as_view(), name="exports"),
    path("exports/<uuid:job_id>/", list_api.ExportView.as_view(), name="export"),
    path("exports/<uuid:job_id>/cancel/", list_api.CancelExportView.as_view(), name="export-cancel"),
    path("exports/<uuid:job_id>/file/", list_api.ExportFileView.as_view(), name="export-file"),
]
