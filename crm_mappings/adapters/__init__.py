"""What CIM asks of a CRM: one small Protocol, and how the classes that keep it are found (M33).

An adapter is one class. It is registered under the entry point group `cim.crm_adapters`, whose names are the types that
a configuration may have; those that come with CIM need no entry point.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from importlib.metadata import entry_points
from typing import Any, ClassVar, Final, Protocol

from django.utils.functional import Promise
from django.utils.module_loading import import_string

from crm_mappings.outgoing import Outgoing

GROUP: Final = "cim.crm_adapters"

BUILT_IN: Final = {"kustomer": "crm_mappings.adapters.kustomer.Kustomer"}


class Unavailable(Exception):
    """The CRM did not do it, and may do it later: no answer, an error of its own, nonsense, too many requests.

    `retry_after` is what it asked for, in seconds; `is_failure` is false where it is well and only busy.
    """

    is_failure = True

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class Busy(Unavailable):
    """The CRM asks to be left alone for a while (429)."""

    is_failure = False


class Locked(Unavailable):
    """The CRM does not accept the credentials: nothing works until somebody changes them."""


class Refused(Exception):
    """The CRM will never do this as it was asked; the message is its reason."""

    def __init__(self, reason: str, status: int = 0) -> None:
        super().__init__(reason)
        self.status = status


class Kind(StrEnum):
    """What a field of a CRM holds."""

    TEXT = "string"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATETIME = "datetime"


@dataclass(frozen=True)
class Field:
    """A field of a record type: its name in mappings, what it holds, how long a text may be (None: no limit)."""

    name: str
    kind: Kind = Kind.TEXT
    limit: int | None = None
    label: str = ""
    known: bool = True


@dataclass(frozen=True)
class RecordType:
    """A kind of record. `appends` means that every write makes a new one, which nobody changes afterwards."""

    name: str
    label: str | Promise
    appends: bool = False


@dataclass(frozen=True)
class Record:
    """A record of the CRM: `values` by field name, as mappings name them."""

    type: str
    id: str
    values: Mapping[str, Any] = field(default_factory=dict)
    url: str = ""


@dataclass(frozen=True)
class Person:
    """What the gateway takes from a customer record (M30); several values of one thing stay in their order (M31)."""

    first_name: str = ""
    last_name: str = ""
    phones: Sequence[str] = ()
    emails: Sequence[str] = ()
    addresses: Sequence[str] = ()
    postal_codes: Sequence[str] = ()
    crm_id: str = ""
    account_id: str = ""


@dataclass(frozen=True)
class AddressForm:
    """Which addresses of a CRM are right, and how to say it: `expected` shows the form with its {parts}."""

    pattern: re.Pattern[str]
    expected: str


@dataclass(frozen=True)
class SystemUser:
    """As whom the CRM records what CIM writes (M16)."""

    name: str = ""
    time_zone: str = ""


@dataclass(frozen=True)
class Connection:
    """With what an adapter talks: the two addresses of the configuration, its credentials, and the way out."""

    base_url: str
    screenpop_url: str
    credentials: Mapping[str, str]
    outgoing: Outgoing


class Adapter(Protocol):
    """A CRM. Every method may raise Unavailable (also Busy, Locked) and Refused, and nothing else.

    Written must be safe to repeat: writing twice under one key leaves one record.
    """

    label: ClassVar[str]
    credentials: ClassVar[Sequence[str]]
    base_url: ClassVar[AddressForm]
    screenpop_url: ClassVar[AddressForm]
    hosts: ClassVar[Sequence[re.Pattern[str]]]
    record_types: ClassVar[Sequence[RecordType]]

    def __init__(self, connection: Connection) -> None: ...

    @classmethod
    def record_type(cls, name: str) -> RecordType | None:
        """Return the record type of that name, also one that an installation made for itself; None for no name."""

    @classmethod
    def field(cls, record_type: str, name: str) -> Field:
        """Say what a field holds, as far as its name tells; `known` is false for a name that is not in the list."""

    def check(self) -> SystemUser:
        """Try the credentials."""

    def fields(self, record_type: str) -> Sequence[Field]:
        """List the fields of a record type, those of the installation included."""

    def find(self, record_type: str, name: str, value: str) -> Sequence[Record]:
        """Return the records whose field has the value; none is an empty list."""

    def search(self, text: str) -> Sequence[Record]:
        """Return customers that fit what somebody typed: a name, a phone, an email (M34)."""

    def fetch(self, record_type: str, record_id: str) -> Record | None:
        """Return the record, None when there is no such record any more."""

    def related(self, customer: Record, record_type: str) -> Sequence[Record]:
        """Return the customer's records of a type, the newest first."""

    def write(
        self,
        record_type: str,
        values: Mapping[str, str],
        *,
        key: str,
        customer: Record | None,
        parent_key: str,
        repeated: bool,
    ) -> Record:
        """Create the record with this key, or change it where it exists; of a type that appends, leave it then.

        `customer` owns it, None for a customer. `parent_key` is the key of the record that stands for the whole
        contact, for types that hang on it. `repeated` says that an earlier try may have arrived.
        """

    def update(self, record: Record, values: Mapping[str, str]) -> Record:
        """Change fields of an existing record; the others stay."""

    def person(self, record: Record) -> Person:
        """Read a customer record as the gateway needs it."""

    def url_of(self, record_type: str, record_id: str, customer_id: str = "") -> str:
        """Return the address of the record's own page in the CRM (M35); empty where there is none."""


class UnknownType(LookupError):
    """No adapter is registered under this name."""


@cache
def _registered() -> dict[str, type[Adapter]]:
    found: dict[str, type[Adapter]] = {name: import_string(path) for name, path in BUILT_IN.items()}
    for point in entry_points(group=GROUP):
        if point.name not in BUILT_IN:
            found[point.name] = point.load()
    return found


def types() -> Mapping[str, type[Adapter]]:
    """Return the adapters that there are, by the type that a configuration names them by."""
    return _registered()


def adapter_of(type_name: str) -> type[Adapter]:
    """Return the adapter of a type. Raises UnknownType."""
    try:
        return _registered()[type_name]
    except KeyError:
        raise UnknownType(type_name) from None
