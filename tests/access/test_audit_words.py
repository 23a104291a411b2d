import pytest

from cim.access.templatetags.audit_words import told


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
