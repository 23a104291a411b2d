"""The API of imports: the contract 6.2, its refusals, its reports."""

import csv
import io
import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import override_settings
from python_calamine import CalamineWorkbook
from rest_framework.test import APIClient

from cim.access.audit import system_actor
from customers import profiles
from customers.importing import running
from customers.models import Customer, ImportRow, ImportRun
from customers.schema import Schema
from tests.customers.importing.files import check_balance, csv_file, state
from tests.customers.test_profiles import add_attribute
from tests.factories import api_for, make_user

pytestmark = pytest.mark.django_db

ADA, GRACE, KAREN = "+4930100001", "+4930100002", "+4930100003"


@pytest.fixture
def api() -> APIClient:
    return api_for("Importer")


def post(api: APIClient, content: bytes, name: str = "people.csv", **options: Any) -> Any:
    body = {"file": SimpleUploadedFile(name, content), "options": json.dumps(options)}
    return api.post("/api/v1/imports/", body, format="multipart")


def finished(api: APIClient, run: dict[str, Any]) -> dict[str, Any]:
    running.work()
    check_balance(ImportRun.objects.get(id=run["id"]))
    return dict(api.get(f"/api/v1/imports/{run['id']}/").json())


def rows_of(response: Any) -> list[dict[str, str]]:
    assert response.status_code == 200
    return list(csv.DictReader(io.StringIO(b"".join(response.streaming_content).decode(), newline="")))


def test_upload_is_accepted_and_the_run_tells_how_far_it_is(api: APIClient) -> None:
    answer = post(
        api, csv_file(["First name", "Phone", "Shoe size"], [["Ada", ADA, "38"], ["Grace", "12", "40"]])
    )

    assert answer.status_code == 202
    run = answer.json()
    assert (run["state"], run["rows_total"], run["file_name"]) == ("queued", 2, "people.csv")
    assert run["columns"][2] == {"header": "Shoe size", "attribute": None}
    done = finished(api, run)
    assert done["state"] == "completed"
    nothing = dict.fromkeys(("overwritten", "updated", "unchanged", "superseded", "skipped"), 0)
    assert done["counts"] == {"read": 2, "created": 1, "errors": 1, **nothing}
    assert done["progress"]["percent"] == 100
    assert done["error"] is None
    assert done["started_at"] <= done["finished_at"]
    assert [item["id"] for item in api.get("/api/v1/imports/").json()] == [run["id"]]


def test_error_report_is_the_original_row_and_can_be_sent_again(api: APIClient) -> None:
    content = csv_file(
        ["Vorname", "Phone", "Address"],
        [["=cmd()", "12", 'Street "1",\r\n2nd floor'], ["Grace", GRACE, ""], ["Kären", "+49 1", "'"]],
        delimiter=";",
        encoding="cp1252",
    )
    mapping = {"Vorname": "first_name"}
    run = post(api, content, mapping=mapping).json()
    assert finished(api, run)["counts"]["errors"] == 2

    response = api.get(f"/api/v1/imports/{run['id']}/errors.csv")
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    report = b"".join(response.streaming_content)
    rows = list(csv.DictReader(io.StringIO(report.decode(), newline="")))

    assert [row["line"] for row in rows] == ["2", "5"]
    assert [row["column"] for row in rows] == ["Phone", "Phone"]
    assert rows[1]["value"] == "'+49 1"
    assert [row["Vorname"] for row in rows] == ["'=cmd()", "Kären"]
    corrected = report.replace(b",12,", b",%s," % ADA.encode(), 2).replace(b"'+49 1", KAREN.encode())
    again = post(api, corrected).json()
    assert finished(api, again)["counts"]["created"] == 2
    assert {item["first_name"] for item in state(Schema.current())} == {"=cmd()", "Grace", "Kären"}
    assert Customer.objects.get(first_name="=cmd()").address == 'Street "1",\r\n2nd floor'
    assert Customer.objects.get(first_name="Kären").address == "'"


def test_fate_report_names_every_line(api: APIClient) -> None:
    run = post(api, csv_file(["first_name", "phone"], [["A", ADA], ["B", ADA], ["C", "x"]])).json()
    finished(api, run)

    rows = rows_of(api.get(f"/api/v1/imports/{run['id']}/rows.csv"))

    assert [(row["line"], row["outcome"], row["superseded_by"]) for row in rows] == [
        ("2", "superseded", "3"), ("3", "created", ""), ("4", "error", ""),
    ]  # fmt: skip
    assert rows[0]["customer"] == rows[1]["customer"] == str(Customer.objects.get().pk)


def test_dry_run_writes_nothing_shows_old_and_new_and_can_be_started(api: APIClient) -> None:
    add_attribute("Tax number", "text", pii=True)
    schema = Schema.current()
    given = {"first_name": "Ada", "address": "Old", "phones": [ADA], "tax_number": "T1"}
    ada = profiles.create(schema.read_json(given), system_actor("api"), schema=schema).customer
    content = csv_file(
        ["first_name", "address", "phone", "Tax number"],
        [["Ada", "New", ADA, "T2"], ["Grace", "", GRACE, ""], ["Mary", "", "", ""]],
    )

    run = post(api, content, dry_run=True).json()
    assert finished(api, run)["state"] == "ready"
    preview = api.get(f"/api/v1/imports/{run['id']}/preview/").json()

    assert Customer.objects.count() == 1
    assert preview["counts"]["overwritten"] == 1
    assert preview["without_phone"] == 1
    (row,) = preview["overwritten"]["rows"]
    assert (row["line"], row["customer"], row["changed"]) == (2, str(ada.pk), ["address"])
    assert (row["old"]["address"], row["new"]["address"]) == ("Old", "New")
    assert (row["old"]["tax_number"], row["new"]["tax_number"]) == ("••••••", "T2")
    assert [item["line"] for item in preview["created"]["rows"]] == [3, 4]
    admin = api_for("Admin").get(f"/api/v1/imports/{run['id']}/preview/").json()
    assert admin["overwritten"]["rows"][0]["old"]["tax_number"] == "T1"
    started = api.post(f"/api/v1/imports/{run['id']}/start/")
    assert (started.status_code, started.json()["state"]) == (202, "queued")
    assert finished(api, run)["counts"]["created"] == 2
    assert Customer.objects.get(pk=ada.pk).address == "New"
    assert api.post(f"/api/v1/imports/{run['id']}/start/").status_code == 409
    assert api.get(f"/api/v1/imports/{run['id']}/preview/").status_code == 409


def test_all_or_nothing_writes_nothing_where_one_row_is_wrong(api: APIClient) -> None:
    rows = [["Ada", ADA], ["Grace", GRACE], ["Karen", "1"]]

    run = finished(api, post(api, csv_file(["first_name", "phone"], rows), all_or_nothing=True).json())

    assert run["state"] == "failed"
    assert run["error"].startswith("All or nothing: 1 rows are wrong")
    assert (run["counts"]["skipped"], run["counts"]["errors"]) == (2, 1)
    assert not Customer.objects.exists()
    good = finished(api, post(api, csv_file(["first_name", "phone"], rows[:2]), all_or_nothing=True).json())
    assert (good["state"], good["counts"]["created"]) == ("completed", 2)


@override_settings(CIM_IMPORT_MAX_ROWS=3)
def test_too_many_rows_are_refused_with_the_count_before_anything_is_written(api: APIClient) -> None:
    content = csv_file(["first_name"], [[f"Name {number}"] for number in range(4)])

    answer = post(api, content)

    assert answer.status_code == 413
    assert "The file has 4 rows; at most 3 are taken." in answer.json()["detail"]
    assert not ImportRun.objects.exists()
    assert post(api, csv_file(["first_name"], [["A"], ["B"], ["C"]])).status_code == 202


@pytest.mark.parametrize(
    ("options", "field", "says"),
    [
        ({"on_conflict": "replace"}, "options.on_conflict", "“replace”"),
        ({"region": "Germany"}, "options.region", "“GERMANY”"),
        ({"mapping": {"First name": "shoe"}}, "options.mapping", "“shoe”"),
        ({"mapping": {"Vorname": "first_name"}}, "options.mapping", "“Vorname” is not a column of the file"),
        ({"mapping": {"First name": "created_at"}}, "options.mapping", "created_at"),
        ({"encoding": "klingon"}, "file", "“klingon” is not an encoding"),
        ({"encoding": "zip"}, "file", "“zip” is not an encoding"),
        ({"delimiter": '"'}, "file", "is not a delimiter"),
        ({"dry_run": "yes"}, "options.dry_run", "true or false"),
        ({"colour": "red"}, "options.colour", "colour"),
    ],
)
def test_wrong_options_are_named(api: APIClient, options: dict[str, Any], field: str, says: str) -> None:
    answer = post(api, csv_file(["First name", "Phone"], [["Ada", ADA]]), **options)

    assert answer.status_code == 400
    assert says in json.dumps(answer.json()["errors"][field], ensure_ascii=False)
    assert not ImportRun.objects.exists()


@pytest.mark.parametrize("body", [{}, {"file": "text"}, {"options": "{}"}, {"file": b"", "more": "x"}])
def test_wrong_bodies_are_named(api: APIClient, body: dict[str, Any]) -> None:
    parts = {
        name: SimpleUploadedFile("a.csv", value) if isinstance(value, bytes) else value
        for name, value in body.items()
    }

    assert api.post("/api/v1/imports/", parts, format="multipart").status_code == 400


@pytest.mark.parametrize("options", ["{", "[]", '"x"', "null", "7", "[" * 100_000])
def test_options_that_are_no_object_are_refused(api: APIClient, options: str) -> None:
    body = {"file": SimpleUploadedFile("a.csv", b"phone\r\n+4930100001\r\n"), "options": options}

    assert api.post("/api/v1/imports/", body, format="multipart").status_code == 400


def test_inspect_says_what_a_file_is_and_writes_nothing(api: APIClient) -> None:
    content = csv_file(
        ["Vorname", "Telefon", "Phone"], [["Jürgen", "1", ADA]], delimiter=";", encoding="cp1252"
    )
    body = {
        "file": SimpleUploadedFile("a.csv", content),
        "options": json.dumps({"mapping": {"Vorname": "first_name"}}),
    }

    found = api.post("/api/v1/imports/inspect/", body, format="multipart").json()

    assert (found["encoding"], found["delimiter"], found["rows"]) == ("cp1252", ";", 1)
    assert [column["attribute"] for column in found["columns"]] == ["first_name", None, "phones"]
    assert found["first_rows"] == [{"line": 2, "cells": ["Jürgen", "1", ADA]}]
    assert not ImportRun.objects.exists()


def test_matching_is_remembered_for_the_same_headers(api: APIClient) -> None:
    content = csv_file(["Vorname", "Tel", "Stadt"], [["Ada", ADA, "Berlin"]])
    post(api, content, mapping={"Vorname": "first_name", "Tel": "phones", "Stadt": "address"})

    run = post(api, csv_file(["VORNAME", "tel", "Stadt"], [["Grace", GRACE, "Hamburg"]])).json()

    assert [column["attribute"] for column in run["columns"]] == [None, None, "address"]
    again = post(api, csv_file(["Vorname", "Tel", "Stadt"], [["Grace", GRACE, "Hamburg"]])).json()
    assert [column["attribute"] for column in again["columns"]] == ["first_name", "phones", "address"]


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_template_can_be_imported_as_it_is(api: APIClient, form: str) -> None:
    for kind in ("text", "number", "boolean", "date", "datetime", "phone", "email", "url"):
        add_attribute(f"My {kind}", kind)
    add_attribute("My choice", "choice", options=["gold", "silver"])
    response = api.get(f"/api/v1/imports/template.{form}")
    content = b"".join(response.streaming_content) if form == "csv" else response.content

    run = finished(api, post(api, content, name=f"template.{form}").json())

    assert run["counts"]["created"] == 1, list(ImportRow.objects.values())
    assert all(column["attribute"] for column in run["columns"])
    if form == "xlsx":
        rows = CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0).to_python()
        assert [len(row) for row in rows] == [len(run["columns"])] * 2


def test_only_the_owner_or_an_admin_undoes(api: APIClient) -> None:
    run = post(api, csv_file(["first_name", "phone"], [["Ada", ADA]])).json()
    finished(api, run)
    other = APIClient()
    other.force_authenticate(make_user("Importer", username="other"))

    assert other.post(f"/api/v1/imports/{run['id']}/undo/").status_code == 403
    assert api.post(f"/api/v1/imports/{run['id']}/undo/").status_code == 202
    assert finished(api, run)["state"] == "undone"
    assert not Customer.objects.live().exists()
    assert api.post(f"/api/v1/imports/{run['id']}/undo/").status_code == 409


def test_same_upload_under_one_key_is_one_import(api: APIClient) -> None:
    content = csv_file(["first_name", "phone"], [["Ada", ADA]])
    answers = [
        api.post(
            "/api/v1/imports/",
            {"file": SimpleUploadedFile("a.csv", content)},
            format="multipart",
            HTTP_IDEMPOTENCY_KEY="one",
        )
        for _time in range(2)
    ]

    assert [answer.status_code for answer in answers] == [202, 202]
    assert ImportRun.objects.count() == 1


def test_later_start_waits_for_its_time(api: APIClient) -> None:
    run = post(api, csv_file(["phone"], [[ADA]]), start_at="2099-01-01T02:00:00Z").json()

    assert finished(api, run)["state"] == "queued"
    assert api.post(f"/api/v1/imports/{run['id']}/cancel/", {"keep": False}).status_code == 202
    assert finished(api, run)["state"] == "cancelled"
    assert api.post(f"/api/v1/imports/{run['id']}/cancel/", {"keep": False}).status_code == 409
    assert api.post(f"/api/v1/imports/{run['id']}/cancel/", {}).status_code == 400
