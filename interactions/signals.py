"""The news of this app, sent inside the transaction that makes it: a receiver moves its own rows, or asks for a job
after the commit.

`interaction_changed` (sender `Interaction`, `changes`: a list of `Change`): events were stored, a link changed, or the
time to wrap up ran out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from django.dispatch import Signal

from interactions.folding import Happening
from interactions.models import Interaction

interaction_changed = Signal()


@dataclass(frozen=True)
class Change:
    """An interaction as it is now, saved, with the events that are new; `state_before` is empty for a new one."""

    interaction: Interaction
    happenings: Sequence[Happening] = field(default_factory=tuple)
    state_before: str = ""
    relinked: bool = False
    settled: bool = False


def announce(changes: Sequence[Change]) -> None:
    if changes:
        interaction_changed.send(Interaction, changes=list(changes))
