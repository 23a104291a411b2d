import pytest

from cim.access.templatetags.audit_words import deed, kind, program, told


@pytest.mark.parametrize(
    ("data", "phrases"),
    [
        ({"after": {"label": "Tariff", "pii": False, "options": []}}, ["label: Tariff"]),
        (
            {"before": {"type": "text", "pii": False}, "after": {"type": "number", "pii": True}, "values": 2},
            ["type: text → number", "pii: – → yes", "values: 2"],
        ),
        ({"before": ["a", "b", "c"], "after": ["b", "a", "c"]}, ["moved: b, a"]),
        ({"changes": ["role", "team"], "name": "ada"}, ["changes: role, team", "name: ada"]),
        ({"count": 0, "reason": ""}, ["count: 0"]),
    ],
)
def test_entry_is_told_by_what_changed(data: dict[str, object], phrases: list[str]) -> None:
    assert told(data) == phrases


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ("session.sign_in", "Signed in"),
        ("customer.view", "Opened"),
        ("crm.configuration.create", "Created"),
        ("crm.brand_new", "crm.brand_new"),
    ],
)
def test_action_is_said_in_words_where_it_has_some(action, words):
    assert deed(action) == words


def test_kind_of_object_is_said_in_words_where_it_has_some():
    assert [kind("wrap_up_reason"), kind("brand_new")] == ["Wrap-up code", "brand_new"]


@pytest.mark.parametrize(
    ("user_agent", "words"),
    [
        (
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36",
            "Chrome on Linux",
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/156.0 Safari/537.36 Edg/156.0",
            "Edge on Windows",
        ),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1.15 Version/19.0 Safari/605.1.15",
            "Safari on macOS",
        ),
        ("curl/8.9", "curl/8.9"),
        ("", ""),
    ],
)
def test_browser_is_named_as_people_know_it(user_agent, words):
    assert program(user_agent) == words
