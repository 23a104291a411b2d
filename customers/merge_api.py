"""The API of identity: merging, taking it back, the story of a customer, likely duplicates (contract 6.1, C49, C50)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cim.access import audit
from cim.access.api import Conflict, StrictSerializer, idempotent, refuse_input, strict_query
from customers import combining, duplicates, labelling, merging, presenting, resolving, tracing
from customers.api import customer_of, refusals
from customers.merging import AlreadyUndone, Draft, NotMergeable, Picked
from customers.models import Customer, Duplicate, Label, Merge
from customers.policy import MASK, Sight, sight_of
from customers.schema import Given, InvalidProfile, Schema
from customers.values import Kind

MOST_AT_ONCE = 20
"""How many customers one merge may bring together: more cannot be compared by a person."""


class MergeBody(StrictSerializer):
    """Customers that are one person, and what was decided about their values.

    What is not decided is the most recently changed value that is not empty; lists are joined.
    """

    into = serializers.UUIDField(help_text="the customer that stays")
    locals()["from"] = serializers.ListField(
        child=serializers.UUIDField(),
        min_length=1,
        max_length=MOST_AT_ONCE,
        help_text="who counts for it from now on",
    )
    values = serializers.DictField(
        required=False,
        child=serializers.JSONField(allow_null=True),
        help_text="values by attribute key, or labels",
    )
    choices = serializers.DictField(
        required=False, child=serializers.UUIDField(), help_text="by attribute key, whose value it is"
    )
    without = serializers.DictField(
        required=False,
        child=serializers.ListField(child=serializers.CharField()),
        help_text="phones, emails and labels that the survivor does not get",
    )


@contextmanager
def _merge_refusals() -> Iterator[None]:
    try:
        with refusals():
            yield
    except NotMergeable as refusal:
        raise Conflict(str(refusal), customers=[str(item) for item in refusal.customers]) from refusal
    except AlreadyUndone as refusal:
        raise Conflict(str(refusal)) from refusal
    except Merge.DoesNotExist as refusal:
        raise Http404 from refusal


class MergeView(APIView):
    """Two or more customers become one (C49)."""

    required_permissions = {"POST": "merge"}

    @extend_schema(operation_id="customers_merge", request=MergeBody, responses=OpenApiTypes.OBJECT)
    @idempotent
    def post(self, request: Request) -> Response:
        strict_query(request, ())
        schema = Schema.current()
        sight = sight_of(request.user, schema)
        with _merge_refusals():
            into, parts, picked = _question(request, schema, sight)
            merged = merging.merge(into, parts, audit.actor_of(request), schema=schema, picked=picked)
        (shown,) = presenting.customer_json([merged.customer], schema, sight)
        return Response({"merge": str(merged.merge.id), "customer": shown})


class MergePreviewView(APIView):
    """What merging would do; nothing is written."""

    required_permissions = {"POST": "merge"}

    @extend_schema(operation_id="customers_merge_preview", request=MergeBody, responses=OpenApiTypes.OBJECT)
    def post(self, request: Request) -> Response:
        strict_query(request, ())
        schema = Schema.current()
        sight = sight_of(request.user, schema)
        with _merge_refusals():
            into, parts, picked = _question(request, schema, sight)
            draft = merging.draft(into, parts, schema=schema, picked=picked)
        rows = Customer.objects.in_bulk([into, *parts])
        shown = presenting.customer_json([rows[key] for key in (into, *parts)], schema, sight)
        return Response({"into": str(into), "customers": shown, **_draft_json(into, draft, schema, sight)})


class MergeDetailView(APIView):
    required_permissions = {"GET": "see_customers"}

    @extend_schema(operation_id="merges_retrieve", responses=OpenApiTypes.OBJECT)
    def get(self, request: Request, merge_id: UUID) -> Response:
        strict_query(request, ())
        made = Merge.objects.select_related("entry", "undone_entry").filter(id=merge_id).first()
        if made is None:
            raise Http404
        return Response(_merges_json([made], sight_of(request.user, Schema.current()))[0])


class UndoMergeView(APIView):
    """The parts of a merge stand for themselves again (C49)."""

    required_permissions = {"POST": "merge"}

    @extend_schema(operation_id="merges_undo", request=None, responses=OpenApiTypes.OBJECT)
    def post(self, request: Request, merge_id: UUID) -> Response:
        refuse_input(request)
        schema = Schema.current()
        with _merge_refusals():
            unmerged = merging.undo(merge_id, audit.actor_of(request), schema=schema)
        people = [one for one in (unmerged.survivor, *unmerged.separated) if one.is_live]
        return Response(
            {
                "customers": presenting.customer_json(people, schema, sight_of(request.user, schema)),
                "not_returned": _masked_numbers(unmerged.not_returned, sight_of(request.user, schema)),
            }
        )


class StoryView(APIView):
    """How a customer came to be who it is: numbers, addresses and identifiers since when, merges, who it is not."""

    required_permissions = {"GET": "see_customers"}

    @extend_schema(operation_id="customers_identity", responses=OpenApiTypes.OBJECT)
    def get(self, request: Request, customer_id: UUID) -> Response:
        strict_query(request, ())
        schema = Schema.current()
        sight = sight_of(request.user, schema)
        customer = customer_of(customer_id)
        story = tracing.story_of(customer, schema)
        masks = presenting.hides_kind(schema, sight, Kind.PHONES, Kind.PHONE, Kind.EMAILS, Kind.EMAIL)
        masked = set(combining_types()) if masks else set()
        parts = {item.customer for item in story.known_by if item.customer} - {customer.id}
        names = _names([*parts, *(other for other, _at in story.never)], sight)
        return Response(
            {
                "known_by": [
                    {
                        "type": item.type,
                        "value": MASK if item.type in masked else item.value,
                        "since": _moment(item.since),
                        "until": _moment(item.until) if item.until else None,
                        "merge": str(item.merge) if item.merge else None,
                        "from": names.get(item.customer) if item.customer in parts else None,
                        "by": item.by or None,
                    }
                    for item in story.known_by
                ],
                "merges": _merges_json(story.merges, sight),
                "never": [
                    {"customer": str(other), "name": names.get(other, ""), "at": _moment(at)}
                    for other, at in story.never
                ],
            }
        )


class NeverTakenBackView(APIView):
    """That two customers are different people is taken back (C50)."""

    required_permissions = {"DELETE": "edit_customers"}

    @extend_schema(operation_id="customers_never_destroy", responses={204: None})
    def delete(self, request: Request, customer_id: UUID, other_id: UUID) -> Response:
        strict_query(request, ())
        customer = customer_of(customer_id)
        if not labelling.perhaps_the_same(customer, other_id, audit.actor_of(request)):
            raise Http404
        duplicates.compare_again([customer.id, other_id], timezone.now())
        return Response(status=204)


class DuplicatesView(APIView):
    """Pairs of customers that are likely one person, the likeliest first (C50)."""

    required_permissions = {"GET": "see_customers"}

    @extend_schema(
        operation_id="duplicates_list",
        parameters=[OpenApiParameter(name, int) for name in ("page", "page_size")],
        responses=OpenApiTypes.OBJECT,
    )
    def get(self, request: Request) -> Response:
        strict_query(request, {"page", "page_size"})
        page, size = _number(request, "page", 1, 1_000_000), _number(request, "page_size", 25, 200)
        schema = Schema.current()
        sight = sight_of(request.user, schema)
        found = duplicates.page(page, size)
        if page > 1 and not found.pairs:
            raise Http404
        ids = {key for pair in found.pairs for key in (pair.customer_id, pair.other_id)}
        rows = Customer.objects.in_bulk(list(ids))
        shown = {item["id"]: item for item in presenting.customer_json(list(rows.values()), schema, sight)}
        return Response(
            {
                "count": found.count,
                "page": page,
                "page_size": size,
                "pages": max(1, -(-found.count // size)),
                "searched_at": _moment(found.searched_at) if found.searched_at else None,
                "results": [_pair_json(pair, shown, sight) for pair in found.pairs],
            }
        )


class DismissDuplicateView(APIView):
    """The two are different people: remembered, and respected by every rule from now on (C50)."""

    required_permissions = {"POST": "merge"}

    @extend_schema(operation_id="duplicates_dismiss", request=None, responses={204: None})
    def post(self, request: Request, duplicate_id: int) -> Response:
        refuse_input(request)
        pair = Duplicate.objects.filter(id=duplicate_id).first()
        if pair is None:
            raise Http404
        with refusals():
            duplicates.dismiss(pair, audit.actor_of(request), timezone.now())
        return Response(status=204)


def combining_types() -> Sequence[str]:
    """Return the types of identifier whose value may give a masked phone or email away."""
    return ("email", "phone", "whatsapp", "facebook", "instagram", "x", "line", "external", "crm")


def _question(request: Request, schema: Schema, sight: Sight) -> tuple[UUID, list[UUID], Picked]:
    """Read who is to be merged and what was decided; ids of merged customers mean their survivors."""
    body = MergeBody(data=request.data)
    body.is_valid(raise_exception=True)
    asked = body.validated_data
    into = _survivor(asked["into"])
    parts = [_survivor(part) for part in asked["from"]]
    people = {asked["into"]: into, **dict(zip(asked["from"], parts, strict=True))}
    values, labels = _values(asked.get("values", {}), schema, sight)
    try:
        given = schema.read_json(values)
    except InvalidProfile as refusal:
        raise exceptions.ValidationError(
            {f"values.{key}": messages for key, messages in refusal.errors.items()}
        ) from refusal
    choices = _choices(asked.get("choices", {}), people, schema)
    if unwanted := sorted((given.values.keys() | choices.keys()) & sight.locked):
        raise exceptions.PermissionDenied(
            _("You may read but not change %(keys)s.") % {"keys": ", ".join(unwanted)}
        )
    without = _without(asked.get("without", {}))
    return into, parts, Picked(Given(given.values, given.typed), choices, labels, without)


def _survivor(customer_id: UUID) -> UUID:
    row = Customer.objects.filter(id=customer_id).first()
    if row is None:
        raise Customer.DoesNotExist(customer_id)
    return resolving.survivor_of(row).id


def _values(raw: Mapping[str, Any], schema: Schema, sight: Sight) -> tuple[dict[str, Any], list[int] | None]:
    """Flatten the attributes, take the labels out, leave alone what came back as it was masked."""
    found = {key: value for key, value in raw.items() if key not in {"attributes", "labels"}}
    nested = raw.get("attributes")
    if isinstance(nested, dict):
        found |= nested
    elif nested is not None:
        raise exceptions.ValidationError({"values.attributes": [_("Give an object of values by key.")]})
    found = {key: value for key, value in found.items() if not (key in sight.masked and MASK in str(value))}
    if "labels" not in raw:
        return found, None
    names = raw["labels"]
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise exceptions.ValidationError({"values.labels": [_("Give a list of names of labels.")]})
    return found, [label.pk for label in labelling.labels_named(names)]


def _choices(raw: Mapping[str, UUID], people: Mapping[UUID, UUID], schema: Schema) -> dict[str, UUID]:
    found = {}
    for key, customer in raw.items():
        attribute = schema.by_key.get(key)
        if attribute is None or not attribute.is_writable:
            raise exceptions.ValidationError({f"choices.{key}": [schema.unknown(key)]})
        if attribute.is_list:
            message = _("%(key)s is a list and is joined; leave items out by “without”.") % {
                "key": f"“{key}”"
            }
            raise exceptions.ValidationError({f"choices.{key}": [message]})
        if customer not in people:
            message = _("%(id)s is none of the customers to be merged.") % {"id": f"“{customer}”"}
            raise exceptions.ValidationError({f"choices.{key}": [message]})
        found[key] = people[customer]
    return found


def _without(raw: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    found = {}
    for key, items in raw.items():
        if key in {combining.PHONES, combining.EMAILS}:
            found[key] = list(items)
        elif key == "labels":
            ids = Label.objects.filter(name__in=items).values_list("id", flat=True)
            found[combining.LABELS] = [str(label) for label in ids]
        else:
            message = _("%(key)s is no list; give phones, emails or labels.") % {"key": f"“{key}”"}
            raise exceptions.ValidationError({f"without.{key}": [message]})
    return found


def _draft_json(into: UUID, draft: Draft, schema: Schema, sight: Sight) -> dict[str, Any]:
    profile = merging.profile_of(draft.after, schema)
    before = merging.profile_of(draft.before, schema)
    fields = []
    for attribute in schema.writable:
        choice = draft.choices.get(attribute.key)
        source = choice.customer if isinstance(choice, combining.FromPart) else into
        fields.append(
            {
                "key": attribute.key,
                "from": None if attribute.is_list else str(source),
                "before": presenting.shown_value(before[attribute.key], attribute, sight),
                "after": presenting.shown_value(profile[attribute.key], attribute, sight),
                "changes": before[attribute.key] != profile[attribute.key],
            }
        )
    labels = dict(Label.objects.values_list("id", "name"))
    return {
        "fields": fields,
        "labels": sorted(labels[int(item)] for item in combining.items_of(draft.after, combining.LABELS)),
        "stage": draft.after[combining.STAGE],
    }


def _merges_json(merges: Iterable[Merge], sight: Sight) -> list[dict[str, Any]]:
    rows = list(merges)
    people = {
        key for made in rows for key in (made.survivor_id, *(part.customer_id for part in made.parts.all()))
    }
    names = _names(people, sight)
    return [
        {
            "id": str(made.id),
            "at": _moment(made.at),
            "by": made.entry.actor_name if made.entry else "",
            "via": made.entry.via if made.entry else "",
            "survivor": {"id": str(made.survivor_id), "name": names.get(made.survivor_id, "")},
            "merged": [
                {"id": str(part.customer_id), "name": names.get(part.customer_id, "")}
                for part in sorted(made.parts.all(), key=lambda part: part.place)
            ],
            "undone_at": _moment(made.undone_at) if made.undone_at else None,
            "undone_by": made.undone_entry.actor_name if made.undone_entry else "",
        }
        for made in rows
    ]


def _names(ids: Iterable[UUID], sight: Sight) -> dict[UUID, str]:
    rows = Customer.objects.only("first_name", "last_name").in_bulk(list(set(ids)))
    return {key: presenting.name_json(row, sight) for key, row in rows.items()}


def _pair_json(pair: Duplicate, shown: Mapping[str, Any], sight: Sight) -> dict[str, Any]:
    hidden = {"email": {"emails"}, "phone": {"phones"}, "name": {"first_name", "last_name", "postal_code"}}
    return {
        "id": pair.pk,
        "score": pair.score,
        "found_at": _moment(pair.found_at),
        "evidence": [
            {**item, "values": [MASK] * len(item["values"])} if hidden[item["kind"]] & sight.masked else item
            for item in pair.evidence
        ],
        "customers": [shown[str(pair.customer_id)], shown[str(pair.other_id)]],
    }


def _masked_numbers(items: Iterable[Mapping[str, str]], sight: Sight) -> list[Mapping[str, str]]:
    return [{**item, "number": MASK} if "phones" in sight.masked else item for item in items]


def _number(request: Request, name: str, default: int, most: int) -> int:
    value = request.query_params.get(name, str(default))
    if not (value.isascii() and value.isdecimal() and 1 <= int(value[:9]) <= most):
        message = _("%(value)s is not a whole number from 1 to %(most)d.")
        raise exceptions.ValidationError({name: [message % {"value": f"“{value[:80]}”", "most": most}]})
    return int(value)


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
