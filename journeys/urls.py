from django.urls import path

from journeys import api, views

app_name = "journeys"

urlpatterns = [
    path("journey/stream/", api.JourneyStreamView.as_view(), name="stream"),
    path("journeys/", views.journeys, name="list"),
    path("journeys/flows/", views.flows, name="flows"),
    path("journeys/contact-lists/", views.contact_lists, name="contact-lists"),
    path("customers/<uuid:customer_id>/journey/", views.customer_journey, name="customer"),
    path("customers/<uuid:customer_id>/journey/panel/", views.panel, name="panel"),
]
