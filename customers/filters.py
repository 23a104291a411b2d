"""From the parameters of an address to what the list is asked (6.1): what is not understood is refused by name.

Every surface that narrows customers down – the list, its count, saved views, bulk actions, exports – reads its
parameters here, so they mean the same everywhere, and what is masked is guarded in one place (C36).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.core.exceptions import PermissionDenied
from django.utils import timezone
from django.utils.datastructures import MultiValueDict
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import OpenApiParameter
from phonenumbers import PhoneMetadata
from rest_framework import exceptions
from rest_framework.request import Request

from cim.access import audit
from cim.access.models import AuditEntry
from customers.folding import fold
from customers.labelling import UnknownLabel, labels_named
from customers.listing.columns import Column
from customers.listing.query import (
    LARGEST_PAGE,
    STANDARD_PAGE,
    Condition,
    Operator,
    Query,
    Word,
    operators_for,
)
from customers.models import Attribute, Stage
from customers.models.customer import to_column
from customers.phones import InvalidPhone, from_address, normalize
from customers.policy import Sight
from customers.schema import PREDEFINED, Schema, dialplan
from customers.values import BadValue, Kind, Reading, Rules, from_text, quoted

PAGING = frozenset({"page", "page_size"})
ONCE = PAGING | {"ordering", "q", "match", "stage"}
PARAMETERS = ONCE | {"label"}

_LARGEST_NUMBER = 1_000_000_000
_LONGEST = 1000
_MOST_IN = 200

# Which parameters ask an operator, by what follows the attribute's key.
_ASKED = {operator.value: operator for operator in Operator if operator is not Operator.BELOW}

LOOK_UPS = 30
"""How many masked values one user may look up in a minute; who takes calls needs a few."""

_LOOK_UP = "customer.look_up"
_MINUTE = 60

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_NUMBER = re.compile(r"[\d()./+\-\u2010-\u2015]+", re.ASCII)
_TRUNK_ZERO = re.compile(r"\(\s*0\s*\)")


def parse(
    parameters: MultiValueDict[str, str] | Mapping[str, Sequence[str]], schema: Schema, sight: Sight
) -> Query:
    """Return what ``parameters`` ask.

    Raises ValidationError with a message for every parameter that is unknown or whose value is none, PermissionDenied
    where more than a whole value is asked of an attribute that ``sight`` masks (C36). One query when labels are named.
    """
    given = (
        {name: list(parameters.getlist(name)) for name in parameters}
        if isinstance(parameters, MultiValueDict)
        else {name: list(items) for name, items in parameters.items()}
    )
    return _Reader(given, schema, sight).query()


def asked(
    request: Request, schema: Schema, sight: Sight, parameters: Mapping[str, Sequence[str]] | None = None
) -> Query:
    """Return what the request asks of the list, in its address or as ``parameters`` in its body, as ``parse`` does.

    A whole value of a masked attribute is a look-up: it is noted in the audit trail, and refused with Throttled beyond
    ``LOOK_UPS`` a minute, so that nobody can try values until one fits (C36).
    """
    query = parse(request.query_params if parameters is None else parameters, schema, sight)
    if query.looked_up:
        actor = audit.actor_of(request)
        lately = AuditEntry.objects.filter(
            actor_id=actor.user_id, action=_LOOK_UP, at__gt=timezone.now() - timedelta(seconds=_MINUTE)
        )
        if lately.count() >= LOOK_UPS:
            raise exceptions.Throttled(
                _MINUTE,
                _("At most %(most)d masked values may be looked up in a minute.") % {"most": LOOK_UPS},
            )
        audit.note(actor, _LOOK_UP, object_type="attribute", object_id=",".join(query.looked_up))
    return query


class _Reader:
    """Reads one set of parameters, gathering everything that is wrong with it."""

    def __init__(self, given: Mapping[str, list[str]], schema: Schema, sight: Sight) -> None:
        self.given = given
        self.schema = schema
        self.sight = sight
        self.errors: dict[str, list[str]] = {}

    def query(self) -> Query:
        for name in ONCE & set(self.given):
            if len(self.given[name]) > 1:
                self.errors[name] = [_("%(name)s is given more than once.") % {"name": quoted(name)}]
        searched = [
            key for key in ("first_name", "last_name", "phones", "emails") if key not in self.sight.masked
        ]
        conditions = list(self._conditions())
        order_by, descending = self._ordering()
        query = Query(
            schema=self.schema,
            conditions=conditions if self._match() else _with_ranges(conditions),
            match_any=not self._match(),
            label_ids=self._labels(),
            stage=self._stage(),
            words=self._words(),
            searched=searched,
            order_by=order_by,
            descending=descending,
            page=self._whole_number("page", 1, _LARGEST_NUMBER),
            page_size=self._whole_number("page_size", STANDARD_PAGE, LARGEST_PAGE),
            looked_up=sorted(
                {item.attribute.key for group in conditions for item in group} & self.sight.masked
            ),
        )
        if self.errors:
            raise exceptions.ValidationError(self.errors)
        return query

    def _single(self, name: str) -> str | None:
        items = self.given.get(name)
        return items[0] if items else None

    def _refuse(self, name: str, message: str) -> None:
        self.errors.setdefault(name, []).append(message)

    def _whole_number(self, name: str, standard: int, most: int) -> int:
        text = self._single(name)
        if text is None:
            return standard
        if text.isascii() and text.isdecimal() and len(text) <= 10 and 1 <= int(text) <= most:
            return int(text)
        self._refuse(
            name,
            _("%(value)s is not a whole number from 1 to %(most)d.") % {"value": quoted(text), "most": most},
        )
        return standard

    def _match(self) -> bool:
        """Whether all conditions must hold, rather than any."""
        text = self._single("match")
        if text not in (None, "all", "any"):
            self._refuse("match", _("%(value)s is neither all nor any.") % {"value": quoted(text)})
        return text != "any"

    def _stage(self) -> Stage | None:
        text = self._single("stage")
        if text is None:
            return Stage.CURATED
        if text == "all":
            return None
        if text in Stage.values:
            return Stage(text)
        known = ", ".join([*Stage.values, "all"])
        self._refuse(
            "stage",
            _("%(value)s is not a stage; give one of %(known)s.") % {"value": quoted(text), "known": known},
        )
        return None

    def _labels(self) -> list[int]:
        try:
            return sorted({label.pk for label in labels_named(self.given.get("label", []))})
        except UnknownLabel as refusal:
            self._refuse("label", str(refusal))
            return []

    def _ordering(self) -> tuple[Attribute | None, bool]:
        text = self._single("ordering")
        if text is None:
            return None, True
        key = text.removeprefix("-")
        attribute = self.schema.by_key.get(key)
        if attribute is None:
            known = ", ".join(self.schema.by_key)
            self._refuse(
                "ordering",
                _(
                    "%(value)s is not an attribute to sort by, with or without - before it; there are: %(known)s."
                )
                % {"value": quoted(text), "known": known},
            )
            return None, True
        if key in self.sight.masked:
            raise PermissionDenied(_masked(attribute))
        return attribute, text.startswith("-")

    def _words(self) -> list[Word]:
        text = self._single("q") or ""
        if len(text) > _LONGEST:
            self._refuse("q", _too_long(text))
            return []
        return list(_words(text))

    def _conditions(self) -> Iterator[tuple[Condition, ...]]:
        for name, texts in self.given.items():
            if name in PARAMETERS:
                continue
            key, _separator, suffix = name.partition("__")
            attribute = self.schema.by_key.get(key)
            operator = _ASKED.get(suffix)
            if attribute is None or (suffix and operator is None) or name.endswith("__"):
                self._refuse(name, self._unknown(name, attribute))
                continue
            if operator not in operators_for(attribute.kind):
                self._refuse(name, _not_taken(name, attribute))
                continue
            if attribute.key in self.sight.masked and operator is not Operator.EQUALS:
                raise PermissionDenied(_masked(attribute))
            for text in texts:
                try:
                    yield tuple(_read(attribute, operator, text))
                except BadValue as refusal:
                    self._refuse(name, str(refusal))

    def _unknown(self, name: str, attribute: Attribute | None) -> str:
        if attribute is not None:
            return _not_taken(name, attribute)
        return _(
            "%(name)s is not a parameter of the list; it knows %(known)s, and these attributes: %(keys)s."
        ) % {
            "name": quoted(name),
            "known": ", ".join(sorted(PARAMETERS)),
            "keys": ", ".join(self.schema.by_key),
        }


def _masked(attribute: Attribute) -> str:
    return _("%(label)s is masked for you: you may only look up a whole value, as %(key)s=….") % {
        "label": attribute.title,
        "key": attribute.key,
    }


def _not_taken(name: str, attribute: Attribute) -> str:
    taken = operators_for(attribute.kind)
    return _("%(name)s is no way to search %(label)s, of the type %(type)s; there are: %(known)s.") % {
        "name": quoted(name),
        "label": quoted(attribute.title),
        "type": attribute.type,
        "known": ", ".join(f"{attribute.key}__{item}" if item else attribute.key for item in taken),
    }


def _too_long(text: str) -> str:
    return _("%(value)s is too long; at most %(most)d characters are searched.") % {
        "value": quoted(text),
        "most": _LONGEST,
    }


def _with_ranges(groups: Sequence[tuple[Condition, ...]]) -> list[tuple[Condition, ...]]:
    """Make one condition of a lower and an upper bound of the same attribute where *any* condition is enough.

    Apart they would always hold, and nobody asks that; *between* is what is meant.
    """
    found: list[tuple[Condition, ...]] = []
    for group in groups:
        partner = next((place for place, other in enumerate(found) if _is_range(other, group)), None)
        if partner is None:
            found.append(group)
        else:
            found[partner] = (*found[partner], *group)
    return found


def _is_range(one: Sequence[Condition], other: Sequence[Condition]) -> bool:
    if len(one) != 1 or len(other) != 1 or one[0].attribute.key != other[0].attribute.key:
        return False
    upper = {Operator.AT_MOST, Operator.BELOW}
    low, high = sorted((one[0], other[0]), key=lambda item: item.operator in upper)
    if low.operator is not Operator.AT_LEAST or high.operator not in upper:
        return False
    return low.operand <= high.operand  # type: ignore[operator]


def _read(attribute: Attribute, operator: Operator, text: str) -> Iterator[Condition]:
    """Read the operand of one condition, which may become two. Raises BadValue."""
    if "\x00" in text or any("\ud800" <= char <= "\udfff" for char in text):
        raise BadValue(
            _("%(value)s holds a character that is no text.")
            % {"value": quoted(text.encode(errors="replace").decode().replace("\x00", "␀"))}
        )
    if operator is Operator.IS_EMPTY:
        if text not in ("true", "false"):
            raise BadValue(_("%(value)s is neither true nor false.") % {"value": quoted(text)})
        yield Condition(attribute, operator, text == "true")
        return
    if not text:
        raise BadValue(
            _("Nothing was given; to find empty values, ask %(key)s__isempty=true.") % {"key": attribute.key}
        )
    if Column(attribute).is_text:
        yield Condition(attribute, operator, _texts(attribute, operator, text))
        return
    if attribute.kind is Kind.DATETIME and _DAY.fullmatch(text.strip()):
        yield from _day(attribute, operator, text)
        return
    if operator is Operator.IN:
        yield Condition(attribute, operator, tuple(_value(attribute, item) for item in _items(text)))
        return
    yield Condition(attribute, operator, _value(attribute, text))


def _value(attribute: Attribute, text: str) -> Any:
    value = from_text(text, Rules(attribute.kind), Reading(dialplan()))
    if value is None:
        raise BadValue(_("%(value)s is blank.") % {"value": quoted(text)})
    return to_column(value, attribute.kind)


def _items(text: str) -> list[str]:
    """Return the values that commas separate. Raises BadValue."""
    items = [item.strip() for item in text.split(",") if item.strip()]
    if not items:
        raise BadValue(
            _("%(value)s names nothing; give values separated by commas.") % {"value": quoted(text)}
        )
    if len(items) > _MOST_IN:
        raise BadValue(
            _("%(count)d values; at most %(most)d are taken.") % {"count": len(items), "most": _MOST_IN}
        )
    return items


def _day(attribute: Attribute, operator: Operator, text: str) -> Iterator[Condition]:
    """Take a day given for a moment as the whole day, in UTC."""
    start = from_text(text, Rules(Kind.DATETIME), Reading(dialplan()))
    try:
        end = start + timedelta(days=1)  # type: ignore[operator]
    except OverflowError:
        raise BadValue(_("%(value)s is no day of the calendar.") % {"value": quoted(text)}) from None
    if operator is not Operator.AT_MOST:
        yield Condition(attribute, Operator.AT_LEAST, start)  # type: ignore[arg-type]
    if operator is not Operator.AT_LEAST:
        yield Condition(attribute, Operator.BELOW, end)  # type: ignore[arg-type]


def _texts(attribute: Attribute, operator: Operator, text: str) -> tuple[str, ...]:
    """Return the alternatives that ``text`` means for a text attribute, as they are compared. Raises BadValue."""
    if len(text) > _LONGEST * (_MOST_IN if operator is Operator.IN else 1):
        raise BadValue(_too_long(text))
    if attribute.kind in (Kind.PHONE, Kind.PHONES):
        text = from_address(text)
    items = _items(text) if operator is Operator.IN else [text]
    if attribute.kind in (Kind.PHONE, Kind.PHONES):
        return tuple(dict.fromkeys(form for item in items for form in _forms(operator, item)))
    if Column(attribute).is_folded:
        return tuple(dict.fromkeys(map(fold, items)))
    return tuple(dict.fromkeys(items))


def _forms(operator: Operator, text: str) -> list[str]:
    """Return the forms of a number, or of a part of one, in which it is looked for. Raises BadValue."""
    if operator in (Operator.EQUALS, Operator.IN):
        try:
            return [normalize(text, dialplan())]
        except InvalidPhone:
            return _parts_of_numbers(text) or [text.strip()]
    forms = _parts_of_numbers(text)
    if not forms:
        raise BadValue(_("%(value)s is no part of a phone number; give digits.") % {"value": quoted(text)})
    if operator is Operator.STARTS_WITH:
        forms += [f"+{form}" for form in forms if not form.startswith(("+", "0"))]
    return forms


def _parts_of_numbers(text: str) -> list[str]:
    """Return what the digits in ``text`` may be of numbers as they are stored: as they stand, and as a beginning.

    0171 is looked for as +49171 too, 0049 171 as +49171, whatever stands between the digits (C24). Nothing where
    ``text`` cannot be a part of a number.
    """
    bare = text.strip()
    if any(char.isalpha() for char in bare):
        return []
    international = "+" + _digits(_TRUNK_ZERO.sub("", bare))
    if bare.startswith("+"):
        return [international] if len(international) > 1 or bare == "+" else []
    digits = _digits(bare)
    if not digits:
        return []
    region = dialplan().region
    metadata = PhoneMetadata.metadata_for_region(region, None)
    if digits.startswith("00") and len(digits) > 2:
        return [digits, f"+{international[3:]}"]
    if metadata is not None and (trunk := metadata.national_prefix) and digits.startswith(trunk):
        rest = digits.removeprefix(trunk)
        return [digits, f"+{metadata.country_code}{rest}"] if rest else [digits]
    return [digits]


def _digits(text: str) -> str:
    return "".join(char for char in text if char.isascii() and char.isdecimal())


def _words(text: str) -> Iterator[Word]:
    """Take the quick search apart: words at blanks, but the groups of one number together (C24)."""
    run: list[str] = []
    for token in text.split():
        if _NUMBER.fullmatch(token):
            run.append(token)
            continue
        yield from _number_words(run)
        run = []
        if folded := fold(token):
            yield Word((folded,))
    yield from _number_words(run)


def _number_words(run: Sequence[str]) -> Iterator[Word]:
    forms = _parts_of_numbers(" ".join(run))
    if len(run) == 1 or not forms:
        # Written with a point or a dash it may stand in an address just so.
        for token in run:
            yield Word(tuple(dict.fromkeys([*_parts_of_numbers(token), fold(token)])))
    else:
        yield Word(tuple(forms))


def _parameter(name: str, description: Promise, **more: Any) -> OpenApiParameter:
    return OpenApiParameter(name, more.pop("type", str), description=description, **more)


def _described() -> list[OpenApiParameter]:
    """Describe the parameters: those of every list, and for each predefined attribute those that its type takes."""
    described = [
        _parameter("page", gettext_lazy("number of the page, from 1"), type=int),
        _parameter("page_size", gettext_lazy("customers on a page, at most 200"), type=int),
        _parameter(
            "ordering", gettext_lazy("key of an attribute, or -key for falling; empty values come last")
        ),
        _parameter("q", gettext_lazy("words, each of which must be found in names, phones or emails")),
        _parameter("match", gettext_lazy("whether all conditions must hold, or any"), enum=["all", "any"]),
        _parameter("label", gettext_lazy("name of a label that the customer carries; repeatable"), many=True),
        _parameter("stage", gettext_lazy("stage of the contact"), enum=[*Stage.values, "all"]),
    ]
    for key, _label, kind in PREDEFINED:
        for operator in operators_for(Kind(kind)):
            name = f"{key}__{operator}" if operator else key
            enum = {"enum": ["true", "false"]} if operator is Operator.IS_EMPTY else {}
            described.append(
                _parameter(name, gettext_lazy("condition; every attribute's key works alike"), **enum)
            )
    return described


LIST_PARAMETERS = _described()
"""The parameters of the list for the API's description."""
