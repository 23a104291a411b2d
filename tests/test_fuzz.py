"""Whatever a client sends along the OpenAPI schema, the API answers without a 5xx (Q23)."""

import os
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
from cim.access.permissions import ROLES
from tests.factories import make_user
from tests.privacy.world import MAIL, NAME, PASSPORT, PHONE, SHIELDED, make_person, mask_attributes

EXAMPLES = int(os.environ.get("CIM_FUZZ_EXAMPLES", "0"))


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


@pytest.mark.parametrize("role", ROLES if EXAMPLES else ("Admin", "Agent"))
def test_no_answer_is_a_server_error_or_shows_what_is_masked(operations: list[Any], role: str) -> None:
    """A few examples as two roles by default; CIM_FUZZ_EXAMPLES asks for as many as every role."""
    mask_attributes()
    make_person(first_name="Zoe", last_name=NAME, phones=[PHONE], emails=[MAIL], passport=PASSPORT)
    headers = key_of(role)
    failures = []
    sees_all = "reveal" in ROLES[role]

    for operation in operations:

        @settings(
            max_examples=EXAMPLES or (3 if role == "Admin" else 1),
            deadline=None,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def check(case: Any) -> None:
            with transaction.atomic():
                answer = case.call_and_validate(headers=headers, checks=[not_a_server_error])
                transaction.set_rollback(True)
            asked = f"{case.path_parameters} {case.query} {case.body}".lower()
            said = answer.content.decode("utf-8", "replace")
            shown = [item for item in SHIELDED if item.lower() in said.lower() and item.lower() not in asked]
            assert sees_all or not shown, f"{role} is shown {shown}"

        try:
            check()
        except Exception as failure:  # every operation is tried before any is reported
            failures.append(f"{operation.label}: {failure}")
    assert len(operations) > 10
    assert not failures, "\n\n".join(failures)
