"""The one form in which text is compared and sorted (C22), and its SQL twin.

``fold`` and the database function ``cim_fold`` give the same answer for every text; a test walks the whole
basic multilingual plane through both.
"""

import re
import unicodedata

# Combining marks of the Latin, Greek, Cyrillic, Hebrew and Arabic scripts. Indic vowel signs are
# combining characters too, but dropping them would change the word, so they stay.
_MARKS = (
    "\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670"
    "\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
)
_MARK = re.compile(f"[{_MARKS}]")

# Letters that full case folding turns into others; everything else is lower-cased one by one. The last five have had
# a lower case only since Unicode 16, which not every Python and PostgreSQL knows.
_FROM = "ς\u1c89\ua7cb\ua7cc\ua7da\ua7dc"
_TO = "σ\u1c8a\u0264\ua7cd\ua7db\u019b"
_LETTERS = str.maketrans(_FROM, _TO)


def fold(text: str) -> str:
    """Return ``text`` case folded, without accents and marks, ``ß`` as ``ss`` (C22)."""
    if text.isascii():
        return text.lower()
    bare = _MARK.sub("", unicodedata.normalize("NFKD", text))
    lowered = "".join(low if len(low := char.lower()) == 1 else char for char in bare)
    return lowered.translate(_LETTERS).replace("ß", "ss")


def fold_sql(lowering_collation: str) -> list[str]:
    """Return the statements that create ``cim_fold`` with ``lowering_collation`` for letters beyond ASCII.

    The ASCII branch is written so that PostgreSQL inlines it: a scan of a million values must not pay a
    function call each. For that ``cim_fold`` must not be STRICT, as CASE is not; null still gives null.
    """
    marks = "".join(char if char == "-" else f"\\u{ord(char):04x}" for char in _MARKS)
    wide = (
        f"lower(regexp_replace(normalize($1, NFKD), '[{marks}]', '', 'g') COLLATE \"{lowering_collation}\")"
    )
    wide = f"replace(translate({wide}, '{_FROM}', '{_TO}'), 'ß', 'ss')"
    declared = "RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE"
    return [
        f'CREATE OR REPLACE FUNCTION cim_fold_wide(text) {declared} STRICT COST 50 RETURN {wide} COLLATE "C"',
        f"CREATE OR REPLACE FUNCTION cim_fold(text) {declared} RETURN CASE WHEN octet_length($1) = char_length($1)"
        ' THEN lower($1 COLLATE "C") ELSE cim_fold_wide($1) END COLLATE "C"',
        "CREATE OR REPLACE FUNCTION cim_fold_all(text[]) RETURNS text[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE"
        " RETURN (SELECT coalesce(array_agg(cim_fold(item) ORDER BY place), '{}')"
        " FROM unnest($1) WITH ORDINALITY AS items(item, place))",
        "CREATE OR REPLACE FUNCTION cim_joined(text[]) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE"
        " RETURN array_to_string($1, E'\\n')",
    ]
