"""A reader of server-sent events, such as a desk is: for tests against a real server."""

import contextlib
import http.client
import json
import queue
import socket
import threading
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Message:
    event: str
    data: Any
    id: str | None


class Listener:
    """Reads a stream in a thread; the messages wait in order. Those that only say "alive" are left out."""

    def __init__(self, address: str, key: str, last: str | None = None, path: str = "/desk/stream/") -> None:
        headers = {"Authorization": f"Bearer {key}"}
        if last is not None:
            headers["Last-Event-ID"] = last
        self.connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=30)
        self.connection.request("GET", path, headers=headers)
        self.socket = self.connection.sock
        self.response = self.connection.getresponse()
        assert self.response.status == 200, self.response.read()
        self.messages: queue.Queue[Message] = queue.Queue()
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self) -> None:
        event, data, number = "message", "", None
        try:
            for raw in self.response:
                name, _colon, value = raw.decode().rstrip("\n").partition(": ")
                match name:
                    case "event":
                        event = value
                    case "data":
                        data += value
                    case "id":
                        number = value
                    case "" if data:
                        if event != "alive":
                            self.messages.put(Message(event, json.loads(data), number))
                        event, data, number = "message", "", None
        except (OSError, ValueError, AttributeError, http.client.HTTPException):
            # Closed under our hands, by the server or by the test.
            return

    def next(self, seconds: float = 20) -> Message:
        return self.messages.get(timeout=seconds)

    def until(self, event: str, seconds: float = 20) -> Message:
        while True:
            message = self.next(seconds)
            if message.event == event:
                return message

    def is_quiet(self, seconds: float = 0.7) -> bool:
        try:
            self.messages.get(timeout=seconds)
        except queue.Empty:
            return True
        return False

    def close(self) -> None:
        # A reader that waits for bytes holds the file: the line is cut first.
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.response.close()
        self.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
