from interactions.models.desk import AgentProfile, DeskEvent, DeskPresence, Draft, WrapUpReason
from interactions.models.do_not_call import DoNotCall
from interactions.models.interaction import Event, How, Interaction, Link

__all__ = [
    "AgentProfile",
    "DeskEvent",
    "DeskPresence",
    "DoNotCall",
    "Draft",
    "Event",
    "How",
    "Interaction",
    "Link",
    "WrapUpReason",
]
