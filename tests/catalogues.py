"""The catalogues of translations: what the sources ask for, what stands in locale/, and how the one follows the other.

`make messages` brings the catalogues up to the sources and compiles them. It needs Babel only, no GNU gettext: Python
is read by its own parser, JavaScript by Babel's, templates by Django's. Compiled catalogues are kept beside the others,
so that nothing needs to be compiled where CIM runs.
"""

import ast
import io
import re
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from babel.messages import Catalog
from babel.messages.extract import extract_javascript
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

ROOT: Final = Path(__file__).parents[1]
LOCALE: Final = ROOT / "locale"
LANGUAGES: Final = ("fr",)
DOMAINS: Final = ("django", "djangojs")
PACKAGES: Final = ("cim", "customers", "interactions", "journeys", "crm_mappings")
HEADER: Final = """\
msgid ""
msgstr ""
"Project-Id-Version: CIM\\n"
"Language: {language}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"Plural-Forms: {plural}\\n"

"""
# Which arguments of a call are the context, the message and its plural
CALLS: Final[dict[str, tuple[int | None, int, int | None]]] = {
    "_": (None, 0, None),
    "gettext": (None, 0, None),
    "gettext_lazy": (None, 0, None),
    "gettext_noop": (None, 0, None),
    "ngettext": (None, 0, 1),
    "ngettext_lazy": (None, 0, 1),
    "pgettext": (0, 1, None),
    "pgettext_lazy": (0, 1, None),
    "npgettext": (0, 1, 2),
    "npgettext_lazy": (0, 1, 2),
}
# What Django makes of a tag of a template: a call with the texts as literals
CALL_IN_TEMPLATE: Final = re.compile(
    r"""\b(_|n?p?gettext)\(((?:u?(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')[, ]*)+)(?:count)?\)""", re.DOTALL
)
COMPUTED_IN_JAVASCRIPT: Final = re.compile(r"""\bn?p?gettext\((?!\s*["']).*""")
JAVASCRIPT_KEYWORDS: Final = {"gettext": None, "ngettext": (1, 2), "pgettext": ((1, "c"), 2)}

Wanted = tuple[str | None, str, str | None]


class NotALiteral(Exception):
    """A text is computed where it is marked for translation: no catalogue can hold it."""


def read_python(source: str) -> Iterator[Wanted]:
    """Find the texts marked in a Python source; raises `NotALiteral` for one that is put together."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        if name in CALLS:
            yield tuple(None if at is None else _literal(node, at) for at in CALLS[name])


def _literal(call: ast.Call, at: int) -> str:
    argument = call.args[at] if at < len(call.args) else None
    if not isinstance(argument, ast.Constant) or not isinstance(argument.value, str):
        raise NotALiteral(f"line {call.lineno}: {ast.unparse(call)}")
    return argument.value


def read_template(source: str) -> Iterator[Wanted]:
    """Find the texts of the tags `translate` and `blocktranslate`."""
    for name, arguments in CALL_IN_TEMPLATE.findall(templatize(source)):
        yield from read_python(f"{name}({arguments})")


def read_javascript(source: str) -> Iterator[Wanted]:
    """Find the texts marked in a module, those inside of template literals included; raises `NotALiteral`."""
    if computed := COMPUTED_IN_JAVASCRIPT.search(source):
        raise NotALiteral(computed[0])
    options = {"parse_template_string": True}
    for _line, name, found, _comments in extract_javascript(
        io.BytesIO(source.encode()), JAVASCRIPT_KEYWORDS, [], options
    ):
        texts = [found] if isinstance(found, str) else list(found)
        context, message, plural = CALLS[name]
        yield (
            texts[context] if context is not None else None,
            texts[message],
            texts[plural] if plural is not None else None,
        )


def files(domain: str) -> Iterator[tuple[Path, Callable[[str], Iterator[Wanted]]]]:
    """List what is read for a domain: pages written by the server, or modules run by the browser."""
    if domain == "djangojs":
        yield from ((path, read_javascript) for path in sorted(ROOT.glob("static/js/**/*.js")))
        return
    for package in PACKAGES:
        yield from ((path, read_python) for path in sorted(ROOT.glob(f"{package}/**/*.py")))
    yield from ((path, read_template) for path in sorted(ROOT.glob("templates/**/*.*")))


def wanted(domain: str) -> Catalog:
    """Read the sources: every message they ask for, with the files that do."""
    catalogue = Catalog()
    for path, reading in files(domain):
        name = path.relative_to(ROOT).as_posix()
        try:
            for context, message, plural in reading(path.read_text()):
                catalogue.add(
                    (message, plural) if plural is not None else message,
                    locations=[(name, 0)],
                    context=context,
                )
        except NotALiteral as problem:
            raise NotALiteral(f"{name}, {problem}") from None
    return catalogue


def place(language: str, domain: str, suffix: str) -> Path:
    return LOCALE / language / "LC_MESSAGES" / f"{domain}.{suffix}"


def stored(language: str, domain: str) -> Catalog:
    """Read the catalogue that translators write."""
    path = place(language, domain, "po")
    catalogue = Catalog(locale=language)
    if path.exists():
        with path.open("rb") as file:
            catalogue = read_po(file, locale=language, domain=domain)
    # Else the day of compiling would make a difference each time
    catalogue.creation_date = catalogue.revision_date = datetime(2026, 1, 1, tzinfo=UTC)
    return catalogue


def write(language: str, domain: str) -> Catalog:
    """Bring a catalogue up to the sources, without guesses for what is new, and compile it."""
    catalogue = stored(language, domain)
    catalogue.update(wanted(domain), no_fuzzy_matching=True)
    for message in catalogue:
        if message.id and message.fuzzy:
            # It has got a plural, or lost it: its old text is no answer any more.
            message.flags.discard("fuzzy")
            message.string = ("",) * catalogue.num_plurals if message.pluralizable else ""
    catalogue.obsolete.clear()
    path = place(language, domain, "po")
    path.parent.mkdir(parents=True, exist_ok=True)
    body = io.BytesIO()
    write_po(body, catalogue, width=0, omit_header=True, sort_output=True, include_lineno=False)
    header = HEADER.format(language=language, plural=catalogue.plural_forms)
    path.write_text(header + body.getvalue().decode())
    with place(language, domain, "mo").open("wb") as file:
        write_mo(file, stored(language, domain))
    return catalogue


def main() -> int:
    missing = 0
    for language in LANGUAGES:
        for domain in DOMAINS:
            for message in write(language, domain):
                if message.id and not (all(message.string) if message.pluralizable else message.string):
                    missing += 1
                    sys.stdout.write(f"{language}, {domain}: {message.id!r} in {message.locations[0][0]}\n")
    sys.stdout.write(
        f"{missing} texts wait for a translation in {LOCALE}\n" if missing else "All is translated\n"
    )
    return min(missing, 1)


if __name__ == "__main__":
    sys.exit(main())
