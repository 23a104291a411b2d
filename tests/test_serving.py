"""A request goes its whole way in one thread, and what it streams ends when its client goes away."""

import asyncio
import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.signals import request_finished, request_started
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import path

from cim.serving import OneThreadHandler
from customers.streaming import Stream

pytestmark = pytest.mark.urls(__name__)
ended, left = threading.Event(), threading.Event()


def plain(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"{request.method} {len(request.body)} {threading.current_thread().name}")


def endless(request: HttpRequest) -> HttpResponseBase:
    def parts() -> Iterator[bytes]:
        try:
            for number in itertools.count():
                yield b"%d," % number
        finally:
            ended.set()

    return Stream(parts())


def breaking(request: HttpRequest) -> HttpResponseBase:
    def parts() -> Iterator[bytes]:
        yield b"so far"
        raise RuntimeError("broken on purpose")

    return Stream(parts())


def waiting(request: HttpRequest) -> HttpResponse:
    return HttpResponse(str(left.wait(10)))


def broken(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("broken on purpose")


urlpatterns = [
    path("plain/", plain),
    path("endless/", endless),
    path("breaking/", breaking),
    path("waiting/", waiting),
    path("broken/", broken),
]


@pytest.fixture(autouse=True)
def without_middleware(settings: Any) -> None:
    settings.MIDDLEWARE = []


def ask(
    address: str, body: bytes = b"", leaves: Callable[[list[Any]], bool] = lambda sent: False
) -> list[dict[str, Any]]:
    """Send one request and return the messages of its answer; the client goes away as soon as `leaves` says so."""
    sent: list[dict[str, Any]] = []
    incoming = [{"type": "http.request", "body": body}]
    method = "POST" if body else "GET"
    scope = {"type": "http", "method": method, "path": address, "query_string": b"", "headers": []}

    async def receive() -> dict[str, Any]:
        if incoming:
            return incoming.pop()
        while not leaves(sent):
            await asyncio.sleep(0.01)
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)
        await asyncio.sleep(0)

    async def run() -> None:
        await asyncio.wait_for(OneThreadHandler()(scope, receive, send), 20)

    # In a thread of its own: browser tests leave a loop behind in theirs.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, run()).result()
    return sent


def test_a_request_begins_and_ends_in_the_thread_that_answers_it() -> None:
    threads = []

    def note(**_kwargs: Any) -> None:
        threads.append(threading.current_thread().name)

    request_started.connect(note)
    request_finished.connect(note)
    try:
        start, body = ask("/plain/", b"twelve bytes")
    finally:
        request_started.disconnect(note)
        request_finished.disconnect(note)

    assert start["status"] == 200
    assert body["body"].decode() == f"POST 12 {threads[0]}"
    assert threads == [threads[0]] * 2


def test_an_endless_answer_ends_when_its_client_goes_away() -> None:
    ended.clear()

    sent = ask("/endless/", leaves=lambda sent: len(sent) > 3)

    assert [message["body"] for message in sent[1:4]] == [b"0,", b"1,", b"2,"]
    assert ended.wait(10)


def test_an_answer_that_breaks_off_is_over_all_the_same() -> None:
    """Else the connection that it reads by is lost to the pool."""
    finished = []

    def note(**_kwargs: Any) -> None:
        finished.append(threading.current_thread().name)

    request_finished.connect(note)
    try:
        with pytest.raises(RuntimeError, match="on purpose"):
            ask("/breaking/")
    finally:
        request_finished.disconnect(note)

    assert len(finished) == 1


def test_who_has_gone_is_sent_nothing() -> None:
    left.clear()

    def leaves(_sent: list[Any]) -> bool:
        left.set()
        return True

    assert ask("/waiting/", leaves=leaves) == []


def test_what_breaks_is_answered() -> None:
    assert ask("/broken/")[0]["status"] == 500
