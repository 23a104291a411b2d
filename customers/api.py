"""The API of customers and their attributes (contract 6.1): parse, one call, render."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.db import transaction
from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cim.access import audit
from cim.access.api import Conflict, Problem, idempotent, refuse_input, strict_query
from cim.access.jobs import enqueue
from customers import history, labelling, listing, numbers, presenting, profiles, resolving, returning, tasks
from customers import schema as schemas
from customers.filters import LIST_PARAMETERS, asked
from customers.listing import Query
from customers.models import Attribute, Customer, Identifier
from customers.phones import from_address
from customers.policy import Sight, sight_of
from customers.profiles import OnConflict
from customers.schema import Definition, Given, InvalidProfile, Schema
from customers.serializers import (
    AttributeBody,
    CustomerBody,
    IdentifierBody,
    LabelsBody,
    LookupBody,
    NeverBody,
    OrderBody,
    RevealBody,
)
from customers.values import to_json

ON_ERASED = OpenApiParameter(
    "on_erased",
    str,
    enum=["warn", "reject"],
    description="what a number does that belonged to an erased person: warn (default), or 409 with `warnings`",
)
_BESIDE_PROFILE = frozenset({"attributes", "labels", "identifiers"})
_ETAG = re.compile(r'(?:W/)?"?(\d{1,9})"?')


@contextmanager
def refusals() -> Iterator[None]:
    """Answer what the activities refuse: 400, 404, 409, 412 or 503, with what stands in the way."""
    try:
        yield
    except schemas.InvalidAttribute as refusal:
        raise exceptions.ValidationError(refusal.errors) from refusal
    except InvalidProfile as refusal:
        raise exceptions.ValidationError(_by_field(refusal.errors)) from refusal
    except profiles.NumberTaken as refusal:
        raise Conflict(
            str(refusal),
            customers=[str(customer) for customer in refusal.customers],
            numbers=[
                {"number": number, "owner": str(owner)} for number, owner in sorted(refusal.owners.items())
            ],
        ) from refusal
    except profiles.StaleVersion as refusal:
        raise Problem(412, str(refusal), version=refusal.customer.version) from refusal
    except (schemas.SchemaMoved, schemas.Converting) as refusal:
        raise Conflict(str(refusal)) from refusal
    except (schemas.SchemaFull, schemas.InUse) as refusal:
        raise Conflict(
            str(refusal), **({"holders": refusal.holders} if isinstance(refusal, schemas.InUse) else {})
        ) from refusal
    except labelling.UnknownLabel as refusal:
        raise exceptions.ValidationError({"labels": [str(refusal)]}) from refusal
    except history.NoSuchVersion as refusal:
        raise Problem(404, str(refusal)) from refusal
    except Customer.DoesNotExist as refusal:
        raise Http404 from refusal
    except numbers.Contended as refusal:
        raise Problem(503, _("Others are changing the same numbers; try again in a moment.")) from refusal


def _by_field(errors: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Name a custom attribute by its place in the body."""
    predefined = set(CustomerBody().fields)
    return {
        key if key in predefined or key == "non_field_errors" else f"attributes.{key}": value
        for key, value in errors.items()
    }


class CustomersView(APIView):
    """The customer list, and creating one."""

    required_permissions = {"GET": "see_customers", "POST": "create_customers"}

    @extend_schema(operation_id="customers_list", parameters=LIST_PARAMETERS, responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        schema = Schema.current()
        sight = sight_of(request.user, schema)
        now = timezone.now()
        query = asked(request, schema, sight)
        page = listing.page(query, sight)
        if query.page == 1 and (query.conditions or query.words or query.label_ids):
            _note_search(request, query)
        return Response(
            {
                "count": page.count,
                "count_is_exact": page.count_is_exact,
                "page": page.page,
                "pages": page.pages,
                "has_next": page.has_next,
                "page_size": page.page_size,
                "searched": page.searched,
                "at": presenting.moment(now),
                "results": page.results,
            }
        )

    @extend_schema(
        operation_id="customers_create",
        request=CustomerBody,
        responses={200: CustomerBody, 201: CustomerBody},
        parameters=[
            OpenApiParameter("on_conflict", str, enum=[item.value for item in OnConflict]),
            ON_ERASED,
        ],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        strict_query(request, {"on_conflict", "on_erased"})
        on_conflict = _choice(request, "on_conflict", [item.value for item in OnConflict])
        schema = Schema.current()
        sight = sight_of(request.user, schema)
        body = _validated(CustomerBody, request)
        actor = audit.actor_of(request)
        with refusals():
            given = _given(body, schema, sight)
            labels = _labels(body, request)
            doubts = _doubts(request, given, schema)
            outcome = profiles.create(
                given,
                actor,
                schema=schema,
                on_conflict=on_conflict,
                identifiers=_identifiers(body),
                keep=sight.locked,
            )
            labelling.relabel(outcome.customer, actor, add=labels)
        answer = {"outcome": outcome.kind, **_shown(outcome.customer, schema, sight)}
        if doubts:
            answer["warnings"] = doubts
        return _versioned(answer, outcome.customer, status=201 if outcome.kind == "created" else 200)


def _doubts(request: Request, given: Given, schema: Schema) -> list[str]:
    """Say which given numbers belonged to somebody who was erased (C17).

    Raises Conflict instead for whoever wants to be asked first.
    """
    on_erased = _choice(request, "on_erased", ["warn", "reject"])
    doubts = returning.warnings(sorted(schema.uses_of(given.values, given.typed)), timezone.now())
    if doubts and on_erased == "reject":
        raise Conflict(" ".join(doubts), warnings=doubts)
    return doubts


def _note_search(request: Request, query: Query) -> None:
    """Record that somebody searched, and by which attributes; not for what (Q4)."""
    attributes = sorted({item.attribute.key for group in query.conditions for item in group})
    audit.note(
        audit.actor_of(request),
        "customer.search",
        object_type="customer",
        attributes=attributes,
        quick=bool(query.words),
        labels=len(query.label_ids),
    )


class CountView(APIView):
    required_permissions = {"GET": "see_customers"}

    @extend_schema(operation_id="customers_count", parameters=LIST_PARAMETERS, responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        schema = Schema.current()
        sight = sight_of(request.user, schema)
        return Response({"count": listing.count(asked(request, schema, sight))})


class CustomerView(APIView):
    """One customer."""

    required_permissions = {
        "GET": "see_customers",
        "PATCH": "edit_customers",
        "PUT": "edit_customers",
        "DELETE": "delete_customers",
    }

    @extend_schema(operation_id="customers_retrieve", responses=CustomerBody)
    def get(self, request: Request, customer_id: UUID) -> Response:
        strict_query(request, ())
        schema = Schema.current()
        customer = customer_of(customer_id)
        audit.note(audit.actor_of(request), "customer.view", object_type="customer", object_id=customer.id)
        return _versioned(_shown(customer, schema, sight_of(request.user, schema)), customer)

    @extend_schema(
        operation_id="customers_partial_update",
        parameters=[ON_ERASED],
        request=CustomerBody,
        responses=CustomerBody,
    )
    def patch(self, request: Request, customer_id: UUID) -> Response:
        return self._write(request, customer_id, replace=False)

    @extend_schema(
        operation_id="customers_update", parameters=[ON_ERASED], request=CustomerBody, responses=CustomerBody
    )
    def put(self, request: Request, customer_id: UUID) -> Response:
        return self._write(request, customer_id, replace=True)

    def _write(self, request: Request, customer_id: UUID, *, replace: bool) -> Response:
        strict_query(request, {"on_erased"})
        schema = Schema.current()
        sight = sight_of(request.user, schema)
        body = _validated(CustomerBody, request)
        actor = audit.actor_of(request)
        with refusals():
            current = customer_of(customer_id)
            given = _given(body, schema, sight, current)
            labels = _labels(body, request) if "labels" in body else None
            doubts = _doubts(request, given, schema)
            customer = profiles.edit(
                current.id,
                given,
                actor,
                schema=schema,
                expected=_if_match(request),
                replace=replace,
                keep=sight.locked | sight.masked,
            )
            for kind, value in _identifiers(body):
                labelling.identify(customer, kind, value, actor, timezone.now())
            if labels is not None:
                gone = [label for label in labelling.carried_by(customer) if label not in labels]
                labelling.relabel(customer, actor, add=labels, remove=gone)
        answer = _shown(customer, schema, sight)
        if doubts:
            answer["warnings"] = doubts
        return _versioned(answer, customer)

    @extend_schema(operation_id="customers_destroy", responses={204: None})
    def delete(self, request: Request, customer_id: UUID) -> Response:
        strict_query(request, ())
        with refusals():
            profiles.delete(customer_id, audit.actor_of(request), expected=_if_match(request))
        return Response(status=204)


class UndeleteView(APIView):
    """A deleted customer comes back."""

    required_permissions = {"POST": "delete_customers"}

    @extend_schema(operation_id="customers_undelete", request=None, responses=OpenApiTypes.OBJECT)
    def post(self, request: Request, customer_id: UUID) -> Response:
        refuse_input(request)
        schema = Schema.current()
        with refusals():
            restored = profiles.undelete(customer_id, audit.actor_of(request), schema=schema)
        return _restored(restored, schema, sight_of(request.user, schema))


class VersionsView(APIView):
    """All versions of a customer, newest first."""

    required_permissions = {"GET": "see_customers"}

    @extend_schema(operation_id="customers_versions", responses=OpenApiTypes.OBJECT)
    def get(self, request: Request, customer_id: UUID) -> Response:
        strict_query(request, ())
        schema = Schema.current()
        sight = sight_of(request.user, schema)
        customer = customer_of(customer_id)
        return Response(
            [presenting.version_json(item, schema, sight) for item in history.versions_of(customer, schema)]
        )


class RestoreVersionView(APIView):
    required_permissions = {"POST": "edit_customers"}

    @extend_schema(operation_id="customers_restore_version", request=None, responses=OpenApiTypes.OBJECT)
    def post(self, request: Request, customer_id: UUID, version: int) -> Response:
        refuse_input(request)
        schema = Schema.current()
        with refusals():
            restored = profiles.restore(
                customer_of(customer_id).id, version, audit.actor_of(request), schema=schema
            )
        return _restored(restored, schema, sight_of(request.user, schema))


class LookupView(APIView):
    """Who is meant by these identifiers."""

    required_permissions = {"GET": "lookup", "POST": "lookup"}

    @extend_schema(
        operation_id="customers_lookup",
        parameters=[OpenApiParameter(name, str, many=True) for name in ("phone", "email", "type", "value")],
        responses=OpenApiTypes.OBJECT,
    )
    def get(self, request: Request) -> Response:
        strict_query(request, {"phone", "email", "type", "value"})
        sent = {name: request.query_params.getlist(name) for name in request.query_params}
        return self._answer(
            request, {**sent, "phone": [from_address(text) for text in sent.get("phone", ())]}
        )

    @extend_schema(operation_id="customers_lookup_by_body", request=LookupBody, responses=OpenApiTypes.OBJECT)
    def post(self, request: Request) -> Response:
        strict_query(request, ())
        return self._answer(request, _validated(LookupBody, request))

    def _answer(self, request: Request, asked: Mapping[str, list[str]]) -> Response:
        pairs = _pairs(asked)
        schema = Schema.current()
        sight = sight_of(request.user, schema)
        resolution = resolving.resolve(pairs)
        audit.note(
            audit.actor_of(request),
            "customer.resolve",
            object_type="customer",
            object_id=resolution.match or "",
            types=sorted({kind for kind, _value in pairs}),
        )
        ids = [candidate.customer for candidate in resolution.candidates]
        rows = Customer.objects.in_bulk([*ids, *([resolution.match] if resolution.match else [])])
        shown = {item["id"]: item for item in presenting.customer_json(list(rows.values()), schema, sight)}
        return Response(
            {
                "match": shown[str(resolution.match)] if resolution.match else None,
                "candidates": [
                    {"customer": shown[str(item.customer)], "reason": item.reason}
                    for item in resolution.candidates
                ],
            }
        )


class CustomerLabelsView(APIView):
    required_permissions = {"POST": "label_customers"}

    @extend_schema(operation_id="customers_label", request=LabelsBody, responses=CustomerBody)
    def post(self, request: Request, customer_id: UUID) -> Response:
        strict_query(request, ())
        body = _validated(LabelsBody, request)
        schema = Schema.current()
        customer = customer_of(customer_id)
        with refusals():
            add = labelling.labels_named(body.get("labels", []) + body.get("add", []))
            remove = labelling.labels_named(body.get("remove", []))
            if "labels" in body:
                remove = [label for label in labelling.carried_by(customer) if label not in add]
            labelling.relabel(customer, audit.actor_of(request), add=add, remove=remove)
        return Response(_shown(customer, schema, sight_of(request.user, schema)))


class CustomerIdentifiersView(APIView):
    required_permissions = {"POST": "edit_customers"}

    @extend_schema(operation_id="customers_identify", request=IdentifierBody, responses=CustomerBody)
    @idempotent
    def post(self, request: Request, customer_id: UUID) -> Response:
        strict_query(request, ())
        body = _validated(IdentifierBody, request)
        schema = Schema.current()
        customer = customer_of(customer_id)
        labelling.identify(customer, body["type"], body["value"], audit.actor_of(request), timezone.now())
        return Response(_shown(customer, schema, sight_of(request.user, schema)))


class NeverView(APIView):
    required_permissions = {"POST": "edit_customers"}

    @extend_schema(operation_id="customers_never", request=NeverBody, responses=CustomerBody)
    def post(self, request: Request, customer_id: UUID) -> Response:
        strict_query(request, ())
        body = _validated(NeverBody, request)
        schema = Schema.current()
        customer = customer_of(customer_id)
        try:
            with refusals():
                labelling.never_the_same(customer, body["customer"], audit.actor_of(request), timezone.now())
        except ValueError as refusal:
            raise exceptions.ValidationError({"customer": [str(refusal)]}) from refusal
        return Response(_shown(customer, schema, sight_of(request.user, schema)))


class RevealView(APIView):
    """The value of a masked attribute; that it was shown is recorded (C36)."""

    required_permissions = {"POST": "reveal"}

    @extend_schema(operation_id="customers_reveal", request=RevealBody, responses=OpenApiTypes.OBJECT)
    def post(self, request: Request, customer_id: UUID) -> Response:
        strict_query(request, ())
        key = _validated(RevealBody, request)["attribute"]
        schema = Schema.current()
        attribute = schema.by_key.get(key)
        if attribute is None:
            raise exceptions.ValidationError(
                {"attribute": [_("%(key)s is not an attribute.") % {"key": f"“{key}”"}]}
            )
        customer = customer_of(customer_id)
        audit.note(
            audit.actor_of(request),
            "customer.reveal",
            object_type="customer",
            object_id=customer.id,
            attribute=key,
        )
        return Response({"attribute": key, "value": to_json(customer.value_of(attribute), attribute.kind)})


class AttributesView(APIView):
    """The attribute schema, and adding to it."""

    required_permissions = {"GET": ("see_customers", "schema"), "POST": "schema"}

    @extend_schema(operation_id="attributes_list", responses=AttributeBody(many=True))
    def get(self, request: Request) -> Response:
        strict_query(request, ())
        attributes = list(Attribute.objects.in_order())
        waits = listing.demand.of_attributes(attributes, timezone.now().date())
        return Response(
            [
                {**presenting.attribute_json(item), "demand": _demand(waits.get(item.pk))}
                for item in attributes
            ]
        )

    @extend_schema(
        operation_id="attributes_create",
        parameters=[OpenApiParameter("dry_run", bool)],
        request=AttributeBody,
        responses={200: AttributeBody, 201: AttributeBody},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Add an attribute; with ``dry_run`` only say whether it could be added, and how it would look."""
        is_dry = _is_dry(request)
        with refusals(), transaction.atomic():
            attribute = schemas.add(_definition(request), audit.actor_of(request))
            enqueue(tasks.settle_indexes)
            transaction.set_rollback(is_dry)
        return Response(presenting.attribute_json(attribute), status=200 if is_dry else 201)


def _demand(found: listing.demand.Demand | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {"times": found.times, "seconds": found.seconds, "suggested": found.is_worth_an_index}


class AttributeView(APIView):
    """One attribute of the schema."""

    required_permissions = {"GET": ("see_customers", "schema"), "PATCH": "schema", "DELETE": "schema"}

    @extend_schema(operation_id="attributes_retrieve", responses=AttributeBody)
    def get(self, request: Request, key: str) -> Response:
        strict_query(request, ())
        return Response(presenting.attribute_json(attribute_of(key)))

    @extend_schema(
        operation_id="attributes_partial_update",
        parameters=[OpenApiParameter("dry_run", bool)],
        request=AttributeBody,
        responses=AttributeBody,
    )
    def patch(self, request: Request, key: str) -> Response:
        """Change an attribute; with ``dry_run`` only say whether it could be changed."""
        is_dry = _is_dry(request)
        with refusals(), transaction.atomic():
            attribute = schemas.change(attribute_of(key), _definition(request), audit.actor_of(request))
            enqueue(tasks.settle_indexes)
            transaction.set_rollback(is_dry)
        return Response(presenting.attribute_json(attribute))

    @extend_schema(
        operation_id="attributes_destroy",
        parameters=[OpenApiParameter("permanently", bool), OpenApiParameter("confirm", int)],
        responses={204: None},
    )
    def delete(self, request: Request, key: str) -> Response:
        strict_query(request, {"permanently", "confirm"})
        attribute = attribute_of(key)
        with refusals():
            if _choice(request, "permanently", ["false", "true"]) == "true":
                schemas.delete_for_good(attribute, _number(request, "confirm"), audit.actor_of(request))
            else:
                schemas.archive(attribute, audit.actor_of(request))
                enqueue(tasks.settle_indexes)
                enqueue(tasks.tidy_attribute, attribute_id=attribute.pk)
        return Response(status=204)


class RestoreAttributeView(APIView):
    required_permissions = {"POST": "schema"}

    @extend_schema(operation_id="attributes_restore", request=None, responses=AttributeBody)
    def post(self, request: Request, key: str) -> Response:
        refuse_input(request)
        with refusals():
            attribute = schemas.restore(attribute_of(key), audit.actor_of(request))
            enqueue(tasks.tidy_attribute, attribute_id=attribute.pk)
        return Response(presenting.attribute_json(attribute))


class AttributeOrderView(APIView):
    required_permissions = {"POST": "schema"}

    @extend_schema(operation_id="attributes_reorder", request=OrderBody, responses=AttributeBody(many=True))
    def post(self, request: Request) -> Response:
        strict_query(request, ())
        with refusals():
            schemas.reorder(_validated(OrderBody, request)["keys"], audit.actor_of(request))
        return Response([presenting.attribute_json(item) for item in Attribute.objects.in_order()])


def customer_of(customer_id: UUID) -> Customer:
    """Return the live customer of this id, the survivor for a merged one. Answers 404 otherwise."""
    try:
        return resolving.standing(customer_id)
    except Customer.DoesNotExist:
        raise Http404 from None


def attribute_of(key: str) -> Attribute:
    try:
        return Attribute.objects.get(key=key)
    except Attribute.DoesNotExist:
        raise Http404 from None


def _validated(serializer: type[Any], request: Request) -> Any:
    checked = serializer(data=request.data)
    checked.is_valid(raise_exception=True)
    return checked.validated_data


def _given(body: Mapping[str, Any], schema: Schema, sight: Sight, current: Customer | None = None) -> Given:
    """Read the profile out of the body.

    A value shown masked may be sent back as it was shown, and a read-only one as it is; both then mean "leave it".
    Answers 403 for another value of a read-only attribute.
    """
    raw = {key: value for key, value in body.items() if key not in _BESIDE_PROFILE} | dict(
        body.get("attributes", {})
    )
    for key in [key for key in raw if key in sight.masked and raw[key] == presenting.MASK]:
        del raw[key]
    given = schema.read_json(raw)
    unwanted = [
        key
        for key, value in given.values.items()
        if key in sight.locked and value != (current.value_of(schema.by_key[key]) if current else None)
    ]
    if unwanted:
        raise exceptions.PermissionDenied(
            _("You may read but not change %(keys)s.") % {"keys": ", ".join(sorted(unwanted))}
        )
    return Given({key: value for key, value in given.values.items() if key not in sight.locked}, given.typed)


def _labels(body: Mapping[str, Any], request: Request) -> list[Any]:
    names = body.get("labels", [])
    if names and not request.user.has_perm("access.label_customers"):
        raise exceptions.PermissionDenied(_("You may not put labels on customers."))
    return labelling.labels_named(names)


def _identifiers(body: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        (item["type"], resolving.identifier_value(item["type"], item["value"]))
        for item in body.get("identifiers", [])
    ]


def _pairs(asked: Mapping[str, list[str]]) -> list[tuple[str, str]]:
    types, found = asked.get("type", []), asked.get("value", [])
    if len(types) != len(found):
        raise exceptions.ValidationError(
            {
                "value": [
                    _("%(types)d types and %(values)d values; give them in pairs.")
                    % {"types": len(types), "values": len(found)}
                ]
            }
        )
    known = [*Identifier.Type.values, "account"]
    for kind in types:
        if kind not in known:
            raise exceptions.ValidationError(
                {
                    "type": [
                        _("%(type)s is not a type of identifier; give one of %(known)s.")
                        % {"type": f"“{kind}”", "known": ", ".join(known)}
                    ]
                }
            )
    pairs = [(kind, value) for kind in ("phone", "email") for value in asked.get(kind, [])]
    pairs += zip(types, found, strict=True)
    if not any(value.strip() for _kind, value in pairs):
        raise exceptions.ValidationError({"phone": [_("Give at least one phone, email, or type and value.")]})
    return pairs


def _definition(request: Request) -> Definition:
    body = _validated(AttributeBody, request)
    return Definition(**body, given=frozenset(body))


def _shown(customer: Customer, schema: Schema, sight: Sight) -> dict[str, Any]:
    return presenting.customer_json([customer], schema, sight)[0]


def _versioned(answer: dict[str, Any], customer: Customer, status: int = 200) -> Response:
    return Response(answer, status=status, headers={"ETag": f'"{customer.version}"'})


def _restored(restored: profiles.Restored, schema: Schema, sight: Sight) -> Response:
    customer = restored.customer
    hides = presenting.hides_numbers(schema, sight)
    not_returned = [{**item, "number": presenting.MASK} if hides else item for item in restored.not_returned]
    answer = {"customer": _shown(customer, schema, sight), "not_returned": not_returned}
    return _versioned(answer, customer)


def _if_match(request: Request) -> int | None:
    header = request.headers.get("If-Match", "").strip()
    if header in {"", "*"}:
        return None
    match = _ETAG.fullmatch(header)
    if match is None:
        raise exceptions.ValidationError(
            {
                "If-Match": [
                    _('%(value)s is no version; give the ETag as it was answered, e.g. "3".')
                    % {"value": f"“{header[:80]}”"}
                ]
            }
        )
    return int(match[1])


def _is_dry(request: Request) -> bool:
    strict_query(request, {"dry_run"})
    return _choice(request, "dry_run", ["false", "true"]) == "true"


def _choice(request: Request, name: str, choices: list[str]) -> str:
    value = request.query_params.get(name, choices[0])
    if value not in choices:
        raise exceptions.ValidationError(
            {
                name: [
                    _("%(value)s is not one of %(choices)s.")
                    % {"value": f"“{value[:80]}”", "choices": ", ".join(choices)}
                ]
            }
        )
    return value


def _number(request: Request, name: str) -> int | None:
    value = request.query_params.get(name)
    if value is None:
        return None
    if not (value.isascii() and value.isdecimal() and len(value) < 10):
        raise exceptions.ValidationError(
            {name: [_("%(value)s is not a whole number.") % {"value": f"“{value[:80]}”"}]}
        )
    return int(value)
