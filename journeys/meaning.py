"""What a context says about the contact it belongs to: its keys are the channel's own, so they are read leniently.

No key is ever required, and none that is not understood is lost: the drill-down shows all of them. No database.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from journeys.topics import as_text, default_topic, first_text, plain

_CHANNELS: Final = {
    "voice": "voice",
    "phone": "voice",
    "call": "voice",
    "ivr": "voice",
    "outbound": "voice",
    "pom": "voice",
    "video": "video",
    "email": "email",
    "mail": "email",
    "sms": "sms",
    "text": "sms",
    "chat": "chat",
    "webchat": "chat",
    "social": "social",
    "socialmedia": "social",
    "messaging": "messaging",
    "message": "messaging",
    "whatsapp": "messaging",
    "web": "web",
    "website": "web",
}
_STATUS: Final = ("status", "state", "disposition", "result", "outcome", "completioncode")
_OPEN: Final = frozenset(
    ("open", "new", "pending", "waiting", "queued", "inprogress", "active", "ringing", "onhold", "connected")
)
_MISSED: Final = frozenset(
    ("noanswer", "busy", "missed", "abandoned", "unanswered", "answermachine", "nuisance")
)
_RATING: Final = ("rating", "customerrating", "satisfaction", "csat", "nps", "score")
_ACCOUNT: Final = ("account", "accountid", "accountnumber", "accountno")
_AGENT: Final = ("agent", "agentname", "agentid")
_NOTE: Final = ("note", "notes", "comment", "comments", "remark", "remarks")
_ADDRESS: Final = re.compile(
    "phone|address|number|mobile|caller|ani|dialled|dialed|msisdn|attempt", re.IGNORECASE
)
_NUMBER: Final = re.compile(r"\+?[\d\s()./-]{3,30}")
_MAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_LINK: Final = re.compile(r"https?://\S+", re.IGNORECASE)


@dataclass(frozen=True)
class Meaning:
    """What is understood of a context; what it does not say is empty."""

    channel: str
    direction: str
    topic: str
    account: str
    status: str
    is_open: bool
    is_missed: bool


def meaning_of(data: Mapping[str, Any], schema: Mapping[str, Any] | None, touchpoint: str) -> Meaning:
    """Read a context. The topic is the default one (J11)."""
    maps = maps_of(data, schema)
    status = first_text(maps, _STATUS)
    outbound = first_text(maps, ("direction", "calldirection")).casefold().startswith("out")
    outbound = outbound or bool(first_text(maps, ("attemptaddress", "campaign", "campaignname")))
    return Meaning(
        channel=_channel(maps, touchpoint, outbound),
        direction="outbound" if outbound else _inbound(maps),
        topic=default_topic(maps),
        account=first_text(maps, _ACCOUNT),
        status=status,
        is_open=plain(status) in _OPEN,
        is_missed=plain(status) in _MISSED,
    )


def maps_of(data: Mapping[str, Any], schema: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    """List the key/value maps of a context: its data, the maps in it, its schema and the attributes of its services."""
    maps: list[Mapping[str, Any]] = [data, *(value for value in data.values() if isinstance(value, Mapping))]
    if schema:
        services = schema.get("ServiceMap")
        for service in services.values() if isinstance(services, Mapping) else ():
            if isinstance(service, Mapping) and isinstance(service.get("attributes"), Mapping):
                maps.append(service["attributes"])
        maps.append(schema)
    return maps


def numbers_in(data: Mapping[str, Any], schema: Mapping[str, Any] | None) -> list[str]:
    """List what looks like a phone number under a name that speaks of one, in the order it stands there."""
    return list(
        dict.fromkeys(value for value in _addresses(maps_of(data, schema)) if _NUMBER.fullmatch(value))
    )


def emails_in(data: Mapping[str, Any], schema: Mapping[str, Any] | None) -> list[str]:
    found = [as_text(value) for one in maps_of(data, schema) for value in one.values()]
    return list(dict.fromkeys(value for value in found if _MAIL.fullmatch(value)))


def looks_personal(value: object) -> bool:
    """Say whether a value of a context looks like a phone number or a mail address."""
    text = as_text(value)
    return bool(_MAIL.fullmatch(text) or (_NUMBER.fullmatch(text) and sum(map(str.isdigit, text)) >= 7))


def rating_in(data: Mapping[str, Any]) -> int | float | str | None:
    """Return the rating that a context tells: a number where it is one, else the text."""
    text = first_text([data], _RATING)
    try:
        number = float(text)
    except ValueError:
        return text or None
    if number != number or number in (float("inf"), float("-inf")):
        return text
    return int(number) if number.is_integer() else number


def links_in(data: Mapping[str, Any]) -> list[tuple[str, str]]:
    """List the web addresses in the data with the names they stand under."""
    return [
        (str(key), value.strip())
        for key, value in data.items()
        if isinstance(value, str) and _LINK.fullmatch(value.strip())
    ]


def note_in(data: Mapping[str, Any]) -> str:
    return first_text([data], _NOTE)


def agent_in(data: Mapping[str, Any]) -> str:
    return first_text([data], _AGENT)


def status_in(data: Mapping[str, Any]) -> str:
    return first_text([data], _STATUS)


def _channel(maps: list[Mapping[str, Any]], touchpoint: str, outbound: bool) -> str:
    told = first_text(maps, ("channel", "channeltype", "mediatype", "media"))
    if channel := _CHANNELS.get(plain(told)):
        return channel
    address = first_text(maps, ("attemptaddress", "address"))
    if _MAIL.fullmatch(address):
        return "email"
    name = plain(touchpoint)
    # The longest word of a touchpoint that names a channel: `WEBCHAT2` is a chat, not the web.
    known = [word for word in _CHANNELS if word in name] if name != "undefined" else []
    if known:
        return _CHANNELS[max(known, key=len)]
    return "voice" if outbound or address else ""


def _inbound(maps: list[Mapping[str, Any]]) -> str:
    return "inbound" if first_text(maps, ("direction", "calldirection")).casefold().startswith("in") else ""


def _addresses(maps: list[Mapping[str, Any]]) -> Iterator[str]:
    for one in maps:
        for key, value in one.items():
            if not _ADDRESS.search(str(key)):
                continue
            for item in value if isinstance(value, list) else [value]:
                if text := as_text(item):
                    yield text
