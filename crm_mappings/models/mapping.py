from typing import ClassVar, Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower, Now
from django.utils.translation import gettext_lazy as _

from crm_mappings.models.configuration import Configuration
from customers.models.customer import time_ordered_id


class MemorialisationMapping(models.Model):
    """What is written to a CRM after a contact: per record type, which field takes which data (M10).

    The entities are one document, read and written whole: `[{entity_type, rows: [{crm_field, channel, data_field}]}]`,
    as `mapping_rules` lets it through.
    """

    id = models.UUIDField(primary_key=True, default=time_ordered_id, editable=False)
    configuration = models.ForeignKey(
        Configuration, on_delete=models.CASCADE, related_name="memorialisation_mappings"
    )
    name = models.CharField(max_length=100)
    description = models.CharField(max_length=500, default="", blank=True)
    entities = models.JSONField(default=list)
    version = models.PositiveIntegerField(default=1)
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint(
                "configuration",
                Lower("name"),
                name="memorialisation_mapping_name_is_unique_per_configuration",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class DynamicDataMapping(models.Model):
    """Which fields of a CRM agents see on the profile and in the pop, per record type (M20).

    `record_types` is one document: `[{record_type, fields: [{crm_field, data_type}]}]`.
    """

    id = models.UUIDField(primary_key=True, default=time_ordered_id, editable=False)
    configuration = models.ForeignKey(
        Configuration, on_delete=models.CASCADE, related_name="dynamic_data_mappings"
    )
    name = models.CharField(max_length=100)
    description = models.CharField(max_length=500, default="", blank=True)
    record_types = models.JSONField(default=list)
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint(
                "configuration", Lower("name"), name="dynamic_data_mapping_name_is_unique_per_configuration"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Workflow(models.Model):
    """How a customer's record is found in the CRM, or made there (M16).

    `match_on` and `create_with` are lists of `{crm_field, attribute}`, the latter also of `{crm_field, text}`.
    """

    class Purpose(models.TextChoices):
        SEARCH = "search", _("Search")
        CREATE = "create", _("Create")

    class OnNone(models.TextChoices):
        CREATE = "create", _("Create a record")
        NOTHING = "nothing", _("Do nothing")

    class OnOne(models.TextChoices):
        USE = "use", _("Use it")
        NOTHING = "nothing", _("Do nothing")

    class OnSeveral(models.TextChoices):
        ASK = "ask", _("Show them to the agent, write nothing")
        FIRST = "first", _("Use the first")
        NOTHING = "nothing", _("Do nothing")

    id = models.UUIDField(primary_key=True, default=time_ordered_id, editable=False)
    configuration = models.ForeignKey(Configuration, on_delete=models.CASCADE, related_name="workflows")
    name = models.CharField(max_length=100)
    purpose = models.CharField(max_length=6, choices=Purpose, default=Purpose.SEARCH)
    record_type = models.CharField(max_length=100, default="customer")
    match_on = models.JSONField(default=list)
    on_none = models.CharField(max_length=7, choices=OnNone, default=OnNone.NOTHING)
    on_one = models.CharField(max_length=7, choices=OnOne, default=OnOne.USE)
    on_several = models.CharField(max_length=7, choices=OnSeveral, default=OnSeveral.ASK)
    create_with = models.JSONField(default=list)
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint(
                "configuration", Lower("name"), name="crm_workflow_name_is_unique_per_configuration"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class SkillSetupQuerySet(models.QuerySet["SkillSetup"]):
    def whole(self) -> Self:
        return self.select_related(
            "configuration",
            "search_workflow",
            "create_workflow",
            "memorialisation_mapping",
            "dynamic_data_mapping",
        )


class SkillSetup(models.Model):
    """What applies to the contacts of one skill: workflows, mappings, and how its agents work (M15).

    An empty skill stands for every contact whose skill has no setup of its own.
    """

    class CustomerFirst(models.TextChoices):
        """What becomes of status, disposition, notes and tags when the customer ends the contact first (M13)."""

        FOLLOW = "follow", _("Written once the agent closes the contact")
        DROP = "drop", _("Not written")

    id = models.UUIDField(primary_key=True, default=time_ordered_id, editable=False)
    configuration = models.ForeignKey(Configuration, on_delete=models.CASCADE, related_name="skills")
    skill = models.CharField(max_length=150, default="", blank=True)
    screen_pop = models.BooleanField(default=True)
    after_call_work = models.BooleanField(default=True)
    customer_first = models.CharField(max_length=6, choices=CustomerFirst, default=CustomerFirst.FOLLOW)
    search_workflow = models.ForeignKey(
        Workflow, null=True, blank=True, on_delete=models.SET_NULL, related_name="searching_skills"
    )
    create_workflow = models.ForeignKey(
        Workflow, null=True, blank=True, on_delete=models.SET_NULL, related_name="creating_skills"
    )
    memorialisation_mapping = models.ForeignKey(
        MemorialisationMapping, null=True, blank=True, on_delete=models.SET_NULL, related_name="skills"
    )
    dynamic_data_mapping = models.ForeignKey(
        DynamicDataMapping, null=True, blank=True, on_delete=models.SET_NULL, related_name="skills"
    )
    updated_at = models.DateTimeField(db_default=Now())

    objects = SkillSetupQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint("configuration", "skill", name="skill_is_set_up_once_per_configuration"),
            models.CheckConstraint(
                condition=Q(customer_first__in=["follow", "drop"]), name="skill_setup_customer_first_is_known"
            ),
        ]

    def __str__(self) -> str:
        return self.skill or str(_("Every other skill"))
