"""The same import from a terminal, with the same report (C73)."""

import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from customers.models import Customer
from tests.customers.importing.files import csv_file

pytestmark = pytest.mark.django_db(transaction=True)


def test_command_imports_a_file_and_writes_the_wrong_rows(tmp_path: Path) -> None:
    file, errors, out = tmp_path / "people.csv", tmp_path / "errors.csv", io.StringIO()
    file.write_bytes(csv_file(["first_name", "phone"], [["Ada", "+4930100001"], ["Grace", "12"]]))

    call_command("import_customers", str(file), "--errors", str(errors), stdout=out)

    assert out.getvalue() == "Completed: 2 read, 1 created, 1 wrong\n"
    assert errors.read_text().splitlines()[0] == "line,column,value,reason,first_name,phone"
    assert errors.read_text().splitlines()[1].startswith("3,phone,12,")
    assert Customer.objects.get().first_name == "Ada"


@pytest.mark.parametrize(
    ("content", "arguments", "says"),
    [
        (b"", [], "The file is empty."),
        (None, [], "cannot be read: No such file or directory."),
        (b"phone\n+4930100001\n", ["--region", "Germany"], "“Germany” is not a region"),
        (b"phone\n+4930100001\n", ["--user", "nobody"], "There is no user “nobody”."),
        (b"phone\n+4930100001\n12\n", ["--all-or-nothing"], "All or nothing: 1 rows are wrong"),
    ],
)
def test_command_says_what_is_wrong(
    tmp_path: Path, content: bytes | None, arguments: list[str], says: str
) -> None:
    file = tmp_path / "people.csv"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(CommandError, match=says):
        call_command("import_customers", str(file), *arguments, stdout=io.StringIO())

    assert not Customer.objects.exists()
