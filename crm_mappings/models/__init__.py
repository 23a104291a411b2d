from crm_mappings.models.answer import CrmAnswer, CrmSearch
from crm_mappings.models.configuration import Circuit, Configuration
from crm_mappings.models.delivery import Awaited, Delivery
from crm_mappings.models.mapping import DynamicDataMapping, MemorialisationMapping, SkillSetup, Workflow

__all__ = [
    "Awaited",
    "Circuit",
    "Configuration",
    "CrmAnswer",
    "CrmSearch",
    "Delivery",
    "DynamicDataMapping",
    "MemorialisationMapping",
    "SkillSetup",
    "Workflow",
]
