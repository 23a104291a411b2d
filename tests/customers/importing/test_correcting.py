"""Failed rows are put right and imported again, those alone (C63)."""

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from customers.importing import running
from customers.models import Customer, ImportRun
from tests.customers.importing.files import check_balance, csv_file
from tests.factories import api_for, make_user

pytestmark = pytest.mark.django_db

ADA, GRACE, KAREN = "+4930100001", "+4930100002", "+4930100003"
HEADERS = ["Vorname", "Phone", "Phone", "Note"]


@pytest.fixture
def api() -> APIClient:
    return api_for("Importer")


def imported(api: APIClient, rows: list[list[str]], headers: list[str] = HEADERS, **options: Any) -> str:
    content = csv_file(headers, rows, delimiter=";", encoding="cp1252")
    options = {"mapping": {"Vorname": "first_name"}, **options}
    body = {"file": SimpleUploadedFile("people.csv", content), "options": json.dumps(options)}
    answer = api.post("/api/v1/imports/", body, format="multipart")
    assert answer.status_code == 202, answer.json()
    return finished(answer.json()["id"])


def finished(run_id: str) -> str:
    running.work()
    check_balance(ImportRun.objects.get(id=run_id))
    return run_id


def failed(api: APIClient, run_id: str, **query: int) -> dict[str, Any]:
    answer = api.get(f"/api/v1/imports/{run_id}/failed/", query)
    assert answer.status_code == 200, answer.json()
    return dict(answer.json())


def correct(api: APIClient, run_id: str, **cells: list[str]) -> Any:
    rows = [{"line": int(line.removeprefix("line")), "cells": row} for line, row in cells.items()]
    return api.post(f"/api/v1/imports/{run_id}/failed/", {"rows": rows}, format="json")


def test_failed_rows_are_told_with_their_wrong_cells(api: APIClient) -> None:
    run_id = imported(api, [["Ada", ADA, "", ""], ["Kären", "4.41E+11", "x", "n"], ["Too", GRACE]])

    found = failed(api, run_id)

    assert [column["header"] for column in found["columns"]] == ["Vorname", "Phone", "Phone (2)", "Note"]
    first, second = found["rows"]
    assert (first["line"], first["cells"], first["wrong"]) == (3, ["Kären", "4.41E+11", "x", "n"], [1, 2])
    assert "spreadsheet" in first["reason"]
    assert (second["line"], second["cells"], second["wrong"]) == (4, ["Too", GRACE, "", ""], [])
    assert found["next"] is None
    page = failed(api, run_id, limit=1)
    assert [row["line"] for row in page["rows"]] == [3]
    assert [row["line"] for row in failed(api, run_id, limit=1, after=page["next"])["rows"]] == [4]


def test_corrected_rows_are_imported_alone_and_are_failed_rows_no_more(api: APIClient) -> None:
    run_id = imported(
        api, [["Ada", ADA, "", ""], ["Kären", "12", "", "a\r\nb"], ["Grace", "x", "", ""]], region="DE"
    )

    answer = correct(api, run_id, line3=["=Kären", "030 100003", "", "a\r\nb"])

    assert answer.status_code == 202
    again = answer.json()
    finished(again["id"])
    run = ImportRun.objects.get(id=again["id"])
    assert (run.state, run.counts) == ("completed", {"read": 1, "created": 1, "errors": 0})
    assert (again["options"]["corrects"], again["options"]["region"]) == (run_id, "DE")
    assert Customer.objects.get(phones=[KAREN]).first_name == "=Kären"
    left = failed(api, run_id)
    assert [row["line"] for row in left["rows"]] == [5]
    assert left["corrections"] == [again["id"]]


def test_undone_correction_brings_its_rows_back(api: APIClient) -> None:
    run_id = imported(api, [["Ada", "12", "", ""]])
    again = correct(api, run_id, line2=["Ada", ADA, "", ""]).json()["id"]
    finished(again)
    assert failed(api, run_id)["rows"] == []

    api.post(f"/api/v1/imports/{again}/undo/")
    running.work()

    assert [row["line"] for row in failed(api, run_id)["rows"]] == [2]


def test_row_that_fails_again_is_a_failed_row_of_the_correction(api: APIClient) -> None:
    run_id = imported(api, [["Ada", "12", "", ""]])
    again = finished(correct(api, run_id, line2=["Ada", "13", "", ""]).json()["id"])

    assert [(row["cells"][1], row["wrong"]) for row in failed(api, again)["rows"]] == [("13", [1])]


@pytest.mark.parametrize(
    ("line", "cells", "reason"),
    [
        (2, ["Ada", ADA, "", ""], "Line 2 is not one of the failed rows."),
        (99, ["Ada", ADA, "", ""], "Line 99 is not one of the failed rows."),
        (3, ["Ada", ADA], "Line 3 has 2 cells; the file has 4 columns."),
        (3, ["", " ", "", ""], "Line 3 is empty."),
    ],
)
def test_rows_that_cannot_be_corrected_are_named(
    api: APIClient, line: int, cells: list[str], reason: str
) -> None:
    run_id = imported(api, [["Ada", ADA, "", ""], ["Grace", "12", "", ""]])

    answer = correct(api, run_id, **{f"line{line}": cells})

    assert (answer.status_code, answer.json()["errors"]) == (400, {"rows": [reason]})
    assert ImportRun.objects.count() == 1


def test_row_is_corrected_once(api: APIClient) -> None:
    run_id = imported(api, [["Grace", "12", "", ""]])
    cells = ["Grace", GRACE, "", ""]
    assert correct(api, run_id, line2=cells).status_code == 202

    answer = correct(api, run_id, line2=cells)

    assert (answer.status_code, answer.json()["errors"]) == (
        400,
        {"rows": ["Line 2 has been imported again already."]},
    )


def test_what_is_all_or_nothing_is_not_corrected_in_part(api: APIClient) -> None:
    run_id = imported(api, [["Grace", "12", "", ""]], all_or_nothing=True)

    assert correct(api, run_id, line2=["Grace", GRACE, "", ""]).status_code == 409


def test_decisions_of_the_first_import_hold_for_the_corrections(api: APIClient) -> None:
    headers = ["Vorname", "Phone", "Address"]
    imported(api, [["Ada", ADA, "Here"]], headers)
    run_id = imported(api, [["Adele", "12", ""]], headers, on_conflict="update")

    finished(correct(api, run_id, line2=["Adele", ADA, ""]).json()["id"])

    ada = Customer.objects.get()
    assert (ada.first_name, ada.address) == ("Adele", "Here")


def test_corrections_are_for_those_who_import() -> None:
    run_id = imported(api_for("Importer"), [["Grace", "12", "", ""]])

    assert correct(api_for("Agent"), run_id, line2=["Grace", GRACE, "", ""]).status_code == 403
    assert make_user("Importer").has_perm("access.import_customers")


def test_masked_value_of_an_export_is_never_imported(api: APIClient) -> None:
    """C36: who exports what they may not see has dots in the file, and they must not become the value."""
    run_id = imported(api, [["Ada", ADA, "", ""], ["••••••", GRACE, "", ""], ["Kären", " •••••• ", "", ""]])

    first, second = failed(api, run_id)["rows"]

    assert (first["line"], first["wrong"], second["line"], second["wrong"]) == (3, [0], 4, [1])
    assert "“••••••” stands for a value that was hidden" in first["reason"]
    assert list(Customer.objects.values_list("first_name", flat=True)) == ["Ada"]
