"""What is kept of somebody who makes contact and whom nobody has saved: the web visitor behind a web id (C41)."""

from datetime import datetime
from uuid import UUID

from django.db import connection, transaction

from cim.access import audit
from customers.labelling import identify
from customers.models import Customer, Identifier, Stage
from customers.resolving import identifier_value, resolve


def meet_visitor(web_id: str, now: datetime) -> UUID | None:
    """Return the contact that a web id stands for, an ephemeral one made for it where there is none.

    None where several contacts share the id: nobody is guessed (C42). Two who meet the same visitor at once get the
    same contact.
    """
    value = identifier_value(Identifier.Type.WEB, web_id)
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 7))", [f"web {value}"])
        found = resolve([("web", value)])
        if found.match or found.candidates:
            return found.match
        actor = audit.system_actor("system")
        visitor = Customer(stage=Stage.EPHEMERAL, created_at=now, updated_at=now)
        with audit.recorded(actor, "customer.meet", object_type="customer", object_id=visitor.id) as entry:
            visitor.created_entry = entry
            visitor.save(force_insert=True)
        identify(visitor, Identifier.Type.WEB, value, actor, now)
        return visitor.id
