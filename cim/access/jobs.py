"""How a background job is asked for: after the commit, and never at the price of the request that asks.

The broker only says "there is work"; what is to be done is in the database, and a scheduled job finds what a lost
message left undone. So a broker that is away costs a delay, not an answer.
"""

from functools import partial
from typing import Any

from celery import Task
from django.db import transaction


def enqueue(task: "Task[Any, Any]", **arguments: Any) -> None:
    """Send ``task`` once the surrounding transaction is committed; a broker that cannot be reached is logged."""
    transaction.on_commit(partial(task.delay, **arguments), robust=True)
