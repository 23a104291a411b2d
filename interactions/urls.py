from django.urls import path

from interactions import api, views

app_name = "interactions"

urlpatterns = [
    path("desk/", views.desk, name="desk"),
    path("desk/stream/", api.StreamView.as_view(), name="stream"),
    path("desk/call-me/", views.call_me, name="call-me"),
    path("desk/finesse/gadget.xml", views.gadget, name="gadget"),
    path("wall/", views.wall, name="wall"),
    path("wall/stream/", api.WallStreamView.as_view(), name="wall-stream"),
    path("do-not-call/", views.do_not_call, name="do-not-call"),
    path("customers/<uuid:customer_id>/interactions/", views.history, name="history"),
]
