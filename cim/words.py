"""The texts of the scripts in the language of the page, fetched again only when they have changed."""

import functools
import hashlib
from pathlib import Path

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import get_language
from django.views.decorators.cache import cache_control
from django.views.decorators.http import condition
from django.views.i18n import JavaScriptCatalog

from cim.access.rules import public


@functools.cache
def _digest() -> str:
    digest = hashlib.sha256()
    for folder in settings.LOCALE_PATHS:
        for path in sorted(Path(folder).rglob("djangojs.mo")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _version(_request: HttpRequest) -> str:
    return f'"{get_language()}-{_digest()}"'


# A browser keeps the texts and asks each time whether they still hold: the same address speaks another language after a
# change of settings.
words = public(
    cache_control(private=True, no_cache=True)(condition(etag_func=_version)(JavaScriptCatalog.as_view()))
)
