"""The lists that admins keep: wrap-up reasons per queue (I4), and how the telephony knows a user."""

from django.contrib import admin

from cim.access.admin import Recorded
from interactions.models import AgentProfile, WrapUpReason


@admin.register(WrapUpReason)
class WrapUpReasonAdmin(Recorded):
    needed = "schema"
    list_display = ("label", "code", "queue", "position")
    list_filter = ("queue",)
    search_fields = ("label", "code", "queue")
    ordering = ("queue", "position", "label")


@admin.register(AgentProfile)
class AgentProfileAdmin(Recorded):
    needed = "manage_users"
    list_display = ("user", "agent_id", "dialler")
    search_fields = ("user__username", "agent_id")
    autocomplete_fields = ("user",)
