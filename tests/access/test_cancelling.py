"""A client that goes away stops what the database does for it, and nothing else."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import OperationalError, connection
from psycopg.errors import QueryCanceled

from cim.access.cancelling import stopped_when_alone, with_cancelling

pytestmark = pytest.mark.django_db(transaction=True)


def sleep(seconds: float) -> str:
    """Sleep in the database, as a search would; tell how it ended."""
    try:
        with stopped_when_alone(connection), connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(%s)", [seconds])
        with connection.cursor() as cursor:
            cursor.execute("SELECT 'slept'")
            return str(cursor.fetchone()[0])
    except OperationalError as failure:
        return type(failure.__cause__).__name__
    finally:
        connection.close()


def outcome(seconds: float, leaves_after: float) -> str:
    """Ask for a sleep, go away in between, and return how the sleep ended."""
    ended: list[str] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        work = asyncio.create_task(sync_to_async(sleep, thread_sensitive=False)(seconds))
        await receive()
        ended.append(await work)

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(leaves_after)
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None: ...

    def run() -> None:
        asyncio.run(with_cancelling(application)({"type": "http"}, receive, send))

    # In a thread of its own: a browser that a test before has used keeps the loop of this one.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(run).result()
    return ended[0]


def test_the_statement_is_cancelled_when_the_client_leaves() -> None:
    began = time.monotonic()

    assert outcome(seconds=30, leaves_after=0.3) == QueryCanceled.__name__
    assert time.monotonic() - began < 20


def test_who_leaves_after_the_answer_stops_nothing() -> None:
    assert outcome(seconds=0, leaves_after=0.3) == "slept"


def test_without_a_server_that_tells_nothing_is_stopped() -> None:
    assert sleep(0) == "slept"
