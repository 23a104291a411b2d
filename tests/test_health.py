"""What an operator's machinery sees (contract 6.5), and what caches and logs must not (Q31)."""

import json
import logging

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import DataError, IntegrityError, connection
from django.test import Client
from structlog.stdlib import ProcessorFormatter

from cim.celery import app
from cim.embedded import Postgres, Refused


def test_healthz_answers_without_the_database(client: Client) -> None:
    answer = client.get("/healthz")

    assert (answer.status_code, answer.content) == (200, b"ok\n")


@pytest.mark.django_db
def test_readyz_says_what_is_ready(client: Client) -> None:
    answer = client.get("/readyz")

    assert (answer.status_code, answer.json()) == (
        200,
        {"database": True, "migrations": True, "broker": True},
    )


@pytest.mark.django_db
def test_readyz_is_503_while_a_migration_is_missing(client: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'customers'")

    answer = client.get("/readyz")

    assert (answer.status_code, answer.json()) == (
        503,
        {"database": True, "migrations": False, "broker": True},
    )


@pytest.mark.django_db
def test_readyz_is_503_while_the_broker_is_away(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(app.conf, "broker_write_url", "redis+socket:///nowhere/broker.sock")

    answer = client.get("/readyz")

    assert (answer.status_code, answer.json()) == (
        503,
        {"database": True, "migrations": True, "broker": False},
    )


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ({"REMOTE_ADDR": "127.0.0.1"}, 200),
        ({"REMOTE_ADDR": "::1"}, 200),
        ({"REMOTE_ADDR": "192.0.2.7"}, 404),
        ({"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "192.0.2.7"}, 404),
        ({"REMOTE_ADDR": ""}, 404),
    ],
)
def test_metrics_are_for_this_machine(client: Client, origin: dict[str, str], status: int) -> None:
    answer = client.get("/metrics", **origin)

    assert answer.status_code == status
    assert (b"django_http_requests" in answer.content) == (status == 200)


def test_metrics_can_be_made_public(client: Client, settings: pytest.FixtureRequest) -> None:
    settings.METRICS_PUBLIC = True

    assert client.get("/metrics", REMOTE_ADDR="192.0.2.7").status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/healthz", "/api/v1/schema/", "/nowhere/"])
def test_answers_are_not_stored_and_allow_no_foreign_content(client: Client, path: str) -> None:
    headers = client.get(path).headers

    assert "no-store" in headers["Cache-Control"]
    assert "default-src 'self'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


@pytest.mark.django_db
def test_log_of_a_request_has_no_query_and_no_address(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        client.get("/healthz?phone=%2B4915112345678", REMOTE_ADDR="192.0.2.7")

    lines = [str(record.msg) for record in caplog.records if "request_finished" in str(record.msg)]
    assert len(lines) == 1
    assert "GET /healthz'" in lines[0]
    assert "4915112345678" not in caplog.text
    assert "192.0.2.7" not in caplog.text


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("statement", "refusal"),
    [
        (
            "INSERT INTO auth_group (id, name) VALUES (901, 'Erna Krüger'), (901, 'Erna Krüger')",
            IntegrityError,
        ),
        ("SELECT 'Erna Krüger'::int", DataError),
        ("SELECT 'Erna\nKrüger'::int", DataError),
        ("SELECT '901'::date", DataError),
        ("SELECT '901901901901'::int", DataError),
        ("INSERT INTO auth_group (id, name) VALUES (902, NULL)", IntegrityError),
    ],
)
def test_log_of_a_database_error_quotes_no_value(statement: str, refusal: type[Exception]) -> None:
    formatter = _json_formatter()
    with pytest.raises(refusal) as caught, connection.cursor() as cursor:
        cursor.execute(statement)

    record = logging.LogRecord(
        "cim", logging.ERROR, "", 0, "it failed: %s", (caught.value,), (refusal, caught.value, caught.tb)
    )
    line = json.loads(formatter.format(record))

    assert refusal.__name__ in line["exception"]
    for value in ("Erna", "Krüger", "901", "902"):
        assert value not in line["event"]
        # The test's own source stands in the traceback; the message does not.
        assert value not in line["exception"].rpartition("Error: ")[2]


def _json_formatter() -> ProcessorFormatter:
    configured = dict(settings.LOGGING["formatters"]["json"])
    return configured.pop("()")(**configured)


def test_postgres_programs_are_refused_by_name_when_missing(tmp_path) -> None:
    server = Postgres(tmp_path, tmp_path, chosen_binaries=tmp_path)

    with pytest.raises(Refused, match=f"CIM_PG_BIN is '{tmp_path}'; it must hold postgres and initdb"):
        _ = server.binaries


@pytest.mark.parametrize(
    ("reader", "value", "message"),
    [
        ("_boolean", "ja", "VARIABLE is 'ja'; it must be true or false."),
        ("_number", "-1", "VARIABLE is '-1'; it must be a whole number."),
        ("_number", "8000.5", "VARIABLE is '8000.5'; it must be a whole number."),
    ],
)
def test_setting_that_does_not_fit_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, reader: str, value: str, message: str
) -> None:
    from cim import settings as module  # noqa: PLC0415 - its readers, not Django's view of the settings

    monkeypatch.setenv("VARIABLE", value)

    with pytest.raises(ImproperlyConfigured) as refused:
        getattr(module, reader)("VARIABLE", default=1)

    assert str(refused.value) == message
