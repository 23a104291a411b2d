"""Calls as adapters tell of them: events with sensible defaults, at fixed instants."""

import datetime as dt
import itertools
from typing import Any

NOON = dt.datetime(2026, 11, 19, 12, 0, tzinfo=dt.UTC)
ANI = "+4930123456"

_numbers = itertools.count(1)


def event(
    kind: str, seconds: float = 0, *, call: str = "c-1", source: str = "pbx", **said: Any
) -> dict[str, Any]:
    """Write one event, `seconds` after noon; `agent` may be given as an id alone."""
    if isinstance(said.get("agent"), str):
        said["agent"] = {"id": said["agent"], "name": said["agent"].title()}
    return {
        "event_id": said.pop("event_id", None) or f"e-{next(_numbers)}",
        "source": source,
        "interaction_id": call,
        "type": kind,
        "occurred_at": said.pop("occurred_at", None) or (NOON + dt.timedelta(seconds=seconds)).isoformat(),
        **said,
    }


def now_event(kind: str, seconds: float = 0, **said: Any) -> dict[str, Any]:
    """Write one event that happens now, or some seconds from now."""
    at = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds)
    return event(kind, occurred_at=at.isoformat(), **said)


def voice(**said: Any) -> dict[str, Any]:
    return {"channel": "voice", "direction": "inbound", "address": ANI, **said}
