"""Everything at once on overlapping numbers: what people see is an answer, and nothing contradicts itself (Q22)."""

import json
import os
import random
import threading
import uuid
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connections
from django.utils import timezone
from rest_framework.test import APIClient

from customers.importing import running
from customers.integrity import problems
from customers.models import Customer, Phone
from customers.schema import Schema
from tests.customers.importing.files import check_numbers
from tests.factories import api_for

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

STEPS = int(os.environ.get("CIM_FAULT_ROUNDS", "1")) * 25
NUMBERS = [f"+4930{20_000_000 + number}" for number in range(12)]
ANSWERS = {200, 201, 202, 204, 404, 409, 412}
"""What may be answered: done, or refused since somebody else was there before."""


class Actor:
    """One of those who work at the same time, with a chance of their own."""

    def __init__(self, seed: int, clients: dict[str, APIClient]) -> None:
        self.chance = random.Random(seed)
        self.clients = clients
        self.answers = Counter[tuple[str, int]]()
        self.merges: list[str] = []

    def numbers(self) -> list[str]:
        return self.chance.sample(NUMBERS, self.chance.randint(1, 3))

    def somebody(self) -> str:
        found = self.clients["Agent"].get("/api/v1/customers/?page_size=200").json()["results"]
        return self.chance.choice(found)["id"] if found else str(uuid.uuid4())

    def create(self) -> Any:
        how = self.chance.choice(["overwrite", "update", "reject"])
        given = {"first_name": f"F{self.chance.random()}", "phones": self.numbers()}
        return self.clients["Agent"].post(f"/api/v1/customers/?on_conflict={how}", given, format="json")

    def edit(self) -> Any:
        return self.clients["Agent"].patch(
            f"/api/v1/customers/{self.somebody()}/", {"phones": self.numbers()}, format="json"
        )

    def delete(self) -> Any:
        return self.clients["Supervisor"].delete(f"/api/v1/customers/{self.somebody()}/")

    def bring_back(self) -> Any:
        customer = self.somebody()
        return self.clients["Supervisor"].post(f"/api/v1/customers/{customer}/versions/1/restore/")

    def merge(self) -> Any:
        into, other = self.somebody(), self.somebody()
        if into == other:
            return None
        answer = self.clients["Supervisor"].post(
            "/api/v1/customers/merge/", {"into": into, "from": [other]}, format="json"
        )
        if answer.status_code == 200:
            self.merges.append(answer.json()["merge"])
        return answer

    def unmerge(self) -> Any:
        if not self.merges:
            return None
        merge = self.merges.pop(self.chance.randrange(len(self.merges)))
        return self.clients["Supervisor"].post(f"/api/v1/merges/{merge}/undo/")

    def event(self) -> Any:
        event = {
            "event_id": str(uuid.uuid4()),
            "source": "pbx",
            "interaction_id": f"call-{self.chance.randrange(20)}",
            "type": self.chance.choice(["offered", "answered", "queued", "ended"]),
            "occurred_at": timezone.now().isoformat(),
            "channel": "voice",
            "direction": "inbound",
            "address": self.chance.choice(NUMBERS),
            "agent": {"id": f"agent-{self.chance.randrange(3)}"},
        }
        return self.clients["Integration"].post("/api/v1/interactions/events/", event, format="json")

    def upload(self) -> Any:
        rows = ["first_name,phone,phone_2"]
        for _row in range(30):
            rows.append(",".join(["Imported", *self.chance.sample(NUMBERS, 2)]))
        return self.clients["Importer"].post(
            "/api/v1/imports/",
            {
                "file": SimpleUploadedFile("people.csv", "\n".join(rows).encode(), "text/csv"),
                "options": json.dumps({"on_conflict": self.chance.choice(["overwrite", "update"])}),
            },
            format="multipart",
        )

    def work(self) -> None:
        ways: dict[Callable[[], Any], int] = {
            self.create: 6, self.edit: 4, self.delete: 1, self.bring_back: 1,
            self.merge: 3, self.unmerge: 2, self.event: 6, self.upload: 1,
        }  # fmt: skip
        for _step in range(STEPS):
            (way,) = self.chance.choices(list(ways), list(ways.values()))
            answer = way()
            if answer is not None:
                self.answers[way.__name__, answer.status_code] += 1
                assert answer.status_code in ANSWERS, (way.__name__, answer.status_code, answer.content)


def test_random_work_of_many_at_once_is_answered_and_leaves_no_contradiction() -> None:
    roles = ("Agent", "Supervisor", "Importer", "Integration")
    actors = [Actor(seed, {role: api_for(role) for role in roles}) for seed in range(5)]
    failures: list[BaseException] = []
    going = threading.Event()
    going.set()

    def work(actor: Actor) -> None:
        try:
            actor.work()
        except BaseException as failure:
            failures.append(failure)
        finally:
            connections.close_all()

    def import_files() -> None:
        try:
            while going.is_set():
                running.work()
                going.wait(0.01)
        except BaseException as failure:
            failures.append(failure)
        finally:
            connections.close_all()

    assert actors[0].upload().status_code == 202
    importer = threading.Thread(target=import_files)
    people = [threading.Thread(target=work, args=[actor]) for actor in actors]
    for thread in (importer, *people):
        thread.start()
    for thread in people:
        thread.join()
    going.clear()
    importer.join()
    running.work()

    assert failures == []
    done = sum((actor.answers for actor in actors), Counter())
    assert {way for way, status in done if status < 300} >= {"create", "edit", "merge", "event"}
    assert list(problems()) == []
    check_numbers(Schema.current())
    owned = list(Phone.objects.current().values_list("number", flat=True))
    assert len(owned) == len(set(owned))
    assert Customer.objects.live().exists()
