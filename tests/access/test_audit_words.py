import ast
import re
from collections.abc import Iterator

import pytest

from cim.access.templatetags.audit_words import deed, kind, program, told
from customers.models import ImportRun, ListJob
from tests import catalogues

CRM_KINDS = ("memorialisation_mapping", "dynamic_data_mapping", "workflow", "skill")


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


# Whatever any code writes has words

FORMS: dict[str, list[str]] = {
    "f'{kind}.{verb}'": [
        f"{kind}.{verb}"
        for kind, verbs in {
            "user": ("create", "change", "delete"),
            "apikey": ("create", "change", "delete", "revoke"),
        }.items()
        for verb in verbs
    ],
    "f'bulk.{wish.action}'": [f"bulk.{action}" for action in ListJob.Action.values],
    "f'import.{state}'": [f"import.{state}" for state in ImportRun.FINAL],
    "f'contact_list.{verb}'": ["contact_list.create", "contact_list.change"],
    "f'crm.{kind}.{action}'": [f"crm.{kind}.{verb}" for kind in CRM_KINDS for verb in ("create", "change")],
    "f'crm.{kind}.delete'": [f"crm.{kind}.delete" for kind in CRM_KINDS],
    "f'crm_{kind}'": [f"crm_{kind}" for kind in CRM_KINDS],
}
"""What the actions and kinds that are put together can be; a new one has to be told here."""


def calls() -> Iterator[ast.Call]:
    for package in catalogues.PACKAGES:
        for path in (catalogues.ROOT / package).rglob("*.py"):
            if "migrations" not in path.parts:
                yield from (it for it in ast.walk(ast.parse(path.read_text())) if isinstance(it, ast.Call))


def meant(written: ast.expr | None) -> list[str]:
    match written:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.IfExp():
            return meant(written.body) + meant(written.orelse)
        case ast.JoinedStr():
            return FORMS[ast.unparse(written)]
    # A variable: what it stands for is found among the arguments of the other calls.
    return []


def writes(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute | ast.Name) and ast.unparse(call.func) in {
        *("audit.note", "audit.recorded", "note", "recorded"),
    }


def actions() -> set[str]:
    found = {
        action for call in calls() if writes(call) and len(call.args) > 1 for action in meant(call.args[1])
    }
    subjects = {action.partition(".")[0] for action in found}
    for call in calls():
        if ast.unparse(call.func).startswith("logger."):
            continue
        for argument in call.args:
            found.update(
                text
                for text in (meant(argument) if isinstance(argument, ast.Constant) else [])
                if re.fullmatch(r"[a-z_]+(\.[a-z_]+)+", text) and text.partition(".")[0] in subjects
            )
    for path in catalogues.ROOT.glob("*/**/migrations/*.py"):
        if ".venv" not in path.parts:
            found.update(re.findall(r"values\s*\(\s*'',\s*'([a-z_.]+)'", path.read_text(), re.IGNORECASE))
    return found


def test_every_action_has_words() -> None:
    known = actions()

    assert len(known) > 70
    assert {"customer.update", "history.forget", "audit.purge", "bulk.unlabel"} <= known
    assert sorted(action for action in known if deed(action) == action) == []


def test_every_kind_of_object_has_words() -> None:
    kinds = {
        name
        for call in calls()
        if writes(call)
        for keyword in call.keywords
        if keyword.arg == "object_type"
        for name in meant(keyword.value)
    }

    assert len(kinds) > 15
    assert sorted(name for name in {*kinds, "apikey", "context"} if kind(name) == name) == []
