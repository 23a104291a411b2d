"""Making files, importing them in this process, and comparing what comes out of it."""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.utils import timezone

from customers import profiles
from customers.importing import running, uploads
from customers.importing.options import Options
from customers.models import Customer, ImportRow, ImportRun, Phone
from customers.schema import Schema
from tests.factories import make_user
from tests.identity_model import without_empty


def csv_file(
    headers: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    delimiter: str = ",",
    encoding: str = "utf-8",
    end: str = "\r\n",
) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, lineterminator=end)
    writer.writerow(headers)
    writer.writerows(rows)
    return out.getvalue().encode(encoding)


def upload(content: bytes, name: str = "people.csv", **options: Any) -> ImportRun:
    return uploads.receive(
        io.BytesIO(content), name, Options(**options), make_user("Importer"), "api", now=timezone.now()
    )


def run_import(content: bytes, name: str = "people.csv", **options: Any) -> ImportRun:
    """Upload a file and work on it to the end, in this process."""
    run = upload(content, name, **options)
    running.work()
    run.refresh_from_db()
    check_balance(run)
    return run


def check_balance(run: ImportRun) -> None:
    """Every row that was read has exactly one fate, and the counts say the same (Q20)."""
    fates = Counter(ImportRow.objects.filter(run=run).values_list("outcome", flat=True))
    counts = {key: value for key, value in run.counts.items() if value and key != "read"}
    assert counts == dict(fates)
    assert run.counts.get("read", 0) == sum(counts.values())


def fates(run: ImportRun) -> dict[int, str]:
    return dict(ImportRow.objects.filter(run=run).order_by("line").values_list("line", "outcome"))


def reasons(run: ImportRun) -> dict[int, tuple[str, str, str]]:
    rows = ImportRow.objects.filter(run=run, outcome="errors").order_by("line")
    return {row.line: (row.column, row.value, row.reason) for row in rows}


def state(schema: Schema) -> list[Mapping[str, Any]]:
    """The current profiles of all live customers, which is what C64 compares."""
    found = [without_empty(profiles.profile_of(customer, schema)) for customer in Customer.objects.live()]
    return in_order(found)


def in_order(profiles: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted(profiles, key=lambda profile: repr(sorted(profile.items())))


def check_numbers(schema: Schema) -> None:
    """Every number that a live customer shows is owned by that customer, and no other number is (C10)."""
    shown = {
        (number, customer.pk)
        for customer in Customer.objects.live()
        for number in schema.uses_of(profiles.profile_of(customer, schema), {})
    }
    assert set(Phone.objects.current().values_list("number", "customer_id")) == shown
