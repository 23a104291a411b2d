"""Customers for the tests of interactions, made the way everybody makes them."""

import datetime as dt
from typing import Any

from cim.access import audit
from customers import profiles
from customers.models import Customer, Phone
from customers.schema import Schema


def make_customer(*, valid_from: dt.datetime | None = None, **values: Any) -> Customer:
    """Make a customer; `valid_from` is since when its numbers are its own."""
    schema = Schema.current()
    values = {"first_name": "Clara", "last_name": "Oberländer", **values}
    given = schema.read_json({key: value for key, value in values.items() if value})
    customer = profiles.create(given, audit.system_actor("command"), schema=schema).customer
    if valid_from:
        Phone.objects.filter(customer=customer).update(valid_from=valid_from)
    return customer
