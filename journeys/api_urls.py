from django.urls import path

from journeys import api

urlpatterns = [
    path("contact-lists/", api.ContactListsView.as_view(), name="contact-lists"),
    path("contact-lists/<int:list_id>/", api.ContactListView.as_view(), name="contact-list"),
    path("attempts/", api.AttemptsView.as_view(), name="attempts"),
]
