"""How a web process answers: a request goes its whole way, from the first middleware to the last, in one thread.

All of that way is ordinary code, which waits for the database. By itself Django would go through the event loop at each
of twenty middlewares, and start a thread for each request: more work than storing an event is.
"""

import asyncio
import gc
import sys
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import IO, Any, Final, cast

from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.conf import settings
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, ASGIRequest, get_script_prefix
from django.core.signals import request_started
from django.db import close_old_connections
from django.http import FileResponse
from django.http.response import HttpResponseBase
from django.urls import set_script_prefix

from cim.access.cancelling import Receive, Send, until_gone

_SWITCH_SECONDS: Final = 0.001
"""How long a thread computes while others wait: by Python's 5 ms a desk would wait for every page that is made."""

_GARBAGE: Final = 20_000
"""After how many more objects garbage is looked for. A full look goes through the objects of all open streams, a tenth
of a second for a thousand, in which no call pops: by Python's 700 every ten seconds, by this every few minutes."""


class OneThreadHandler(ASGIHandler):
    def __init__(self) -> None:
        super().__init__()
        self.threads = ThreadPoolExecutor(settings.WEB_THREADS, thread_name_prefix="requests")
        sys.setswitchinterval(_SWITCH_SECONDS)
        # What was loaded stays for good: looking through it for garbage stops all streams for a quarter of a second.
        gc.collect()
        gc.freeze()
        gc.set_threshold(_GARBAGE)

    def load_middleware(self, is_async: bool = False) -> None:
        super().load_middleware(is_async=False)

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise ValueError(f"Only HTTP is answered, not {scope['type']}.")
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        gone = asyncio.create_task(until_gone(receive))
        try:
            response = await asyncio.get_running_loop().run_in_executor(
                self.threads, copy_context().run, self._answer, scope, body
            )
            if response.streaming:
                await self._stream(response, send, gone)
            elif not gone.done():
                gone.cancel()
                await self.send_response(response, send)
        finally:
            gone.cancel()

    def _answer(self, scope: dict[str, Any], body: IO[bytes]) -> HttpResponseBase:
        """Answer as Django's own handler does; the connection is given back before a byte is sent."""
        set_script_prefix(get_script_prefix(scope))
        request_started.send(sender=self.__class__, scope=scope)
        request, refusal = self.create_request(scope, body)
        response: HttpResponseBase = refusal or self.get_response(cast(ASGIRequest, request))
        response._handler_class = self.__class__  # type: ignore[attr-defined]
        if isinstance(response, FileResponse):
            response.block_size = self.chunk_size
        if response.streaming:
            # What is streamed is read in a thread of its own, with its own connection.
            close_old_connections()
        else:
            response.close()
        body.close()
        return response

    async def _stream(self, response: HttpResponseBase, send: Send, gone: "asyncio.Task[None]") -> None:
        """Send as it is made, until the client goes away."""
        async with ThreadSensitiveContext():
            sending = asyncio.create_task(self.send_response(response, send))
            try:
                await asyncio.wait([sending, gone], return_when=asyncio.FIRST_COMPLETED)
            finally:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)
                # Also when what makes it broke: its connection goes back to the pool with it.
                await sync_to_async(response.close)()
            if not sending.cancelled():
                sending.result()
