"""Which role may do what: the one table (Q1).

Code asks for permissions – `user.has_perm("access.see_customers")` – and never for the name of a role. The
groups are made from this table after every migration, so changing it here changes every installation.
"""

from collections.abc import Iterable
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

APP_LABEL: Final = "access"

PERMISSIONS: Final[dict[str, Promise]] = {
    "see_customers": _("see customers"),
    "create_customers": _("create customers"),
    "edit_customers": _("edit customers"),
    "label_customers": _("label customers"),
    "promote": _("add callers to the contacts"),
    "link_own_interactions": _("link and unlink own interactions"),
    "dial": _("dial"),
    "wrap_up": _("wrap up interactions"),
    "merge": _("merge and unmerge customers"),
    "delete_customers": _("delete and restore customers"),
    "reveal": _("reveal masked values"),
    "link_any_interaction": _("link and unlink any interaction"),
    "share_views": _("share saved views"),
    "live_wall": _("see the live wall"),
    "hear_monitor_legs": _("see barge-in and monitor legs"),
    "audit_team": _("see the audit trail of the own team"),
    "import_customers": _("import customers"),
    "undo_own_imports": _("undo own imports"),
    "undo_any_import": _("undo any import"),
    "export_customers": _("export customers"),
    "download_templates": _("download import templates"),
    "schema": _("change the attributes of customers"),
    "manage_users": _("manage users"),
    "integrations.create": _("create CRM configurations"),
    "integrations.edit": _("edit CRM configurations"),
    "memorialisation.create": _("create memorialisation mappings"),
    "dynamic_data.create": _("create dynamic data mappings"),
    "erase": _("erase persons"),
    "audit": _("see the whole audit trail"),
    "dial_do_not_call": _("dial numbers on the do-not-call list"),
    "send_events": _("send interaction events"),
    "use_contexts": _("use the Context Store"),
    "send_attempts": _("send contact attempts"),
    "lookup": _("look customers up"),
}

# The permissions by what they are about, as a page offers them to be chosen.
AREAS: Final[tuple[tuple[Promise, tuple[str, ...]], ...]] = (
    (_("Programs"), ("send_events", "use_contexts", "send_attempts", "lookup")),
    (
        _("Contacts"),
        (
            "promote",
            "link_own_interactions",
            "link_any_interaction",
            "dial",
            "dial_do_not_call",
            "wrap_up",
            "live_wall",
            "hear_monitor_legs",
        ),
    ),
    (
        _("Imports and exports"),
        (
            "import_customers",
            "undo_own_imports",
            "undo_any_import",
            "export_customers",
            "download_templates",
        ),
    ),
    (
        _("Customers"),
        (
            "see_customers",
            "create_customers",
            "edit_customers",
            "label_customers",
            "merge",
            "delete_customers",
            "erase",
            "reveal",
            "share_views",
        ),
    ),
    (
        _("Administration"),
        (
            "schema",
            "manage_users",
            "audit_team",
            "audit",
            "integrations.create",
            "integrations.edit",
            "memorialisation.create",
            "dynamic_data.create",
        ),
    ),
)

# What the roles are called in the language of the page; a role made by hand keeps its own name.
ROLE_NAMES: Final[dict[str, Promise]] = {
    "Admin": _("Administrator"),
    "Supervisor": _("Supervisor"),
    "Agent": _("Agent"),
    "Importer": _("Importer"),
    "Integration": _("Integration"),
}

_AGENT: Final = frozenset(
    {
        "see_customers",
        "create_customers",
        "edit_customers",
        "label_customers",
        "promote",
        "link_own_interactions",
        "dial",
        "wrap_up",
        "lookup",
    }
)

ROLES: Final[dict[str, frozenset[str]]] = {
    "Admin": frozenset(PERMISSIONS),
    "Supervisor": _AGENT
    | {
        "merge",
        "delete_customers",
        "reveal",
        "link_any_interaction",
        "share_views",
        "live_wall",
        "hear_monitor_legs",
        "audit_team",
    },
    "Agent": _AGENT,
    "Importer": frozenset(
        {
            "see_customers",
            "create_customers",
            "edit_customers",
            "import_customers",
            "undo_own_imports",
            "export_customers",
            "download_templates",
            "lookup",
        }
    ),
    "Integration": frozenset({"send_events", "use_contexts", "send_attempts", "lookup"}),
}

# Stands in a declared rule for "anybody who is signed in"; no permission may have this name.
AUTHENTICATED: Final = "*signed in*"

# One permission, several of which any is enough, or AUTHENTICATED.
Required = str | tuple[str, ...]


def full_name(codename: str) -> str:
    """Name a permission as `User.has_perm` wants it; refuse one that the table does not know."""
    if codename not in PERMISSIONS:
        raise KeyError(f"{codename!r} is not a permission of cim.access.permissions")
    return f"{APP_LABEL}.{codename}"


def any_of(required: Required) -> tuple[str, ...]:
    """List the permissions of which one is enough; empty when being signed in is enough.

    Refuses an unknown permission with KeyError, so that a misspelt rule fails at import and not at night.
    """
    if required == AUTHENTICATED:
        return ()
    codenames: Iterable[str] = (required,) if isinstance(required, str) else required
    for codename in codenames:
        full_name(codename)
    return tuple(codenames)
