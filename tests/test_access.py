"""Every route × every role: nobody gets further than the table of roles says; no route lacks a rule (Q2)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.http import HttpResponse
from django.urls import URLPattern, URLResolver, get_resolver, path
from django.urls.resolvers import RoutePattern
from rest_framework.response import Response
from rest_framework.views import APIView

from cim.access.api import HasDeclaredPermission
from cim.access.pages import needs, public
from cim.access.permissions import PERMISSIONS, ROLES, Required, any_of
from tests.factories import api_for, client_for, make_user

# What stands in an address for each kind of parameter; nothing has such an id.
SAMPLES = {
    "uuid": "019a0000-0000-7000-8000-000000000000",
    "int": "2147483647",
    "str": "nothing",
    "slug": "nothing",
}
SAMPLES |= {"path": "nothing"}

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


class Undeclared(Exception):
    """A route says nowhere who may use it."""


@dataclass(frozen=True)
class Route:
    address: str
    callback: Any

    def __str__(self) -> str:
        return self.address

    @property
    def is_admin(self) -> bool:
        return self.address.startswith("/admin/")

    @property
    def view(self) -> type[APIView] | None:
        return getattr(self.callback, "cls", None)

    def rules(self) -> dict[str, Required | None]:
        """Say what each method needs; None is for everybody. Refuse a route that leaves any of it open."""
        if self.view is None:
            declared = getattr(self.callback, "access_rule", None)
            if declared is None:
                raise Undeclared(f"{self.address}: the page has neither @needs(…) nor @public")
            if not declared:
                return {"GET": None}
            return {
                method: declared.get(method, declared["*"])
                for method in ("GET", "POST", *declared)
                if method != "*"
            }
        options = getattr(self.callback, "initkwargs", {})
        if HasDeclaredPermission not in options.get("permission_classes", self.view.permission_classes):
            raise Undeclared(f"{self.address}: the view replaces HasDeclaredPermission")
        required = options.get("required_permissions", getattr(self.view, "required_permissions", {}))
        actions = getattr(self.callback, "actions", None)
        answered = {method for method in METHODS if method.lower() in (actions or dir(self.view))}
        if answered != set(required) & answered or not answered:
            raise Undeclared(
                f"{self.address}: no rule for {', '.join(sorted(answered - set(required))) or 'any method'}"
            )
        return {method: required[method] for method in sorted(answered)}


def routes(patterns: list[URLPattern | URLResolver], before: str = "/") -> Iterator[Route]:
    for pattern in patterns:
        address = before + example(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, address)
        else:
            yield Route(address, pattern.callback)


def example(pattern: Any) -> str:
    """Write an address that the pattern matches."""
    if not isinstance(pattern, RoutePattern):
        # The Django admin ends in an expression that matches whatever is left.
        return "nothing"
    route = str(pattern)
    for name, converter in pattern.converters.items():
        kind = type(converter).__name__.removesuffix("Converter").lower()
        kind = {"string": "str"}.get(kind, kind)
        for written in (f"<{kind}:{name}>", f"<{name}>"):
            route = route.replace(written, SAMPLES[kind])
    return route


ROUTES = [route for route in routes(get_resolver("cim.urls").url_patterns) if not route.is_admin]
ADMIN_ROUTES = [route for route in routes(get_resolver("cim.urls").url_patterns) if route.is_admin]


def may(role: str | None, required: Required | None) -> bool:
    if required is None:
        return True
    return role is not None and (not any_of(required) or not ROLES[role].isdisjoint(any_of(required)))


def verdict(response: Any) -> str:
    if response.status_code == 302 and response["Location"].startswith("/login/"):
        return "sign in"
    return {401: "401", 403: "403"}.get(response.status_code, "let in")


@pytest.mark.django_db
@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_route_lets_in_whom_the_table_lets_in(route):
    rules = route.rules()
    clients = {role: (api_for if route.view else client_for)(role) for role in (*ROLES, None)}
    refusal = {True: "401" if route.view else "sign in", False: "403"}

    found = {
        (method, role): verdict(client.generic(method, route.address))
        for method in rules
        for role, client in clients.items()
    }

    assert found == {
        (method, role): "let in" if may(role, required) else refusal[role is None]
        for method, required in rules.items()
        for role in clients
    }


@pytest.mark.django_db
@pytest.mark.parametrize("route", ADMIN_ROUTES, ids=str)
def test_django_admin_is_closed_to_all_but_its_staff(route):
    found = {role: verdict(client_for(role).get(route.address)) for role in (*ROLES, None) if role != "Admin"}

    assert found == {role: "403" for role in ROLES if role != "Admin"} | {None: "sign in"}


@pytest.mark.django_db
def test_staff_without_permission_sees_no_model_in_the_django_admin():
    make_user("Agent", is_staff=True)
    client = client_for("Agent")

    models = [
        route for route in ADMIN_ROUTES if route.address.count("/") > 3 and "jsi18n" not in route.address
    ]
    refused = {verdict(client.get(route.address)) for route in models if "autocomplete" not in route.address}

    assert refused - {"403"} == {"let in"}
    assert client.get("/admin/").context["app_list"] == []


@pytest.mark.django_db
def test_groups_are_those_of_the_table():
    found = {
        group.name: {permission.codename for permission in group.permissions.all()}
        for group in Group.objects.prefetch_related("permissions")
    }

    assert found == ROLES


@pytest.mark.django_db
def test_every_role_has_exactly_its_permissions():
    for role, codenames in ROLES.items():
        user = User.objects.get(pk=make_user(role).pk)

        assert {codename for codename in PERMISSIONS if user.has_perm(f"access.{codename}")} == codenames


def test_table_follows_the_specification():
    agent, supervisor = ROLES["Agent"], ROLES["Supervisor"]

    assert ROLES["Admin"] == set(PERMISSIONS)
    assert agent < supervisor
    assert ROLES["Integration"] == {"send_events", "use_contexts", "send_attempts", "lookup"}
    assert {role for role, codenames in ROLES.items() if "reveal" in codenames} == {"Admin", "Supervisor"}
    assert {role for role, codenames in ROLES.items() if "schema" in codenames} == {"Admin"}
    assert {role for role, codenames in ROLES.items() if "import_customers" in codenames} == {
        "Admin",
        "Importer",
    }
    assert all("lookup" in codenames for codenames in ROLES.values() if "see_customers" in codenames)


def page(request):
    return HttpResponse()


class Open(APIView):
    permission_classes = ()
    required_permissions = {"GET": "see_customers"}

    def get(self, request):
        return Response()


class Silent(APIView):
    required_permissions = {"GET": "see_customers"}

    def get(self, request):
        return Response()

    post = get


@pytest.mark.parametrize("callback", [page, Open.as_view(), Silent.as_view(), APIView.as_view()])
def test_route_without_a_rule_is_found(callback):
    (route,) = routes([path("somewhere/<int:number>/", callback)])

    assert route.address == "/somewhere/2147483647/"
    with pytest.raises(Undeclared, match="somewhere"):
        route.rules()


def test_rule_of_a_page_is_read():
    rules = [
        Route("/", decorate(page)).rules()
        for decorate in (public, needs("erase"), needs("erase", POST="merge"))
    ]

    assert rules == [
        {"GET": None},
        {"GET": ("erase",), "POST": ("erase",)},
        {"GET": ("erase",), "POST": "merge"},
    ]


@pytest.mark.parametrize(
    "declare", [lambda: needs("see_custmers"), lambda: needs(), lambda: needs("merge", POST="x")]
)
def test_misspelt_rule_fails_at_once(declare):
    with pytest.raises((KeyError, TypeError)):
        declare()
