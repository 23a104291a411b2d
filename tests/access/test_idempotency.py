"""A POST may be sent twice: one effect, one answer."""

import datetime as dt
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.auth.models import Group
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from django.db.models import F
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cim.access.models import IdempotencyRecord
from cim.access.permissions import ROLES
from tests.factories import api_for

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.access.sample_urls")]


def clubs() -> list[str]:
    return sorted(Group.objects.exclude(name__in=ROLES).values_list("name", flat=True))


def found(api, key, body=None, path="/api/clubs/", **options):
    return api.post(path, body or {"name": "Alpine Club"}, headers={"Idempotency-Key": key}, **options)


def test_same_key_and_body_gives_same_answer():
    api = api_for("Agent")

    first, second = found(api, "k-1"), found(api, "k-1")

    assert (second.status_code, second.content, second["ETag"]) == (201, first.content, '"1"')
    assert second["Content-Type"] == "application/json"
    assert (first.headers.get("Idempotent-Replayed"), second["Idempotent-Replayed"]) == (None, "true")
    assert clubs() == ["Alpine Club"]


def test_spelling_of_the_body_plays_no_part():
    api = api_for("Agent")
    spellings = ['{"name": "A", "seconds": 0}', '{ "seconds":0,"name":"\\u0041" }']

    answers = [found(api, "k-1", raw, content_type="application/json") for raw in spellings]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert clubs() == ["A"]


@pytest.mark.parametrize("change", [{"body": {"name": "Ski Club"}}, {"path": "/api/clubs/?really=1"}])
def test_same_key_for_another_request_is_409(change):
    api = api_for("Agent")
    found(api, "k-1")

    response = found(api, "k-1", **change)

    assert response.status_code == 409
    assert response.json()["detail"] == "The key “k-1” was used for another request."
    assert clubs() == ["Alpine Club"]


def test_key_belongs_to_its_user():
    found(api_for("Agent"), "k-1")

    assert found(api_for("Importer"), "k-1", {"name": "Ski Club"}).status_code == 201


def test_key_is_forgotten_after_72_hours():
    api = api_for("Agent")
    found(api, "k-1")
    IdempotencyRecord.objects.update(created_at=F("created_at") - dt.timedelta(hours=72, seconds=1))

    assert found(api, "k-1", {"name": "Ski Club"}).status_code == 201
    assert found(api, "k-1", {"name": "Ski Club"})["Idempotent-Replayed"] == "true"


@pytest.mark.parametrize("body", [{"name": "Alpine Club"}, {"name": "Refused by its own answer"}])
def test_refusal_leaves_nothing_and_may_be_repeated(body):
    api = api_for("Agent")
    Group.objects.create(name="Alpine Club")

    assert found(api, "k-1", body).status_code == 409

    assert clubs() == ["Alpine Club"]
    assert found(api, "k-1", {"name": "Ski Club"}).status_code == 201


@pytest.mark.parametrize("key", ["", "a b", "ä", "k" * 256])
def test_impossible_key_is_400(key):
    response = found(api_for("Agent"), key)

    assert (response.status_code, list(response.json()["errors"])) == (400, ["Idempotency-Key"])


def test_upload_is_the_same_with_another_boundary():
    api = api_for("Agent")

    def upload(content: bytes):
        file = SimpleUploadedFile("a.csv", content)
        return found(api, "k-1", {"name": "Alpine Club", "file": file}, format="multipart")

    assert [upload(b"a").status_code, upload(b"a").status_code, upload(b"b").status_code] == [201, 201, 409]


@pytest.mark.django_db(transaction=True)
def test_concurrent_requests_with_one_key_have_one_effect():
    api = api_for("Agent")

    def send(_number: int):
        try:
            response = found(api, "k-1", {"name": "Alpine Club", "seconds": "0.2"})
            return response.status_code, response.content
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(send, range(8)))

    assert clubs() == ["Alpine Club"]
    assert [status for status, _body in answers] == [201]


@pytest.mark.django_db(transaction=True)
def test_waiting_request_takes_over_when_the_first_fails():
    api = api_for("Agent")
    Group.objects.create(name="Alpine Club")

    def send(body: dict[str, str]) -> int:
        try:
            return found(api, "k-1", body).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        refused = pool.submit(send, {"name": "Alpine Club", "seconds": "0.5"})
        taken = [pool.submit(send, {"name": f"Club {uuid.uuid4()}", "seconds": "0"}) for _ in range(1)]

        assert (refused.result(), taken[0].result()) == (409, 201)


@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.sampled_from(["Alpine Club", "Ski Club", "Refused"])), max_size=8
    )
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
def test_any_sequence_answers_like_a_dictionary_of_keys(requests):
    api, kept, founded, answers, expected = api_for("Agent"), {}, set(), [], []
    with transaction.atomic():
        for key, name in requests:
            answers.append(found(api, key, {"name": name}).status_code)
            if key in kept:
                expected.append(201 if kept[key] == name else 409)
            elif name in founded or name == "Refused":
                expected.append(409)
            else:
                kept[key] = name
                founded.add(name)
                expected.append(201)
        actual = clubs()
        transaction.set_rollback(True)

    assert answers == expected
    assert actual == sorted(founded)
