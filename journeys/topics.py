"""Topics: what ties one intent together across channels (J11). No database."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

LONGEST: Final = 255

_LANGUAGE: Final = ("language", "languagename")
_SERVICE: Final = ("service", "servicetype", "servicename")


def default_topic(said: Iterable[Mapping[str, Any]]) -> str:
    """Return `Language Service` when both are told, else nothing.

    `said` are key/value maps, the more telling first; keys count regardless of case, spaces, `_` and `-`.
    """
    maps = list(said)
    language, service = first_text(maps, _LANGUAGE), first_text(maps, _SERVICE)
    return f"{language} {service}"[:LONGEST] if language and service else ""


def first_text(maps: Iterable[Mapping[str, Any]], names: Iterable[str]) -> str:
    """Return the first non-empty text or number under one of the names, names before maps; of a list its first."""
    folded = [{plain(key): value for key, value in one.items()} for one in maps]
    for name in names:
        for one in folded:
            if text := as_text(one.get(name)):
                return text
    return ""


def plain(name: object) -> str:
    """Write a name as names are compared: `Service-Type` is `service_type` is `servicetype`."""
    return "".join(letter for letter in str(name).casefold() if letter.isalnum())


def as_text(value: object) -> str:
    if isinstance(value, list | tuple):
        value = value[0] if value else None
    if isinstance(value, bool) or value is None:
        return ""
    return str(value).strip()[:LONGEST] if isinstance(value, str | int | float) else ""
