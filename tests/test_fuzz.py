"""Whatever a client sends along the OpenAPI schema, the API answers without a 5xx (Q23)."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error

from cim.access.models import ApiKey
from tests.factories import make_user

EXAMPLES = 5


@pytest.fixture
def operations(db: None, settings: Any) -> Iterator[list[Any]]:
    """Load every operation from the application's own schema; requests run inside the test's transaction."""
    settings.ALLOWED_HOSTS = ["*"]
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    schema = schemathesis.openapi.from_wsgi(
        "/api/v1/schema/", get_wsgi_application(), headers=key_of("Admin")
    )
    # Streams are answered by the ASGI server alone, and do not end.
    yield [result.ok() for result in schema.exclude(path_regex="/stream/$").get_all_operations()]
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def key_of(role: str) -> dict[str, str]:
    _key, secret = ApiKey.objects.issue(make_user(role))
    return {"Authorization": f"Bearer {secret}"}


def test_no_answer_is_a_server_error(operations: list[Any]) -> None:
    headers = key_of("Admin")
    failures = []

    for operation in operations:

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def check(case: Any) -> None:
            with transaction.atomic():
                case.call_and_validate(headers=headers, checks=[not_a_server_error])
                transaction.set_rollback(True)

        try:
            check()
        except Exception as failure:  # every operation is tried before any is reported
            failures.append(f"{operation.label}: {failure}")
    assert len(operations) > 10
    assert not failures, "\n\n".join(failures)
