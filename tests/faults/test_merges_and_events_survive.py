"""Whatever of an installation is killed, who sends again until there is an answer has done it once (I10, Q21, Q25)."""

import contextlib
import datetime as dt
import os
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from tests.faults.installations import Adapter, Installation
from tests.interactions.calls import NOON

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("up")]

ROUNDS = int(os.environ.get("CIM_FAULT_ROUNDS", "1"))
VICTIMS = ("web", "PostgreSQL", "worker", "everything")
PAIRS = 8
CALLS = 24
KINDS = ("offered", "answered", "held", "resumed", "message", "wrapped_up", "left", "ended")

# Ids are new in every run, and so are the times; people are told apart by their names.
CUSTOMERS = """
SELECT to_jsonb(c) - ARRAY['id', 'created_at', 'updated_at', 'created_entry_id', 'merged_into_id'],
  (SELECT s.address FROM customers_customer s WHERE s.id = c.merged_into_id),
  (SELECT jsonb_agg(jsonb_build_array(number, typed, used_in, valid_to IS NULL, merge_id IS NULL)
                    ORDER BY number, valid_to IS NULL, merge_id IS NULL)
   FROM customers_phone p WHERE p.customer_id = c.id),
  (SELECT jsonb_agg(jsonb_build_array(version, akeys(before)) ORDER BY version)
   FROM customers_version v WHERE v.customer_id = c.id),
  (SELECT jsonb_agg(jsonb_build_array(i.external_id, i.state) ORDER BY i.external_id)
   FROM interactions_interaction i WHERE i.customer_id = c.id),
  (SELECT jsonb_agg(jsonb_build_array(l.name) ORDER BY l.name) FROM customers_customerlabel cl
   JOIN customers_label l ON l.id = cl.label_id WHERE cl.customer_id = c.id)
FROM customers_customer c ORDER BY c.address
"""
MERGES = """
SELECT s.address, m.version, m.undone_at,
  (SELECT array_agg(p.address ORDER BY p.address) FROM customers_mergepart mp
   JOIN customers_customer p ON p.id = mp.customer_id WHERE mp.merge_id = m.id),
  (SELECT jsonb_agg(jsonb_build_array(f.name, f.before, f.set) ORDER BY f.name)
   FROM customers_mergedfield f WHERE f.merge_id = m.id),
  (SELECT count(*) FROM customers_mergewrite w WHERE w.merge_id = m.id),
  (SELECT count(*) FROM access_auditentry e WHERE e.action = 'customer.merge' AND e.object_id = s.id::text),
  (SELECT count(*) FROM access_auditentry e WHERE e.action = 'customer.merge' AND e.id = m.entry_id)
FROM customers_merge m JOIN customers_customer s ON s.id = m.survivor_id ORDER BY 1
"""
INTERACTIONS = """
SELECT to_jsonb(i) - ARRAY['id', 'customer_id', 'linked_at', 'received_at', 'settled_at', 'candidates'],
  c.address, (SELECT count(*) FROM interactions_link l WHERE l.interaction_id = i.id)
FROM interactions_interaction i LEFT JOIN customers_customer c ON c.id = i.customer_id ORDER BY i.external_id
"""
EVENTS = """
SELECT i.external_id, e.event_id, e.type, e.occurred_at, e.said, count(*)
FROM interactions_event e JOIN interactions_interaction i ON i.id = e.interaction_id GROUP BY 1, 2, 3, 4, 5
ORDER BY 1, 2
"""


def number(of: int) -> str:
    return f"+4930{40_000_000 + of}"


def event(kind: str, call: int, place: int) -> dict[str, Any]:
    return {
        "event_id": f"e-{call}-{place}",
        "source": "pbx",
        "interaction_id": f"call-{call:03}",
        "type": kind,
        "occurred_at": (NOON + dt.timedelta(seconds=60 * call + place)).isoformat(),
        "channel": "voice",
        "direction": "inbound",
        "address": number(call),
        "agent": {"id": f"agent-{call % 5}"},
    } | ({"code": "Sold"} if kind == "wrapped_up" else {})


def people(adapter: Adapter, count: int) -> list[str]:
    """Make people with many values, the later ones changed since; return their ids."""
    made = []
    for place in range(count):
        person = {
            "first_name": f"First {place}",
            "last_name": f"Last {place}",
            "address": f"Street {place:03}",
            "postal_code": f"{50_000 + place}",
            "account_id": f"A-{place}",
            "phones": [number(place), number(1_000 + place)],
            "emails": [f"p{place}@example.org", f"q{place}@example.org"],
        }
        made.append(adapter.post("/api/v1/customers/", person)["id"])
        if place % 2:
            adapter.patch(f"/api/v1/customers/{made[-1]}/", {"language": "fr", "account_id": f"B-{place}"})
    return made


# Merges


def merge_pairs(installation: Installation, kill: Callable[[int], None]) -> dict[str, Any]:
    """Merge one pair after the other, each asked again under its key until it is answered."""
    installation.empty()
    with installation.adapter() as adapter:
        ids = people(adapter, 2 * PAIRS)
        calls = [event(kind, call, place) for call in range(2 * PAIRS) for place, kind in enumerate(KINDS)]
        adapter.post("/api/v1/interactions/events/", {"events": calls})

        answers = []
        for pair in range(PAIRS):
            kill(pair)
            into, other = ids[2 * pair], ids[2 * pair + 1]
            answers.append(adapter.post("/api/v1/customers/merge/", {"into": into, "from": [other]}))
            again = adapter.post("/api/v1/customers/merge/", {"into": into, "from": [other]}, same_key=True)
            assert again == answers[-1]

    made = installation.query("SELECT id::text FROM customers_merge ORDER BY id")
    assert [merge for (merge,) in made] == sorted(answer["merge"] for answer in answers)
    return {"customers": installation.query(CUSTOMERS), "merges": installation.query(MERGES)}


@pytest.fixture(scope="module")
def merged(installation: Installation) -> dict[str, Any]:
    found = merge_pairs(installation, lambda _pair: None)
    assert len(found["merges"]) == PAIRS
    return found


@pytest.mark.parametrize("turn", range(ROUNDS))
def test_merges_asked_for_until_answered_are_made_once(
    installation: Installation, merged: dict[str, Any], turn: int
) -> None:
    with killed(installation, turn, PAIRS) as kill:
        found = merge_pairs(installation, kill)

    assert found == merged
    installation.check_integrity()


# Events


def send_all(installation: Installation, kill: Callable[[int], None]) -> dict[str, Any]:
    """Send a burst as two adapters do, one in batches and one event by event, on the same calls."""
    installation.empty()
    with installation.adapter() as adapter:
        people(adapter, 8)
    events = [event(kind, call, place) for call in range(CALLS) for place, kind in enumerate(KINDS)]
    random.Random(5).shuffle(events)
    singles, batched = events[: len(events) // 4], events[len(events) // 4 :]
    batches = [{"events": batched[start : start + 20]} for start in range(0, len(batched), 20)]
    counts, failures = Counter[str](), list[BaseException]()

    def send(bodies: Sequence[dict[str, Any]], kill: Callable[[int], None]) -> None:
        try:
            with installation.adapter() as adapter:
                for place, body in enumerate(bodies):
                    kill(place)
                    answer = adapter.post("/api/v1/interactions/events/", body, key=False)
                    assert answer["rejected"] == []
                    counts.update(accepted=answer["accepted"], known=answer["duplicates"])
        except BaseException as failure:
            failures.append(failure)

    senders = [
        threading.Thread(target=send, args=[singles, kill]),
        threading.Thread(target=send, args=[batches, lambda _place: None]),
    ]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert failures == []
    assert counts.total() == len(events)
    kept = installation.query(EVENTS)
    assert len(kept) == len(events)
    assert {row[-1] for row in kept} == {1}
    return {"events": kept, "interactions": installation.query(INTERACTIONS)}


@pytest.fixture(scope="module")
def told(installation: Installation) -> dict[str, Any]:
    found = send_all(installation, lambda _place: None)
    assert len(found["interactions"]) == CALLS
    assert any(customer for _row, customer, _links in found["interactions"])
    return found


@pytest.mark.parametrize("turn", range(ROUNDS))
def test_events_sent_until_answered_are_kept_once(
    installation: Installation, told: dict[str, Any], turn: int
) -> None:
    with killed(installation, turn, CALLS * len(KINDS) // 4) as kill:
        found = send_all(installation, kill)

    assert found == told
    installation.check_integrity()


@contextlib.contextmanager
def killed(installation: Installation, turn: int, steps: int) -> Iterator[Callable[[int], None]]:
    """Yield what is told of every step, and kills this turn's victim a random moment into one of them."""
    chance = random.Random(turn)
    chosen, moment = chance.randrange(steps), chance.uniform(0, 0.08)
    victim = VICTIMS[turn % len(VICTIMS)]
    deeds: list[threading.Timer] = []

    def strike() -> None:
        installation.kill(victim)
        if victim == "everything":
            installation.start()

    def tell(step: int) -> None:
        if step == chosen:
            deeds.append(threading.Timer(moment, strike))
            deeds[-1].start()

    yield tell
    (deed,) = deeds
    deed.join()
