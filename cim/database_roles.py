"""What the role of web and workers may do in the database: everything but changing what has happened (Q4).

Migrations run as the owner of the tables. The other role reads and writes all of them, but audit trail and history it
only adds to: an erasure or a purge takes from them by functions that run as the owner and leave an entry.
"""

from typing import Final

from django.db.backends.utils import CursorWrapper
from psycopg import sql

APPEND_ONLY: Final[dict[str, tuple[str, ...]]] = {
    "access_auditentry": ("actor_id",),
    "customers_version": (),
    "interactions_event": ("user_id",),
    "journeys_contextversion": (),
}
"""The tables that are only added to, with the columns that forget the account of a user who is deleted."""

READ_ONLY: Final = ("django_migrations",)


def exists(cursor: CursorWrapper, role: str) -> bool:
    cursor.execute("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = %s)", [role])
    return bool(cursor.fetchone()[0])


def grant(cursor: CursorWrapper, role: str) -> None:
    """Give `role` what web and workers need in this schema, and take from it what they must not have.

    Can be repeated. Tables made later by the same owner are included, those that are append-only once this has run
    again. Must run as the owner of the tables.
    """
    name = sql.Identifier(role)
    cursor.execute("SELECT current_database(), current_schema()")
    database, schema = map(sql.Identifier, cursor.fetchone())
    place = {"role": name, "database": database, "schema": schema}
    for statement in (
        "GRANT CONNECT, TEMPORARY ON DATABASE {database} TO {role}",
        "GRANT USAGE ON SCHEMA {schema} TO {role}",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role}",
        "GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA {schema} TO {role}",
        "ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role}",
        "ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT USAGE, SELECT, UPDATE ON SEQUENCES TO {role}",
    ):
        cursor.execute(sql.SQL(statement).format(**place))
    for table, forgettable in APPEND_ONLY.items():
        cursor.execute(
            sql.SQL("REVOKE UPDATE, DELETE, TRUNCATE ON {} FROM {}").format(sql.Identifier(table), name)
        )
        for column in forgettable:
            cursor.execute(
                sql.SQL("GRANT UPDATE ({}) ON {} TO {}").format(
                    sql.Identifier(column), sql.Identifier(table), name
                )
            )
    for table in READ_ONLY:
        cursor.execute(
            sql.SQL("REVOKE INSERT, UPDATE, DELETE ON {} FROM {}").format(sql.Identifier(table), name)
        )
    for function in _owners_functions(cursor):
        cursor.execute(sql.SQL("GRANT EXECUTE ON FUNCTION {} TO {}").format(sql.SQL(function), name))


def _owners_functions(cursor: CursorWrapper) -> list[str]:
    """List our functions that run with the rights of the owner, with their arguments; quoted by the server."""
    cursor.execute(
        "SELECT p.oid::regprocedure::text FROM pg_proc p"
        " WHERE p.prosecdef AND p.pronamespace = current_schema()::regnamespace ORDER BY 1"
    )
    return [row[0] for row in cursor.fetchall()]
