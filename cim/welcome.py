"""The first page of a person: where their work begins. Shown until they have begun or passed it by."""

from dataclasses import dataclass

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from cim.access.models import UserPreference
from cim.access.permissions import AUTHENTICATED, full_name
from cim.access.rules import needs


@dataclass(frozen=True)
class Step:
    """One thing to begin with: a page, in the words of whoever does it."""

    icon: str
    title: Promise
    words: Promise
    action: Promise
    address: str


# The first job whose permission somebody holds is theirs.
JOBS: tuple[tuple[str, tuple[Step, ...]], ...] = (
    (
        "schema",
        (
            Step(
                "sliders-horizontal",
                _("Say what is known of a customer"),
                _("Up to fifty attributes of your own beside names, phones and emails."),
                _("Open the schema"),
                "customers:schema",
            ),
            Step(
                "users-round",
                _("Let people in"),
                _("Give each person a user and a role; the role says what they see and do."),
                _("Open users and roles"),
                "access:users",
            ),
            Step(
                "database",
                _("Connect your CRM"),
                _("What is written there after a contact, and what is shown from there."),
                _("Open CRM"),
                "crm_mappings:list",
            ),
            Step(
                "upload",
                _("Bring your customers"),
                _("A CSV or Excel file; nothing is written before you have seen what will happen."),
                _("Import a file"),
                "customers:new_import",
            ),
        ),
    ),
    (
        "live_wall",
        (
            Step(
                "layout-grid",
                _("See who is talking to whom"),
                _("Queues, people and calls at this moment; what passed a limit comes first."),
                _("Open the live wall"),
                "interactions:wall",
            ),
            Step(
                "git-merge",
                _("Review likely duplicates"),
                _("Pairs that look like one person, with the evidence. A merge can be taken back."),
                _("Open duplicates"),
                "customers:duplicates",
            ),
            Step(
                "users",
                _("Find customers"),
                _("Search, sort and save views; share them with the team."),
                _("Open customers"),
                "customers:list",
            ),
        ),
    ),
    (
        "import_customers",
        (
            Step(
                "upload",
                _("Import a file"),
                _("A CSV or Excel file; nothing is written before you have seen what will happen."),
                _("Import a file"),
                "customers:new_import",
            ),
            Step(
                "history",
                _("Look at earlier imports"),
                _("What each one did, line by line, and the way to take it back."),
                _("Open imports"),
                "customers:imports",
            ),
            Step(
                "users",
                _("Check the result"),
                _("Every customer in one list, with a column for each attribute."),
                _("Open customers"),
                "customers:list",
            ),
        ),
    ),
    (
        "wrap_up",
        (
            Step(
                "headphones",
                _("Be ready for the next call"),
                _("Your desk shows who is calling before you answer, and what they called about last time."),
                _("Open the desk"),
                "interactions:desk",
            ),
            Step(
                "users",
                _("Find a customer yourself"),
                _("Type a name, a phone number or an email; parts are enough."),
                _("Open customers"),
                "customers:list",
            ),
        ),
    ),
)


def steps_for(user: User) -> tuple[Step, ...]:
    """Return what this person's work begins with, the main thing first; nothing for a program."""
    return next((steps for permission, steps in JOBS if user.has_perm(full_name(permission))), ())


@needs(AUTHENTICATED)
@require_http_methods(["GET", "HEAD", "POST"])
def welcome(request: HttpRequest) -> HttpResponse:
    """Show the steps; a choice, or passing them by, is remembered for this person everywhere."""
    user = User.objects.get(pk=request.user.pk or 0)
    steps = steps_for(user)
    if request.method == "POST":
        UserPreference.objects.update_or_create(user=user, defaults={"welcomed_at": timezone.now()})
        chosen = next((step for step in steps if step.address == request.POST.get("step")), None)
        return redirect(chosen.address if chosen else "customers:start")
    if not steps:
        return redirect("customers:start")
    return render(
        request,
        "cim/welcome.html",
        {"steps": steps, "is_first": not _is_welcomed(user), "account": reverse("access:account")},
    )


def _is_welcomed(user: User) -> bool:
    return UserPreference.objects.filter(user=user).exclude(welcomed_at=None).exists()
