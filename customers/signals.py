"""The news of customers, sent inside the transaction that makes it.

A receiver moves its own rows, or asks for a job after the commit (``transaction.on_commit``). Receivers must not raise:
their failure undoes what they were told of.

``customers_merged`` (sender ``Merge``; ``merge``: the Merge row, ``survivor``: UUID, ``merged``: list of UUIDs,
``now``): the merged customers count for the survivor from now on. Nothing has to be moved: rows that name a merged
customer are read through ``Customer.merged_into``.

``customers_unmerged`` (sender ``Merge``; ``merge``: the Merge row, ``survivor``: UUID of the customer from which the
parts were taken – the one at the end of the links, so it may be another than ``merge.survivor_id`` –, ``path``: list
of UUIDs from ``merge.survivor_id`` to ``survivor``, all of which what came since may lie with, ``separated``: list of
UUIDs that stand for themselves again, ``since``: when they were merged, ``now``): numbers are with their owners
already, so that what came to the survivor since ``since`` can go to the side whose number or address was used (C49).

``customer_erased`` (sender ``Customer``; ``customers``: list of UUIDs, the person and all that were merged into it,
``addresses``: the numbers and emails that the person was known by, for what was never linked, ``companions``: list of
UUIDs of those whom the person was merged with for a while, ``only_theirs``: those of the addresses by which nobody else
goes now, for what is kept with nobody or the companions, see ``forgetting.naming``,
``entry``: the audit entry, ``now``): personal data of these customers must go (C17). A receiver returns how much it
was, by its own words: ``{"interactions": 3}``.

``person_exported`` (sender ``Customer``; ``customers``: list of UUIDs, ``user``: who reads it): somebody asks for all
that is kept of a person. A receiver returns ``{title: data}``, of what its app keeps, masked for the user (C36).

``contacts_expiring`` (sender ``Customer``; ``customers``: list of UUIDs, ``since``: datetime): ephemeral and identified
contacts are about to be forgotten (C41). A receiver returns the ids of those that had contact after ``since``; they
stay.
"""

from django.dispatch import Signal

customers_merged = Signal()
customers_unmerged = Signal()
customer_erased = Signal()
person_exported = Signal()
contacts_expiring = Signal()
