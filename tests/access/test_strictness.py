"""Bodies are read strictly: what is refused, and in which words."""

import contextlib
import json
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework import exceptions

from cim.access.strictness import quoted, refuse_unstorable
from cim.access.wire import JSONRenderer
from tests.access.sample_urls import Tour
from tests.factories import api_for

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.access.sample_urls")]


def errors_of(body) -> dict[str, list[str]]:
    raw = body if isinstance(body, bytes) else json.dumps(body)
    response = api_for("Agent").post("/api/tours/", raw, content_type="application/json")
    assert response.status_code == 400, response.content
    assert response["Content-Type"] == "application/problem+json"
    return response.json().get("errors") or {"": [response.json()["detail"]]}


def test_valid_body_passes():
    body = {
        "id": "sent back as it was read",
        "name": "Alps",
        "seats": 3,
        "price": 1.5,
        "guided": None,
        "starts_on": "2026-07-01",
        "level": "easy",
        "tags": ["a"],
        "stops": [{"street": "x", "floor": 2}],
        "first": {"street": "y"},
        "attributes": {"a": "b"},
        "anything": [1, {"x": None}],
    }

    response = api_for("Agent").post("/api/tours/", body)

    assert response.status_code == 201, response.content


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("name", 5, "“5” is a number; a text is expected."),
        ("name", True, "“true” is a boolean; a text is expected."),
        ("name", ["a"], '“["a"]” is a list; a text is expected.'),
        ("seats", "3", "“3” is a text; a number is expected."),
        ("seats", True, "“true” is a boolean; a number is expected."),
        ("price", "1.50", "“1.50” is a text; a number is expected."),
        ("guided", "true", "“true” is a text; true or false is expected."),
        ("guided", 1, "“1” is a number; true or false is expected."),
        ("starts_on", 20260701, "“20260701” is a number; a text is expected."),
        ("level", {}, "“{}” is an object; a text is expected."),
        ("tags", "a", "“a” is a text; a list is expected."),
        ("stops", {"street": "x"}, '“{"street": "x"}” is an object; a list is expected.'),
        ("first", "x", "“x” is a text; an object is expected."),
        ("attributes", [], "“[]” is a list; an object is expected."),
        ("email", "x@", "“x@”: Enter a valid email address."),
        ("level", "steep", '"steep" is not a valid choice.'),
        ("seats", 0, "Ensure this value is greater than or equal to 1."),
    ],
)
def test_wrong_value_is_quoted(field, value, message):
    (found,) = errors_of({"name": "Alps", field: value})[field]

    assert message in found
    assert str(value) in found or isinstance(value, bool | list | dict)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "Alps", "tags": ["a", 5]}, "tags.1"),
        ({"name": "Alps", "stops": [{"street": "x"}, {"street": 7}]}, "stops.1.street"),
        ({"name": "Alps", "stops": [{"street": "x", "door": 7}]}, "stops.0.door"),
        ({"name": "Alps", "stops": ["x"]}, "stops.0"),
        ({"name": "Alps", "first": {"street": "x" * 21}}, "first.street"),
        ({"name": "Alps", "attributes": {"shoe": 46}}, "attributes.shoe"),
        ({"name": "Alps", "color": "red"}, "color"),
        ({"seats": 1}, "name"),
        ({"name": None}, "name"),
    ],
)
def test_error_names_where(body, field):
    assert list(errors_of(body)) == [field]


def test_all_errors_come_at_once():
    assert set(errors_of({"seats": "3", "email": "x@", "color": 1})) == {"name", "seats", "email", "color"}


@pytest.mark.parametrize("body", [[], [{}], "text", 1, True, None, {}])
def test_body_must_be_a_filled_object(body):
    assert list(errors_of(body)) == ["body"]


def test_missing_body_is_named():
    response = api_for("Agent").post("/api/tours/")

    assert response.json()["errors"]["body"][0].startswith(
        "The body is empty; it takes: anything, attributes,"
    )


@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b"{'name': 1}",
        b'{"name": NaN}',
        b'{"price": Infinity, "name": "x"}',
        b'{"price": 1e999999999, "name": "x"}',
        b'{"anything": 1e999999999, "name": "x"}',
        b'{"seats": ' + b"9" * 5000 + b', "name": "x"}',
        b"\xff\xfe",
        b'"\xed\xa0\x80"',
        b"[" * 100_000,
    ],
)
def test_unreadable_body_is_400(raw):
    assert errors_of(raw)


@pytest.mark.parametrize("raw", [rb'{"name": "a\u0000b"}', rb'{"name": "\ud800"}'])
def test_unstorable_text_is_named(raw):
    (message,) = errors_of(raw)["name"]

    assert "contains a character that cannot be stored" in message


def test_unstorable_name_is_refused():
    assert errors_of(rb'{"name": "Alps", "anything": {"a\u0000": 1}}')


def test_surrogate_pair_is_text():
    response = api_for("Agent").post(
        "/api/tours/", rb'{"name": "\ud83d\ude00"}', content_type="application/json"
    )

    assert response.status_code == 201


def test_too_large_body_is_413(settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100

    response = api_for("Agent").post("/api/tours/", {"name": "x" * 100})

    assert (response.status_code, response.json()["detail"]) == (413, "The body is larger than 100 bytes.")


def test_numbers_keep_all_digits():
    raw = b'{"name": "x", "price": 123456789012345678.0123456789}'

    response = api_for("Agent").post("/api/tours/", raw, content_type="application/json")

    assert b'"price":123456789012345678.0123456789' in response.content


@given(st.decimals(allow_nan=False, allow_infinity=False, places=10, max_value=10**18, min_value=-(10**18)))
def test_decimals_are_written_as_numbers(number):
    written = JSONRenderer().render({"number": number})

    assert json.loads(written, parse_float=Decimal, parse_int=Decimal) == {"number": number}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=())), inner),
)


@given(JSON | st.dictionaries(st.sampled_from(sorted(Tour().fields)), JSON))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
def test_no_body_is_an_error_of_ours(body):
    with contextlib.suppress(exceptions.ValidationError):
        refuse_unstorable(body)
        Tour(data=body).is_valid(raise_exception=True)


@given(st.text(st.characters(exclude_categories=())))
def test_quotation_is_short_and_storable(text):
    assert len(quoted(text)) <= 83
    quoted(text).encode()
