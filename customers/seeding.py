"""Believable customers, made up: 2,000 for the demo, any number for benchmarks. The same seed makes the same people."""

import random
import re
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection, transaction

from cim.access import audit
from customers import schema as schemas
from customers.folding import fold
from customers.models import Attribute, Customer, CustomerLabel, Label
from customers.models.customer import to_column
from customers.schema import Definition, Schema
from customers.values import Value

NEWEST = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
"""When the youngest of the made-up customers was created; fixed, so that a seed always gives the same people."""


@dataclass(frozen=True)
class Country:
    """Where made-up people live: names, towns, and how the numbers there begin (never with +4915)."""

    language: str
    prefixes: Sequence[tuple[str, int]]
    first_names: Sequence[str]
    last_names: Sequence[str]
    towns: Sequence[tuple[str, str]]
    streets: Sequence[str]
    weight: int


COUNTRIES = (
    Country(
        "de", (("+49171", 7), ("+4930", 8), ("+49160", 7)),
        ("Jürgen", "Clara", "Hendrik", "Fatima", "Lukas", "Mehmet", "Ünal", "Sabine", "Jonas", "Käthe"),
        ("Weiß", "Oberländer", "Müller", "Yılmaz", "Schröder", "Benali", "Großmann", "Vogt", "Özdemir"),
        (("10965", "Berlin"), ("20095", "Hamburg"), ("80331", "München"), ("50667", "Köln"), ("04109", "Leipzig")),
        ("Hauptstraße", "Gartenweg", "Lindenallee", "Am Markt", "Bergstraße"), 40,
    ),
    Country(
        "fr", (("+336", 8), ("+331", 8)),
        ("Maëline", "Zoé", "Théo", "François", "Inès", "Amélie", "Benoît", "Léa", "Chloé", "Étienne"),
        ("Kerdoncuff", "Lefèvre", "Dubois", "Garçon", "Benoît", "Moreau", "Hébert", "N'Diaye", "Faure", "Gauthier"),
        (("75011", "Paris"), ("29200", "Brest"), ("69003", "Lyon"), ("93100", "Montreuil"), ("33000", "Bordeaux")),
        ("rue des Lilas", "avenue Jean-Jaurès", "place du Marché", "rue de l'Église"), 20,
    ),
    Country(
        "en", (("+447700", 6), ("+4420", 8), ("+447911", 6)),
        ("Amara", "Callum", "Saoirse", "Oliver", "Priya", "Kwame", "Isla", "Owen", "Grace", "Rhys"),
        ("Okonkwo", "MacLeod", "Ní Dhonnchadha", "O'Brien", "Raman", "Boateng", "Smith", "Pritchard", "Taylor", "Khan"),
        (("M4 1HQ", "Manchester"), ("EH6 7JT", "Edinburgh"), ("SE15 4NX", "London"), ("B13 9EA", "Birmingham")),
        ("High Street", "Station Road", "Church Lane", "Mill Close"), 20,
    ),
    Country(
        "sv", (("+4670", 7), ("+468", 8)),
        ("Linnea", "Åke", "Elsa", "Björn", "Saga", "Nils"), ("Sjöberg", "Nyström", "Ångström", "Lindqvist", "Öberg"),
        (("118 46", "Stockholm"), ("411 05", "Göteborg"), ("211 34", "Malmö")),
        ("Storgatan", "Exempelgatan", "Ringvägen"), 8,
    ),
    Country(
        "pl", (("+4850", 7), ("+4822", 7)),
        ("Zofia", "Łukasz", "Wojciech", "Małgorzata", "Jan"), ("Wiśniewska", "Kowalczyk", "Zieliński", "Żak", "Nowak"),
        (("00-020", "Warszawa"), ("30-002", "Kraków")), ("ulica Polna", "ulica Słoneczna"), 5,
    ),
    Country(
        "ar", (("+2010", 8),),
        ("فاطمة", "محمد", "ليلى", "يوسف"), ("الزهراء", "عبد الله", "حسن", "المصري"),
        (("11511", "القاهرة"), ("21500", "الإسكندرية")), ("شارع النيل", "شارع الحرية"), 3,
    ),
    Country(
        "vi", (("+8490", 7),),
        ("Hạnh", "Minh", "Thảo", "Quốc"), ("Nguyễn", "Trần", "Phạm", "Đặng"),
        (("100000", "Hà Nội"), ("700000", "Hồ Chí Minh")), ("phố Huế", "đường Lê Lợi"), 2,
    ),
    Country(
        "nl", (("+316", 8), ("+3120", 7)),
        ("Sanne", "Daan", "Femke", "Thijs"), ("van der Meer", "de Vries", "IJsselstein", "Bakker"),
        (("1012 AB", "Amsterdam"), ("3511 LX", "Utrecht")), ("Kerkstraat", "Dorpsweg"), 2,
    ),
)  # fmt: skip

ATTRIBUTES: Sequence[dict[str, Any]] = (
    {
        "label": "Account number",
        "type": "text",
        "max_length": 20,
        "description": "As printed on the bill",
        "fast": True,
    },
    {"label": "Tariff", "type": "choice", "options": ["Green 24", "Green Fix", "Basic", "Night", "Business"]},
    {"label": "Contract end", "type": "date"},
    {"label": "Monthly", "type": "number", "description": "Monthly payment in euros"},
    {"label": "Balance", "type": "number"},
    {"label": "Smart meter", "type": "boolean"},
    {"label": "Marketing consent", "type": "boolean"},
    {"label": "Date of birth", "type": "date", "pii": True},
    {"label": "IBAN", "type": "text", "max_length": 34, "pii": True},
    {"label": "Mobile", "type": "phone"},
    {"label": "Billing email", "type": "email"},
    {"label": "Website", "type": "url"},
    {
        "label": "Segment",
        "type": "choice",
        "options": ["Home", "Home high use", "Small business", "Industry"],
    },
    {"label": "Last meter reading", "type": "datetime"},
    {"label": "Remarks", "type": "text"},
)

LABELS = (
    ("Renewal due", "amber"),
    ("VIP", "violet"),
    ("Moved", "cyan"),
    ("Complaint", "red"),
    ("Bounced email", "grey"),
)

REMARKS = (
    "Prefers calls after 17:00.",
    "Asked for the fee in writing.",
    "Moved in spring; the new address is confirmed.",
    "Wallbox ordered, waits for the electrician.",
    "Wants one bill for both flats.",
    "Speaks slowly on the phone, is hard of hearing.",
)


@dataclass(frozen=True)
class Person:
    """One made-up customer: predefined values, numbers, and custom ones by attribute label."""

    id: uuid.UUID
    created_at: datetime
    values: dict[str, Value]
    custom: dict[str, Value]


def demo_schema(actor: audit.Actor) -> None:
    """Make the fifteen attributes of the demo, of all types, all optional and without default; and its labels."""
    known = set(Attribute.objects.values_list("label", flat=True))
    for fields in ATTRIBUTES:
        if fields["label"] not in known:
            schemas.add(Definition(**fields, given=frozenset(fields)), actor)
    for name, color in LABELS:
        Label.objects.get_or_create(name=name, defaults={"color": color})


def seed(
    count: int, actor: audit.Actor, *, start: int = 0, seed_number: int = 7, labelled: bool = True
) -> int:
    """Add ``count`` made-up customers by COPY, in one transaction; return how many.

    ``start`` continues an earlier run: person number n is always the same, and so are the phones.
    """
    schema = Schema.current()
    by_label = {attribute.label: attribute for attribute in schema.custom}
    customs = [by_label[fields["label"]] for fields in ATTRIBUTES if fields["label"] in by_label]
    columns = [
        "id", "version", "stage", "first_name", "last_name", "phones", "emails", "address", "postal_code", "crm_id",
        "account_id", "language", "created_at", "updated_at", "created_entry_id", *(item.column for item in customs),
    ]  # fmt: skip
    with transaction.atomic(), audit.recorded(actor, "customer.seed", count=count) as entry:
        with connection.cursor() as cursor:
            with cursor.copy(f"COPY customers_customer ({', '.join(columns)}) FROM STDIN") as copy:
                for person in people(start, count, seed_number):
                    copy.write_row(_customer_row(person, customs, entry.pk))
            with cursor.copy(
                "COPY customers_phone (number, customer_id, typed, used_in, valid_from) FROM STDIN"
            ) as copy:
                for person in people(start, count, seed_number):
                    for row in _phone_rows(person, by_label):
                        copy.write_row(row)
        if labelled:
            _put_labels(start, count, seed_number)
    return count


def people(start: int, count: int, seed_number: int) -> Iterator[Person]:
    """Yield person number ``start`` and those that follow; each depends on its number and the seed alone."""
    weights = [country.weight for country in COUNTRIES]
    for number in range(start, start + count):
        chance = random.Random(seed_number * 1_000_000_007 + number)  # noqa: S311 - made-up people are no secret
        country = chance.choices(COUNTRIES, weights)[0]
        yield _person(number, country, chance)


def _person(number: int, country: Country, chance: random.Random) -> Person:
    created_at = NEWEST - timedelta(minutes=11 * number % 1_500_000, seconds=chance.randrange(60))
    first, last = chance.choice(country.first_names), chance.choice(country.last_names)
    postal_code, town = chance.choice(country.towns)
    phones = _phones(number, country, chance)
    mobile = phones.pop() if len(phones) > 1 and chance.random() < 0.3 else None
    contract_end = date(2026, 12, 1) + timedelta(days=chance.randrange(900))
    emails = [f"{_mailbox(first, last)}{number}@example.{chance.choice(('org', 'net', 'com'))}"]
    values: dict[str, Value] = {
        "first_name": first,
        "last_name": last,
        "phones": list(phones),
        "emails": emails if chance.random() < 0.85 else [],
        "address": f"{chance.choice(country.streets)} {chance.randint(1, 140)}, {town}",
        "postal_code": postal_code,
        "crm_id": f"{number:07d}-{chance.randrange(10)}" if chance.random() < 0.6 else None,
        "account_id": f"A-{number // 2:07d}" if chance.random() < 0.5 else None,
        "language": country.language,
    }
    custom: dict[str, Value] = {
        "Account number": f"{country.language.upper()}-{4_000_000 + number}",
        "Tariff": chance.choice(ATTRIBUTES[1]["options"]),
        "Contract end": contract_end,
        "Monthly": Decimal(chance.randrange(2500, 32000)) / 100,
        "Balance": Decimal(chance.randrange(-20000, 5000)) / 100 if chance.random() < 0.7 else None,
        "Smart meter": chance.random() < 0.4,
        "Marketing consent": chance.random() < 0.5 if chance.random() < 0.8 else None,
        "Date of birth": date(1940, 1, 1) + timedelta(days=chance.randrange(24_000)),
        "IBAN": f"DE{chance.randrange(10, 99)}{chance.randrange(10**17, 10**18)}",
        "Mobile": mobile,
        "Billing email": f"bills{number}@example.org" if chance.random() < 0.2 else None,
        "Website": f"https://www.example.org/{number}" if chance.random() < 0.1 else None,
        "Segment": chance.choice(ATTRIBUTES[12]["options"]),
        "Last meter reading": created_at + timedelta(days=chance.randrange(30))
        if chance.random() < 0.6
        else None,
        "Remarks": chance.choice(REMARKS) if chance.random() < 0.3 else None,
    }
    return Person(_id_at(created_at, chance), created_at, values, custom)


def _mailbox(first: str, last: str) -> str:
    return re.sub(r"[^a-z.]", "", fold(f"{first}.{last}")).strip(".") or "customer"


def _phones(number: int, country: Country, chance: random.Random) -> list[str]:
    """Return one to three numbers that no other made-up person has: the digits are the person's own, shuffled."""
    found = []
    for prefix, digits in country.prefixes[: chance.choices((1, 2, 3), (50, 40, 10))[0]]:
        most = 10**digits
        tail = (number * 7_368_787 + 13) % most
        wrapped = number // most
        found.append(f"{prefix}{tail:0{digits}d}" if not wrapped else f"{prefix}{wrapped}{tail:0{digits}d}")
    return found


def _id_at(moment: datetime, chance: random.Random) -> uuid.UUID:
    milliseconds = int(moment.timestamp() * 1000)
    tail = chance.getrandbits(74)
    return uuid.UUID(
        int=(milliseconds << 80) | (0x7 << 76) | ((tail >> 62) << 64) | (0b10 << 62) | (tail & (2**62 - 1))
    )


def _customer_row(person: Person, customs: Sequence[Attribute], entry_id: int) -> list[Any]:
    values = person.values
    return [
        person.id, 1, "curated", values["first_name"], values["last_name"], values["phones"], values["emails"],
        values["address"], values["postal_code"], values["crm_id"], values["account_id"], values["language"],
        person.created_at, person.created_at, entry_id,
        *(to_column(person.custom[item.label], item.kind) for item in customs),
    ]  # fmt: skip


def _phone_rows(person: Person, by_label: dict[str, Attribute]) -> Iterator[list[Any]]:
    numbers = person.values["phones"]
    for number in numbers if isinstance(numbers, list) else ():
        yield [number, person.id, number, ["phones"], person.created_at]
    mobile = person.custom["Mobile"]
    if mobile is not None and "Mobile" in by_label:
        yield [mobile, person.id, mobile, [by_label["Mobile"].key], person.created_at]


def _put_labels(start: int, count: int, seed_number: int) -> None:
    labels = list(Label.objects.filter(name__in=[name for name, _color in LABELS]))
    rows = []
    for person in people(start, count, seed_number):
        chance = random.Random(person.id.int)  # noqa: S311 - made-up people are no secret
        if labels and chance.random() < 0.25:
            chosen = chance.sample(labels, k=min(len(labels), chance.choices((1, 2), (80, 20))[0]))
            rows += [CustomerLabel(customer_id=person.id, label=label) for label in chosen]
    CustomerLabel.objects.bulk_create(rows, batch_size=5000)


def is_empty() -> bool:
    """Tell whether there is no customer yet."""
    return not Customer.objects.exists()
