from collections.abc import Iterator

import pytest
from pytest_django.plugin import DjangoDbBlocker

from tests.crm_mappings.conftest import kustomer, kustomer_process
from tests.faults.installations import Installation

__all__ = ["installation", "kustomer", "kustomer_process"]


@pytest.fixture(scope="session")
def installation(
    tmp_path_factory: pytest.TempPathFactory, django_db_blocker: DjangoDbBlocker
) -> Iterator[Installation]:
    """One installation for all that is to be survived: it starts in seconds, and each test empties it."""
    installation = Installation(tmp_path_factory.mktemp("installation") / "var", django_db_blocker)
    try:
        installation.start()
        installation.make_key()
        yield installation
    finally:
        installation.stop()
