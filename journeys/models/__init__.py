from journeys.models.contact_list import Attempt, ContactList, RetrievalMode
from journeys.models.context import Context, ContextVersion, Operation
from journeys.models.element import Element, TopicCorrection, TopicSource
from journeys.models.flow import FlowDay, FlowPreparation

__all__ = [
    "Attempt",
    "ContactList",
    "Context",
    "ContextVersion",
    "Element",
    "FlowDay",
    "FlowPreparation",
    "Operation",
    "RetrievalMode",
    "TopicCorrection",
    "TopicSource",
]
