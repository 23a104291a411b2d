"""Rows become typed values by the same predicates as everywhere (C11, C63, C64)."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from customers.dialects import Match
from customers.importing.checking import NULL, WORDS, Checker, copied, pack, repaired, unpack
from customers.importing.planning import Use
from customers.models import Attribute
from customers.schema import InvalidProfile, Schema, dialplan
from customers.values import Kind, Reading

KINDS = [kind for kind in Kind if kind not in (Kind.PHONES, Kind.EMAILS)]


def schema_of(*more: Attribute) -> Schema:
    predefined = [
        Attribute(key="first_name", label="First name", type="text", is_custom=False),
        Attribute(key="phones", label="Phones", type="phones", is_custom=False),
        Attribute(key="emails", label="Emails", type="emails", is_custom=False),
    ]
    return Schema((*predefined, *more))


EVERY_KIND = schema_of(
    *(
        Attribute(
            key=f"my_{kind.value}", label=kind.value, type=kind.value, slot=slot, options=["gold", "Silver"]
        )
        for slot, kind in enumerate(KINDS, 1)
    )
)


def checker(schema: Schema, *keys: str | None, stop: frozenset[str] = frozenset(), **reading: Any) -> Checker:
    columns = [Match(key or f"column {place}", key) for place, key in enumerate(keys)]
    return Checker(columns, schema, Reading(dialplan("DE"), **reading), stop, "utf-8")


def fields(found: Checker, line: str) -> dict[str, str]:
    return dict(zip(found.target, line.split("\t"), strict=True))


texts = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ["+4930100001", "030 100001", "12", "1234", "4.41E+11", "1.5", "1,5", "1;2", "007", "-0", "1e5",
         "1.500", "true", "NEIN", "ja", "oui",
         "2026-02-29", "29.02.2028", "1/2/2026", "13/02/2026", "2026-11-30T14:05:00Z", "2026-11-30 14:05",
         "gold", "SILVER",
         "a@b.example", "a@b", "https://example.org/x", "ftp://x", "ÄÖÜ\\t", "a\tb", "x\r\ny", "''=1", "'=1", "\\N"]
    ),
)  # fmt: skip


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cells=st.lists(texts, min_size=len(KINDS) + 1, max_size=len(KINDS) + 1),
    decimal_comma=st.booleans(),
    day_first=st.sampled_from([None, True, False]),
    language=st.sampled_from(["en", "de", "fr"]),
)
def test_row_is_read_as_the_schema_reads_texts(
    cells: list[str], decimal_comma: bool, day_first: bool | None, language: str
) -> None:
    keys = ["first_name", *(f"my_{kind.value}" for kind in KINDS)]
    reading = {"decimal_comma": decimal_comma, "day_first": day_first, "words": WORDS.get(language)}
    found = checker(EVERY_KIND, *keys, **reading)
    raw = {key: repaired(cell) for key, cell in zip(keys, cells, strict=True)}

    batch = found.check([(2, list(cells))])

    refused: InvalidProfile | None = None
    try:
        expected = EVERY_KIND.read_text(raw, Reading(dialplan("DE"), **reading))
    except InvalidProfile as refusal:
        refused = refusal
    if refused is not None:
        (complaint,) = batch.complaints
        assert set(complaint.column.split("; ")) == set(refused.errors)
        assert all(
            message in complaint.reason for messages in refused.errors.values() for message in messages
        )
        return
    if not expected.values["first_name"] and not expected.values["my_phone"]:
        assert batch.complaints[0].reason.startswith("Give at least one of")
        return
    assert batch.complaints == []
    staged = fields(found, batch.lines[0])
    for attribute in EVERY_KIND.writable:
        if attribute.key in keys:
            wanted = copied(expected.values[attribute.key])
            same_number = attribute.kind is Kind.NUMBER and NULL not in (wanted, staged[attribute.column])
            # PostgreSQL reads 007 and 7.0 as the same number.
            assert staged[attribute.column] == wanted or (
                same_number and Decimal(staged[attribute.column]) == Decimal(wanted)
            )
    uses = EVERY_KIND.uses_of(expected.values, expected.typed)
    assert {number: use.used_in for number, use in unpack(staged["uses"]).items()} == {
        number: use.used_in for number, use in uses.items()
    }


def test_several_columns_make_one_list_in_their_order_without_doubles() -> None:
    found = checker(schema_of(), "phones", "emails", "phones", "emails")

    batch = found.check(
        [(2, ["030 100001; +49 30 100002", "b@x.example", "+4930100001", "a@x.example;b@x.example"])]
    )

    staged = fields(found, batch.lines[0])
    assert staged["phones"] == "{+4930100001,+4930100002}"
    assert staged["emails"] == '{"b@x.example","a@x.example"}'
    assert unpack(staged["uses"]) == {
        "+4930100001": Use("030 100001", ("phones",), 0),
        "+4930100002": Use("+49 30 100002", ("phones",), 0),
    }


def test_number_in_several_attributes_is_used_in_all_of_them() -> None:
    schema = schema_of(Attribute(key="work", label="Work", type="phone", slot=1))
    found = checker(schema, "work", "phones")

    staged = fields(found, found.check([(2, ["+4930100001", "030 100001"])]).lines[0])

    assert (staged["text_1"], staged["phones"]) == ("+4930100001", "{+4930100001}")
    assert unpack(staged["uses"])["+4930100001"].used_in == ("phones", "work")


def test_switchboard_number_is_kept_and_identifies_nobody() -> None:
    found = checker(schema_of(), "phones", stop=frozenset({"+4930100001"}))

    staged = fields(found, found.check([(2, ["+4930100001"])]).lines[0])

    assert (staged["phones"], staged["uses"]) == ("{+4930100001}", "")


def test_row_of_another_width_is_wrong_unless_only_empty_cells_are_too_many() -> None:
    found = checker(schema_of(), "first_name", "phones")

    batch = found.check([(2, ["Ada", ""]), (3, ["Ada"]), (4, ["Ada", "", " ", ""]), (5, ["Ada", "", "x"])])

    assert [(complaint.line, complaint.reason) for complaint in batch.complaints] == [
        (3, "The row has 1 cells where the header has 2."),
        (5, "The row has 3 cells where the header has 2."),
    ]
    assert [line.split("\t")[0] for line in batch.lines] == ["2", "4"]


def test_bytes_of_another_encoding_are_an_error_that_says_so() -> None:
    found = checker(schema_of(), "first_name")

    (complaint,) = found.check([(2, ["Zo\udceb"])]).complaints

    assert complaint.value == "Zo�"
    assert "the file mixes encodings" in complaint.reason


def test_nul_is_an_error_and_shown() -> None:
    (complaint,) = checker(schema_of(), "first_name").check([(2, ["a\x00b"])]).complaints

    assert (complaint.value, "“a␀b”" in complaint.reason) == ("a␀b", True)


@pytest.mark.parametrize(
    ("raw", "meant"),
    [
        ("JÃ¼rgen", "Jürgen"),
        ("â‚¬ 5", "€ 5"),
        ("MÃ¡laga", "Málaga"),
        ("São", "São"),
        ("Ã", "Ã"),
        ("'=1", "=1"),
        ("'t", "'t"),
    ],
)
def test_damage_is_repaired_only_where_that_is_exact(raw: str, meant: str) -> None:
    assert repaired(raw) == meant


def test_required_attributes_without_value_and_default_are_noted() -> None:
    schema = schema_of(
        Attribute(key="tier", label="Tier", type="text", slot=1, required=True),
        Attribute(key="plan", label="Plan", type="text", slot=2, required=True, default="basic"),
    )
    found = checker(schema, "first_name", "tier", "plan")

    batch = found.check([(2, ["Ada", "", ""]), (3, ["Ada", "gold", ""])])

    assert [line.split("\t")[2:4] for line in batch.lines] == [["tier", "tier,plan"], [NULL, "plan"]]


def test_many_distinct_values_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("customers.importing.checking._MOST_KEPT", 10)
    found = checker(schema_of(), "first_name")

    batch = found.check([(line, [f"Name {line}"]) for line in range(2, 60)])

    assert len(batch.lines) == 58
    assert len(found.single[0][2]) <= 10


numbers = st.from_regex(r"\+?[0-9]{3,15}", fullmatch=True)
typed = st.text(st.characters(blacklist_categories=["Cc", "Cs"]), min_size=1, max_size=20)


@given(
    st.dictionaries(
        numbers,
        st.tuples(typed, st.lists(st.from_regex(r"[a-z_]{1,9}", fullmatch=True), min_size=1, max_size=3)),
    )
)
def test_numbers_survive_the_staging_table(uses: dict[str, tuple[str, list[str]]]) -> None:
    packed = pack({number: [text, ",".join(keys), "3"] for number, (text, keys) in uses.items()})

    assert unpack(packed) == {number: Use(text, tuple(keys), 3) for number, (text, keys) in uses.items()}
