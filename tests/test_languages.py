"""Every text is there in every language (Q33): a new one without its translation fails here, by name."""

import functools
import re
from collections.abc import Iterator

import pytest
from babel.messages import Message
from babel.messages.mofile import read_mo

from tests import catalogues

EACH = pytest.mark.parametrize(
    ("language", "domain"),
    [(language, domain) for language in catalogues.LANGUAGES for domain in catalogues.DOMAINS],
)
PLACEHOLDER = re.compile(r"%(?:\(\w+\))?[sd%]|\{\w*\}")
# French sets a space that does not break before these, and inside of its quotation marks.
BREAKS = re.compile(r" [:;!?»](?=\s|$)|« |\w[;!?»](?=\s|$)|«\w|[“”]\w+ \w")
wanted = functools.cache(catalogues.wanted)
HINT = "run “make messages”, translate it in locale/ and run it again"


def forms(message: Message) -> list[tuple[str, str]]:
    """Pair what is asked for with what is answered; a language may use its first plural form without a number."""
    if not message.pluralizable:
        return [(message.id, message.string)]
    return list(zip((message.id[0], *[message.id[1]] * len(message.string)), message.string, strict=False))


def entries(language: str, domain: str) -> Iterator[Message]:
    return (message for message in catalogues.stored(language, domain) if message.id)


def key(message: Message) -> tuple[str | None, str, str]:
    singular, plural = message.id if message.pluralizable else (message.id, "")
    # Compiled catalogues come back with their contexts as bytes.
    context = message.context.decode() if isinstance(message.context, bytes) else message.context
    return context, singular, plural


def keys(messages: Iterator[Message]) -> set[tuple[str | None, str, str]]:
    return {key(it) for it in messages}


@EACH
def test_every_text_is_translated(language, domain) -> None:
    stored = {key(it): it for it in entries(language, domain)}
    missing = [
        f"{it.id!r} in {it.locations[0][0]}"
        for it in wanted(domain)
        if it.id and (key(it) not in stored or not all(text for _, text in forms(stored[key(it)])))
    ]

    assert missing == [], f"not in {language}: {HINT}"


@EACH
def test_no_translation_is_a_guess_or_left_over(language, domain) -> None:
    catalogue = catalogues.stored(language, domain)
    known = keys(it for it in wanted(domain) if it.id)

    assert [it.id for it in catalogue if it.id and it.fuzzy] == [], HINT
    assert sorted(keys(entries(language, domain)) - known) == [], HINT
    assert not catalogue.obsolete, HINT


@EACH
def test_translations_keep_the_placeholders(language, domain) -> None:
    wrong = [
        (original, text)
        for message in entries(language, domain)
        for original, text in forms(message)
        if sorted(PLACEHOLDER.findall(original)) != sorted(PLACEHOLDER.findall(text))
    ]

    assert wrong == []


@EACH
def test_translations_keep_the_spaces_around_a_text(language, domain) -> None:
    wrong = [
        (original, text)
        for message in entries(language, domain)
        for original, text in forms(message)
        if (original[:1].isspace(), original[-1:].isspace()) != (text[:1].isspace(), text[-1:].isspace())
    ]

    assert wrong == []


@pytest.mark.parametrize("domain", catalogues.DOMAINS)
def test_french_has_its_spaces_and_quotation_marks(domain) -> None:
    wrong = [
        text for it in entries("fr", domain) for _, text in forms(it) if BREAKS.search(text) or "'" in text
    ]

    assert wrong == []


@EACH
def test_compiled_catalogue_is_up_to_date(language, domain) -> None:
    with catalogues.place(language, domain, "mo").open("rb") as file:
        compiled = {key(it): forms(it) for it in read_mo(file) if it.id}

    assert compiled == {key(it): forms(it) for it in entries(language, domain)}, HINT


def test_texts_inside_of_template_literals_are_found() -> None:
    source = (
        'const words = `${gettext("Saved")}: ${interpolate(ngettext("%s row", "%s rows", rows), [rows])}`;'
    )

    assert list(catalogues.read_javascript(source)) == [(None, "Saved", None), (None, "%s row", "%s rows")]


def test_texts_of_templates_are_found() -> None:
    source = (
        '<a title="{% translate "Don\'t" %}">{% blocktranslate trimmed count rows=n with a=b %}\n One {{ a }}\n'
        "{% plural %}{{ rows }} rows of 100%\n{% endblocktranslate %}</a>{% translate 'Off' context 'switch' %}"
    )

    assert list(catalogues.read_template(source)) == [
        (None, "Don't", None),
        (None, "One %(a)s", "%(rows)s rows of 100%%"),
        ("switch", "Off", None),
    ]


@pytest.mark.parametrize(
    ("reading", "source"),
    [
        (catalogues.read_python, '_(f"{name} is missing")'),
        (catalogues.read_javascript, "gettext(`${name} is missing`)"),
    ],
)
def test_text_that_is_put_together_is_refused(reading, source) -> None:
    with pytest.raises(catalogues.NotALiteral):
        list(reading(source))
