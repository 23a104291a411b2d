"""What an erasure takes from interactions: everything that a person said or is known by, and nothing of what happened
(C17).
"""

from collections.abc import Collection
from typing import Final
from uuid import UUID

from django.db import connection

from interactions.models import DeskEvent, Draft, Interaction

_PERSONAL: Final = (
    *(
        "address",
        "customer_name",
        "identifiers",
        "notes",
        "data",
        "recording_url",
        "transcript_url",
        "account",
    ),
    "topic",
)


def erase_texts(customers: Collection[UUID]) -> int:
    """Take the personal data out of the interactions of erased customers, and of what was told of them.

    That there was a call, when, in which queue and with which agents stays. Returns how many interactions it were. Must
    run in the transaction of the erasure.
    """
    ids = list(Interaction.objects.of(customers).select_for_update(no_key=True).values_list("id", flat=True))
    with connection.cursor() as cursor:
        cursor.execute(
            """
            update interactions_interaction set address = '', customer_name = '', account = '', topic = '',
                identifiers = '[]', data = '{}', notes = '[]', recording_url = '', transcript_url = '',
                candidates = '[]', linked_why = '', looked_up = '',
                wrap_ups = (select coalesce(jsonb_agg(item - 'notes' - 'reason'), '[]')
                            from jsonb_array_elements(wrap_ups) as item)
            where id = any(%s)
            """,
            [ids],
        )
        # The only change of an event that the database lets through, in this transaction and until it is taken back.
        cursor.execute("select set_config('cim.erasing', 'on', true)")
        cursor.execute(
            "update interactions_event set said = said - %s::text[] where interaction_id = any(%s)",
            [list(_PERSONAL), ids],
        )
        cursor.execute("select set_config('cim.erasing', '', true)")
    Draft.objects.filter(interaction_id__in=ids).delete()
    DeskEvent.objects.filter(interaction_id__in=ids).delete()
    return len(ids)
