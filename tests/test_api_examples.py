"""Every example of the API's description is really sent, in the order of the story they tell (Q35)."""

import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import pytest

from cim.access.models import ApiKey
from cim.api_examples import EXAMPLES
from tests.factories import api_for, make_user

ROOT = Path(__file__).parent.parent


def filled(value: Any, kept: dict[str, str]) -> Any:
    text = json.dumps(value)
    return json.loads(re.sub(r"\{(\w+)\}", lambda found: kept[found[1]], text))


def at(answer: Any, path: str) -> str:
    for step in path.split("."):
        answer = answer[int(step)] if step.isdecimal() else answer[step]
    return str(answer)


@pytest.mark.django_db
def test_examples_are_answered_as_they_say() -> None:
    make_user("Agent")
    kept: dict[str, str] = {}
    clients = {role: api_for(role) for role in {example.role for example in EXAMPLES}}

    for example in EXAMPLES:
        path = filled(example.path, kept)
        client = clients[example.role]
        body = None if example.body is None else filled(example.body, kept)
        send = getattr(client, example.method.lower())
        answer = send(f"/api/v1/{path}") if body is None else send(f"/api/v1/{path}", body)
        assert answer.status_code == example.status, (example.summary, answer.content)
        kept |= {name: at(answer.json(), place) for name, place in example.keep.items()}


@pytest.mark.django_db
def test_examples_stand_in_the_description() -> None:
    document = json.loads(
        api_for("Agent").get("/api/v1/schema/", HTTP_ACCEPT="application/vnd.oai.openapi+json").content
    )

    operations = {
        operation["operationId"]: operation
        for path in document["paths"].values()
        for operation in path.values()
        if "operationId" in operation
    }
    for example in EXAMPLES:
        assert example.summary in json.dumps(operations[example.operation], ensure_ascii=False)


@pytest.mark.django_db(transaction=True)
def test_client_of_the_documentation_works(live_server: Any) -> None:
    spec = importlib.util.spec_from_file_location("cim_client", ROOT / "docs" / "cim_client.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    _key, secret = ApiKey.objects.issue(make_user("Supervisor"))
    cim = module.Cim(live_server.url, secret)

    clara = cim.create({"first_name": "Clara", "last_name": "Oberländer", "phones": ["030 901820"]})
    found = cim.lookup(phone="+4930901820")
    changed = cim.update(clara, {"address": "Gartenweg 12"})
    listed = [customer.id for customer in cim.customers(last_name="Oberländer")]

    assert found == clara
    assert (clara.outcome, changed.version) == ("created", 2)
    assert changed.values["address"] == "Gartenweg 12"
    assert listed == [clara.id]
    with pytest.raises(module.Refused) as refused:
        cim.update(clara, {"address": "Stale"})
    assert refused.value.status == 412
    with pytest.raises(module.Refused, match="already belongs"):
        cim.create({"first_name": "X", "phones": ["030 901820"]}, on_conflict="reject")
