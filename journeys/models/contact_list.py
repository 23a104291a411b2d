from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from customers.models.customer import time_ordered_id
from journeys.models.context import Context


class RetrievalMode(models.TextChoices):
    """How the customer id of an attempt is come by (J5)."""

    ALWAYS = "always", _("Always")
    NEVER = "never", _("Never")
    BLANK = "blank", _("Attribute value is blank")


class ContactList(models.Model):
    """A list of an outbound manager, and how the customer behind its contacts is found (J5, J5b).

    The names are those of the manager's own attributes.
    """

    name = models.CharField(max_length=100)
    available = ArrayField(models.CharField(max_length=100), default=list, blank=True)
    selected = ArrayField(models.CharField(max_length=100), default=list, blank=True)
    customer_id_attribute = models.CharField(max_length=100, default="", blank=True)
    retrieval_mode = models.CharField(max_length=6, choices=RetrievalMode, default=RetrievalMode.ALWAYS)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint(Lower("name"), name="contact_list_name_is_unique"),
            models.CheckConstraint(
                condition=Q(retrieval_mode=RetrievalMode.ALWAYS) | ~Q(customer_id_attribute=""),
                name="contact_list_names_the_customer_id_it_reads",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Attempt(models.Model):
    """One outbound attempt as it was sent, and how its customer id was found."""

    id = models.UUIDField(primary_key=True, default=time_ordered_id, editable=False)
    contact_list = models.ForeignKey(
        ContactList, null=True, on_delete=models.SET_NULL, related_name="attempts"
    )
    # None once a context is gone that was deleted over the wire.
    context = models.OneToOneField(Context, null=True, on_delete=models.SET_NULL, related_name="attempt")
    work_request_id = models.CharField(max_length=255)
    customer_id = models.CharField(max_length=255, default="", blank=True)
    # What was looked up, in the order of asking; empty where nobody was asked.
    asked = models.JSONField(default=list)
    found = models.CharField(max_length=8, default="", blank=True)
    at = models.DateTimeField(db_index=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.work_request_id
