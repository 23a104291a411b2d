from django.urls import path

from customers import import_api

urlpatterns = [
    path("imports/", import_api.ImportsView.as_view(), name="imports"),
    path("imports/inspect/", import_api.InspectView.as_view(), name="import-inspect"),
    path("imports/template.csv", import_api.TemplateView.as_view(), name="import-template"),
    path("imports/template.xlsx", import_api.SpreadsheetTemplateView.as_view(), name="import-template-xlsx"),
    path("imports/<uuid:import_id>/", import_api.ImportView.as_view(), name="import"),
    path("imports/<uuid:import_id>/preview/", import_api.PreviewView.as_view(), name="import-preview"),
    path("imports/<uuid:import_id>/errors.csv", import_api.ErrorReportView.as_view(), name="import-errors"),
    path("imports/<uuid:import_id>/failed/", import_api.FailedRowsView.as_view(), name="import-failed"),
    path("imports/<uuid:import_id>/rows.csv", import_api.FateReportView.as_view(), name="import-rows"),
    path("imports/<uuid:import_id>/start/", import_api.StartView.as_view(), name="import-start"),
    path("imports/<uuid:import_id>/cancel/", import_api.CancelView.as_view(), name="import-cancel"),
    path("imports/<uuid:import_id>/undo/", import_api.UndoView.as_view(), name="import-undo"),
]
