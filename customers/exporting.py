"""Customers as files for a spreadsheet: the template of an import (C71)."""

from collections.abc import Sequence

import phonenumbers

from customers.dialects import spreadsheet_safe
from customers.models import Attribute
from customers.schema import Schema, dialplan
from customers.values import Kind

_EXAMPLES = {
    "first_name": "Clara",
    "last_name": "Oberländer",
    "address": "Gartenweg 12, Berlin",
    "postal_code": "10437",
    "crm_id": "CRM-204419",
    "account_id": "A-204419",
    "language": "de",
}
_BY_KIND = {
    Kind.TEXT: "Text",
    Kind.NUMBER: "12.5",
    Kind.BOOLEAN: "yes",
    Kind.DATE: "2026-11-30",
    Kind.DATETIME: "2026-11-30T14:05:00Z",
    Kind.EMAIL: "clara.oberlaender@example.org",
    Kind.EMAILS: "clara.oberlaender@example.org",
    Kind.URL: "https://example.org/",
}


def template(schema: Schema) -> list[Sequence[str]]:
    """Return the rows of an import template: every attribute that can be given, by key, and one row of examples."""
    return [
        [attribute.key for attribute in schema.writable],
        [spreadsheet_safe(_example(attribute)) for attribute in schema.writable],
    ]


def _example(attribute: Attribute) -> str:
    if attribute.key in _EXAMPLES:
        return _EXAMPLES[attribute.key]
    match attribute.kind:
        case Kind.CHOICE:
            return attribute.options[0]
        case Kind.TEXT:
            return _BY_KIND[Kind.TEXT][: attribute.max_length or None]
        case Kind.PHONES | Kind.PHONE:
            region = dialplan().region
            kind = (
                phonenumbers.PhoneNumberType.MOBILE
                if attribute.is_list
                else phonenumbers.PhoneNumberType.FIXED_LINE
            )
            number = phonenumbers.example_number_for_type(region, kind) or phonenumbers.example_number("DE")
            return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) if number else ""
    return _BY_KIND[attribute.kind]
