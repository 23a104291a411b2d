"""Static files that come from npm packages."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import AppDirectoriesFinder, BaseFinder
from django.contrib.staticfiles.utils import matches_patterns
from django.core.files.storage import FileSystemStorage, Storage
from whitenoise.storage import CompressedManifestStaticFilesStorage

_PREFIX = "vendor/"


class HashedStorage(CompressedManifestStaticFilesStorage):
    """Static files under names that change with their content, also where a module imports another one."""

    support_js_module_import_aggregation = True


class AppFinder(AppDirectoriesFinder):
    """Static files of apps, without the folders that no page uses: they would be most of all files."""

    def list(self, ignore_patterns: Iterable[str] | None) -> Iterator[tuple[str, Storage]]:
        yield from super().list([*(ignore_patterns or []), *settings.STATIC_FOLDERS_UNUSED])


class NodeModulesFinder(BaseFinder):
    """Serve the files listed in NODE_MODULES_FILES, and no others, as vendor/<package>/<file>.

    A package holds hundreds of files that no page uses; collecting whole folders took minutes.
    """

    def __init__(self, *_args: Any, **_kwargs: Any) -> None:
        root = Path(settings.BASE_DIR) / "node_modules"
        self.storage = FileSystemStorage(location=root)
        self.storage.prefix = _PREFIX.rstrip("/")  # type: ignore[attr-defined]  # collectstatic puts it before the name
        self.files = [
            f"{package}/{file}" for package, files in settings.NODE_MODULES_FILES.items() for file in files
        ]

    def check(self, **_kwargs: Any) -> list[Any]:
        return []

    def find(self, path: str, find_all: bool = False, **_kwargs: Any) -> Any:
        name = path.removeprefix(_PREFIX)
        found = (
            [self.storage.path(name)]
            if path != name and name in self.files and self.storage.exists(name)
            else []
        )
        return found if find_all else next(iter(found), None)

    def list(self, ignore_patterns: Iterable[str] | None) -> Iterator[tuple[str, Storage]]:
        patterns = [*(ignore_patterns or [])]
        for name in self.files:
            if not matches_patterns(name, patterns) and self.storage.exists(name):
                yield name, self.storage
