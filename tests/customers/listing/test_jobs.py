"""Bulk actions and exports: whom they take, how far they are, taking them back, and files that import to the same."""

import csv
import io
import json
import time
from typing import Any
from uuid import UUID

import pytest
import python_calamine
from django.contrib.auth.models import Group, User
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from cim.access.audit import system_actor
from cim.access.models import AuditEntry
from customers import bulk, schema, tasks
from customers.models import Attribute, Customer, CustomerLabel, Label, ListJob, ListJobPiece, Phone
from customers.schema import Definition

pytestmark = pytest.mark.django_db

ACTOR = system_actor("api")


def client_of(role: str) -> APIClient:
    user = User.objects.create_user(role.lower(), first_name=role)
    user.groups.add(Group.objects.get(name=role))
    client = APIClient()
    client.force_authenticate(user)
    return client


@pytest.fixture
def supervisor() -> APIClient:
    return client_of("Supervisor")


@pytest.fixture
def admin() -> APIClient:
    return client_of("Admin")


@pytest.fixture
def people(admin: APIClient) -> list[str]:
    """Five customers called Clara, and Hendrik."""
    return [
        admin.post("/api/v1/customers/", {"first_name": name, "phones": [f"+4917112345{number:02}"]}).json()[
            "id"
        ]
        for number, name in enumerate(["Clara"] * 5 + ["Hendrik"])
    ]


@pytest.fixture
def vip() -> Label:
    return Label.objects.create(name="VIP")


@pytest.fixture
def in_background(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave everything to a worker, in chunks of two."""
    monkeypatch.setattr(bulk, "AT_ONCE", dict.fromkeys(bulk.Action, 0))
    monkeypatch.setattr(bulk, "CHUNK", dict.fromkeys(bulk.Action, 2))


def labelled() -> set[str]:
    return {str(key) for key in CustomerLabel.objects.values_list("customer_id", flat=True)}


def ask(client: APIClient, **body: Any) -> dict[str, Any]:
    answer = client.post("/api/v1/bulk/", body, format="json")
    assert answer.status_code in (201, 202), answer.json()
    return answer.json()


def job(client: APIClient, started: dict[str, Any]) -> dict[str, Any]:
    return client.get(f"/api/v1/bulk/{started['id']}/").json()


# Bulk actions


def test_few_are_done_when_the_answer_comes(supervisor: APIClient, people: list[str], vip: Label) -> None:
    done = ask(supervisor, action="label", label="vip", ids=[people[0], people[5]])

    assert (done["state"], done["total"], done["done"], done["changed"]) == ("completed", 2, 2, 2)
    assert labelled() == {people[0], people[5]}


def test_all_matches_are_taken_in_the_background(
    supervisor: APIClient, people: list[str], vip: Label, in_background: None
) -> None:
    CustomerLabel.objects.create(customer_id=people[0], label=vip)
    started = ask(supervisor, action="label", label="VIP", query={"first_name": "clara"})
    assert (started["state"], started["total"]) == ("queued", None)

    assert tasks.work_on_list_jobs() == 1

    done = job(supervisor, started)
    assert (done["state"], done["total"], done["done"], done["changed"]) == ("completed", 5, 5, 4)
    assert labelled() == set(people[:5])


def test_undoing_takes_back_just_what_was_changed(
    supervisor: APIClient, people: list[str], vip: Label, in_background: None
) -> None:
    CustomerLabel.objects.create(customer_id=people[0], label=vip)
    started = ask(supervisor, action="label", label="VIP", query={"first_name": "clara"})
    tasks.work_on_list_jobs()

    assert supervisor.post(f"/api/v1/bulk/{started['id']}/undo/").status_code == 202
    tasks.work_on_list_jobs()

    assert job(supervisor, started)["state"] == "undone"
    assert labelled() == {people[0]}
    assert supervisor.post(f"/api/v1/bulk/{started['id']}/undo/").status_code == 409


def test_unlabelling_is_undone_too(supervisor: APIClient, people: list[str], vip: Label) -> None:
    ask(supervisor, action="label", label="VIP", query={})
    started = ask(supervisor, action="unlabel", label="VIP", ids=people[:2])
    assert labelled() == set(people[2:])

    supervisor.post(f"/api/v1/bulk/{started['id']}/undo/")
    tasks.work_on_list_jobs()
    assert labelled() == set(people)


def test_deleted_ones_come_back_but_for_numbers_taken_since(
    supervisor: APIClient, people: list[str], in_background: None
) -> None:
    started = ask(supervisor, action="delete", query={"first_name": "clara"})
    tasks.work_on_list_jobs()
    assert Customer.objects.live().count() == 1
    assert not Phone.objects.current().filter(customer_id__in=people[:5]).exists()
    newcomer = supervisor.post(
        "/api/v1/customers/", {"first_name": "Zoë", "phones": ["+491711234500"]}
    ).json()["id"]

    supervisor.post(f"/api/v1/bulk/{started['id']}/undo/")
    tasks.work_on_list_jobs()

    undone = job(supervisor, started)
    assert (undone["state"], undone["not_returned"]) == (
        "undone",
        [{"number": "+491711234500", "owner": newcomer}],
    )
    assert Customer.objects.live().count() == 7


def test_a_job_is_taken_up_where_its_worker_died(
    supervisor: APIClient, people: list[str], vip: Label, in_background: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = ask(supervisor, action="label", label="VIP", query={})
    real = bulk._label
    calls = []

    def dies(*args: Any) -> Any:
        calls.append(args)
        if len(calls) == 2:
            raise SystemExit
        return real(*args)

    monkeypatch.setattr(bulk, "_label", dies)
    with pytest.raises(SystemExit):
        tasks.work_on_list_jobs()
    assert job(supervisor, started)["done"] == 2
    assert tasks.work_on_list_jobs() == 0  # the lease still holds

    ListJob.objects.update(leased_until=started["created_at"])
    assert tasks.work_on_list_jobs() == 1
    done = job(supervisor, started)
    assert (done["state"], done["done"], done["changed"]) == ("completed", 6, 6)


def test_a_worker_that_comes_back_late_cannot_write(
    supervisor: APIClient, people: list[str], vip: Label, in_background: None
) -> None:
    started = ask(supervisor, action="label", label="VIP", query={})
    running = ListJob.objects.get(pk=started["id"])
    tasks.work_on_list_jobs()

    with pytest.raises(bulk.LeaseLost):
        bulk._hold(running.pk, running.fence)


def test_a_cancelled_job_stays_as_far_as_it_was(
    supervisor: APIClient, people: list[str], vip: Label, in_background: None
) -> None:
    started = ask(supervisor, action="label", label="VIP", query={})

    assert supervisor.post(f"/api/v1/bulk/{started['id']}/cancel/").json()["state"] == "cancelled"
    assert tasks.work_on_list_jobs() == 0
    assert labelled() == set()
    assert supervisor.post(f"/api/v1/bulk/{started['id']}/cancel/").status_code == 409


def test_a_failure_is_shown_and_what_was_done_can_be_undone(
    supervisor: APIClient, people: list[str], vip: Label, in_background: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = ask(supervisor, action="label", label="VIP", query={})
    real = bulk._label

    def breaks(job: ListJob, ids: list[UUID]) -> Any:
        if job.done:
            raise ZeroDivisionError
        return real(job, ids)

    monkeypatch.setattr(bulk, "_label", breaks)
    tasks.work_on_list_jobs()

    failed = job(supervisor, started)
    assert (failed["state"], failed["done"], failed["undoable"]) == ("failed", 2, True)
    assert "what was done until then stands" in failed["error"]


def test_a_job_is_noted_in_the_audit_trail(supervisor: APIClient, people: list[str], vip: Label) -> None:
    done = ask(supervisor, action="label", label="VIP", query={})

    entry = AuditEntry.objects.get(action="bulk.label")
    assert (entry.object_id, entry.data["customers"], entry.data["label"]) == (done["id"], 6, "VIP")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "The body is empty"),
        ({"action": "paint", "ids": []}, "paint"),
        ({"action": "label", "ids": []}, "Name a label"),
        ({"action": "delete", "label": "VIP", "ids": []}, "none for delete"),
        ({"action": "delete"}, "Give either query"),
        ({"action": "delete", "ids": [], "query": {}}, "Give either query"),
        ({"action": "label", "label": "Nobody", "query": {}}, "“Nobody”"),
        ({"action": "delete", "query": {"frist_name": "a"}}, "“frist_name”"),
        ({"action": "delete", "query": {"first_name": 7}}, "7"),
        ({"action": "delete", "query": {"page": "2"}}, "All pages are taken"),
        ({"action": "delete", "ids": ["x"]}, "x"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_written(
    supervisor: APIClient, vip: Label, body: Any, words: str
) -> None:
    answer = supervisor.post("/api/v1/bulk/", body, format="json")

    assert answer.status_code == 400
    assert words in json.dumps(answer.json(), ensure_ascii=False)
    assert not ListJob.objects.exists()


def test_rights_decide_what_may_be_done() -> None:
    agent = client_of("Agent")
    Label.objects.create(name="VIP")

    assert agent.post("/api/v1/bulk/", {"action": "delete", "query": {}}, format="json").status_code == 403
    assert (
        agent.post(
            "/api/v1/bulk/", {"action": "label", "label": "VIP", "query": {}}, format="json"
        ).status_code
        == 201
    )
    assert agent.post("/api/v1/exports/", {"format": "csv", "query": {}}, format="json").status_code == 403


def test_jobs_are_their_owners_alone(supervisor: APIClient, admin: APIClient, vip: Label) -> None:
    done = ask(supervisor, action="label", label="VIP", query={})

    assert admin.get(f"/api/v1/bulk/{done['id']}/").status_code == 404
    assert admin.get("/api/v1/bulk/").json() == []
    assert [item["id"] for item in supervisor.get("/api/v1/bulk/").json()] == [done["id"]]


# Exports


def export(client: APIClient, **body: Any) -> dict[str, Any]:
    answer = client.post("/api/v1/exports/", {"query": {}, **body}, format="json")
    assert answer.status_code in (201, 202), answer.json()
    return answer.json()


def file_of(client: APIClient, done: dict[str, Any]) -> bytes:
    answer = client.get(done["file"])
    assert answer.status_code == 200, answer
    return b"".join(answer.streaming_content)


def rows_of(data: bytes, kind: str) -> list[list[str]]:
    if kind == "csv":
        return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    sheet = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(data)).get_sheet_by_index(0)
    return [["" if cell is None else str(cell) for cell in row] for row in sheet.iter_rows()]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_what_is_shown_is_exported_in_its_order(admin: APIClient, people: list[str], kind: str) -> None:
    done = export(
        admin,
        format=kind,
        query={"ordering": "first_name"},
        columns=["last_name", "first_name", "phones", "labels"],
    )
    rows = rows_of(file_of(admin, done), kind)

    assert rows[0] == ["last_name", "first_name", "phones", "labels"]
    assert [row[1] for row in rows[1:]] == ["Clara"] * 5 + ["Hendrik"]
    assert rows[1][2] == "'+491711234500"


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_file_written_in_chunks_is_the_same(
    admin: APIClient, people: list[str], kind: str, in_background: None
) -> None:
    started = export(admin, format=kind, query={"ordering": "-phones"}, columns=["phones"])
    assert started["state"] == "queued"
    tasks.work_on_list_jobs()

    done = admin.get(f"/api/v1/exports/{started['id']}/").json()
    assert (done["state"], done["total"], done["done"]) == ("completed", 6, 6)
    assert ListJobPiece.objects.count() == 3
    numbers = [f"'+4917112345{number:02}" for number in range(5, -1, -1)]
    assert rows_of(file_of(admin, done), kind) == [["phones"], *[[number] for number in numbers]]


def test_nobody_matching_makes_a_file_of_the_header(admin: APIClient) -> None:
    done = export(admin, format="csv", columns=["first_name"])

    assert file_of(admin, done) == b"\xef\xbb\xbffirst_name\r\n"


NASTY = [
    "=1+1",
    "+49 30 1",
    "@x",
    "-1",
    "\t=1",
    "'quoted",
    "''",
    "a,b;c",
    'say "hi"',
    "two\nlines",
    "Zoë 😀",
    "_x0041_",
    "<&>",
    "0049",
]


@pytest.fixture
def nasty(admin: APIClient) -> list[dict[str, Any]]:
    """Customers with every type of value, and texts that spreadsheets and importers stumble over."""
    kinds = {
        "note": "text",
        "score": "number",
        "active": "boolean",
        "born": "date",
        "seen": "datetime",
        "site": "url",
    }
    for label, kind in {**kinds, "tier": "choice", "mobile": "phone", "work_mail": "email"}.items():
        given: dict[str, Any] = {
            "label": label,
            "type": kind,
            **({"options": ["Gold", "=1"]} if kind == "choice" else {}),
        }
        schema.add(Definition(**given, given=frozenset(given)), ACTOR)
    made = []
    for number, text in enumerate(NASTY):
        answer = admin.post(
            "/api/v1/customers/",
            {
                "first_name": text,
                "phones": [f"+4917198765{number:02}", f"+4930987654{number:02}"],
                "emails": [f"a{number}@example.org", f"b{number}@example.org"],
                "attributes": {
                    "note": text,
                    "score": [-12.5, 0, 1234567890123456.25, 0.0000000001, None][number % 5],
                    "active": [True, False, None][number % 3],
                    "born": "1980-02-29" if number % 2 else None,
                    "seen": "2026-11-20T12:00:00.123456Z",
                    "site": "https://example.org/?a=1&b=2",
                    "tier": "=1" if number % 2 else "Gold",
                    "mobile": f"+4940111222{number:02}",
                    "work_mail": f"w{number}@example.org",
                },
            },
            format="json",
        )
        assert answer.status_code == 201, answer.json()
        made.append(answer.json())
    return made


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_no_cell_is_a_formula(admin: APIClient, nasty: list[dict[str, Any]], kind: str) -> None:
    rows = rows_of(file_of(admin, export(admin, format=kind, columns=["first_name"])), kind)

    assert [row[0] for row in rows[1:] if row[0].startswith(("=", "+", "-", "@", "\t"))] == []


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_what_was_exported_imports_to_the_same(
    admin: APIClient, nasty: list[dict[str, Any]], kind: str
) -> None:
    before = {
        item["id"]: item for item in admin.get("/api/v1/customers/", {"page_size": 200}).json()["results"]
    }
    data = file_of(admin, export(admin, format=kind))

    mapping = dict.fromkeys(["created_at", "updated_at", "labels"])
    answer = admin.post(
        "/api/v1/imports/",
        {"file": SimpleUploadedFile(f"customers.{kind}", data), "options": json.dumps({"mapping": mapping})},
        format="multipart",
    )
    assert answer.status_code == 202, answer.json()
    run = _finished(admin, answer.json()["id"])

    assert run["state"] == "completed", run
    assert (run["counts"]["errors"], run["counts"]["unchanged"]) == (0, len(nasty)), run["counts"]
    after = {
        item["id"]: item for item in admin.get("/api/v1/customers/", {"page_size": 200}).json()["results"]
    }
    assert after == before


def _finished(client: APIClient, run_id: str) -> dict[str, Any]:
    for _ in range(200):
        tasks.run_imports()
        run: dict[str, Any] = client.get(f"/api/v1/imports/{run_id}/").json()
        if run["state"] in {"completed", "failed", "cancelled"}:
            return run
        time.sleep(0.05)
    raise AssertionError(run)


def test_masked_values_stay_masked_in_the_file(nasty: list[dict[str, Any]]) -> None:
    schema.change(
        Attribute.objects.get(key="first_name"), Definition(pii=True, given=frozenset({"pii"})), ACTOR
    )
    importer = client_of("Importer")

    rows = rows_of(file_of(importer, export(importer, format="csv", columns=["first_name", "note"])), "csv")

    assert {row[0] for row in rows[1:]} == {"••••••"}
    refused = importer.post(
        "/api/v1/exports/", {"format": "csv", "query": {"ordering": "first_name"}}, format="json"
    )
    assert refused.status_code == 403


def test_an_unknown_column_is_named(admin: APIClient) -> None:
    answer = admin.post(
        "/api/v1/exports/", {"format": "csv", "query": {}, "columns": ["frist_name"]}, format="json"
    )

    assert answer.status_code == 400
    assert "“frist_name”" in answer.json()["errors"]["columns"][0]


def test_a_file_is_gone_after_its_time(
    admin: APIClient, people: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    done = export(admin, format="csv")
    ListJob.objects.update(finished_at="2020-01-01T00:00Z", created_at="2026-11-20T00:00Z")

    assert bulk.forget_files(ListJob.objects.get().created_at) == 1
    assert admin.get(done["file"]).status_code == 410


def test_an_unfinished_export_has_no_file(admin: APIClient, people: list[str], in_background: None) -> None:
    started = export(admin, format="csv")

    assert started["file"] is None
    assert admin.get(f"/api/v1/exports/{started['id']}/file/").status_code == 409
