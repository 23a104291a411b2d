"""Statements that the server plans once for each connection: planning is most of what a small statement costs.

For what every request, every event or every chunk of an import asks; Django's own cursors send a text anew each time,
with its values in it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import psycopg
from django.db import connection
from psycopg import sql
from psycopg.abc import Params


class Prepared(psycopg.Cursor[tuple[Any, ...]]):
    """Binds on the server, so that values need their types: write `%s::int[]` where a list may be empty or short."""

    def execute(  # type: ignore[override]  # no templates are asked
        self,
        query: str | sql.SQL | sql.Composed,
        params: Params | None = None,
        *,
        prepare: bool | None = True,
        binary: bool | None = None,
    ) -> Self:
        return super().execute(query, params, prepare=prepare, binary=binary)


@contextmanager
def prepared() -> Iterator[Prepared]:
    """Open such a cursor on Django's connection, in its transaction; errors are Django's."""
    connection.ensure_connection()
    with connection.wrap_database_errors, Prepared(connection.connection) as cursor:
        yield cursor
