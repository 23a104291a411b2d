"""Every column sorts both ways, empty values last, ties by id; pages neither repeat nor skip (C22, C25)."""

from http import HTTPStatus
from typing import Any

import pytest
from django.db import connection
from django.http.request import QueryDict

from cim.access.problems import Problem
from customers import filters, listing
from customers.listing import plans
from customers.listing.query import LARGEST_PAGE
from customers.schema import PREDEFINED
from tests.customers.listing.oracle import crowd as made
from tests.customers.listing.oracle.conftest import Crowd

pytestmark = pytest.mark.django_db

KEYS = [key for key, _label, _kind in PREDEFINED] + list(made.KINDS)


def pages_of(crowd: Crowd, **parameters: str) -> list[str]:
    """Turn all pages and return the ids in the order shown."""
    ids: list[str] = []
    number, more = 1, True
    while more:
        asked = QueryDict(mutable=True)
        asked.update({**parameters, "page": str(number), "page_size": str(LARGEST_PAGE)})
        page = listing.page(filters.parse(asked, crowd.schema, crowd.sight), crowd.sight)
        ids += [customer["id"] for customer in page.results]
        number, more = number + 1, page.has_next
    return ids


@pytest.mark.parametrize("descending", [False, True], ids=["rising", "falling"])
@pytest.mark.parametrize("key", KEYS)
def test_all_pages_are_the_whole_list_in_order(crowd: Crowd, key: str, descending: bool) -> None:
    expected = [person for person in crowd.in_order(key, descending=descending) if person.stage == "curated"]

    shown = pages_of(crowd, ordering=f"-{key}" if descending else key)

    assert shown == [str(person.id) for person in expected]


@pytest.mark.parametrize("key", ["first_name", "score", "tier", "postal_code"])
@pytest.mark.parametrize(
    ("small", "cap"), [(20_000, 20_000), (0, 20_000), (0, 100)], ids=["small", "few", "many"]
)
def test_a_search_pages_alike_by_every_plan(
    crowd: Crowd, key: str, small: int, cap: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plans, "SMALL", small)
    monkeypatch.setattr(plans, "CAP", cap)
    monkeypatch.setattr(plans, "WALK", 500)
    expected = [
        person
        for person in crowd.in_order(key, descending=True)
        if person.stage == "curated" and made.fits(person, "last_name", "contains", "m")
    ]

    shown = pages_of(crowd, ordering=f"-{key}", last_name__contains="M")

    assert shown == [str(person.id) for person in expected]


class TestALookAlongTheOrder:
    """It has only so long, and leaves the connection as it was."""

    @pytest.fixture(autouse=True)
    def _far(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, size in {"SMALL": 0, "WALK": 5, "CHEAP": 0}.items():
            monkeypatch.setattr(plans, name, size)

    def meanwhile(self, monkeypatch: pytest.MonkeyPatch, statement: str) -> None:
        """Have ``statement`` run before each look that is not bounded by itself."""
        walk = plans.Plan._walk

        def disturbed(plan: plans.Plan, length: int | None, *rest: Any) -> Any:
            if length is None:
                plans.run(statement, [])
            return walk(plan, length, *rest)

        monkeypatch.setattr(plans.Plan, "_walk", disturbed)

    def search(self, crowd: Crowd) -> listing.Page:
        asked = QueryDict("ordering=-first_name&last_name__contains=M&page_size=20")
        return listing.page(filters.parse(asked, crowd.schema, crowd.sight), crowd.sight)

    @pytest.mark.parametrize(
        ("statement", "is_found"),
        [("SELECT 1", True), ("SELECT pg_sleep(5)", False)],
        ids=["found", "given up"],
    )
    def test_finds_the_page_or_leaves_it_to_others(
        self, crowd: Crowd, monkeypatch: pytest.MonkeyPatch, statement: str, is_found: bool
    ) -> None:
        expected = [
            str(person.id)
            for person in crowd.in_order("first_name", descending=True)
            if person.stage == "curated" and made.fits(person, "last_name", "contains", "m")
        ]
        self.meanwhile(monkeypatch, statement)
        among_many = plans.Plan._find_among_many
        others: list[int] = []
        monkeypatch.setattr(
            plans.Plan,
            "_find_among_many",
            lambda plan, more_than: others.append(more_than) or among_many(plan, more_than),
        )

        page = self.search(crowd)

        assert [customer["id"] for customer in page.results] == expected[:20]
        assert bool(others) != is_found
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('enable_sort'), current_setting('statement_timeout')")
            assert cursor.fetchone() == ("on", "0")

    def test_ends_with_all_else_where_nobody_waits_any_more(
        self, crowd: Crowd, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.meanwhile(monkeypatch, "SELECT pg_cancel_backend(pg_backend_pid())")

        with pytest.raises(Problem) as raised:
            self.search(crowd)

        assert raised.value.status_code == HTTPStatus.SERVICE_UNAVAILABLE


def test_newest_created_come_first_unless_asked_otherwise(crowd: Crowd) -> None:
    page = listing.page(filters.parse(QueryDict(""), crowd.schema, crowd.sight), crowd.sight)

    newest = [
        person for person in crowd.in_order("created_at", descending=True) if person.stage == "curated"
    ][:50]
    assert [customer["id"] for customer in page.results] == [str(person.id) for person in newest]
    assert (page.count, page.count_is_exact, page.page_size) == (len(crowd.listed), True, 50)
