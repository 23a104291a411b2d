from typing import Self

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from customers.models.customer import time_ordered_id


class SavedViewQuerySet(models.QuerySet["SavedView"]):
    def visible_to(self, user: User) -> Self:
        """The user's own and those that others share."""
        return self.filter(Q(owner=user) | Q(is_shared=True))


class SavedView(models.Model):
    """A question to the list that somebody keeps under a name: conditions, order and columns (C26).

    ``query`` holds the parameters of the list's address, each with its values in order. What an archived attribute or
    a deleted label makes of them is seen when the view is used.
    """

    id = models.UUIDField(primary_key=True, default=time_ordered_id, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_views")
    name = models.CharField(max_length=100)
    is_shared = models.BooleanField(default=False)
    query = models.JSONField(default=dict)
    columns = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = SavedViewQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint("owner", Lower("name"), name="saved_view_name_is_unique_per_owner"),
        ]

    def __str__(self) -> str:
        return self.name


class ListLayout(models.Model):
    """How one user has arranged the list, on every browser: columns in order, their widths, which are shown (C21)."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, primary_key=True, on_delete=models.CASCADE, related_name="list_layout"
    )
    columns = models.JSONField(default=list)
    page_size = models.PositiveSmallIntegerField(null=True, blank=True)

    def __str__(self) -> str:
        return f"layout of {self.user_id}"
