"""The default topic, and what is understood of a context whose keys are the channel's own."""

import pytest

from journeys.meaning import links_in, meaning_of, numbers_in, rating_in
from journeys.topics import default_topic


@pytest.mark.parametrize(
    ("said", "topic"),
    [
        ({"Language": "English", "Service": "Billing"}, "English Billing"),
        ({"language": "German", "service_type": "Meter reading"}, "German Meter reading"),
        ({"LANGUAGE": ["French", "English"], "ServiceType": ["Renewal"]}, "French Renewal"),
        ({"Language": "English"}, ""),
        ({"Service": "Billing"}, ""),
        ({"Language": "", "Service": "Billing"}, ""),
        ({"Language": None, "Service": {"a": 1}}, ""),
        ({}, ""),
    ],
)
def test_default_topic_is_language_and_service_when_both_are_told(said, topic):
    assert default_topic([said]) == topic


def test_default_topic_is_found_in_the_service_map():
    schema = {
        "Locale": "en_us",
        "ServiceMap": {
            "1": {
                "priority": "5",
                "attributes": {"Channel": ["Chat"], "Language": ["English"], "ServiceType": ["Billing"]},
            }
        },
    }

    read = meaning_of({}, schema, "undefined")

    assert (read.topic, read.channel) == ("English Billing", "chat")


@pytest.mark.parametrize(
    ("data", "touchpoint", "channel", "direction"),
    [
        ({"channel": "Voice"}, "POM", "voice", ""),
        ({"Channel": "Social Media", "direction": "Inbound"}, "x", "social", "inbound"),
        ({"campaign": "Renewals", "attemptAddress": "+15550100"}, "POM", "voice", "outbound"),
        ({"campaign": "Renewals", "attemptAddress": "ada@example.org"}, "POM", "email", "outbound"),
        ({}, "WEBCHAT2", "chat", ""),
        ({}, "Website", "web", ""),
        ({}, "undefined", "", ""),
        ({"channel": "carrier pigeon"}, "undefined", "", ""),
    ],
)
def test_channel_and_direction_are_read_leniently(data, touchpoint, channel, direction):
    read = meaning_of(data, None, touchpoint)

    assert (read.channel, read.direction) == (channel, direction)


@pytest.mark.parametrize(
    ("status", "is_open", "is_missed"),
    [
        ("In progress", True, False),
        ("waiting", True, False),
        ("No_Answer", False, True),
        ("Answer_Human", False, False),
        ("", False, False),
    ],
)
def test_status_says_what_is_open_and_what_was_missed(status, is_open, is_missed):
    read = meaning_of({"status": status}, None, "POM")

    assert (read.is_open, read.is_missed) == (is_open, is_missed)


@pytest.mark.parametrize(
    ("value", "rating"),
    [(9, 9), ("11", 11), (4.5, 4.5), ("very good", "very good"), ("", None), ("nan", "nan")],
)
def test_rating_is_a_number_where_it_is_one(value, rating):
    assert rating_in({"Rating": value}) == rating


def test_numbers_are_looked_for_where_a_name_speaks_of_one():
    data = {
        "callerNumber": "+15550100",
        "order": "20261119",
        "Phone 2": ["030 1234567", "x"],
        "detail": {"ANI": "4711"},
    }

    assert numbers_in(data, None) == ["+15550100", "030 1234567", "4711"]


def test_links_are_web_addresses_only():
    data = {"recording": "https://r.example/1", "bad": "javascript:alert(1)", "text": "see https://x.example"}

    assert links_in(data) == [("recording", "https://r.example/1")]
