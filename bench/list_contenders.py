"""Who answers the cases of the list: the API, SQL written by hand for the case, and plain Django."""

import io
import os
import time
from pathlib import Path
from typing import Any, TextIO

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.db.models import F, Q, QuerySet
from django.http import QueryDict
from django.test import Client

from customers import filters, listing
from customers.listing import plans
from customers.models import Attribute, Customer
from customers.policy import sight_of
from customers.schema import Schema

PAGE = 50
LIVE = "c.stage = 'curated' AND c.deleted_at IS NULL AND c.merged_into_id IS NULL"


class Contenders:
    """One connection for all, so that each finds the same caches."""

    def __init__(self) -> None:
        settings.ALLOWED_HOSTS = ["*"]
        self.schema = Schema.current()
        self.user, _made = User.objects.get_or_create(username="bench", defaults={"is_superuser": True})
        printed = io.StringIO()
        call_command("create_api_key", "bench", stdout=printed)
        key = printed.getvalue().split()[-1]
        self.client = Client(headers={"Authorization": f"Bearer {key}", "Accept": "application/json"})
        self.columns = ", ".join(
            f"c.{name}"
            for name in ["id", "version", "stage", *(item.column for item in self.schema.attributes)]
        )

    def seconds_of_database(self) -> float:
        """How long our backend has been on a processor so far, with all parallel workers that have ended."""
        connection.ensure_connection()
        backend = Path(f"/proc/{connection.connection.info.backend_pid}")
        parent = self._fields(backend)[1]
        self._wait_for_workers(parent)
        # The server inherits the time of its children that have ended: that of the workers, in clock ticks.
        ended = sum(map(int, self._fields(Path(f"/proc/{parent}"))[13:15])) / os.sysconf("SC_CLK_TCK")
        own = int((backend / "schedstat").read_text().split()[0]) / 1e9
        return own + ended

    def _wait_for_workers(self, server: str) -> None:
        """Wait until the parallel workers, which outlive their statement a little, have ended."""
        while True:
            children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
            if not any("parallel worker" in self._title(child) for child in children):
                return
            time.sleep(0.0005)

    def _title(self, process: str) -> str:
        try:
            return Path(f"/proc/{process}/cmdline").read_text()
        except OSError:
            return ""

    def _fields(self, process: Path) -> list[str]:
        """Return what ``/proc/PID/stat`` says after the name of the program: its state first, then its parent."""
        return (process / "stat").read_text().rpartition(")")[2].split()

    # The API

    def ours(self, case: Any) -> None:
        answer = self.client.get("/api/v1/customers/", case.parameters)
        # A later page that nobody is on is an answer too, and so is it to give up: that took eight seconds.
        if answer.status_code not in {200, 503} and (case.page == 1 or answer.status_code != 404):
            raise RuntimeError(f"{case.name}: {answer.status_code} {answer.content[:300]!r}")

    # By hand: what the best single statement for the case does, rows fetched, no JSON, no count

    def by_hand(self, case: Any) -> None:
        self._run(self._statement(case))

    def by_hand_matches_first(self, case: Any) -> None:
        """The other statement one would write: who matches is found before anything is sorted."""
        self._run(self._statement(case, fence=" OFFSET 0"))

    def _run(self, statement: tuple[str, list[Any]]) -> None:
        sql, parameters = statement
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            cursor.fetchall()

    def _statement(self, case: Any, fence: str = "") -> tuple[str, list[Any]]:
        key, direction = self._key(self.schema.by_key[case.key]), "DESC" if case.descending else "ASC"
        offset = (case.page - 1) * PAGE
        where, parameters = [LIVE], []
        for name, operator, value in case.conditions:
            sql, operands = self._condition(name, operator, value)
            where.append(sql)
            parameters += operands
        total = "(SELECT sum(delta) FROM customers_tally WHERE stage = 'curated')"
        # Page by the ids first; an order that has the ties the other way is what an index gives for nothing.
        ids = "DESC" if case.descending else "ASC"
        inner = (
            f"SELECT c.id, {key} AS key FROM customers_customer c WHERE {' AND '.join(where)}"
            f" ORDER BY {key} {direction} NULLS LAST, c.id {ids} LIMIT {PAGE} OFFSET {offset}"
        )
        if fence:
            inner = (
                f"SELECT c.id, key FROM (SELECT c.id, {key} AS key FROM customers_customer c"
                f" WHERE {' AND '.join(where)}{fence}) c"
                f" ORDER BY key {direction} NULLS LAST, c.id LIMIT {PAGE} OFFSET {offset}"
            )
        elif case.descending:
            filled = inner.replace("NULLS LAST, ", ", ").replace(
                " ORDER BY", f" AND {key} IS NOT NULL ORDER BY"
            )
            filled = filled.replace(f"LIMIT {PAGE} OFFSET {offset}", f"LIMIT {PAGE + offset}")
            empty = (
                f"SELECT c.id, {key} AS key FROM customers_customer c WHERE {' AND '.join(where)} AND {key} IS NULL"
                f" ORDER BY c.id LIMIT {PAGE + offset}"
            )
            inner = f"SELECT id, key FROM (({filled}) UNION ALL ({empty})) u LIMIT {PAGE} OFFSET {offset}"
            parameters *= 2
        return (
            f"SELECT {self.columns}, {total} FROM ({inner}) p JOIN customers_customer c USING (id)",
            parameters,
        )

    def _key(self, attribute: Attribute) -> str:
        column = f"c.{attribute.column}"
        match attribute.type:
            case "text" | "email" | "choice" if attribute.key not in {"crm_id", "account_id"}:
                return f'left(cim_fold({column}), 600) COLLATE "C"'
            case "emails":
                return f'left(cim_fold({column}[1]), 600) COLLATE "C"'
            case "phones":
                return f'{column}[1] COLLATE "C"'
            case "number" | "boolean" | "date" | "datetime":
                return column
        return f'left({column}, 600) COLLATE "C"'

    def _condition(self, name: str, operator: str, value: Any) -> tuple[str, list[Any]]:
        if name == "q":
            words = [f"%{word}%" for word in value.split()]
            document = "cim_document(c.first_name, c.last_name, c.phones, c.emails) LIKE %s"
            return " AND ".join([document] * len(words)), words
        column = f"c.{self.schema.by_key[name].column}"
        if operator == "contains":
            return f"{column} IS NOT NULL AND cim_fold({column}) LIKE %s", [f"%{value}%"]
        if operator == "gte":
            return f"{column} >= %s", [value]
        return f"{column} = %s", [1 if value == "true" else value]

    # Plain Django

    def plain_django(self, case: Any) -> None:
        found = self._queryset(case)
        order = F(self.schema.by_key[case.key].column)
        order = order.desc(nulls_last=True) if case.descending else order.asc(nulls_last=True)
        offset = (case.page - 1) * PAGE
        found.count()
        list(found.order_by(order, "id")[offset : offset + PAGE])

    def _queryset(self, case: Any) -> "QuerySet[Customer]":
        found = Customer.objects.filter(stage="curated", deleted_at=None, merged_into=None)
        for name, operator, value in case.conditions:
            if name == "q":
                for word in value.split():
                    found = found.filter(
                        Q(first_name__icontains=word)
                        | Q(last_name__icontains=word)
                        | Q(phones__icontains=word)
                        | Q(emails__icontains=word)
                    )
                continue
            lookup = {"contains": "icontains", "gte": "gte", "": "exact"}[operator]
            value = 1 if value == "true" else value
            found = found.filter(**{f"{self.schema.by_key[name].column}__{lookup}": value})
        return found

    # Why

    def explain(self, case: Any, out: TextIO) -> None:
        """Write the plan of every statement that finds the page."""
        query = QueryDict(mutable=True)
        query.update(case.parameters)
        run = plans.run

        def explained(sql: str, parameters: Any) -> Any:
            if not sql.startswith("EXPLAIN"):
                with connection.cursor() as cursor:
                    cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS) {sql}", parameters)
                    out.write("\n".join(row[0][:160] for row in cursor.fetchall()) + "\n\n")
            return run(sql, parameters)

        plans.run = explained
        try:
            sight = sight_of(self.user, self.schema)
            listing.page(filters.parse(query, self.schema, sight), sight)
        finally:
            plans.run = run
