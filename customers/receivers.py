"""What happens after a migration: the predefined attributes are there."""

from typing import Any

from django.apps import AppConfig
from django.db import connections

from customers.models import Attribute
from customers.schema import PREDEFINED


def make_predefined_attributes(sender: AppConfig, using: str = "default", **kwargs: Any) -> None:
    """Make the predefined attributes that are missing; those that an admin has relabelled stay as they are (C1)."""
    if "customers_attribute" not in connections[using].introspection.table_names():
        # Migrated back to before the app.
        return
    Attribute.objects.using(using).bulk_create(
        [
            Attribute(key=key, label=label, type=kind, position=place, is_custom=False, index_state="ready")
            for place, (key, label, kind) in enumerate(PREDEFINED, 1)
        ],
        ignore_conflicts=True,
    )
