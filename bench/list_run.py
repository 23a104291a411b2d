"""The cases of the list, how they are measured and what is told of them."""

import argparse
import io
import itertools
import json
import os
import random
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from operator import itemgetter
from typing import Any
from urllib.parse import urlencode

from django.core.management import call_command

from bench import people, server
from bench.list_contenders import PAGE, Contenders
from customers import indexes
from customers.models import Customer
from customers.schema import Schema

PATIENCE = 1_500
"""Milliseconds after which a case is not repeated."""

QUICK_SEARCHES = (
    *(
        "muller",
        "zoe",
        "anna weber",
        "0160 1234567",
        "1234567",
        "4711",
        "mail123456",
        "an",
        "z",
        "zzzz",
        "@example",
    ),
)


@dataclass
class Clocks:
    """How long each of the runs took, in milliseconds: on the clock, and on the processor of either side."""

    wall: list[float] = field(default_factory=list)
    python: list[float] = field(default_factory=list)
    database: list[float] = field(default_factory=list)

    @property
    def busy(self) -> list[float]:
        return [sum(both) for both in zip(self.python, self.database, strict=True)]


@dataclass
class Case:
    """One question: its parameters, the same as SQL and as Django has it, and the class that it is counted in."""

    group: str
    parameters: dict[str, str]
    key: str
    descending: bool
    conditions: list[tuple[str, str, Any]]
    page: int = 1
    ours: Clocks = field(default_factory=Clocks)
    hand: Clocks = field(default_factory=Clocks)
    plain: Clocks = field(default_factory=Clocks)

    @property
    def name(self) -> str:
        return urlencode(self.parameters, safe="*")

    @property
    def ratio(self) -> float:
        """How much longer the database works for the API than for SQL by hand."""
        return statistics.median(self.ours.database) / max(statistics.median(self.hand.database), 0.01)


def run(arguments: argparse.Namespace) -> None:
    """Measure every case and print as it goes, then what the classes come to."""
    count = arguments.customers[0]
    _prepare(count)
    contenders = Contenders()
    kinds = ["columns", "matrix", "search"] if arguments.cases == "all" else [arguments.cases]
    cases = [case for kind in kinds for case in _cases(kind) if arguments.only in case.name]
    measured = []
    ends = time.monotonic() + arguments.seconds if arguments.seconds else float("inf")
    heads = ("API", "on CPU", "database", "by hand", "Django")
    print(f"{'':10}{'class, ms':34}" + "".join(f"{head:>9}" for head in heads))
    for number, case in enumerate(_in_turns(cases) if arguments.seconds else cases, 1):
        if time.monotonic() > ends:
            break
        _measure(case, contenders, arguments)
        measured.append(case)
        figures = (case.ours.wall, case.ours.busy, case.ours.database, case.hand.database, case.plain.wall)
        times = " ".join(map(_ms, figures))
        print(f"{number:4}/{len(cases):<4} {case.group:34} {times} {case.name}", flush=True)
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    print(f"\n{count:,} customers; {len(measured)} of {len(cases)} cases; load average {load}")
    _report(measured, contenders, arguments.explain)
    if arguments.results:
        arguments.results.write_text(json.dumps(_medians(measured)))


def _in_turns(cases: list[Case]) -> Iterator[Case]:
    """Yield one case of each class after the other, those of a class in a random order that is always the same."""
    by_group: dict[str, list[Case]] = {}
    for case in random.Random(7).sample(cases, len(cases)):
        by_group.setdefault(case.group, []).append(case)
    for turn in itertools.zip_longest(*by_group.values()):
        yield from filter(None, turn)


def _medians(cases: list[Case]) -> dict[str, float]:
    groups = {case.group for case in cases}
    return {
        group: statistics.median(time for case in cases if case.group == group for time in case.ours.wall)
        for group in groups
    }


def _prepare(count: int) -> None:
    call_command("migrate", verbosity=0)
    have = Customer.objects.count()
    if have not in (0, count):
        raise SystemExit(
            f"There are {have} customers already, not {count}; delete {server.HOME} to begin anew."
        )
    if not have:
        print(f"making {count} customers …", flush=True)
        people.make_schema()
        people.make(count)
    indexes.settle()


def _cases(which: str) -> Iterator[Case]:
    schema = Schema.current()
    keys = {item.key for item in schema.attributes}
    sorted_keys = {item.key for item in schema.attributes if indexes.has_sort_index(item)}

    def case(key: str, descending: bool, page: int, conditions: list[tuple[str, str, Any]]) -> Case:
        quick = key in sorted_keys and page <= 100 and all(item[0] in sorted_keys for item in conditions)
        kind = "indexed" if key in sorted_keys else "not indexed"
        group = (
            f"{'fast' if quick else kind}, {len(conditions)} cond., {'page 1-100' if page <= 100 else 'deep'}"
        )
        parameters = {"ordering": f"-{key}" if descending else key, "page": str(page)}
        parameters |= {
            f"{name}__{operator}".removesuffix("__"): str(value) for name, operator, value in conditions
        }
        return Case(group, parameters, key, descending, conditions, page)

    if which == "columns":
        for attribute in schema.attributes:
            for descending in (False, True):
                yield case(attribute.key, descending, 1, [])
        return
    if which == "search":
        for words in QUICK_SEARCHES:
            yield Case("quick search", {"q": words}, "created_at", True, [("q", "", words)])
        return
    orders = (
        "created_at last_name text_2 number_1 flag_1 day_1 moment_1 phone_1 mail_1 site_1 choice_1"
        " postal_code text_4 number_3 flag_2 day_2 choice_2"
    )
    total = Customer.objects.count()
    last = -(-total // PAGE)
    for key, descending, page in itertools.product(orders.split(), (False, True), (1, 100, 10_000, last)):
        # What other measurements have archived is left out.
        if page <= last and key in keys:
            yield case(key, descending, page, [])
    planted = ("zqone", "zqrare", "zqtenth", "zqmost", "q", "zq")
    others: list[tuple[str, str, Any]] = [("number_2", "gte", 1), ("flag_1", "", "true")]
    for order, word, more, page in itertools.product(
        ("-created_at", "-number_1", "number_1", "-last_name", "-flag_1", "-number_3"),
        planted,
        (0, 1, 2),
        (1, 100),
    ):
        if page > 1 and word in {"zqone", "zqrare"}:
            continue
        for text in ("text_1", "text_11"):
            yield case(order.lstrip("-"), order[0] == "-", page, [(text, "contains", word), *others[:more]])


def _measure(case: Case, contenders: Contenders, arguments: argparse.Namespace) -> None:
    repeat = arguments.repeat
    _time(case.ours, lambda: contenders.ours(case), contenders, repeat)
    ways: list[Callable[[Case], None]] = [contenders.by_hand]
    if case.conditions:
        ways.append(contenders.by_hand_matches_first)
    tried: list[tuple[float, Clocks]] = []
    for way in ways:
        clocks = Clocks()
        _time(clocks, partial(way, case), contenders, repeat)
        tried.append((statistics.median(clocks.database), clocks))
    # Whoever writes for the case takes the better one.
    case.hand = min(tried, key=itemgetter(0))[1]
    if not arguments.without_django:
        # Plain Django takes seconds where these take milliseconds: once tells enough.
        _time(case.plain, lambda: contenders.plain_django(case), contenders, 1)


def _time(clocks: Clocks, run: Callable[[], None], contenders: Contenders, repeat: int) -> None:
    if repeat > 1:
        run()  # warms what can be warm
    for _ in range(repeat):
        served, worked, began = contenders.seconds_of_database(), time.thread_time(), time.perf_counter()
        run()
        clocks.wall.append((time.perf_counter() - began) * 1000)
        clocks.database.append((contenders.seconds_of_database() - served) * 1000)
        clocks.python.append((time.thread_time() - worked) * 1000)
        if sum(clocks.wall) > PATIENCE:
            break


def _ms(times: list[float]) -> str:
    return f"{statistics.median(times):8.1f}" if times else "       –"


def _report(cases: list[Case], contenders: Contenders, explain: int) -> None:
    heads = (
        *("cases", "p50", "p95", "worst", "CPU p50", "CPU p95"),
        *("database", "by hand", "x", "x p95", "worst x", "Django"),
    )
    print(f"{'class, ms':34}" + "".join(f"{head:>9}" for head in heads))
    for group in sorted({case.group for case in cases}):
        members = [case for case in cases if case.group == group]
        times = sorted(time for case in members for time in case.ours.wall)
        busy = sorted(time for case in members for time in case.ours.busy)
        ratios = sorted(case.ratio for case in members)
        figures = (
            *(statistics.median(times), _p95(times), times[-1]),
            *(statistics.median(busy), _p95(busy)),
            statistics.median(time for case in members for time in case.ours.database),
            statistics.median(time for case in members for time in case.hand.database),
            *(statistics.median(ratios), _p95(ratios), ratios[-1]),
        )
        plain = _ms([time for case in members for time in case.plain.wall])
        print(f"{group:34}{len(members):9}" + "".join(f"{figure:9.1f}" for figure in figures) + f" {plain}")
    slowest = sorted(cases, key=lambda case: -statistics.median(case.ours.wall))
    farthest = sorted(cases, key=lambda case: -case.ratio)
    for title, worst in (("the slowest", slowest), ("the farthest behind SQL by hand", farthest)):
        print(f"\n{title}:")
        for case in worst[: max(explain, 10)]:
            ours, hand = case.ours, case.hand
            print(
                f"{_ms(ours.wall)} ms, {_ms(ours.busy)} on CPU; database {_ms(ours.database)},"
                f" by hand {_ms(hand.database)} ({_ms(hand.wall)} ms): {case.ratio:5.1f} x: {case.name}"
            )
    for case in slowest[:explain]:
        print(f"\n{case.name}")
        out = io.StringIO()
        contenders.explain(case, out)
        print(out.getvalue())


def _p95(times: list[float]) -> float:
    return times[-(-len(times) * 95 // 100) - 1]
