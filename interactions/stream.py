"""Server-sent events to desks and walls, beside Django's chain of middleware (I20, I25).

An open stream is a coroutine and a place in a table: it holds no thread and no connection to the database. Who asks is
decided once, in a thread of a small pool. Each process has one connection that LISTENs and one that reads the desk
events which the NOTIFYs name.
"""

import asyncio
import contextlib
import io
import json
import random
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Protocol, TypeVar, cast
from urllib.parse import parse_qs

import psycopg
import structlog
from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import ASGIRequest
from django.db import DatabaseError, connection, connections, transaction
from django.utils import timezone, translation
from rest_framework import exceptions
from rest_framework.request import Request

from cim.access import second_factor
from cim.access.api import HasDeclaredPermission, KeyAuthentication
from cim.access.cancelling import Receive, Send, until_gone
from cim.access.problems import document
from customers.schema import Schema
from interactions import popping, presenting, wall
from interactions.agents import desk_of
from interactions.families import survivors, unsaved
from interactions.models import AgentProfile, DeskEvent, DeskPresence, Draft
from interactions.presenting import Eye, eye_of

Scope = MutableMapping[str, Any]
Application = Callable[[Any, Receive, Send], Awaitable[None]]
T = TypeVar("T")

QUIET_SECONDS: Final = 15.0
"""How long a stream may be silent; then it says that it lives, so that a page can tell a lost line from a quiet one."""

_LIFE_SECONDS: Final = 30 * 60
_PRESENCE_SECONDS: Final = 60
_WALL_SECONDS: Final = 1.0
_MOST_WAITING: Final = 1000
_MOST_REPLAYED: Final = 500

logger = structlog.get_logger(__name__)


class DeskRule:
    required_permissions: ClassVar = {"GET": "wrap_up"}

    def get(self) -> None: ...


class WallRule:
    required_permissions: ClassVar = {"GET": "live_wall"}

    def get(self) -> None: ...


class Refusal(Exception):
    """The stream is not opened: the problem to be answered."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


def with_streams(django: Application, streams: "Mapping[str, Opener]") -> Application:
    """Answer the addresses of the streams, and leave everything else to Django."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        opener = streams.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "GET" else None
        if opener is None:
            await django(scope, receive, send)
            return
        try:
            stream = await opener(scope)
        except Refusal as refusal:
            await _refuse(send, refusal)
            return
        await stream.run(receive, send)

    return application


# One stream


class Source(Protocol):
    """What puts messages into streams, and is told when one ends."""

    def remove(self, stream: "Stream") -> None: ...


@dataclass(eq=False)
class Stream:
    """One open stream: what waits to be sent, and whether it is to end."""

    user: int
    hub: Source
    eye: Eye = field(default_factory=Eye)
    waiting: list[tuple[int, bytes]] = field(default_factory=list)
    last_sent: int = 0
    closed: bool = False
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, number: int, message: bytes) -> None:
        if len(self.waiting) >= _MOST_WAITING:
            # The reader is too slow to keep up: it comes back and asks for what it missed.
            self.close()
            return
        self.waiting.append((number, message))
        self.news.set()

    def close(self) -> None:
        self.closed = True
        self.news.set()

    async def run(self, receive: Receive, send: Send) -> None:
        """Send what waits, until the reader leaves, the hub closes the stream, or its time is over."""
        gone = asyncio.ensure_future(until_gone(receive))
        gone.add_done_callback(lambda _task: self.close())
        ends_at = asyncio.get_running_loop().time() + _LIFE_SECONDS * random.uniform(0.8, 1.2)  # noqa: S311
        try:
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            while not self.closed and asyncio.get_running_loop().time() < ends_at:
                await self._send_waiting(send)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.news.wait(), QUIET_SECONDS)
                    continue
                self.waiting.append((0, message_of("alive", {})))
            if not gone.done():
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            gone.cancel()
            self.hub.remove(self)

    async def _send_waiting(self, send: Send) -> None:
        self.news.clear()
        waiting, self.waiting = self.waiting, []
        parts = []
        for number, message in waiting:
            # Read again by the replay, and told again by the hub.
            if number and number <= self.last_sent:
                continue
            self.last_sent = number or self.last_sent
            parts.append(message)
        if parts:
            await send({"type": "http.response.body", "body": b"".join(parts), "more_body": True})


def message_of(event: str, data: Any, number: int | None = None) -> bytes:
    """Write one message of the stream; `data` is JSON already where it is text."""
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False, default=str)
    head = f"id: {number}\n" if number is not None else ""
    return f"{head}event: {event}\ndata: {text}\n\n".encode()


_HEADERS: Final = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
    (b"x-content-type-options", b"nosniff"),
]


async def _refuse(send: Send, refusal: Refusal) -> None:
    body = json.dumps(document(refusal.status, str(refusal))).encode()
    headers = [(b"content-type", b"application/problem+json"), (b"cache-control", b"no-store")]
    if refusal.status == 401:
        headers.append((b"www-authenticate", b'Bearer realm="CIM"'))
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


# Opening: a short piece of ordinary Django code in a thread


async def open_desk(scope: Scope) -> Stream:
    """Open the desk of whoever asks: what was missed since `Last-Event-ID`, or what lies on it now (I20, I20b)."""
    hub = await Hub.of_this_process()
    admitted = await in_thread(_admit_to_desk, scope)
    stream = Stream(admitted.user, hub)
    # Listening first, reading then: nothing falls between.
    hub.add(stream)
    try:
        first = await in_thread(_catch_up, admitted, _last_event_id(scope))
    except BaseException:
        hub.remove(stream)
        raise
    told, stream.waiting = stream.waiting, []
    stream.waiting = [(0, b"retry: 1500\n\n"), *first.messages, *told]
    stream.last_sent = first.seen
    stream.news.set()
    return stream


async def open_wall(scope: Scope) -> Stream:
    """Open the live wall: the picture now, and whenever it changes, at most once a second."""
    hub = await Hub.of_this_process()
    user, eye = await in_thread(_admit_to_wall, scope)
    stream = Stream(user, hub, eye)
    stream.waiting = [(0, b"retry: 1500\n\n")]
    hub.add_wall(stream)
    return stream


@dataclass(frozen=True)
class _Admitted:
    user: int
    was_present: bool


@dataclass(frozen=True)
class _Caught:
    messages: list[tuple[int, bytes]]
    seen: int


def admit(scope: Scope, rule: type) -> User:
    """Say who asks, by key or session, and refuse whom the rule does not let in."""
    request = ASGIRequest(scope, io.BytesIO())
    try:
        request.get_host()
        found = KeyAuthentication().authenticate(Request(request))
        if found is None:
            # What the middleware of sessions does, without the rest of the chain.
            request.session = SessionStore(request.COOKIES.get(settings.SESSION_COOKIE_NAME))
            request.user = get_user(request)
            if second_factor.is_missing(request):
                raise Refusal(403, "A second factor has to be set up first.")
        else:
            request.user = found[0]
        asking = Request(request)
        asking.user = request.user
        permission = HasDeclaredPermission()
        if not permission.has_permission(asking, rule()):
            raise Refusal(403, str(permission.message))
    except DisallowedHost as refused:
        raise Refusal(400, "This host name is not served here.") from refused
    except exceptions.APIException as refused:
        status = (
            401 if isinstance(refused, exceptions.NotAuthenticated | exceptions.AuthenticationFailed) else 403
        )
        raise Refusal(status, str(refused.detail)) from refused
    return cast(User, request.user)


def _admit_to_desk(scope: Scope) -> _Admitted:
    user = admit(scope, DeskRule)
    now = timezone.now()
    with transaction.atomic():
        # Whoever is just writing to this desk has looked whether it is open: see `popping`.
        popping.lock_user(user.pk)
        before = DeskPresence.objects.filter(user=user).values_list("seen_at", flat=True).first()
        DeskPresence.objects.update_or_create(user=user, defaults={"seen_at": now})
    return _Admitted(user.pk, before is not None and before > now - popping.PRESENT_FOR)


def _admit_to_wall(scope: Scope) -> tuple[int, Eye]:
    user = admit(scope, WallRule)
    return user.pk, eye_of(user, Schema.current())


def _catch_up(admitted: _Admitted, last: int | None) -> _Caught:
    with transaction.atomic(), connection.cursor() as cursor:
        # One view of the database: what is on the desk, and which event was the last to say so.
        cursor.execute("set transaction isolation level repeatable read, read only")
        events = DeskEvent.objects.filter(user_id=admitted.user)
        newest = events.order_by("-id").values_list("id", flat=True).first() or 0
        user = User.objects.get(pk=admitted.user)
        now = timezone.now()
        agent = AgentProfile.objects.agent_id_of(user)
        desk = desk_of(user, now)
        hello = {"agent": agent, "interactions": [str(it.id) for it in desk], "at": presenting.moment(now)}
        if last is not None and admitted.was_present and last <= newest:
            missed = list(events.filter(id__gt=last).order_by("id")[: _MOST_REPLAYED + 1])
            if len(missed) <= _MOST_REPLAYED:
                messages = [(0, message_of("hello", hello))]
                messages += [(event.pk, message_of(event.kind, event.data, event.pk)) for event in missed]
                return _Caught(messages, last)
        eye = eye_of(user, Schema.current())
        live = survivors({it.customer_id for it in desk if it.customer_id})
        new = unsaved(desk, live)
        drafts: dict[Any, list[dict[str, Any]]] = {}
        for draft in Draft.objects.filter(interaction__in=desk).exclude(user=user).select_related("user"):
            name = draft.user.get_full_name() or draft.user.get_username()
            shown = {"text": draft.text, "at": presenting.moment(draft.updated_at), "name": name}
            drafts.setdefault(draft.interaction_id, []).append(shown)
        messages = [(0, message_of("hello", hello))]
        for it in desk:
            customer = live.get(it.customer_id) if it.customer_id else None
            data = presenting.desk_data(it, agent, eye, customer, drafts.get(it.id, []), new)
            messages.append((0, message_of("pop" if it.pops else "update", data, newest)))
        return _Caught(messages, newest)


def _last_event_id(scope: Scope) -> int | None:
    """Read where a reader left off: from the header, or from the address, which a page can set and a header not."""
    sent = dict(scope["headers"]).get(b"last-event-id", b"").decode("latin-1")
    text = sent or parse_qs(scope["query_string"].decode("latin-1")).get("last_event_id", [""])[0]
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None


_threads = ThreadPoolExecutor(4, thread_name_prefix="streams")


async def in_thread(call: Callable[..., T], *arguments: Any) -> T:
    """Run ordinary Django code, and give its connection back at once."""

    def job() -> T:
        try:
            with translation.override(settings.LANGUAGE_CODE):
                return call(*arguments)
        finally:
            connections.close_all()

    try:
        return await asyncio.get_running_loop().run_in_executor(_threads, job)
    except DatabaseError as broken:
        raise Refusal(503, "The database does not answer; try again in a moment.") from broken


# One hub per process


class Hub:
    """Hands the desk events that NOTIFY names to the streams of this process; draws the wall for its walls."""

    _hubs: ClassVar[dict[asyncio.AbstractEventLoop, "Hub"]] = {}

    def __init__(self) -> None:
        self.desks: dict[int, set[Stream]] = {}
        self.walls: set[Stream] = set()
        self.drawn: dict[Eye, str] = {}
        self.pending: list[int] = []
        self.work = asyncio.Event()
        self.listening = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    @classmethod
    async def of_this_process(cls) -> "Hub":
        """Return the hub of the running loop once it listens; raises Refusal while the database does not answer."""
        loop = asyncio.get_running_loop()
        hub = cls._hubs.setdefault(loop, cls())
        if hub.task is None or hub.task.done():
            hub.listening.clear()
            hub.task = loop.create_task(hub._run())
        try:
            await asyncio.wait_for(hub.listening.wait(), 10)
        except TimeoutError as late:
            raise Refusal(503, "The database does not answer; try again in a moment.") from late
        return hub

    def add(self, stream: Stream) -> None:
        self.desks.setdefault(stream.user, set()).add(stream)

    def add_wall(self, stream: Stream) -> None:
        self.walls.add(stream)
        # Drawn anew for the newcomer.
        self.drawn.pop(stream.eye, None)

    def remove(self, stream: Stream) -> None:
        self.walls.discard(stream)
        own = self.desks.get(stream.user, set())
        own.discard(stream)
        if not own:
            self.desks.pop(stream.user, None)

    def _all(self) -> list[Stream]:
        return [*(stream for own in self.desks.values() for stream in own), *self.walls]

    async def _run(self) -> None:
        """Listen until the database goes away; then end all streams, which come back and ask for what they missed."""
        try:
            async with await _connect() as listener, await _connect() as reader:
                await listener.execute(f"listen {popping.CHANNEL}")
                self.listening.set()
                async with asyncio.TaskGroup() as together:
                    together.create_task(self._listen(listener))
                    together.create_task(self._hand_out(reader))
                    together.create_task(self._keep_present())
                    together.create_task(self._draw_walls())
        except* (psycopg.Error, OSError) as broken:
            logger.warning("desk_streams_lost_the_database", error=type(broken.exceptions[0]).__name__)
        finally:
            self.listening.clear()
            self.pending.clear()
            for stream in self._all():
                stream.close()

    async def _listen(self, listener: psycopg.AsyncConnection[Any]) -> None:
        async for notice in listener.notifies():
            for part in notice.payload.split(","):
                user, _colon, number = part.partition(":")
                if user and int(user) in self.desks:
                    self.pending.append(int(number))
            if self.pending:
                self.work.set()
        raise psycopg.OperationalError("the listening connection ended")

    async def _hand_out(self, reader: psycopg.AsyncConnection[Any]) -> None:
        while True:
            await self.work.wait()
            self.work.clear()
            ids, self.pending = self.pending, []
            await self._read(reader, ids)

    async def _read(self, reader: psycopg.AsyncConnection[Any], ids: list[int]) -> None:
        rows = await reader.execute(
            "select id, user_id, kind, data::text from interactions_deskevent where id = any(%s) order by id",
            [ids],
        )
        async for number, user, kind, data in rows:
            message = message_of(kind, data, number)
            for stream in self.desks.get(user, ()):
                stream.put(number, message)

    async def _keep_present(self) -> None:
        """Beside the calls, on a connection of its own: for two thousand desks it takes a moment."""
        while True:
            async with await _connect() as own:
                await self._tell_presence(own)
            await asyncio.sleep(_PRESENCE_SECONDS)

    async def _tell_presence(self, own: psycopg.AsyncConnection[Any]) -> None:
        """Keep the open desks of this process open, and end those of users who may not sign in any more."""
        users = list(self.desks)
        rows = await own.execute(
            """
            with valid as (select id from auth_user where id = any(%s) and is_active),
            told as (update interactions_deskpresence set seen_at = now() where user_id in (select id from valid))
            select id from valid
            """,
            [users],
        )
        valid = {user async for (user,) in rows}
        for user in set(users) - valid:
            for stream in self.desks.get(user, ()):
                stream.close()

    async def _draw_walls(self) -> None:
        while True:
            await asyncio.sleep(_WALL_SECONDS)
            for eye in {stream.eye for stream in self.walls}:
                with contextlib.suppress(Refusal):
                    picture = await in_thread(wall.picture, eye, timezone.now())
                    drawn = json.dumps({**picture, "at": None}, default=str)
                    if self.drawn.get(eye) != drawn:
                        self.drawn[eye] = drawn
                        for stream in [stream for stream in self.walls if stream.eye == eye]:
                            stream.put(0, message_of("wall", picture))


async def _connect() -> psycopg.AsyncConnection[Any]:
    """Open a connection of our own to Django's database, straight, since a pooler would lose the LISTEN."""
    wanted = {
        name: value
        for name, value in connection.get_connection_params().items()
        if name not in ("cursor_factory", "context", "pool", "server_side_binding", "prepare_threshold")
    }
    return await psycopg.AsyncConnection.connect(
        **wanted, autocommit=True, application_name="cim desk streams"
    )


Opener = Callable[[Scope], Awaitable[Stream]]

STREAMS: Final[dict[str, Opener]] = {
    "/desk/stream/": open_desk,
    "/wall/stream/": open_wall,
}
