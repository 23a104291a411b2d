"""The data fields of a contact that mappings name (M11), and how each is read from an interaction. No database.

The lists and names are those of the vendor's pages on Kustomer: 22 for digital contacts, 21 for calls. What is in
neither comes as a script variable.
"""

import datetime as dt
import json
import zoneinfo
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

if TYPE_CHECKING:
    from interactions.models import Interaction


class Kind(StrEnum):
    """What a row of a mapping reads from (M10)."""

    DIGITAL = "digital"
    VOICE = "voice"
    SCRIPT = "script"


class Form(StrEnum):
    """What the text of a field looks like, which decides what it may be written to (M12)."""

    TEXT = "text"
    LONG = "long"
    MOMENT = "moment"
    TRUTH = "truth"
    ADDRESS = "address"


@dataclass(frozen=True)
class DataField:
    """One thing that is known about a contact, under the name by which mappings refer to it."""

    name: str
    label: Promise
    form: Form = Form.TEXT


_ALL: Final = {
    name: DataField(name, label, form)
    for name, label, form in (
        ("agent_id", _("Agent ID"), Form.TEXT),
        ("agent_name", _("Agent name"), Form.TEXT),
        ("ani", _("ANI"), Form.TEXT),
        ("channel_name", _("Channel name"), Form.TEXT),
        ("channel_type", _("Channel type"), Form.TEXT),
        ("contact_id", _("Contact ID"), Form.TEXT),
        ("contact_type", _("Contact type"), Form.TEXT),
        ("customer_name", _("Customer name"), Form.TEXT),
        ("direction", _("Direction"), Form.TEXT),
        ("disposition_name", _("Disposition name"), Form.TEXT),
        ("disposition_notes", _("Disposition notes"), Form.LONG),
        ("dnis", _("DNIS"), Form.TEXT),
        ("end_time", _("End time"), Form.MOMENT),
        ("event_type", _("Event type"), Form.TEXT),
        ("final_state", _("Final state"), Form.TRUTH),
        ("from_address", pgettext_lazy("address", "From"), Form.TEXT),
        ("interaction_id", _("Interaction ID"), Form.TEXT),
        ("master_contact_id", _("Master contact ID"), Form.TEXT),
        ("media_type", _("Media type"), Form.TEXT),
        ("recording_url", _("Recording URL"), Form.ADDRESS),
        ("skill_id", _("Skill ID"), Form.TEXT),
        ("skill_name", _("Skill name"), Form.TEXT),
        ("start_time", _("Start time"), Form.MOMENT),
        ("status", _("Status"), Form.TEXT),
        ("tags", _("Tags"), Form.TEXT),
        ("to_address", pgettext_lazy("address", "To"), Form.TEXT),
        ("transcript_url", _("Transcript URL"), Form.ADDRESS),
        ("transcription_text", _("Transcription text"), Form.LONG),
    )
}
_DIGITAL_ONLY: Final = {
    "channel_name",
    "channel_type",
    "customer_name",
    "event_type",
    "from_address",
    "transcript_url",
    "transcription_text",
}
_VOICE_ONLY: Final = {"ani", "contact_type", "dnis", "master_contact_id", "recording_url", "tags"}

CATALOGUE: Final[Mapping[Kind, Mapping[str, DataField]]] = {
    Kind.DIGITAL: {name: it for name, it in _ALL.items() if name not in _VOICE_ONLY},
    Kind.VOICE: {name: it for name, it in _ALL.items() if name not in _DIGITAL_ONLY},
}

WITHHELD: Final = frozenset({"status", "disposition_name", "disposition_notes", "tags"})
"""What the agent has yet to say when the customer ends a contact first (M13)."""

CALLS: Final = frozenset({"", "voice", "video"})
"""The channels that count as calls; an interaction without a channel is one of a telephony that names none."""


def kind_of(channel: str) -> Kind:
    """Tell whether a contact over `channel` is a call or a digital contact."""
    return Kind.VOICE if channel in CALLS else Kind.DIGITAL


@dataclass(frozen=True)
class Contact:
    """An interaction at one moment, from the point of view of one agent, as mappings see it.

    `agent` is the agent whose work is written, empty for the last one; `messages` are the texts of the contact in
    order, read only where a mapping asks for a transcript.
    """

    interaction: "Interaction"
    customer_name: str = ""
    zone: dt.tzinfo = dt.UTC
    agent: str = ""
    messages: Callable[[], Sequence[str]] = field(default=tuple)


def read(contact: Contact, kind: Kind, name: str) -> str:
    """Return the text of a data field, or of a script variable; empty where the contact says nothing."""
    if kind is Kind.SCRIPT:
        return _script_variable(contact.interaction, name)
    return _READERS[name](contact)


def _script_variable(it: "Interaction", name: str) -> str:
    """Variables are compared in lower case: scripts spell them as they like (M11)."""
    for key, value in it.data.items():
        if key.lower() == name:
            return _as_text(value)
    return ""


def _as_text(value: Any) -> str:
    match value:
        case None:
            return ""
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
    return json.dumps(value, ensure_ascii=False)


def _agent(contact: Contact) -> str:
    """Name the agent the fields are about: the given one, else the one who talked last."""
    if contact.agent:
        return contact.agent
    it = contact.interaction
    talked = [
        leg["agent"] for leg in it.activities if leg["agent"] and leg["kind"] in {"agent", "conference"}
    ]
    if talked:
        return str(talked[-1])
    return str(it.offers[-1]["agent"]) if it.offers else next(iter(it.agents), "")


def _agent_name(contact: Contact) -> str:
    agent = _agent(contact)
    return str(contact.interaction.agents.get(agent, {}).get("name") or agent)


def _moment(contact: Contact, at: dt.datetime | None) -> str:
    return at.astimezone(contact.zone).isoformat(timespec="seconds") if at else ""


def _media(contact: Contact) -> str:
    it = contact.interaction
    return _as_text(it.data.get("media_type")) or kind_of(it.channel).value


def _disposition(contact: Contact) -> str:
    """The agent's own last code where an agent is asked for, else the recorded wrap-up of the interaction (I4)."""
    it = contact.interaction
    own = [applied["code"] for applied in it.wrap_ups if contact.agent and applied["agent"] == contact.agent]
    if own:
        return str(own[-1])
    return str((it.wrap_up or {}).get("code") or "")


def _notes(contact: Contact) -> str:
    it = contact.interaction
    said = [(note["at"], note["text"]) for note in it.notes]
    known = {text for _at, text in said}
    said += [
        (applied["at"], applied["notes"])
        for applied in it.wrap_ups
        if applied.get("notes") and applied["notes"] not in known
    ]
    return "\n".join(text for _at, text in sorted(said))


def _skill(contact: Contact, member: str) -> str:
    return _as_text((contact.interaction.skill or {}).get(member))


def _customer_name(contact: Contact) -> str:
    return contact.customer_name or contact.interaction.customer_name


def _transcript(contact: Contact) -> str:
    whole = _as_text(contact.interaction.data.get("transcript"))
    return whole or "\n".join(text for text in contact.messages() if text)


_READERS: Final[Mapping[str, Callable[[Contact], str]]] = {
    "agent_id": _agent,
    "agent_name": _agent_name,
    "ani": lambda contact: contact.interaction.address,
    "channel_name": lambda contact: (
        _as_text(contact.interaction.data.get("channel_name"))
        or contact.interaction.queue
        or contact.interaction.channel
    ),
    "channel_type": lambda contact: contact.interaction.channel,
    "contact_id": lambda contact: (
        _as_text(contact.interaction.data.get("contact_id")) or contact.interaction.external_id
    ),
    "contact_type": lambda contact: kind_of(contact.interaction.channel).value,
    "customer_name": _customer_name,
    "direction": lambda contact: contact.interaction.direction,
    "disposition_name": _disposition,
    "disposition_notes": _notes,
    "dnis": lambda contact: contact.interaction.dialled,
    "end_time": lambda contact: _moment(contact, contact.interaction.ended),
    "event_type": _media,
    "final_state": lambda contact: "true" if contact.interaction.ended else "false",
    "from_address": lambda contact: _customer_name(contact) or contact.interaction.address,
    "interaction_id": lambda contact: contact.interaction.external_id,
    "master_contact_id": lambda contact: contact.interaction.master_id,
    "media_type": _media,
    "recording_url": lambda contact: contact.interaction.recording_url,
    "skill_id": lambda contact: _skill(contact, "id"),
    "skill_name": lambda contact: _skill(contact, "name") or contact.interaction.queue,
    "start_time": lambda contact: _moment(contact, contact.interaction.started),
    "status": lambda contact: contact.interaction.status,
    "tags": lambda contact: ", ".join(contact.interaction.tags),
    "to_address": _agent_name,
    "transcript_url": lambda contact: contact.interaction.transcript_url,
    "transcription_text": _transcript,
}


def zone_named(name: str) -> dt.tzinfo:
    """Return a time zone by name; UTC for none or one that is no more."""
    try:
        return zoneinfo.ZoneInfo(name) if name else dt.UTC
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        return dt.UTC
