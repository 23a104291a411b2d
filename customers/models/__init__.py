from customers.models.attribute import SEATS, SLOTS, ArchivedValue, Attribute, SlotLease
from customers.models.customer import Customer, CustomerLabel, Identifier, Label, Never, Phone, Stage, Version

__all__ = [
    "SEATS",
    "SLOTS",
    "ArchivedValue",
    "Attribute",
    "Customer",
    "CustomerLabel",
    "Identifier",
    "Label",
    "Never",
    "Phone",
    "SlotLease",
    "Stage",
    "Version",
]
