"""What is forgotten of journeys when a person is erased (C17): everything that channels told about them."""

from collections.abc import Collection, Sequence
from uuid import UUID

from django.db import connection
from django.db.models import Exists, OuterRef, Q

from customers.forgetting import naming
from interactions.models.interaction import ERASED
from journeys.models import Attempt, Context, ContextVersion, Element


def erase(
    customers: Sequence[UUID], companions: Collection[UUID] = (), only_theirs: Collection[str] = ()
) -> int:
    """Empty the contexts of these customers, with their versions and attempts; return how many contexts.

    Those of nobody, and of ``companions`` whom they were merged with for a while, go as well where they tell, or once
    told, numbers or emails that are only theirs.

    What happened when, in which channel and to which topic stays: it tells nothing of the person.
    """
    contexts = list(
        Element.objects.filter(customer_id__in=list(customers), context__isnull=False).values_list(
            "context_id", flat=True
        )
    )
    once_told = ContextVersion.objects.filter(naming(only_theirs, "state"), context=OuterRef("pk"))
    told = naming(only_theirs, "data") | Q(alias_ids__overlap=list(only_theirs)) | Exists(once_told)
    near = Q(element__customer=None) | Q(element__customer__in=companions)
    contexts += Context.objects.filter(near, told).exclude(pk__in=contexts).values_list("pk", flat=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT journeys_erase_trail(%s)", [contexts])
    Attempt.objects.filter(context_id__in=contexts).update(asked=[], customer_id="")
    # An alias, a group or a topic that a channel made may be a name or a number.
    Context.objects.filter(pk__in=contexts).update(
        data={}, schema=None, group_id="", alias_ids=[], tenant_id=""
    )
    Element.objects.filter(customer_id__in=list(customers)).update(account="")
    # Of a contact that was never linked: its interaction tells nothing any more.
    Element.objects.filter(interaction__looked_up=ERASED).exclude(account="", topic="").update(
        account="", topic="", topic_source=""
    )
    return len(contexts)
