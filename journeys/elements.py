"""What becomes an element of whose journey: contexts and interactions, in step with what they come from (J4, J11)."""

import datetime as dt
import json
from collections.abc import Iterable, Sequence
from typing import Any, Final
from uuid import UUID

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.utils.translation import gettext as _

from cim.access import audit
from cim.access.prepared import prepared
from customers.models import Customer
from customers.resolving import resolve, survivor_of
from interactions import recording
from interactions.folding import State
from interactions.models import Interaction
from journeys.meaning import emails_in, meaning_of, numbers_in
from journeys.models import Context, Element, TopicCorrection, TopicSource
from journeys.topics import LONGEST, default_topic

_OVER: Final = frozenset({State.ENDED, State.FAILED, State.CLOSED})
_KEPT: Final = (
    *("customer_id", "work_request_id", "channel", "direction", "topic", "topic_source", "account", "status"),
    *("started", "ended", "is_open", "is_missed", "expires_at", "changed_at"),
)


def place_context(context: Context, touchpoint: str, now: dt.datetime) -> Element:
    """Make the element of a context, or bring it up to date; without a customer it waits for one (J4).

    A topic that somebody corrected stays. Must run in the transaction that writes the context.
    """
    element = Element.objects.filter(context=context).first() or Element(context=context)
    # What is known of the channel is not lost to a later touch by another one.
    meaning = meaning_of(context.data, context.schema, touchpoint)
    element.customer_id = owner_of(context)
    element.work_request_id = context.context_id
    element.channel = element.channel or meaning.channel
    element.direction = element.direction or meaning.direction
    element.account = meaning.account
    element.status = meaning.status
    element.is_open, element.is_missed = meaning.is_open, meaning.is_missed
    element.started = context.created_at
    element.ended = None if meaning.is_open else context.updated_at
    element.expires_at = context.expires_at
    element.changed_at = now
    if element.topic_source != TopicSource.CORRECTED:
        _put_topic(element, context.topic, meaning.topic)
    element.save()
    return element


def owner_of(context: Context) -> UUID | None:
    """Return the customer that a context is about: whom its group means, else whom its numbers and addresses mean.

    Several customers are never guessed between; a group that means several may be decided by the numbers.
    """
    group = context.group_id.strip()
    if group and (known := customer_of_id(group)):
        return known
    named = resolve([(kind, group) for kind in ("crm", "account", "external")]) if group else None
    if named and named.match:
        return named.match
    addresses = [("phone", number) for number in numbers_in(context.data, context.schema)]
    addresses += [("email", address) for address in emails_in(context.data, context.schema)]
    if not addresses:
        return None
    match = resolve(addresses).match
    if named and named.candidates and match not in {candidate.customer for candidate in named.candidates}:
        return None
    return match


def customer_of_id(text: str) -> UUID | None:
    """Return the live customer that an id of ours stands for, the survivor of a merge; None for any other text."""
    try:
        customer = Customer.objects.filter(pk=UUID(text)).first()
    except ValueError:
        return None
    survivor = survivor_of(customer) if customer else None
    return survivor.id if survivor and survivor.is_live else None


def place_interactions(interactions: Iterable[Interaction], now: dt.datetime) -> None:
    """Make the elements of interactions, or bring them up to date. One statement, however many there are.

    Must run in the transaction that writes them.
    """
    rows = {interaction.id: _told(interaction, now) for interaction in interactions}
    with prepared() as cursor:
        cursor.execute(_PLACE, [json.dumps(list(rows.values()), default=str, ensure_ascii=False)])


# A topic that was taken away stays away; another one was given at the desk, or is the same.
_STAYS: Final = """
    case when e.topic_source = 'corrected' and (
        e.topic = '' or (excluded.topic_source = 'given' and excluded.topic = e.topic))
    then e.{name} else excluded.{name} end
"""
_PLACE: Final = f"""
    insert into journeys_element as e (id, interaction_id, {", ".join(_KEPT)})
    select id, interaction_id, {
    ", ".join(_KEPT)
} from jsonb_populate_recordset(null::journeys_element, %s::jsonb)
    on conflict (interaction_id) do update set {
    ", ".join(
        f"{name} = {_STAYS.format(name=name) if name in ('topic', 'topic_source') else f'excluded.{name}'}"
        for name in _KEPT
    )
}
"""  # noqa: S608 - names of columns of our own


def _told(interaction: Interaction, now: dt.datetime) -> dict[str, Any]:
    """Say what the element of an interaction tells; the topic that somebody corrected is kept by the statement."""
    state = interaction.state_at(now)
    element = Element(
        interaction_id=interaction.id,
        customer_id=interaction.customer_id,
        work_request_id=interaction.work_request_id or str(interaction.id),
        channel=interaction.channel,
        direction=interaction.direction,
        account=interaction.account,
        status=state,
        started=interaction.started,
        ended=interaction.ended,
        is_open=state not in _OVER,
        is_missed=state == State.FAILED or (interaction.ended is not None and _was_missed(interaction)),
        changed_at=now,
    )
    _put_topic(element, interaction.topic, default_topic([interaction.data, interaction.skill or {}]))
    return {name: getattr(element, name) for name in ("id", "interaction_id", *_KEPT)}


def _was_missed(interaction: Interaction) -> bool:
    """Say whether somebody wanted an agent and got none; who was served by a menu alone missed nothing."""
    if interaction.was_answered or interaction.direction == "outbound":
        return False
    rang = any(offer["outcome"] != "answered" for offer in interaction.offers)
    return rang or any(leg["kind"] == "queue" for leg in interaction.activities)


def _put_topic(element: Element, given: str, default: str) -> None:
    if given.strip():
        element.topic, element.topic_source = given.strip()[:LONGEST], TopicSource.GIVEN
    elif default:
        element.topic, element.topic_source = default, TopicSource.DEFAULT
    else:
        element.topic, element.topic_source = "", TopicSource.NONE


def correct_topic(element_id: UUID, topic: str, user: User, actor: audit.Actor, now: dt.datetime) -> Element:
    """Give an element another topic, and remember who did and what it was before (J11). Raises Element.DoesNotExist.

    An interaction is told too, so that its history says the same. An empty topic leaves the element without one.
    """
    topic = topic.strip()
    if len(topic) > LONGEST:
        raise ValueError(_("A topic has at most %(most)d characters.") % {"most": LONGEST})
    with transaction.atomic():
        interaction_id, previous = Element.objects.values_list("interaction_id", "topic").get(pk=element_id)
        if interaction_id is not None:
            # Before the element is locked: events lock the interaction first, too.
            recording.tell(interaction_id, "topic", {"topic": topic}, user, now)
        element = Element.objects.select_for_update(no_key=True, of=("self",)).get(pk=element_id)
        with audit.recorded(
            actor, "element.topic", object_type="element", object_id=element.id, before=previous, after=topic
        ):
            TopicCorrection.objects.create(element=element, before=previous, after=topic, by=user, at=now)
            element.topic, element.topic_source, element.changed_at = topic, TopicSource.CORRECTED, now
            element.save(update_fields=["topic", "topic_source", "changed_at"])
    return element


def separate(customers: Sequence[UUID], since: dt.datetime, now: dt.datetime) -> None:
    """Put the elements of customers who stand for themselves again with whom they belong to (C49).

    Those of interactions follow their interaction; a context that came since the merge is looked up again.
    """
    with connection.cursor() as cursor:
        cursor.execute(_FOLLOW, {"customers": list(customers), "now": now})
    mine = Element.objects.of(customers)
    for element in mine.filter(context__isnull=False, started__gte=since).select_related("context"):
        if element.context is not None:
            owner = owner_of(element.context)
            if owner != element.customer_id:
                Element.objects.filter(pk=element.pk).update(customer_id=owner, changed_at=now)


_FOLLOW: Final = """
    update journeys_element e set customer_id = i.customer_id, changed_at = %(now)s
    from interactions_interaction i
    where e.customer_id = any(%(customers)s) and i.id = e.interaction_id
        and i.customer_id is distinct from e.customer_id
"""


def in_contact(customers: Sequence[UUID], since: dt.datetime) -> list[UUID]:
    """Return those of the customers on whose journeys something has happened since."""
    recent = Element.objects.filter(customer_id__in=list(customers), started__gt=since)
    return [key for key in recent.values_list("customer_id", flat=True).distinct() if key]
