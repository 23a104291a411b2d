"""All that is kept of one person, for the person to read (GDPR): what every app tells, masked for who asks (C36)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from cim.access.models import AuditEntry
from cim.access.templatetags.audit_words import deed
from customers import history, merging, presenting, tracing
from customers.models import Customer, Label, Phone
from customers.policy import MASK, sight_of
from customers.schema import Schema
from customers.signals import person_exported

MOST_LOOKS = 1000


def portray(customer: Customer, user: User, schema: Schema, now: datetime) -> dict[str, Any]:
    """Return everything about a live customer and those merged into it: section by section, in plain data."""
    sight = sight_of(user, schema)
    family = merging.family_of(customer.id)
    (shown,) = presenting.customer_json([customer], schema, sight)
    story = tracing.story_of(customer, schema)
    masks_numbers = "phones" in sight.masked
    found: dict[str, Any] = {
        "about": str(customer.id),
        "made_at": now.isoformat(),
        "made_by": user.get_full_name() or user.get_username(),
        "sections": {
            _("Profile"): {
                **{
                    attribute.label: presenting.shown_value(customer.value_of(attribute), attribute, sight)
                    for attribute in schema.attributes
                },
                _("Labels"): list(
                    Label.objects.filter(labelled__customer=customer).values_list("name", flat=True)
                ),
                _("Identifiers"): shown["identifiers"],
            },
            _("Numbers"): [
                {
                    _("Number"): MASK if masks_numbers else phone.number,
                    _("Since"): phone.valid_from.isoformat(),
                    _("Until"): phone.valid_to.isoformat() if phone.valid_to else None,
                }
                for phone in Phone.objects.filter(customer__in=family).order_by("valid_from", "id")
            ],
            _("Versions"): [
                {"customer": str(member.id), **presenting.version_json(change, schema, sight)}
                for member in Customer.objects.filter(id__in=family).order_by("id")
                for change in history.versions_of(member, schema)
            ],
            _("Merged records"): [
                str(part.customer_id) for made in story.merges for part in made.parts.all()
            ],
            _("Who looked"): who_looked(family, AuditEntry.objects.all(), MOST_LOOKS),
        },
    }
    for _receiver, told in person_exported.send(Customer, customers=family, user=user):
        found["sections"] |= told or {}
    return found


def who_looked(customers: Sequence[UUID], readable: QuerySet[AuditEntry], most: int) -> list[dict[str, Any]]:
    """Tell who saw, changed or used these customers, newest first, of the ``readable`` entries (Q4). One query."""
    entries = readable.filter(
        object_type="customer", object_id__in=[str(customer) for customer in customers]
    ).order_by("-id")[:most]
    return [
        {
            "at": entry.at.isoformat(),
            "by": entry.actor_name,
            "via": entry.via,
            "action": entry.action,
            "done": deed(entry.action),
            "attribute": entry.data.get("attribute"),
        }
        for entry in entries
    ]
