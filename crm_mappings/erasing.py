"""What goes when a person is erased: what a CRM said of them, and the texts of what was sent (C17)."""

from collections.abc import Collection, Sequence
from uuid import UUID

from django.db.models import Q
from django.utils.translation import gettext as _

from crm_mappings.models import CrmAnswer, CrmSearch, Delivery
from customers.forgetting import naming


def erase(
    customers: Sequence[UUID], companions: Collection[UUID] = (), only_theirs: Collection[str] = ()
) -> int:
    """Remove the personal data of these customers here; return of how many answers and deliveries.

    What is kept with nobody, and with ``companions`` whom they were merged with for a while, goes as well where it
    tells numbers or emails that are only theirs.

    That something was delivered, and when, stays. What was not sent yet is not sent any more. What stands in the CRM is
    the CRM's.
    """
    about = Q(customer__in=customers) | Q(interaction__customer__in=customers)
    near = Q(customer__in=companions) | Q(interaction__customer__in=companions)
    near |= Q(customer=None, interaction__customer=None)
    answers = CrmAnswer.objects.filter(about | near & naming(only_theirs, "records")).delete()[0]
    CrmSearch.objects.all().delete()
    deliveries = Delivery.objects.filter(about | near & naming(only_theirs, "fields"))
    deliveries.unfinished().update(state=Delivery.State.SKIPPED, leased_until=None)
    emptied = deliveries.update(
        fields={}, cut=[], history=[], reason=_("The person was erased."), key="", record_id="", record_url=""
    )
    return answers + emptied
