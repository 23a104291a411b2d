"""One person with secrets, known to every part of the system: for tests of what may be seen, and of what is left."""

import datetime as dt
import json
from dataclasses import dataclass, field
from typing import Any

from django.utils import timezone

from cim.access import audit
from crm_mappings.models import CrmAnswer, CrmSearch, Delivery
from customers import duplicates, labelling, merging, profiles
from customers.models import Attribute, Customer, ImportRun, Label, Merge, SavedView
from customers.schema import Definition, Schema, add, change
from interactions import recording
from interactions.models import DeskPresence, DoNotCall, Interaction
from journeys.models import Element
from tests.crm_mappings.making import make_configuration, make_dynamic, make_mapping
from tests.customers.importing import files
from tests.factories import make_user
from tests.interactions.calls import now_event
from tests.journeys.making import make_context

ACTOR = audit.system_actor("command")

PHONE, OLD_PHONE, MOBILE = "+4930998877", "+4930998866", "+491605550199"
NAME, MAIL, PASSPORT, ACCOUNT = "Quorxley", "zoe@quorxley.example", "PX77CANARY", "ACC-CANARY-9"
NOTE, SECRET = "wants-QUIETNOTE-please", "k-CANARYSECRET"

SHIELDED = ("uorxley", "998877", "998866", "5550199", "PX77CANARY", "ACC-CANARY")
"""Pieces of values of masked attributes, by which they are found in whatever form they are shown."""


@dataclass
class World:
    """The ids by which the person and what is about them can be asked for."""

    ids: dict[str, str] = field(default_factory=dict)

    def fill(self, text: str) -> str:
        for name, value in self.ids.items():
            text = text.replace("{" + name + "}", value)
        return text


def mask_attributes() -> None:
    """Mark names, numbers, addresses and two attributes of our own as personal data."""
    for key in ("last_name", "phones", "emails", "account_id"):
        change(Attribute.objects.get(key=key), Definition(pii=True, given=frozenset({"pii"})), ACTOR)
    for label, kind in (("Passport", "text"), ("Mobile", "phone")):
        add(
            Definition(label=label, type=kind, pii=True, given=frozenset({"label", "type", "pii"})),
            ACTOR,
        )


def make_person(**values: Any) -> Customer:
    schema = Schema.current()
    return profiles.create(schema.read_json(values), ACTOR, schema=schema).customer


def build() -> World:
    """Make the person and all that is about them, through the doors that people and programs use."""
    world = World()
    mask_attributes()
    schema, now = Schema.current(), timezone.now()
    zoe = make_person(
        first_name="Zoe",
        last_name=NAME,
        phones=[OLD_PHONE],
        emails=[MAIL],
        postal_code="10437",
        account_id=ACCOUNT,
        passport=PASSPORT,
        mobile=MOBILE,
    )
    profiles.edit(zoe.pk, schema.read_json({"phones": [PHONE]}), ACTOR, schema=schema)
    labelling.identify(zoe, "whatsapp", MOBILE, ACTOR, now)
    labelling.identify(zoe, "external", f"ext-{NAME}", ACTOR, now)
    labelling.relabel(zoe, ACTOR, add=[Label.objects.create(name="VIP")])
    part = make_person(first_name="Zo", last_name=NAME, phones=["+4930998855"], emails=[f"old-{MAIL}"])
    merged = merging.merge(zoe.pk, [part.pk], ACTOR, schema=schema)
    undone = make_person(first_name="Zed", last_name=NAME, emails=[f"zed-{MAIL}"])
    merging.undo(merging.merge(zoe.pk, [undone.pk], ACTOR, schema=schema).merge.pk, ACTOR, schema=schema)
    twin = make_person(first_name="Zoe", last_name=NAME, postal_code="10437", emails=[MAIL])
    stranger = make_person(first_name="Olga", last_name="Elsewhere", phones=["+4930111222", OLD_PHONE])
    labelling.never_the_same(zoe, undone.pk, ACTOR, now)
    duplicates.find(now + dt.timedelta(minutes=1), afresh=True)
    pair = duplicates.page(1, 25).pairs[0]
    world.ids |= {
        "zoe": str(zoe.pk),
        "part": str(part.pk),
        "twin": str(twin.pk),
        "undone": str(undone.pk),
        "stranger": str(stranger.pk),
        "merge": str(merged.merge.pk),
        "taken_back": str(Merge.objects.exclude(undone_at=None).get().pk),
        "pair": str(pair.pk),
        "label": str(Label.objects.get().pk),
    }
    _calls(world)
    _others(world, zoe, now)
    _imports(world)
    return world


def _calls(world: World) -> None:
    for role in ("Agent", "Supervisor"):
        DeskPresence.objects.update_or_create(user=make_user(role), defaults={"seen_at": timezone.now()})
    said = {"channel": "voice", "direction": "inbound", "address": PHONE, "account": ACCOUNT}
    said |= {"customer_name": f"Zoe {NAME}", "data": {"callback": PHONE, "mail": MAIL}}
    unknown = {"channel": "email", "direction": "inbound", "address": f"Zoe {NAME} <{MAIL}>"}
    events = [
        now_event("offered", -20, call="known", agent="aylin", **said),
        now_event("answered", -19, call="known", agent="aylin"),
        now_event("offered", -18, call="heard", agent="sunniva", **said),
        now_event("offered", -17, call="unknown", agent="aylin", **unknown),
        now_event("offered", -16, call="new", agent="aylin", **(said | {"address": "+4930998800"})),
        now_event(
            "wrapped_up", -5, call="known", agent="aylin", code="Billing", notes=NOTE, tags=["t-QUIETNOTE"]
        ),
    ]
    recorded = recording.record(events, timezone.now())
    assert not recorded.rejected, recorded.rejected
    for name in ("known", "unknown", "new"):
        world.ids[f"call_{name}"] = str(Interaction.objects.get(external_id=name).pk)


def _others(world: World, zoe: Customer, now: dt.datetime) -> None:
    context = make_context(zoe, now, data={"channel": "Voice", "phone": PHONE, "mail": MAIL})
    world.ids["element"] = str(Element.objects.get(context=context).pk)
    world.ids["call_element"] = str(Element.objects.get(interaction__external_id="known").pk)
    world.ids["context"] = context.context_id
    entry = DoNotCall.objects.create(number=PHONE, reason="asked")
    world.ids["listed"] = str(entry.pk)
    shared = SavedView.objects.create(
        owner=make_user("Admin"), name="Hers", is_shared=True, query={"last_name": [NAME]}
    )
    world.ids["view"] = str(shared.pk)
    configuration = make_configuration(credentials={"api_key": SECRET})
    mapping = make_mapping(configuration, {"note": [("body", "voice", "ani")]})
    make_dynamic(configuration, customer=[("name", "string"), ("phones", "string"), ("emails", "string")])
    record = {
        "type": "customer",
        "id": "crm-1",
        "url": "https://acme.example/1",
        "values": {"name": f"Zoe {NAME}", "phones": [PHONE], "emails": [MAIL]},
        "person": {
            "first_name": "Zoe",
            "last_name": NAME,
            "phones": [PHONE],
            "emails": [MAIL],
            "addresses": [],
            "postal_codes": [],
            "crm_id": "crm-1",
            "account_id": None,
        },
    }
    told = {"asked_at": now, "answered_at": now, "fetched_at": now, "records": [record]}
    CrmAnswer.objects.create(configuration=configuration, customer=zoe, outcome="one", **told)
    searched = {name: value for name, value in told.items() if name != "fetched_at"}
    CrmSearch.objects.create(configuration=configuration, text="zoe", **searched)
    delivery = Delivery.objects.create(
        configuration=configuration,
        mapping=mapping,
        interaction_id=world.ids["call_known"],
        customer=zoe,
        kind="voice",
        entity_type="note",
        moment="closed:1",
        place=0,
        key=f"note:{PHONE}",
        parent_key="",
        fields={"body": PHONE},
        due_at=now,
        created_at=now,
    )
    world.ids |= {
        "crm": str(configuration.pk),
        "mapping": str(mapping.pk),
        "delivery": str(delivery.pk),
        "answer": str(CrmAnswer.objects.get(customer=zoe).pk),
    }


def _imports(world: World) -> None:
    content = files.csv_file(
        ["first_name", "phone", "email"],
        [["Zora", PHONE, ""], ["Bad", "+49", ""], ["Both", f"{PHONE};+4930111222", ""]],
    )
    checked = files.run_import(content, on_conflict="update", dry_run=True)
    assert checked.state == ImportRun.State.READY
    done = files.run_import(content, on_conflict="reject")
    kept = {"line": 2, "customer": world.ids["zoe"], "why": "numbers", "numbers": [PHONE]}
    ImportRun.objects.filter(pk=done.pk).update(not_undone=[kept])
    world.ids |= {"import": str(checked.pk), "import_done": str(done.pk)}


def text_of(response: Any) -> str:
    """Read an answer whole, with its headers; JSON without its escapes."""
    body = b"".join(response.streaming_content) if response.streaming else response.content
    text = body.decode("utf-8", "replace")
    if "json" in response.get("Content-Type", "") and text:
        text = json.dumps(json.loads(text), ensure_ascii=False)
    return f"{text}\n{dict(response.items())}"
