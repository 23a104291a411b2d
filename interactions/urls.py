from django.urls import path

from interactions import api

app_name = "interactions"

urlpatterns = [
    path("desk/stream/", api.StreamView.as_view(), name="stream"),
    path("wall/stream/", api.WallStreamView.as_view(), name="wall-stream"),
]
