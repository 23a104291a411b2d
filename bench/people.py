"""A million made-up customers with fifty attributes, made by the database itself, with words of known frequency."""

from django.db import connection, transaction

from cim.access.audit import system_actor
from customers import schema as schemas
from customers.models import Attribute, Customer
from customers.schema import Definition

KINDS = {
    **{f"text {n}": "text" for n in range(1, 21)},
    **{f"number {n}": "number" for n in range(1, 9)},
    **{f"flag {n}": "boolean" for n in range(1, 5)},
    **{f"day {n}": "date" for n in range(1, 7)},
    **{f"moment {n}": "datetime" for n in range(1, 5)},
    **{f"phone {n}": "phone" for n in range(1, 3)},
    **{f"mail {n}": "email" for n in range(1, 3)},
    **{f"site {n}": "url" for n in range(1, 3)},
    **{f"choice {n}": "choice" for n in range(1, 3)},
}
FAST = (
    "text_1", "text_2", "text_3", "number_1", "number_2", "flag_1", "day_1", "moment_1", "phone_1", "mail_1", "site_1",
    "choice_1",
)  # fmt: skip
OPTIONS = [f"Option {n}" for n in range(1, 13)]

FREQUENCIES = {"zqone": 1e-6, "zqrare": 1e-3, "zqtenth": 0.1, "zqmost": 0.9}
"""Words planted in the free text `text_1` and in `text_11`, and how often."""

# Written for `i`, the number of the customer. Each filled attribute is empty for some.
_TEXTS = {
    "text_1": "'Lorem ipsum dolor sit amet ' || substr(md5(i::text), 1, 12) || ' consetetur sadipscing elitr, sed diam'"
    " || ' nonumy eirmod tempor ' || {planted} || ' invidunt ut labore et dolore magna'",
    "text_2": "'Ort' || (i * 7919 % 3600)",
    "text_3": "(ARRAY['Müller','Søn','Weber','García','Acme','Ωmega','Nguyễn','Brown'])[1 + i % 8]"
    " || ' ' || (i * 31 % 9000)",
    "text_11": "'Brief ' || substr(md5((i * 3)::text), 1, 10) || ' ' || {planted}",
}
_PLANTED = (
    "CASE WHEN i % 1000000 = 77 THEN 'zqone ' ELSE '' END || CASE WHEN i % 1000 = 5 THEN 'zqrare ' ELSE '' END"
    " || CASE WHEN i % 10 = 3 THEN 'Zqtenth ' ELSE '' END || CASE WHEN i % 10 <> 7 THEN 'zqmost' ELSE '' END"
)
_GIVEN = (
    "(ARRAY['Anna','Jürgen','Zoë','Clara','Hendrik','Fatima','Lukas','Mehmet','Ünal','Sabine','Jonas','Käthe',"
    "'Maëline','Théo','François','Inès','Amara','Callum','Oliver','Priya','Kwame','Grace','Linnea','Björn','Zofia','Łukasz','محمد','Minh',"
    "'Peter','Paul'])[1 + i * 7 % 30]"
)
_FAMILY = (
    "(ARRAY['Weiß','Oberländer','Müller','Yılmaz','Schröder','Benali','Vogt','Lefèvre','Dubois','Moreau','Okonkwo','Smith',"
    "'Taylor','Khan','Sjöberg','Nowak','Nguyễn','Brown','Weber','Fischer'])[1 + i * 13 % 20]"
    " || (ARRAY['','','mann','sen','ski'])[1 + i * 17 % 5] || substr('abcdefghijklmnopqrst', (1 + i * 11 % 20)::int, 1)"
    " || substr('aeiouaeiouaeiouaeiou', (1 + i * 23 % 20)::int, 1)"
)
_BATCH = 100_000


def make_schema() -> None:
    """Add the fifty attributes; which of them are fast is marked, their indexes are built later."""
    actor = system_actor("command")
    for label, kind in KINDS.items():
        given = {"label": label, "type": kind, "fast": label.replace(" ", "_") in FAST}
        if kind == "choice":
            given["options"] = OPTIONS
        schemas.add(Definition(**given, given=frozenset(given)), actor)


def make(count: int) -> None:
    """Insert ``count`` customers with the numbers they own."""
    columns = {
        "id": "(lpad(to_hex((1600000000000 + i::bigint * 157000)), 12, '0') || '7' || substr(md5(i::text), 1, 3) || '8'"
        " || substr(md5((i + 1)::text), 1, 15))::uuid",
        "version": "1",
        "stage": "'curated'",
        "first_name": f"CASE WHEN i % 50 <> 1 THEN {_GIVEN} END",
        "last_name": f"CASE WHEN i % 200 <> 1 THEN {_FAMILY} END",
        "phones": "CASE WHEN i % 20 = 1 THEN '{}'::text[]"
        " WHEN i % 3 = 0 THEN ARRAY['+4930' || (10000000 + i), '+49171' || (1000000 + i)]"
        " ELSE ARRAY['+49160' || (1000000 + i)] END",
        "emails": "CASE WHEN i % 4 = 1 THEN '{}'::text[]"
        " ELSE ARRAY['mail' || i || '@example.' || (ARRAY['org','com','net'])[1 + i % 3]] END",
        "address": "CASE WHEN i % 5 <> 1 THEN"
        " (ARRAY['Hauptstraße','Gartenweg','rue des Lilas','High Street'])[1 + i % 4] || ' ' || (i * 37 % 400) END",
        "postal_code": "CASE WHEN i % 6 <> 1 THEN lpad((i * 7919 % 99999)::text, 5, '0') END",
        "crm_id": "CASE WHEN i % 3 <> 1 THEN 'CRM-' || (i * 7 % 9999991) END",
        "account_id": "CASE WHEN i % 2 = 1 THEN 'A' || (i % 50000) END",
        "language": "(ARRAY['de','fr','en','sv'])[1 + i % 4]",
        "created_at": "timestamptz '2020-09-13 12:00Z' + i * interval '157 seconds'",
        "updated_at": "timestamptz '2026-01-01 00:00Z' + (i * 7919 % 1000003) * interval '20 seconds'",
    }
    for attribute in Attribute.objects.custom():
        columns[attribute.column] = (
            f"CASE WHEN (i * 31 + {attribute.slot} * 17) % 10 < 6 THEN {_value(attribute)} END"
        )
    # The words planted are to be everywhere, so that their frequencies are those promised.
    for key in ("text_1", "text_11"):
        attribute = Attribute.objects.get(key=key)
        columns[attribute.column] = _value(attribute)
    names, expressions = ", ".join(columns), ", ".join(columns.values())
    with connection.cursor() as cursor:
        for first in range(0, count, _BATCH):
            with transaction.atomic():
                last = min(first + _BATCH, count)
                cursor.execute(
                    f"INSERT INTO customers_customer ({names}) SELECT {expressions}"
                    f" FROM generate_series({first + 1}::bigint, {last}::bigint) AS numbers(i)"
                )
        used = ["SELECT id, unnest(phones) AS number, 'phones' AS key FROM customers_customer"]
        for item in Attribute.objects.custom().filter(type="phone"):
            used.append(
                f"SELECT id, {item.column}, '{item.key}' FROM customers_customer WHERE {item.column} <> ''"
            )
        cursor.execute(
            "INSERT INTO customers_phone (number, customer_id, typed, used_in, valid_from)"
            f" SELECT number, id, number, ARRAY[key], now() FROM ({' UNION ALL '.join(used)}) u"
        )
        cursor.execute("VACUUM ANALYZE")
    if Customer.objects.count() != count:
        raise RuntimeError("Some customers are missing.")


def _value(attribute: Attribute) -> str:
    slot, n = attribute.slot, int(attribute.key.partition("_")[2])
    match attribute.type:
        case "text":
            if attribute.key in _TEXTS:
                return _TEXTS[attribute.key].replace("{planted}", f"({_PLANTED})")
            return f"'Wert ' || (i * {slot * 7919} % {10 ** (1 + n % 6)})"
        case "number":
            return f"(i * {slot * 7919} % {10 ** (n % 7 + 1)})::numeric / 100"
        case "boolean":
            return f"(i % {n + 1} = 0)::int"
        case "date":
            return f"timestamptz '1940-01-01 00:00Z' + (i * {slot * 31} % {9000 * n}) * interval '1 day'"
        case "datetime":
            return f"timestamptz '2020-01-01 00:00Z' + (i * {slot * 7919} % 200000000) * interval '1 second'"
        case "phone":
            return f"'+4940' || ({n}0000000 + i)"
        case "email":
            return f"'Person' || (i * {slot} % 700000) || '@firma' || (i % 500) || '.example'"
        case "url":
            return f"'https://example.org/' || substr(md5((i * {slot})::text), 1, 8)"
        case _:
            return f"'Option ' || (1 + i % {n * 6})"
