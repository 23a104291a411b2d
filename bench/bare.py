"""The floors of Q12 and Q13, written by hand: what the same work costs without CIM.

`pop`: a bare ASGI application that for each POST does one indexed SELECT and one NOTIFY, and streams what it hears.
`insert`: a bare Django view, without middleware, that does one INSERT.
"""

import asyncio
import json
import os
from typing import Any

import psycopg
from psycopg_pool import AsyncConnectionPool

ADDRESS = os.environ.get("BARE_DATABASE", "")


class Pop:
    def __init__(self) -> None:
        self.desks: dict[str, list[asyncio.Queue[bytes]]] = {}
        self.pool: AsyncConnectionPool[Any] | None = None
        self.opening = asyncio.Lock()

    async def ready(self) -> AsyncConnectionPool[Any]:
        async with self.opening:
            if self.pool is None:
                self.pool = AsyncConnectionPool(
                    ADDRESS, min_size=4, max_size=4, open=False, kwargs={"autocommit": True}
                )
                await self.pool.open(wait=True)
                self.listener = asyncio.create_task(self.listen())
        return self.pool

    async def listen(self) -> None:
        async with await psycopg.AsyncConnection.connect(ADDRESS, autocommit=True) as connection:
            await connection.execute("listen bare")
            async for notice in connection.notifies():
                agent, _space, call = notice.payload.partition(" ")
                for desk in self.desks.get(agent, ()):
                    desk.put_nowait(f"event: pop\ndata: {json.dumps({'call': call})}\n\n".encode())

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        pool = await self.ready()
        if scope["method"] == "GET":
            await self.stream(scope, receive, send)
            return
        body = json.loads((await receive())["body"])
        async with pool.connection() as connection:
            found = await connection.execute(
                "select customer_id from customers_phone where number = %s and valid_to is null",
                [body["address"]],
            )
            await found.fetchone()
            if body["type"] == "offered":
                payload = f"{body['agent']['id']} {body['interaction_id']}"
                await connection.execute("select pg_notify('bare', %s)", [payload])
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    async def stream(self, scope: Any, receive: Any, send: Any) -> None:
        agent = scope["path"].strip("/")
        desk: asyncio.Queue[bytes] = asyncio.Queue()
        self.desks.setdefault(agent, []).append(desk)
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [(b"content-type", b"text/event-stream")],
            }
        )
        await send({"type": "http.response.body", "body": b": here\n\n", "more_body": True})
        while True:
            await send({"type": "http.response.body", "body": await desk.get(), "more_body": True})


pop = Pop()


def _django() -> Any:
    import django  # noqa: PLC0415 - configured here, for this floor alone
    from django.conf import settings  # noqa: PLC0415

    if not settings.configured:
        settings.configure(
            SECRET_KEY="bare",
            ALLOWED_HOSTS=["*"],
            ROOT_URLCONF="bench.bare",
            DATABASES={
                "default": {
                    "ENGINE": "django.db.backends.postgresql",
                    "NAME": "cim",
                    "USER": "cim",
                    "HOST": os.environ.get("PGHOST", ""),
                    **({"CONN_MAX_AGE": None} if os.environ.get("BARE_KEEP") else {}),
                    "OPTIONS": {}
                    if os.environ.get("BARE_KEEP")
                    else {"pool": {"min_size": 1, "max_size": 8}},
                }
            },
        )
        django.setup()
    from django.core.handlers.asgi import ASGIHandler  # noqa: PLC0415
    from django.db import connection  # noqa: PLC0415
    from django.http import HttpRequest, HttpResponse  # noqa: PLC0415
    from django.urls import path  # noqa: PLC0415

    def insert(request: HttpRequest) -> HttpResponse:
        body = json.loads(request.body)
        with connection.cursor() as cursor:
            cursor.execute(
                "insert into bare_event (source, interaction, event_id, body) values (%s, %s, %s, %s)",
                [body["source"], body["interaction_id"], body["event_id"], request.body.decode()],
            )
        return HttpResponse("ok", headers={"Content-Length": "2"})

    return [path("insert/", insert)], ASGIHandler


if os.environ.get("BARE_DJANGO"):
    urlpatterns, _handler = _django()
    django_application = _handler()
