from customers.models.attribute import SEATS, SLOTS, ArchivedValue, Attribute, SlotLease
from customers.models.customer import Customer, CustomerLabel, Identifier, Label, Never, Phone, Stage, Version
from customers.models.import_run import OUTCOMES, ImportMapping, ImportPiece, ImportRow, ImportRun

__all__ = [
    "OUTCOMES",
    "SEATS",
    "SLOTS",
    "ArchivedValue",
    "Attribute",
    "Customer",
    "CustomerLabel",
    "Identifier",
    "ImportMapping",
    "ImportPiece",
    "ImportRow",
    "ImportRun",
    "Label",
    "Never",
    "Phone",
    "SlotLease",
    "Stage",
    "Version",
]
