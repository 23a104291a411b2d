from django.urls import path

from journeys import api

urlpatterns = [
    path("customers/<uuid:customer_id>/journey/", api.JourneyView.as_view(), name="journey"),
    path("customers/<uuid:customer_id>/journey/picture/", api.PictureView.as_view(), name="journey-picture"),
    path("customers/<uuid:customer_id>/journey/list/", api.JourneyListView.as_view(), name="journey-list"),
    path("customers/<uuid:customer_id>/journey/news/", api.JourneyNewsView.as_view(), name="journey-news"),
    path("journeys/flows/", api.FlowsView.as_view(), name="flows"),
    path("journeys/elements/<uuid:element_id>/", api.ElementView.as_view(), name="journey-element"),
    path(
        "journeys/elements/<uuid:element_id>/topic/",
        api.ElementTopicView.as_view(),
        name="journey-element-topic",
    ),
    path("contact-lists/", api.ContactListsView.as_view(), name="contact-lists"),
    path("contact-lists/<int:list_id>/", api.ContactListView.as_view(), name="contact-list"),
    path("attempts/", api.AttemptsView.as_view(), name="attempts"),
]
