from typing import Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from customers.models.attribute import Attribute
from customers.models.customer import Customer, time_ordered_id


class MergeQuerySet(models.QuerySet["Merge"]):
    def standing(self) -> Self:
        """Not undone."""
        return self.filter(undone_at=None)


class Merge(models.Model):
    """That customers were said to be one person (C49): the parts count for the survivor until this is undone."""

    id = models.UUIDField(primary_key=True, default=time_ordered_id, editable=False)
    survivor = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="merges")
    version = models.PositiveIntegerField()
    at = models.DateTimeField()
    entry = models.ForeignKey(
        "access.AuditEntry", null=True, on_delete=models.SET_NULL, related_name="+", db_constraint=False
    )
    undone_at = models.DateTimeField(null=True, blank=True)
    undone_entry = models.ForeignKey(
        "access.AuditEntry", null=True, on_delete=models.SET_NULL, related_name="+", db_constraint=False
    )
    not_returned = models.JSONField(default=list)

    objects = MergeQuerySet.as_manager()

    class Meta:
        verbose_name = _("merge")
        verbose_name_plural = _("merges")
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.id)


class MergePart(models.Model):
    """One of the customers that a merge put into its survivor."""

    id = models.BigAutoField(primary_key=True)
    merge = models.ForeignKey(Merge, on_delete=models.CASCADE, related_name="parts")
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="+")
    place = models.PositiveSmallIntegerField()
    is_separated = models.BooleanField(default=False)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint("merge", "customer", name="merge_has_a_part_once"),
            models.UniqueConstraint(
                "customer",
                condition=models.Q(is_separated=False),
                name="customer_is_merged_into_one_survivor",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.customer_id} in {self.merge_id}"


class MergedField(models.Model):
    """What a merge did to one attribute of its survivor, in text form: the value *before*, and the value it *set*.

    ``before`` and ``set`` are as they would be without the merges that have been undone: undoing one merge rewrites
    those of the later ones (C49). ``choice`` says how the value was chosen, so that it can be chosen again from parts
    that have changed: ``{"from": customer}``, ``{"value": text}``, or for a list ``{"given", "dropped", "added"}``.
    ``name`` is the key of the attribute, or ``@stage``, ``@labels``, ``@identifiers``.
    """

    id = models.BigAutoField(primary_key=True)
    merge = models.ForeignKey(Merge, on_delete=models.CASCADE, related_name="fields", db_index=False)
    attribute = models.ForeignKey(Attribute, null=True, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=40)
    before = models.JSONField(null=True)
    set = models.JSONField(null=True)
    choice = models.JSONField(null=True)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint("merge", "name", name="merged_field_is_kept_once")]

    def __str__(self) -> str:
        return f"{self.name} of {self.merge_id}"


class MergeWrite(models.Model):
    """A version of a customer that a merge, or its undoing, has made: what is no edit by anybody."""

    id = models.BigAutoField(primary_key=True)
    merge = models.ForeignKey(Merge, on_delete=models.CASCADE, related_name="writes", db_index=False)
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="+", db_index=False)
    version = models.PositiveIntegerField()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint("customer", "version", name="merge_write_makes_a_version_once")
        ]
        indexes = [models.Index("merge", name="merge_write_by_merge")]

    def __str__(self) -> str:
        return f"{self.customer_id} v{self.version}"


class DuplicateQuerySet(models.QuerySet["Duplicate"]):
    def of_live_customers(self) -> Self:
        return self.filter(
            customer__deleted_at=None,
            customer__merged_into=None,
            other__deleted_at=None,
            other__merged_into=None,
        )


class Duplicate(models.Model):
    """Two customers that are likely one person, and the evidence for it (C50); never merged by itself.

    ``evidence`` is a list of ``{"kind", "values"}``; ``kind`` is email, name or phone. One that was dismissed is no row
    here any more: it is a ``Never``.
    """

    id = models.BigAutoField(primary_key=True)
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="+", db_index=False)
    other = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="+")
    score = models.PositiveSmallIntegerField()
    evidence = models.JSONField()
    found_at = models.DateTimeField()

    objects = DuplicateQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint("customer", "other", name="duplicate_is_listed_once"),
            models.CheckConstraint(
                condition=models.Q(customer__lt=models.F("other")), name="duplicate_has_the_lower_id_first"
            ),
        ]
        indexes = [models.Index(fields=["-score", "id"], name="duplicate_by_score")]

    def __str__(self) -> str:
        return f"{self.customer_id} and {self.other_id}"


class DuplicateKey(models.Model):
    """What a customer is compared by: one key for each email, and one for name and postal code (C50).

    Kept by the search for duplicates alone, so that it costs no write of a customer anything.
    """

    id = models.BigAutoField(primary_key=True)
    customer = models.ForeignKey(
        Customer, on_delete=models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )
    kind = models.CharField(max_length=5)
    key = models.BigIntegerField()

    class Meta:
        default_permissions = ()
        indexes = [
            models.Index("key", "kind", name="duplicate_key_by_key"),
            models.Index("customer", name="duplicate_key_by_customer"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.customer_id}"


class DuplicateSearch(models.Model):
    """How far the search for duplicates is: everything changed before ``done_until`` has been compared. One row."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    done_until = models.DateTimeField(null=True)
    after = models.UUIDField(null=True)
    finished_at = models.DateTimeField(null=True)
    found = models.PositiveIntegerField(default=0)

    class Meta:
        default_permissions = ()
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="duplicate_search_is_one_row")]

    def __str__(self) -> str:
        return str(self.done_until)
