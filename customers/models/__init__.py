from customers.models.attribute import SEATS, SLOTS, Attribute, SlotLease
from customers.models.customer import Customer, CustomerLabel, Identifier, Label, Never, Phone, Stage, Version

__all__ = [
    "SEATS",
    "SLOTS",
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
