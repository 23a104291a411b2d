"""What the person who uploads a file may decide about it (C62)."""

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import phonenumbers
from django.utils.translation import gettext as _

from customers.importing.planning import Conflict


class InvalidOptions(ValueError):
    """Options that cannot be; ``errors`` maps each to its messages, quoting the value."""

    def __init__(self, errors: Mapping[str, list[str]]) -> None:
        super().__init__("; ".join(message for messages in errors.values() for message in messages))
        self.errors = dict(errors)


@dataclass(frozen=True)
class Options:
    """The decisions; what is left out is detected or has the default of the contract."""

    on_conflict: str = Conflict.OVERWRITE.value
    region: str = ""
    mapping: Mapping[str, str | None] = field(default_factory=dict)
    encoding: str = ""
    delimiter: str = ""
    decimal_comma: bool = False
    day_first: bool | None = None
    empty_cells_clear: bool = False
    all_or_nothing: bool = False
    dry_run: bool = False
    start_at: dt.datetime | None = None
    language: str = "en"
    corrects: str = ""
    """The import whose failed rows these are, corrected; ``lines`` are the lines they had there."""
    lines: Sequence[int] = ()

    def __post_init__(self) -> None:
        errors = {}
        if self.on_conflict not in {conflict.value for conflict in Conflict}:
            errors["on_conflict"] = [
                _("“%(value)s” is not one of overwrite, update, reject.")
                % {"value": str(self.on_conflict)[:80]}
            ]
        if self.region and self.region not in phonenumbers.SUPPORTED_REGIONS:
            errors["region"] = [
                _("“%(value)s” is not a region; give two letters such as DE or US.")
                % {"value": self.region[:80]}
            ]
        if errors:
            raise InvalidOptions(errors)

    @property
    def conflict(self) -> Conflict:
        return Conflict(self.on_conflict)

    def as_json(self) -> dict[str, Any]:
        """Return the options as a run keeps and shows them."""
        kept = dataclasses.asdict(self)
        return {**kept, "start_at": self.start_at.isoformat() if self.start_at else None}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> "Options":
        """Read what ``as_json`` wrote."""
        start_at = kept.get("start_at")
        return cls(**{**kept, "start_at": dt.datetime.fromisoformat(start_at) if start_at else None})
