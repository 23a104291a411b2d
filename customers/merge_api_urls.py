from django.urls import path

from customers import merge_api

urlpatterns = [
    path("customers/merge/", merge_api.MergeView.as_view(), name="merge"),
    path("customers/merge/preview/", merge_api.MergePreviewView.as_view(), name="merge-preview"),
    path("customers/<uuid:customer_id>/identity/", merge_api.StoryView.as_view(), name="customer-identity"),
    path(
        "customers/<uuid:customer_id>/never/<uuid:other_id>/",
        merge_api.NeverTakenBackView.as_view(),
        name="customer-never-taken-back",
    ),
    path("merges/<uuid:merge_id>/", merge_api.MergeDetailView.as_view(), name="merge-detail"),
    path("merges/<uuid:merge_id>/undo/", merge_api.UndoMergeView.as_view(), name="merge-undo"),
    path("duplicates/", merge_api.DuplicatesView.as_view(), name="duplicates"),
    path(
        "duplicates/<int:duplicate_id>/dismiss/",
        merge_api.DismissDuplicateView.as_view(),
        name="duplicate-dismiss",
    ),
]
