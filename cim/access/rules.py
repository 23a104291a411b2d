"""The rule that every page declares: who may open it (Q2)."""

import functools
from collections.abc import Callable
from typing import Concatenate, ParamSpec

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from cim.access.permissions import AUTHENTICATED, Required, any_of, full_name

P = ParamSpec("P")
Page = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def needs(*permissions: str, **by_method: Required) -> Callable[[Page[P]], Page[P]]:
    """Declare who may open a page: any of the permissions is enough; AUTHENTICATED lets in whoever is
    signed in (Q2).

    `needs("see_customers", POST="edit_customers")` asks another permission of a method. Anonymous visitors
    get the sign-in page, others the page that says no. The mark `access_rule` is what the test of all routes
    reads. A class-based page is decorated by `method_decorator(needs(…), name="dispatch")`.
    """
    if not permissions:
        raise TypeError("needs() names no permission; AUTHENTICATED lets in everybody who is signed in")
    default: Required = AUTHENTICATED if permissions == (AUTHENTICATED,) else permissions
    rules: dict[str, Required] = {"*": default, **by_method}
    allowed = {method: any_of(required) for method, required in rules.items()}

    def decorate(page: Page[P]) -> Page[P]:
        @functools.wraps(page)
        def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            method = "GET" if request.method == "HEAD" else request.method or ""
            codenames = allowed.get(method, allowed["*"])
            if codenames and not any(request.user.has_perm(full_name(codename)) for codename in codenames):
                raise PermissionDenied
            return page(request, *args, **kwargs)

        guarded.access_rule = rules  # type: ignore[attr-defined]
        return guarded

    return decorate


def public(page: Page[P]) -> Page[P]:
    """Declare that a page is for everybody, signed in or not."""

    @functools.wraps(page)
    def opened(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        return page(request, *args, **kwargs)

    opened.access_rule = {}  # type: ignore[attr-defined]
    return opened
