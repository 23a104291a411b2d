"""The rules of the house that no other tool checks."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
APPS = [
    name
    for name in ("cim", "customers", "interactions", "journeys", "crm_mappings")
    if (ROOT / name).is_dir()
]
TEMPLATES = [path for folder in ("templates", *APPS) for path in (ROOT / folder).rglob("*.html")]
MODULES = [path for app in APPS for path in (ROOT / app).rglob("*.py")]
LOCKS = [*ROOT.glob("requirements*.txt"), ROOT / "package-lock.json"]


def test_imports_run_downward() -> None:
    checked = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"], cwd=ROOT, capture_output=True, text=True
    )

    assert checked.returncode == 0, checked.stdout


def test_every_app_is_under_the_contracts() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]

    assert set(APPS) <= set(settings["importlinter"]["root_packages"])
    assert set(APPS) <= set(settings["mypy"]["files"])


def test_every_variable_of_the_environment_is_in_the_readme() -> None:
    source = (ROOT / "cim" / "settings.py").read_text()
    read = set(re.findall(r'_(?:text|boolean|number|secret|list)\(\s*"([A-Z_]+)"', source))
    table = set(re.findall(r"^\| `([A-Z_]+)`", (ROOT / "README.md").read_text(), re.MULTILINE))

    assert read == table


def test_only_the_settings_read_the_environment() -> None:
    # The supervisor hands its own environment on to what it starts.
    exempt = {"cim/settings.py", "cim/embedded.py", "cim/management/commands/up.py"}
    readers = {
        str(path.relative_to(ROOT))
        for path in MODULES
        if re.search(r"os\.getenv|os\.environ(?!\.setdefault\(\"DJANGO_SETTINGS_MODULE\")", path.read_text())
    }

    assert readers <= exempt


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_template_has_no_inline_script_or_style(template: Path) -> None:
    source = template.read_text()

    assert re.findall(r"<script(?![^>]*\bsrc=)[^>]*>", source) == []
    assert re.findall(r"<style|\sstyle\s*=|\son[a-z]+\s*=\s*[\"']|javascript:", source) == []


def test_no_module_is_named_for_nothing() -> None:
    banned = {
        *(
            "utils",
            "helpers",
            "common",
            "core",
            "base",
            "misc",
            "services",
            "selectors",
            "managers",
            "handlers",
        ),
        *("constants", "mixins", "processors"),
    }

    assert [str(path) for path in MODULES if path.stem in banned or path.parent.name in banned] == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_lock_holds_no_download_address(lock: Path) -> None:
    addresses = r'"resolved"|@ https?:|--(?:extra-)?index-url|--find-links'

    assert re.findall(addresses, lock.read_text()) == []
