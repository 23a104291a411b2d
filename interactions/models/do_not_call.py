from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class DoNotCall(models.Model):
    """A number that nobody dials, whoever owns it (I32)."""

    number = models.TextField(_("number"), unique=True)
    reason = models.CharField(_("reason"), max_length=500, default="", blank=True)
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    added_at = models.DateTimeField(_("added at"), db_default=Now())

    class Meta:
        verbose_name = _("do-not-call number")
        verbose_name_plural = _("do-not-call numbers")
        default_permissions = ()

    def __str__(self) -> str:
        return self.number
