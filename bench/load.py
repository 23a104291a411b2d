"""A lean client for benchmarks: raw HTTP over asyncio streams, so that it costs little beside what it measures."""

import asyncio
import datetime as dt
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


class Sender:
    """Keeps connections alive and posts JSON over whichever is free."""

    def __init__(self, port: int, key: str = "", connections: int = 8) -> None:
        self.port, self.key = port, key
        self.free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter] | None] = asyncio.Queue()
        for _number in range(connections):
            self.free.put_nowait(None)

    async def post(self, path: str, body: Any) -> tuple[int, bytes]:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        head = f"POST {path} HTTP/1.1\r\nHost: localhost:{self.port}\r\nContent-Type: application/json\r\n"
        head += f"Authorization: Bearer {self.key}\r\nContent-Length: {len(raw)}\r\n\r\n"
        line = await self.free.get()
        try:
            reader, writer = line or await asyncio.open_connection("127.0.0.1", self.port)
            line = (reader, writer)
            writer.write(head.encode() + raw)
            answer = await reader.readuntil(b"\r\n\r\n")
            status = int(answer[9:12])
            fields = answer.lower().partition(b"content-length:")[2]
            content = await reader.readexactly(int(fields.partition(b"\r\n")[0])) if fields else b""
            return status, content
        except BaseException:
            line = None
            raise
        finally:
            self.free.put_nowait(line)


def event(kind: str, call: str, place: object, at: dt.datetime | None = None, **said: Any) -> dict[str, Any]:
    """Write what has happened to a call, by default just now; ``place`` tells it from the call's other events."""
    return {
        "event_id": f"{call}-{place}",
        "source": "bench",
        "interaction_id": call,
        "type": kind,
        "occurred_at": (at or dt.datetime.now(dt.UTC)).isoformat(),
        **said,
    }


async def listen(
    port: int, path: str, key: str, hear: Callable[[bytes, float], None], opened: Callable[[], None]
) -> None:
    """Read a stream of server-sent events until cancelled; `hear` gets each block with the time of its arrival."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    try:
        writer.write(
            f"GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nAuthorization: Bearer {key}\r\n\r\n".encode()
        )
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(head.decode())
        opened()
        while True:
            block = await reader.readuntil(b"\n\n")
            hear(block, time.perf_counter())
    finally:
        writer.close()


def percentiles(values: list[float]) -> str:
    ordered = sorted(values)
    at = lambda part: ordered[min(len(ordered) - 1, int(len(ordered) * part))] * 1000  # noqa: E731
    return f"p50 {at(0.5):6.1f}  p95 {at(0.95):6.1f}  p99 {at(0.99):6.1f}  max {ordered[-1] * 1000:6.1f} ms"


def process_facts(pid: int) -> dict[str, float]:
    """Memory in MB and threads of a process."""
    status = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line
    )
    return {"memory": int(status["VmRSS"].split()[0]) / 1024, "threads": int(status["Threads"])}
