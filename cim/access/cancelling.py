"""When a client goes away, the database stops working for it.

A search over a million customers may take a second; whoever types on has asked for the next one by then. The server
tells of a disconnection while the view still waits, in a thread, for the database: so the statement is cancelled from
outside.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock
from typing import Any

import psycopg
from django.db.backends.base.base import BaseDatabaseWrapper

Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
Application = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]

_SECONDS = 5


async def until_gone(receive: Receive) -> None:
    """Wait until the client goes away."""
    while (await receive())["type"] != "http.disconnect":
        pass


class Cancellation:
    """What one request has the database do just now, and how to stop it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._working: psycopg.Connection[Any] | None = None

    @contextmanager
    def covers(self, working: "psycopg.Connection[Any]") -> Iterator[None]:
        """Let what the block asks of the database be stopped; what comes after it is safe."""
        with self._lock:
            self._working = working
        try:
            yield
        finally:
            with self._lock:
                self._working = None

    def cancel(self) -> None:
        """Stop the statement that runs, if one that may be stopped does."""
        with self._lock:
            if self._working is not None:
                self._working.cancel_safe(timeout=_SECONDS)


_current: ContextVar[Cancellation | None] = ContextVar("cancellation", default=None)


@contextmanager
def stopped_when_alone(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Cancel the block's statements, which must only read, once the client of this request is gone."""
    cancellation = _current.get()
    if cancellation is None:
        yield
        return
    connection.ensure_connection()
    with cancellation.covers(connection.connection):
        yield


def with_cancelling(application: Application) -> Application:
    """Wrap an ASGI application so that `stopped_when_alone` hears of clients who go away."""

    async def wrapped(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await application(scope, receive, send)
            return
        cancellation = Cancellation()

        async def heard() -> Mapping[str, Any]:
            message = await receive()
            if message["type"] == "http.disconnect":
                await asyncio.to_thread(cancellation.cancel)
            return message

        token = _current.set(cancellation)
        try:
            await application(scope, heard, send)
        finally:
            _current.reset(token)

    return wrapped
