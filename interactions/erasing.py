"""What an erasure takes from interactions: everything that a person said or is known by, and nothing of what happened
(C17).
"""

from collections.abc import Collection, Sequence
from typing import Final
from uuid import UUID

from django.db import connection

from customers.forgetting import naming
from interactions.models import DeskEvent, Draft, Interaction
from interactions.models.interaction import ERASED
from interactions.signals import Change

_PERSONAL: Final = (
    *("address", "customer_name", "identifiers", "notes", "data", "recording_url", "transcript_url"),
    *("account", "topic", "tags", "reason", "text"),
)


def forget_late_news(changes: Sequence[Change]) -> None:
    """Take at once what late events tell of somebody who was erased (C17). No query for anybody else.

    The interactions at hand are emptied too, so that who hears of the change after this learns nothing.
    """
    for change in changes:
        if change.interaction.looked_up == ERASED:
            _erase_texts([change.interaction.id])
            change.interaction.refresh_from_db()
            for happening in change.happenings:
                if isinstance(happening.said, dict):
                    for name in _PERSONAL:
                        happening.said.pop(name, None)


def erase_texts(customers: Collection[UUID], addresses: Collection[str] = ()) -> int:
    """Take the personal data out of the interactions of erased customers, and of what was told of them.

    Those that were never linked go by the numbers and emails that they name.

    That there was a call, when, in which queue and with which agents stays. Returns how many interactions it were. Must
    run in the transaction of the erasure.
    """
    ids = list(Interaction.objects.of(customers).select_for_update(no_key=True).values_list("id", flat=True))
    named = naming(addresses, "address", "identifiers", "data", "dialled")
    unlinked = Interaction.objects.filter(named, customer=None).order_by("id")
    ids += list(unlinked.select_for_update(no_key=True, of=("self",)).values_list("id", flat=True))
    return _erase_texts(ids)


def _erase_texts(ids: Sequence[UUID]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            update interactions_interaction set address = '', customer_name = '', account = '', topic = '',
                identifiers = '[]', data = '{}', notes = '[]', recording_url = '', transcript_url = '',
                candidates = '[]', linked_why = '', looked_up = %s,
                dialled = case when direction = 'inbound' then dialled else '' end,
                reason = '', tags = '[]', wrap_up = wrap_up - 'notes' - 'reason',
                wrap_ups = (select coalesce(jsonb_agg(item - 'notes' - 'reason'), '[]')
                            from jsonb_array_elements(wrap_ups) as item)
            where id = any(%s)
            """,
            [ERASED, list(ids)],
        )
        # The only change of an event that the database lets through (Q4).
        cursor.execute("select interactions_erase_events(%s, %s)", [list(ids), list(_PERSONAL)])
        # Who was called out is the person; who called in dialled a number of ours.
        cursor.execute(
            """
            select interactions_erase_events(array_agg(id), '{dialled}') from interactions_interaction
            where id = any(%s) and direction <> 'inbound' having count(*) > 0
            """,
            [list(ids)],
        )
    Draft.objects.filter(interaction_id__in=ids).delete()
    DeskEvent.objects.filter(interaction_id__in=ids).delete()
    return len(ids)
