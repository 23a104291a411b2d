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
class Case:
    """One question: its parameters, the same as SQL and as Django has it, and the class that it is counted in."""

    group: str
    parameters: dict[str, str]
    key: str
    descending: bool
    conditions: list[tuple[str, str, Any]]
    page: int = 1
    ours: list[float] = field(default_factory=list)
    hand: list[float] = field(default_factory=list)
    plain: list[float] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)

    @property
    def name(self) -> str:
        return urlencode(self.parameters, safe="*")

    @property
    def ratio(self) -> float:
        return statistics.median(self.ours) / statistics.median(self.hand)


def run(arguments: argparse.Namespace) -> None:
    """Measure every case and print as it goes, then what the classes come to."""
    count = arguments.customers[0]
    _prepare(count)
    contenders = Contenders()
    kinds = ["columns", "matrix", "search"] if arguments.cases == "all" else [arguments.cases]
    cases = [case for kind in kinds for case in _cases(kind) if arguments.only in case.name]
    measured = []
    ends = time.monotonic() + arguments.seconds if arguments.seconds else float("inf")
    print(f"{'':10}{'class, ms':34} {'API':>8} {'on CPU':>8} {'by hand':>8} {'Django':>8}")
    for number, case in enumerate(_in_turns(cases) if arguments.seconds else cases, 1):
        if time.monotonic() > ends:
            break
        _measure(case, contenders, arguments)
        measured.append(case)
        times = f"{_ms(case.ours)} {_ms(case.busy)} {_ms(case.hand)} {_ms(case.plain)}"
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
        group: statistics.median(time for case in cases if case.group == group for time in case.ours)
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
    orders = [
        *(
            "created_at",
            "last_name",
            "text_2",
            "number_1",
            "flag_1",
            "day_1",
            "moment_1",
            "phone_1",
            "mail_1",
        ),
        *("site_1", "choice_1", "postal_code", "text_4", "number_3", "flag_2", "day_2", "choice_2"),
    ]
    total = Customer.objects.count()
    last = -(-total // PAGE)
    for key, descending, page in itertools.product(orders, (False, True), (1, 100, 10_000, last)):
        if page <= last:
            yield case(key, descending, page, [])
    words = ("zqone", "zqrare", "zqtenth", "zqmost", "q", "zq")
    others: list[tuple[str, str, Any]] = [("number_2", "gte", 1), ("flag_1", "", "true")]
    for key, word, more, page in itertools.product(
        ("created_at", "number_1", "last_name", "number_3"), words, (0, 1, 2), (1, 100)
    ):
        if page > 1 and word in {"zqone", "zqrare"}:
            continue
        for text in ("text_1", "text_11"):
            yield case(key, True, page, [(text, "contains", word), *others[:more]])


def _measure(case: Case, contenders: Any, arguments: argparse.Namespace) -> None:
    runs: list[tuple[list[float], Callable[[Case], None]]] = [
        (case.ours, contenders.ours),
        (case.hand, contenders.by_hand),
    ]
    if not arguments.without_django:
        runs.append((case.plain, contenders.plain_django))
    for times, run in runs:
        # Plain Django takes seconds where these take milliseconds: once tells enough.
        repeat = 1 if times is case.plain else arguments.repeat
        if repeat > 1:
            run(case)  # warms what can be warm
        for _ in range(repeat):
            began, worked = time.perf_counter(), contenders.seconds_on_processor()
            run(case)
            times.append((time.perf_counter() - began) * 1000)
            if times is case.ours:
                case.busy.append((contenders.seconds_on_processor() - worked) * 1000)
            if sum(times) > PATIENCE:
                break


def _ms(times: list[float]) -> str:
    return f"{statistics.median(times):8.1f}" if times else "       –"


def _report(cases: list[Case], contenders: Contenders, explain: int) -> None:
    heads = ("cases", "p50", "p95", "worst", "CPU p50", "CPU p95", "by hand", "x", "worst x", "Django")
    print(f"{'class, ms':34}" + "".join(f"{head:>9}" for head in heads))
    for group in sorted({case.group for case in cases}):
        members = [case for case in cases if case.group == group]
        times = sorted(time for case in members for time in case.ours)
        busy = sorted(time for case in members for time in case.busy)
        by_hand = statistics.median(time for case in members for time in case.hand)
        ratios = [case.ratio for case in members]
        figures = (
            *(statistics.median(times), _p95(times), times[-1]),
            *(statistics.median(busy), _p95(busy)),
            *(by_hand, statistics.median(ratios), max(ratios)),
        )
        print(
            f"{group:34}{len(members):9}"
            + "".join(f"{figure:9.1f}" for figure in figures)
            + f" {_ms([time for case in members for time in case.plain])}"
        )
    for title, key in (
        ("the slowest", lambda case: statistics.median(case.ours)),
        ("the farthest behind SQL by hand", lambda case: case.ratio),
    ):
        worst = sorted(cases, key=key, reverse=True)[: max(explain, 10)]
        print(f"\n{title}:")
        for case in worst:
            print(f"{_ms(case.ours)} ms, {_ms(case.busy)} on CPU, {case.ratio:5.1f} x by hand: {case.name}")
    for case in sorted(cases, key=lambda case: -statistics.median(case.ours))[:explain]:
        print(f"\n{case.name}")
        out = io.StringIO()
        contenders.explain(case, out)
        print(out.getvalue())


def _p95(times: list[float]) -> float:
    return times[-(-len(times) * 95 // 100) - 1]
