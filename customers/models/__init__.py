from customers.models.attribute import SEATS, SLOTS, ArchivedValue, Attribute, AttributeWait, SlotLease
from customers.models.attribute_job import AttributeJob
from customers.models.customer import Customer, CustomerLabel, Identifier, Label, Never, Phone, Stage, Version
from customers.models.erasure import Erasure
from customers.models.import_run import OUTCOMES, ImportMapping, ImportPiece, ImportRow, ImportRun
from customers.models.list_job import ListJob, ListJobPiece, ListJobRow
from customers.models.merge import (
    Duplicate,
    DuplicateKey,
    DuplicateSearch,
    Merge,
    MergedField,
    MergePart,
    MergeWrite,
)
from customers.models.saved_view import ListLayout, SavedView
from customers.models.tally import Tally

__all__ = [
    "OUTCOMES",
    "SEATS",
    "SLOTS",
    "ArchivedValue",
    "Attribute",
    "AttributeJob",
    "AttributeWait",
    "Customer",
    "CustomerLabel",
    "Duplicate",
    "DuplicateKey",
    "DuplicateSearch",
    "Erasure",
    "Identifier",
    "ImportMapping",
    "ImportPiece",
    "ImportRow",
    "ImportRun",
    "Label",
    "ListJob",
    "ListJobPiece",
    "ListJobRow",
    "ListLayout",
    "Merge",
    "MergePart",
    "MergeWrite",
    "MergedField",
    "Never",
    "Phone",
    "SavedView",
    "SlotLease",
    "Stage",
    "Tally",
    "Version",
]
