"""Click-to-dial: each dialler is one class here or elsewhere, chosen by the setting CIM_DIALLER or per user (I30).

A dialler says what the user's browser must do to place a call. None of them keeps a password.
"""

from typing import Any, Protocol

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from interactions.dialling.finesse import Finesse
from interactions.dialling.tel import Tel


class Dialler(Protocol):
    """Places calls for agents."""

    name: str

    def action(self, number: str, interaction: str) -> dict[str, Any]:
        """Return what the page must do to dial `number`, as JSON; the page reports the outcome for `interaction`."""
        ...


_OURS: dict[str, type[Dialler]] = {"tel": Tel, "finesse": Finesse}


def dialler_called(name: str = "") -> Dialler:
    """Make the dialler of a user, or the installation's; raises ImproperlyConfigured for one that is not there."""
    wanted = name or settings.CIM_DIALLER
    if wanted in _OURS:
        return _OURS[wanted]()
    try:
        made: Dialler = import_string(wanted)()
    except ImportError as missing:
        raise ImproperlyConfigured(
            f"The dialler is {wanted!r}; it must be tel, finesse or the path of a class."
        ) from missing
    return made
