"""The outbox under faults: nothing lost, nothing twice, in order (M4, M14)."""

import datetime as dt
import threading
import time
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from crm_mappings import configuring, delivering, throttling
from crm_mappings.models import Circuit, Configuration, Delivery
from tests.crm_mappings.conftest import Kustomer
from tests.crm_mappings.making import ACTOR, Call, ended, make_configuration, make_customer, make_mapping, now
from tests.factories import api_for

pytestmark = pytest.mark.django_db


MAPPED = {
    "conversation": [("name", "voice", "agent_name"), ("custom.numberStr", "voice", "interaction_id")],
    "message": [("preview", "voice", "interaction_id")],
}


@pytest.fixture
def configuration(kustomer: Kustomer, settings: Any) -> Configuration:
    settings.CIM_CRM_TIMEOUT = 0.4
    settings.CIM_CRM_REST = 0.0
    made = make_configuration()
    make_customer()
    make_mapping(made, MAPPED)
    return made


def make_calls(count: int) -> list[Call]:
    return [Call().tell("offered", "answered", ended(), "acw_ended") for _number in range(count)]


def send_all(configuration: Configuration, rounds: int = 30) -> None:
    for _round in range(rounds):
        if not Delivery.objects.unfinished().exists():
            return
        Circuit.objects.update(open_until=None)
        Delivery.objects.unfinished().exclude(state="sending").update(due_at=timezone.now())
        delivering.send_due(configuration.pk)


def assert_written_once(kustomer: Kustomer, calls: list[Call]) -> None:
    names = sorted(call.name for call in calls)
    assert list(Delivery.objects.values_list("state", flat=True)) == ["delivered"] * len(names) * 2
    assert sorted(it["custom"]["numberStr"] for it in kustomer.attributes("conversation")) == names
    assert sorted(it["preview"] for it in kustomer.attributes("message")) == names
    assert len(kustomer.records("customer")) == 1


@pytest.mark.parametrize("after_effect", [False, True])
@pytest.mark.parametrize("kind", ["down", "hang", "error", "garbage", "busy"])
def test_fault_is_survived(
    configuration: Configuration, kustomer: Kustomer, kind: str, after_effect: bool
) -> None:
    calls = make_calls(2)
    # Every third request goes wrong, also after it had its effect.
    kustomer.fail(
        *[
            {"kind": kind, "times": 1, "after_effect": after_effect, "seconds": 0.9, "only": only}
            for only in (
                "POST /v1/customers",
                "POST /v1/conversations",
                "/messages",
                "GET /v1/customers/phone",
            )
        ]
    )

    send_all(configuration)

    assert_written_once(kustomer, calls)
    if kind != "busy":
        assert max(Delivery.objects.values_list("tries", flat=True)) > 1


def test_token_renewal_is_waited_for(configuration: Configuration, kustomer: Kustomer, settings: Any) -> None:
    settings.CIM_CRM_TIMEOUT = 3
    kustomer.fail({"kind": "renew", "seconds": 1.0, "times": 1})
    calls = make_calls(1)

    delivering.send_due(configuration.pk)

    assert_written_once(kustomer, calls)
    assert set(Delivery.objects.values_list("tries", flat=True)) == {1}


def test_outage_of_an_hour_loses_nothing_and_uses_up_no_delivery(
    configuration: Configuration, kustomer: Kustomer, settings: Any
) -> None:
    settings.CIM_CRM_REST = 30.0
    settings.CIM_CRM_RETRY = 2.0
    calls = make_calls(2)
    kustomer.fail({"kind": "down"})

    delivering.send_due(configuration.pk)
    Delivery.objects.update(due_at=timezone.now())
    delivering.send_due(configuration.pk)
    circuit = throttling.circuit_of(configuration.pk)
    asked = len(kustomer.requests())
    delivering.send_due(configuration.pk)

    # The circuit is open: nobody asks, and no try is used up meanwhile.
    assert circuit.is_open(timezone.now())
    assert len(kustomer.requests()) == asked
    assert set(Delivery.objects.values_list("state", flat=True)) <= {"waiting", "retrying"}
    kustomer.work()
    send_all(configuration)
    assert_written_once(kustomer, calls)
    assert throttling.circuit_of(configuration.pk).failures == 0


def test_retry_after_is_kept(configuration: Configuration, kustomer: Kustomer) -> None:
    make_calls(1)
    kustomer.fail({"kind": "busy", "seconds": 600, "times": 1})

    delivering.send_due(configuration.pk)

    wait = throttling.circuit_of(configuration.pk).open_until - timezone.now()  # type: ignore[operator]
    delivery = Delivery.objects.order_by("place")[0]
    assert dt.timedelta(seconds=590) < wait <= dt.timedelta(seconds=600)
    assert (delivery.state, delivery.tries) == ("waiting", 0)
    assert "busy" in delivery.reason
    assert delivering.due_configurations(timezone.now()) == []


def test_last_try_is_kept_as_failed_with_its_reason(
    configuration: Configuration, kustomer: Kustomer, settings: Any
) -> None:
    settings.CIM_CRM_TRIES = 3
    make_calls(1)
    kustomer.fail({"kind": "error"})

    send_all(configuration, rounds=12)

    first = Delivery.objects.order_by("place")[0]
    assert (first.state, first.tries, len(first.history)) == ("failed", 3, 3)
    assert "500" in first.reason


def test_refusal_is_not_repeated(configuration: Configuration, kustomer: Kustomer) -> None:
    Delivery.objects.all()
    make_calls(1)
    Delivery.objects.filter(entity_type="conversation").update(fields={"nonsense": "x"})

    delivering.send_due(configuration.pk)

    first, second = Delivery.objects.order_by("place")
    assert (first.state, first.tries) == ("failed", 1)
    assert "nonsense" in first.reason
    # What failed for good holds up nobody.
    assert second.state == "delivered"


def test_wrong_key_stops_all_until_it_is_changed(configuration: Configuration, kustomer: Kustomer) -> None:
    calls = make_calls(2)
    kustomer.set(keys=["k-new"])

    delivering.send_due(configuration.pk)

    configuration.refresh_from_db()
    assert configuration.status == "failed"
    assert set(Delivery.objects.values_list("state", flat=True)) == {"waiting"}
    assert throttling.circuit_of(configuration.pk).failures > 0
    configuring.change(configuration.pk, {"credentials": {"api_key": "k-new"}}, ACTOR, now())
    send_all(configuration)
    assert_written_once(kustomer, calls)


def test_deliveries_of_a_contact_go_in_order(configuration: Configuration, kustomer: Kustomer) -> None:
    call = Call().tell("offered", "answered", ended("customer"))
    call.tell(("wrapped_up", {"code": "x"}), "acw_ended")
    conversation, message = Delivery.objects.order_by("place")
    Delivery.objects.filter(pk=conversation.pk).update(state="retrying", due_at=now() + dt.timedelta(hours=1))

    assert delivering.send_due(configuration.pk) == 0

    Delivery.objects.filter(pk=conversation.pk).update(due_at=now())
    assert delivering.send_due(configuration.pk) == 2
    assert Delivery.objects.get(pk=message.pk).state == "delivered"


def test_replay_writes_nothing_twice(configuration: Configuration, kustomer: Kustomer) -> None:
    calls = make_calls(1)
    delivering.send_due(configuration.pk)
    api = api_for("Admin")

    one = Delivery.objects.order_by("place")[1]
    answer = api.post(f"/api/v1/crm/deliveries/{one.pk}/replay/")
    Delivery.objects.exclude(pk=one.pk).update(state="failed")
    many = api.post("/api/v1/crm/deliveries/replay/", {"configuration": str(configuration.pk)})
    delivering.send_due(configuration.pk)

    assert (answer.status_code, answer.json()["state"], answer.json()["replayed_by"]) == (
        200,
        "waiting",
        "Ada Amani",
    )
    assert (many.status_code, many.json()) == (202, {"replayed": 1})
    assert_written_once(kustomer, calls)


def test_replay_of_an_old_delivery_leaves_what_a_newer_one_wrote(
    configuration: Configuration, kustomer: Kustomer
) -> None:
    mapping = make_mapping(configuration, {"order": [("title", "digital", "agent_name")]})
    call = Call("chat").tell("offered", "answered", ("transferred", {"agent": {"id": "bob", "name": "Bob"}}))
    call.tell(
        *[(name, {"agent": {"id": "bob", "name": "Bob"}}) for name in ("answered", "unassigned", "dismissed")]
    )
    first = Delivery.objects.filter(mapping=mapping).order_by("place")[0]
    Delivery.objects.filter(pk=first.pk).update(state="failed")
    send_all(configuration)

    delivering.replay([first.pk], ACTOR, now())
    delivering.send_due(configuration.pk)

    assert Delivery.objects.get(pk=first.pk).state == "delivered"
    assert kustomer.attributes("klass")[0]["title"] == "Bob"


def test_stop_and_pause_hold_deliveries_back(configuration: Configuration, kustomer: Kustomer) -> None:
    make_calls(1)
    api = api_for("Admin")
    address = f"/api/v1/crm/configurations/{configuration.pk}/"

    assert api.post(f"{address}pause/").json()["paused"] is True
    assert delivering.send_due(configuration.pk) == 0
    assert delivering.due_configurations(now()) == []
    assert api.post(f"{address}resume/").json()["paused"] is False
    ids = [str(pk) for pk in Delivery.objects.values_list("pk", flat=True)]
    assert api.post("/api/v1/crm/deliveries/stop/", {"deliveries": ids}).json() == {"stopped": 2}
    assert delivering.send_due(configuration.pk) == 0
    assert kustomer.records("conversation") == []


def test_rate_is_held_by_all_workers_together(configuration: Configuration, settings: Any) -> None:
    settings.CIM_CRM_RATE = 600
    began = time.monotonic()

    for _number in range(15):
        throttling.take_turn(configuration.pk)

    # Ten at once after a quiet time, the others every tenth of a second.
    assert 0.3 < time.monotonic() - began < 3


def test_lease_of_a_dead_sender_runs_out(configuration: Configuration, kustomer: Kustomer) -> None:
    calls = make_calls(1)
    assert throttling.hold(configuration.pk, now(), 60) is not None

    assert delivering.send_due(configuration.pk) == 0
    assert throttling.hold(configuration.pk, now() + dt.timedelta(seconds=61), 60) is not None
    Circuit.objects.update(held_until=None)
    Delivery.objects.update(state="sending", leased_until=now() - dt.timedelta(seconds=1), fence=1)
    delivering.send_due(configuration.pk)

    assert_written_once(kustomer, calls)


def test_late_sender_may_not_mark_what_another_has_claimed(configuration: Configuration) -> None:
    make_calls(1)
    claimed = delivering._claim(configuration.pk, now())
    assert claimed is not None
    Delivery.objects.filter(pk=claimed.pk).update(fence=claimed.fence + 1)

    delivering._mark(claimed, "failed", "too late")

    assert Delivery.objects.get(pk=claimed.pk).state == "sending"


def test_many_senders_at_once_write_once(
    configuration: Configuration, kustomer: Kustomer, transactional_db: None
) -> None:
    calls = make_calls(6)
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for _round in range(20):
                delivering.send_due(configuration.pk)
                if not Delivery.objects.unfinished().exists():
                    break
                time.sleep(0.02)
        except BaseException as failure:
            failures.append(failure)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert_written_once(kustomer, calls)
