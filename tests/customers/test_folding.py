"""The folded form, and that Python and the database make the same of every text (C22)."""

import pytest
from django.db import connection

from customers.folding import fold


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Müller", "muller"),
        ("STRASSE", "strasse"),
        ("Straße", "strasse"),
        ("José", "jose"),
        ("Jose\u0301", "jose"),
        ("Nguyễn", "nguyen"),
        ("ΕΛΕΝΗΣ", "ελενησ"),
        ("Ελένης", "ελενησ"),
        ("مُحَمَّد", "محمد"),
        ("שָׂרָה", "שרה"),
        ("ﬁona", "fiona"),
        ("ﾀﾛｳ", "タロウ"),
        ("100 %_\\'\"", "100 %_\\'\""),
        ("", ""),
    ],
)
def test_case_accents_and_marks_are_dropped(text: str, folded: str) -> None:
    assert fold(text) == folded


@pytest.mark.django_db
@pytest.mark.parametrize(("before", "after"), [("", ""), ("a", "b"), ("É", "\u0301\u0327x")])
def test_the_database_folds_every_character_of_the_plane_alike(before: str, after: str) -> None:
    texts = [before + chr(code) + after for code in range(1, 0x10000) if not 0xD800 <= code <= 0xDFFF]

    assert folded_by_database(texts) == [fold(text) for text in texts]


@pytest.mark.django_db
def test_the_database_folds_null_to_null() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT cim_fold(NULL), cim_fold_all(NULL), cim_fold_all('{}')")
        assert cursor.fetchone() == (None, None, [])


def folded_by_database(texts: list[str]) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT cim_fold(text) FROM unnest(%s::text[]) WITH ORDINALITY AS given(text, place) ORDER BY place",
            [texts],
        )
        return [row[0] for row in cursor.fetchall()]
