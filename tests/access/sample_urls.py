"""A small API and a page on the plumbing of `cim.access`, to test it without the apps that stand on it."""

import time

from django.contrib.auth.models import Group
from django.core.exceptions import RequestDataTooBig, ValidationError
from django.http import Http404, HttpResponse
from django.urls import include, path
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from cim.access.api import (
    AUTHENTICATED,
    Conflict,
    Problem,
    StrictSerializer,
    idempotent,
    strict_query,
)
from cim.access.audit import actor_of
from cim.access.pages import needs
from cim.access.wire import JSONParser, MultiPartParser
from cim.urls import handler400, handler403, handler404, handler500  # noqa: F401


class Stop(StrictSerializer):
    street = serializers.CharField(max_length=20)
    floor = serializers.IntegerField(required=False)


class Tour(StrictSerializer):
    id = serializers.UUIDField(read_only=True)
    name = serializers.CharField(max_length=10)
    seats = serializers.IntegerField(required=False, min_value=1)
    price = serializers.DecimalField(required=False, max_digits=28, decimal_places=10)
    guided = serializers.BooleanField(required=False, allow_null=True)
    starts_on = serializers.DateField(required=False)
    email = serializers.EmailField(required=False)
    level = serializers.ChoiceField(["easy", "hard"], required=False)
    tags = serializers.ListField(child=serializers.CharField(), required=False)
    stops = Stop(many=True, required=False)
    first = Stop(required=False)
    attributes = serializers.DictField(child=serializers.CharField(), required=False)
    anything = serializers.JSONField(required=False)


class Tours(APIView):
    required_permissions = {
        "GET": "see_customers",
        "POST": ("create_customers", "import_customers"),
        "PUT": AUTHENTICATED,
    }

    def get(self, request):
        strict_query(request, {"page", "q"})
        return Response({"price": request.query_params.get("q")})

    def post(self, request):
        tour = Tour(data=request.data)
        tour.is_valid(raise_exception=True)
        return Response(tour.validated_data, status=201)

    def put(self, request):
        return Response({"via": actor_of(request).via, "may_reveal": request.user.has_perm("access.reveal")})

    def delete(self, request):
        raise AssertionError("nobody declared who may delete")


class Broken(APIView):
    """Fails in every way that a view can."""

    required_permissions = {"GET": AUTHENTICATED}

    def get(self, request, how):
        match how:
            case "conflict":
                raise Conflict("The number belongs to two customers.", customers=["a", "b"])
            case "stale":
                raise Problem(412, "The version is stale.")
            case "missing":
                raise Http404
            case "invalid":
                raise ValidationError({"name": ["“x” is too short."]})
            case "large":
                raise RequestDataTooBig("secret")
        raise RuntimeError("secret")


class Clubs(APIView):
    """Creates a club (a group), slowly if asked, so that others can come in between."""

    required_permissions = {"POST": AUTHENTICATED}
    parser_classes = [JSONParser, MultiPartParser]

    @idempotent
    def post(self, request):
        name = request.data["name"]
        time.sleep(float(request.data.get("seconds", 0)))
        if Group.objects.filter(name=name).exists():
            raise Conflict(f"There is a club “{name}”.")
        club = Group.objects.create(name=name)
        if name.startswith("Refused"):
            return Response({"detail": "refused"}, status=409)
        return Response({"id": club.pk, "name": name}, status=201, headers={"ETag": '"1"'})


@needs("see_customers", POST="edit_customers")
def tour_page(request):
    return HttpResponse("a tour")


urlpatterns = [
    path("api/tours/", Tours.as_view()),
    path("api/broken/<str:how>/", Broken.as_view()),
    path("api/clubs/", Clubs.as_view()),
    path("tour/", tour_page),
    path("", include("cim.urls")),
]
