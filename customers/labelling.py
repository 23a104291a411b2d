"""What customers carry beside their profile: labels, further identifiers, and whom they are not (C15, C29, C50)."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.translation import gettext as _

from cim.access import audit
from customers.merging import family_of
from customers.models import Customer, CustomerLabel, Identifier, Label, Never, Stage
from customers.profiles import save_version
from customers.resolving import identifier_value


class UnknownLabel(ValueError):
    """There are no labels of these names; the message quotes them."""

    def __init__(self, names: Collection[str]) -> None:
        super().__init__(sorted(names))
        self.names = sorted(names)

    def __str__(self) -> str:
        known = ", ".join(Label.objects.order_by(Lower("name")).values_list("name", flat=True)) or _(
            "none yet"
        )
        return _("There is no label %(names)s; there are: %(known)s.") % {
            "names": ", ".join(f"“{name}”" for name in self.names),
            "known": known,
        }


class LabelExists(ValueError):
    """There is another label of this name, ignoring case; the message quotes it."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return _("There is already a label %(name)s.") % {"name": f"“{self.name}”"}


def add_label(name: str, color: str | None, actor: audit.Actor) -> Label:
    """Make a label (C29). Raises LabelExists."""
    label = Label(name=name, **({"color": color} if color else {}))
    with audit.recorded(actor, "label.create", object_type="label", object_id=name, color=label.color):
        _keep(label)
    return label


def change_label(label: Label, name: str | None, color: str | None, actor: audit.Actor) -> Label:
    """Rename or recolour a label, wherever it is carried. Raises LabelExists."""
    before = {"name": label.name, "color": label.color}
    label.name, label.color = name or label.name, color or label.color
    with audit.recorded(
        actor, "label.change", object_type="label", object_id=label.name, before=before, color=label.color
    ):
        _keep(label)
    return label


def delete_label(label: Label, actor: audit.Actor) -> None:
    """Take a label off every customer and delete it."""
    carried = CustomerLabel.objects.filter(label=label).count()
    with audit.recorded(actor, "label.delete", object_type="label", object_id=label.name, customers=carried):
        label.delete()


def _keep(label: Label) -> None:
    """Save ``label``; the unique index decides, whoever races whom."""
    try:
        with transaction.atomic():
            label.save()
    except IntegrityError as refusal:
        raise LabelExists(label.name) from refusal


def labels_named(names: Collection[str]) -> list[Label]:
    """Return the labels of these names, ignoring case. Raises UnknownLabel."""
    by_name = {label.name.casefold(): label for label in Label.objects.all()} if names else {}
    if missing := [name for name in names if name.casefold() not in by_name]:
        raise UnknownLabel(missing)
    return [by_name[name.casefold()] for name in names]


def relabel(
    customer: Customer, actor: audit.Actor, *, add: Collection[Label] = (), remove: Collection[Label] = ()
) -> None:
    """Put ``add`` on the customer and take ``remove`` off; what is so already is left alone."""
    with transaction.atomic():
        carried = set(CustomerLabel.objects.filter(customer=customer).values_list("label_id", flat=True))
        new = [label for label in add if label.id not in carried]
        gone = [label for label in remove if label.id in carried]
        if not new and not gone:
            return
        with audit.recorded(
            actor,
            "customer.label",
            object_type="customer",
            object_id=customer.id,
            added=[label.name for label in new],
            removed=[label.name for label in gone],
        ):
            CustomerLabel.objects.bulk_create(
                [CustomerLabel(customer=customer, label=label) for label in new], ignore_conflicts=True
            )
            CustomerLabel.objects.filter(customer=customer, label__in=gone).delete()


def carried_by(customer: Customer) -> list[Label]:
    return list(Label.objects.filter(labelled__customer=customer).order_by(Lower("name")))


def identify(customer: Customer, kind: str, value: str, actor: audit.Actor, now: datetime) -> Identifier:
    """Add a further identifier to the customer; one it has already is returned as it is.

    A web visitor of whom more than the web id is known is an identified contact (C41).
    """
    with transaction.atomic():
        known = Identifier.objects.filter(
            customer=customer, type=kind, value=identifier_value(kind, value)
        ).first()
        if known is not None:
            return known
        with audit.recorded(
            actor, "customer.identify", object_type="customer", object_id=customer.id, type=kind
        ):
            identifier, _made = Identifier.objects.get_or_create(
                customer=customer,
                type=kind,
                value=identifier_value(kind, value),
                defaults={"created_at": now},
            )
            if customer.stage == Stage.EPHEMERAL and kind != Identifier.Type.WEB:
                _promote(customer, now)
    return identifier


def _promote(customer: Customer, now: datetime) -> None:
    row = Customer.objects.live().locked().get(id=customer.id)
    if row.stage == Stage.EPHEMERAL:
        row.stage = Stage.IDENTIFIED
        save_version(row, ["stage"], now)
        customer.stage, customer.version, customer.updated_at = row.stage, row.version, row.updated_at


def never_the_same(customer: Customer, other_id: UUID, actor: audit.Actor, now: datetime) -> None:
    """Remember that the two are different people (C50). Raises Customer.DoesNotExist; ValueError for one id twice."""
    other = Customer.objects.live().get(id=other_id)
    if other.id == customer.id:
        raise ValueError(_("A customer cannot be somebody else than itself."))
    low, high = sorted((customer.id, other.id))
    with audit.recorded(
        actor, "customer.never", object_type="customer", object_id=customer.id, other=str(other.id)
    ):
        Never.objects.get_or_create(customer_id=low, other_id=high, defaults={"created_at": now})


def perhaps_the_same(customer: Customer, other_id: UUID, actor: audit.Actor) -> bool:
    """Take back that the two are different people, whoever of those merged into them it was said of.

    Returns whether it had been said.
    """
    ours, theirs = family_of(customer.id), family_of(other_id)
    with audit.recorded(
        actor, "customer.perhaps", object_type="customer", object_id=customer.id, other=str(other_id)
    ):
        said = Never.objects.filter(
            Q(customer__in=ours, other__in=theirs) | Q(customer__in=theirs, other__in=ours)
        )
        gone, _by_model = said.delete()
    return gone > 0
