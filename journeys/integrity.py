"""What must hold of journeys whatever happened (Q20): looked up in the database, not trusted."""

from collections.abc import Iterator

from django.db import connection
from django.utils.translation import gettext as _


def problems() -> Iterator[str]:
    """Say, one sentence each, where contexts, their trails and elements contradict each other."""
    for context, version, told in _rows(
        "SELECT c.context_id, c.version, count(v.id) FROM journeys_context c"
        " LEFT JOIN journeys_contextversion v ON v.context_id = c.id GROUP BY c.id"
        " HAVING c.version <> count(v.id) OR c.version <> coalesce(max(v.version), 0)"
    ):
        yield _("Context %(context)s is at version %(version)s, its trail tells of %(told)s.") % {
            "context": context,
            "version": version,
            "told": told,
        }
    for (context,) in _rows(
        "SELECT c.context_id FROM journeys_context c LEFT JOIN journeys_element e ON e.context_id = c.id"
        " WHERE e.id IS NULL"
    ):
        yield _("Context %(context)s is no element of any journey.") % {"context": context}
    for interaction, customer in _rows(
        "SELECT i.id, i.customer_id FROM interactions_interaction i"
        " LEFT JOIN journeys_element e ON e.interaction_id = i.id"
        " WHERE e.id IS NULL OR e.customer_id IS DISTINCT FROM i.customer_id"
    ):
        yield _("Interaction %(interaction)s of customer %(customer)s is not on that journey.") % {
            "interaction": interaction,
            "customer": customer,
        }


def _rows(statement: str) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()
