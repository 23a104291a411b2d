"""What a file is: encodings, delimiters, line ends, headers, and the hostile ones (C61, C63, C72)."""

import csv
import io
import tracemalloc
import zipfile
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customers import dialects
from customers.dialects import Dialect, Unreadable
from customers.spreadsheets import csv_lines, write_xlsx


@dataclass(frozen=True)
class Attribute:
    key: str
    label: str
    is_list: bool = False
    is_writable: bool = True
    french: str = ""

    @property
    def title(self) -> str:
        return self.french or self.label


ATTRIBUTES = [
    Attribute("first_name", "First name"),
    Attribute("phones", "Phones", is_list=True),
    Attribute("emails", "Emails", is_list=True),
    Attribute("city", "Town of residence"),
    Attribute("reason_2", "Reason"),
    Attribute("created_at", "Created", is_writable=False),
]


def rows(content: bytes, **given: str) -> list[tuple[int, list[str]]]:
    file = io.BytesIO(content)
    return list(dialects.records(file, dialects.detect(file, **given)))


def matched(*headers: str, mapping: dict[str, str | None] | None = None) -> list[str | None]:
    return [match.attribute for match in dialects.match_headers(headers, ATTRIBUTES, mapping or {})]


TEXT = "name;städt;note\r\nJürgen;Köln;€ 5\r\nZoë;Málaga;ok\r\n"


@pytest.mark.parametrize(
    ("encoding", "bom", "found"),
    [
        ("utf-8", b"", "utf-8-sig"),
        ("utf-8", b"\xef\xbb\xbf", "utf-8-sig"),
        ("utf-16-le", b"\xff\xfe", "utf-16"),
        ("utf-16-be", b"\xfe\xff", "utf-16"),
        ("utf-16-le", b"", "utf-16-le"),
        ("utf-32-le", b"\xff\xfe\x00\x00", "utf-32"),
        ("cp1252", b"", "cp1252"),
    ],
)
def test_encoding_is_detected(encoding: str, bom: bytes, found: str) -> None:
    content = bom + TEXT.encode(encoding)

    assert dialects.detect(io.BytesIO(content)) == Dialect("csv", found, ";")
    header, *others = rows(content)
    assert header == (
        1,
        ["\ufeffname" if bom and found.endswith(("-le", "-be")) else "name", "städt", "note"],
    )
    assert others == [(2, ["Jürgen", "Köln", "€ 5"]), (3, ["Zoë", "Málaga", "ok"])]


def test_encoding_of_another_alphabet_is_detected() -> None:
    text = "имя,город,заметка\n" + "Фёдор,Санкт-Петербург,просит перезвонить вечером\n" * 40

    assert rows(text.encode("utf-8"))[1][1][0] == "Фёдор"
    assert rows(text.encode("cp1251"), encoding="windows-1251")[1][1][0] == "Фёдор"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_delimiter_and_line_ends_are_detected(delimiter: str, end: str) -> None:
    out = io.StringIO(newline="")
    table = [
        ["name", "amount", "note"],
        ["Ada", "1,5", "a; b"],
        ["", "", ""],
        ["Grace", "2,5", f"two{end}lines"],
        ["K", "3", "x"],
    ]
    csv.writer(out, delimiter=delimiter, lineterminator=end).writerows(table)

    assert rows(out.getvalue().encode()) == [(1, table[0]), (2, table[1]), (4, table[3]), (6, table[4])]


def test_delimiter_named_in_the_first_line_is_believed() -> None:
    assert rows(b"sep=|\r\na;b|c\r\n1|2\r\n") == [(2, ["a;b", "c"]), (3, ["1", "2"])]


def test_delimiter_given_by_hand_is_believed() -> None:
    assert rows(b"a:b\n1:2\n", delimiter=":") == [(1, ["a", "b"]), (2, ["1", "2"])]


def test_a_few_wrong_bytes_do_not_change_the_encoding_of_the_file() -> None:
    content = b"name,city\n" + "Jürgen,Köln\n".encode() * 20 + "Zoë,Málaga\n".encode("cp1252")

    found = rows(content)

    assert found[1][1] == ["Jürgen", "Köln"]
    assert any("\udc80" <= char <= "\udcff" for char in found[-1][1][0])


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"\r\n\r\n  \r\n", "empty"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20, "PNG"),
        (b"%PDF-1.7\n" + b"x" * 500, "PDF"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1" + bytes(600), "old Excel"),
        (bytes(range(256)) * 100, "not a text file"),
        (b"PK\x03\x04" + b"broken" * 100, "damaged"),
        (b"\x1f\x8b\x08\x00" + b"zip" * 90, "gzip"),
    ],
)
def test_hostile_file_gets_a_clear_refusal(content: bytes, says: str) -> None:
    with pytest.raises(Unreadable, match=says):
        rows(content)


def test_unclosed_quotation_mark_names_its_line() -> None:
    with pytest.raises(Unreadable, match="row on line 3 is never closed"):
        rows(b'name,note\nAda,ok\nGrace,"no end\nKaren,ok\n')


def test_cell_without_end_names_its_line() -> None:
    with pytest.raises(Unreadable, match="row on line 2 has more than 131072 characters"):
        rows(b'name,note\nGrace,"no end\n' + b"Karen,ok\n" * 20_000)


def test_endless_line_costs_bounded_memory() -> None:
    file = io.BytesIO(b"name,note\n" + b"a," * 20_000_000)
    tracemalloc.start()
    try:
        with pytest.raises(Unreadable, match="Line 2 has more than 1000000 characters"):
            list(dialects.records(file, dialects.detect(file)))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 40_000_000


def test_wrong_encoding_given_by_hand_is_said() -> None:
    with pytest.raises(Unreadable, match="not UTF-16 after line"):
        rows(b"a,b\n1,2\n3", encoding="utf-16")


def test_too_many_columns_are_refused() -> None:
    with pytest.raises(Unreadable, match="501 columns; at most 500"):
        dialects.header_of(iter(rows(b",".join(b"c%d" % n for n in range(501)) + b"\n1\n")))


# Spreadsheets


def xlsx(table: list[list[object]]) -> bytes:
    file = io.BytesIO()
    write_xlsx(file, table)
    return file.getvalue()


def test_spreadsheet_gives_its_rows_by_sheet_line() -> None:
    table: list[list[object]] = [
        ["name", "phone"],
        ["Ada", "0049 30 100001"],
        ["", ""],
        ["O'Hara <&> \x01x", "two\nlines"],
    ]

    assert dialects.detect(io.BytesIO(xlsx(table))).kind == "xlsx"
    assert rows(xlsx(table)) == [
        (1, ["name", "phone"]),
        (2, ["Ada", "0049 30 100001"]),
        (4, ["O'Hara <&> x", "two\nlines"]),
    ]


def test_archive_that_is_no_spreadsheet_is_refused() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("people.csv", "a,b")

    with pytest.raises(Unreadable, match="ZIP archive"):
        dialects.detect(file)


def test_zip_bomb_is_refused_before_it_is_unpacked() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
        with archive.open("xl/worksheets/sheet1.xml", "w") as sheet:
            for _megabyte in range(300):
                sheet.write(bytes(2**20))
    assert len(file.getvalue()) < 2**20

    with pytest.raises(Unreadable, match="unpacks to 300 MB"):
        dialects.detect(file)


# Headers


def test_headers_match_keys_and_labels_whatever_their_case_spaces_and_dashes() -> None:
    assert matched("FIRST-NAME", "phone", "Phone 2", "phone_1", "E-Mail", "town_OF residence", "shoe") == [
        "first_name", "phones", "phones", "phones", "emails", "city", None,
    ]  # fmt: skip


def test_headers_match_what_the_reader_calls_a_predefined_attribute() -> None:
    attributes = [Attribute("first_name", "First name", french="Prénom"), Attribute("nom", "Prénom")]

    found = [match.attribute for match in dialects.match_headers(["prénom", "First name"], attributes, {})]

    assert found == ["nom", "first_name"]
    assert dialects.match_headers(["PRÉNOM"], attributes[:1], {})[0].attribute == "first_name"


def test_columns_of_an_error_report_are_ignored_and_a_label_of_the_same_name_is_not() -> None:
    assert matched("line", "column", "value", "reason", "First name", "Reason") == [
        None, None, None, None, "first_name", "reason_2",
    ]  # fmt: skip
    assert matched("first_name", "Reason") == ["first_name", "reason_2"]


def test_times_that_the_system_keeps_are_ignored() -> None:
    assert matched("first_name", "created_at", "Created") == ["first_name", None, None]


def test_mapping_decides_and_may_leave_out() -> None:
    assert matched("Vorname", "City", mapping={"Vorname": "first_name", "City": None}) == ["first_name", None]


def test_two_columns_for_one_attribute_are_refused_until_one_is_left_out() -> None:
    with pytest.raises(Unreadable, match="“City” and “City \\(2\\)” both go to Town of residence"):
        matched("City", "phone", "City")

    assert matched("City", "phone", "City", mapping={"City (2)": None}) == ["city", "phones", None]
    assert matched("City", "phone", "City", mapping={"City": None}) == [None, "phones", None]


def test_file_without_any_known_column_names_what_there_is() -> None:
    with pytest.raises(
        Unreadable, match=r"The file has: a, b\. There are: first_name, phones, emails, city, reason_2\."
    ):
        matched("a", "b")


# Cells that spreadsheets would run


@pytest.mark.parametrize(
    "cell", ["=1+1", "+cmd|x", "-2+3+cmd", "@SUM(A1)", "\tx", "\rx", "'x", "'", "+49 30 100001", "-12.5"]
)
def test_formula_is_escaped_and_comes_back(cell: str) -> None:
    assert dialects.spreadsheet_safe(cell) == f"'{cell}"
    assert dialects.unguarded(f"'{cell}") == cell


@pytest.mark.parametrize("cell", ["12.5", "0049 30 100001", "a=b", "", "'t Hooft"])
def test_other_numbers_and_texts_stay_as_they_are(cell: str) -> None:
    if cell != "'t Hooft":
        assert dialects.spreadsheet_safe(cell) == cell
    assert dialects.unguarded(cell) == cell


@given(st.text())
def test_escape_is_reversible(cell: str) -> None:
    assert dialects.unguarded(dialects.spreadsheet_safe(cell)) == cell


clean = st.text(st.characters(blacklist_categories=["Cs", "Cc"], whitelist_characters="\t\r\n"), max_size=20)


@given(st.lists(st.lists(clean, min_size=3, max_size=3), min_size=1, max_size=8))
def test_what_is_written_as_csv_is_read_back(table: list[list[str]]) -> None:
    content = b"".join(csv_lines([["a", "b", "c"], *table]))

    found = rows(content, encoding="utf-8", delimiter=",")

    assert [cells for _line, cells in found[1:]] == [
        row for row in table if any(cell.strip() for cell in row)
    ]


@given(st.binary(max_size=3000))
def test_any_bytes_are_rows_or_a_clear_refusal(content: bytes) -> None:
    refused = ""
    found: list[tuple[int, list[str]]] = []
    try:
        found = rows(content)
    except Unreadable as refusal:
        refused = str(refusal)
    assert refused or all(line >= 1 and cells for line, cells in found)
