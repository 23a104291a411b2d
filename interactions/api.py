"""The API of interactions (contract 6.3): parse, one call, render."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast
from urllib.parse import urlencode
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import Q
from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, PolymorphicProxySerializer, extend_schema
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cim.access import audit
from cim.access.api import Conflict, Problem, idempotent, quoted, refuse_input, strict_query
from customers.phones import InvalidPhone
from customers.policy import MASK
from customers.profiles import NumberTaken
from customers.schema import InvalidProfile, Schema
from interactions import (
    do_not_call,
    drafting,
    gathering,
    linking,
    outbound,
    presenting,
    recording,
    timeline,
    wall,
)
from interactions.agents import NotYours, agent_of, check_own, desk_of, left_to_wrap_up
from interactions.families import survivors, unsaved
from interactions.filters import KNOWN, PARAMETERS, cursor_of, search_of, size_of
from interactions.models import DoNotCall, Interaction, WrapUpReason
from interactions.presenting import Eye, eye_of
from interactions.serializers import (
    ContactBody,
    DialBody,
    DoNotCallBody,
    DraftBody,
    EventBody,
    InteractionBody,
    LinkBody,
    NoteBody,
    OutcomeBody,
    ReasonBody,
    RecordedBody,
    TopicBody,
    WrapUpBody,
)

_OWN = ("link_own_interactions", "link_any_interaction")


@contextmanager
def refusals(eye: Eye | None = None) -> Iterator[None]:
    """Answer what the activities refuse: 400, 403, 404, 409, with what stands in the way.

    ``eye`` says what the reader may see where a number comes from the interaction rather than from the request.
    """
    try:
        yield
    except linking.UnknownCustomer as refusal:
        raise exceptions.ValidationError({"customer": [str(refusal)]}) from refusal
    except outbound.UnknownPhone as refusal:
        raise exceptions.ValidationError({"phone": [str(refusal)]}) from refusal
    except InvalidPhone as refusal:
        raise exceptions.ValidationError({"phone": [str(refusal)]}) from refusal
    except InvalidProfile as refusal:
        raise exceptions.ValidationError(refusal.errors) from refusal
    except NumberTaken as refusal:
        message = _("A number of this interaction already belongs to another customer.")
        raise Conflict(
            message if eye and eye.hides_phones else str(refusal),
            customers=[str(customer) for customer in refusal.customers],
        ) from refusal
    except do_not_call.Listed as refusal:
        message = _("This number is on the do-not-call list (%(reason)s); dialling it needs a permission.")
        reason = refusal.entry.reason or _("no reason given")
        raise Problem(403, message % {"reason": reason}, do_not_call=refusal.entry.pk) from refusal
    except NotYours as refusal:
        raise exceptions.PermissionDenied(str(refusal)) from refusal
    except Interaction.DoesNotExist as refusal:
        raise Http404 from refusal


class EventsView(APIView):
    """Events of telephony and channel adapters, one or up to 1,000."""

    required_permissions = {"POST": "send_events"}

    @extend_schema(
        operation_id="interactions_events",
        request=PolymorphicProxySerializer(
            component_name="EventOrBatch", serializers=[EventBody], resource_type_field_name=None
        ),
        responses=RecordedBody,
    )
    def post(self, request: Request) -> Response:
        strict_query(request, ())
        body = request.data
        batch, is_batch = _batch(body)
        recorded = recording.record(batch, timezone.now()) if is_batch else gathering.record(body)
        answer = {
            "accepted": recorded.accepted,
            "duplicates": recorded.duplicates,
            "rejected": list(recorded.rejected),
            "warnings": list(recorded.warnings),
        }
        if recorded.rejected and not (recorded.accepted or recorded.duplicates):
            # 2xx would say that something is stored (I11).
            detail = recorded.rejected[0]["detail"]
            if is_batch and len(batch) > 1:
                detail = _("None of the %(count)d events was stored; the first: %(detail)s") % {
                    "count": len(batch),
                    "detail": detail,
                }
            raise Problem(400, detail, errors=_by_member(recorded.rejected, is_batch), **answer)
        return Response(answer)


def _by_member(rejected: Iterable[Mapping[str, Any]], is_batch: bool) -> dict[str, list[str]]:
    """Return the messages of refused events by the member that they begin with."""
    errors: dict[str, list[str]] = {}
    for item in rejected:
        member, colon, message = item["detail"].partition(": ")
        place = [f"events.{item['index']}"] if is_batch else []
        path = ".".join([*place, *([member] if colon else [])])
        errors.setdefault(path or "body", []).append(message if colon else item["detail"])
    return errors


def _batch(body: Any) -> tuple[list[Any], bool]:
    if not isinstance(body, Mapping):
        raise exceptions.ValidationError(
            {"body": [_("%(value)s is neither an event nor {“events”: […]}.") % {"value": quoted(body)}]}
        )
    if not body:
        raise exceptions.ValidationError(
            {"body": [_("The body is empty; it is an event, or {“events”: […]}.")]}
        )
    if "events" not in body:
        return [body], False
    if unknown := [name for name in body if name != "events"]:
        message = _("%(name)s is not a member of a batch; it has “events” only.")
        raise exceptions.ValidationError({name: [message % {"name": quoted(name)}] for name in unknown})
    events = body["events"]
    if not isinstance(events, list):
        raise exceptions.ValidationError(
            {"events": [_("%(value)s is no list of events.") % {"value": quoted(events)}]}
        )
    if len(events) > recording.MOST_EVENTS:
        message = _("%(count)d events in one batch; %(most)d are the most. Nothing was stored.")
        raise Problem(413, message % {"count": len(events), "most": recording.MOST_EVENTS})
    return events, True


class InteractionsView(APIView):
    """Interactions, newest first."""

    required_permissions = {"GET": "see_customers"}

    @extend_schema(operation_id="interactions_list", parameters=PARAMETERS, responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        strict_query(request, KNOWN)
        eye = eye_of(request.user, Schema.current())
        now = timezone.now()
        search = search_of(request.query_params.dict(), eye=eye)
        page = timeline.page(
            search, now, cursor=cursor_of(request.query_params), size=size_of(request.query_params)
        )

        def address(cursor: timeline.Cursor | None) -> str | None:
            if cursor is None:
                return None
            query = {**request.query_params.dict(), "cursor": cursor.encode()}
            return request.build_absolute_uri(f"{request.path}?{urlencode(query)}")

        return Response(
            {
                "next": address(page.next),
                "previous": address(page.previous),
                "results": presenting.interaction_json(page.items, eye, now),
            }
        )


class InteractionView(APIView):
    required_permissions = {"GET": "see_customers"}

    @extend_schema(operation_id="interactions_retrieve", responses=InteractionBody)
    def get(self, request: Request, interaction_id: UUID) -> Response:
        strict_query(request, ())
        return _shown(_found(interaction_id), request)


class LinkView(APIView):
    """Link an interaction to a customer."""

    required_permissions = {"POST": _OWN}

    @extend_schema(operation_id="interactions_link", request=LinkBody, responses=InteractionBody)
    def post(self, request: Request, interaction_id: UUID) -> Response:
        body = _validated(LinkBody, request)
        with refusals(eye_of(request.user, Schema.current())):
            check_own(_user(request), _found(interaction_id))
            linking.link(
                interaction_id,
                body["customer"],
                _user(request),
                audit.actor_of(request),
                timezone.now(),
                remember=body["remember"],
            )
        return _shown(_found(interaction_id), request)


class UnlinkView(APIView):
    required_permissions = {"POST": _OWN}

    @extend_schema(operation_id="interactions_unlink", request=None, responses=InteractionBody)
    def post(self, request: Request, interaction_id: UUID) -> Response:
        refuse_input(request)
        with refusals():
            check_own(_user(request), _found(interaction_id))
            linking.unlink(interaction_id, _user(request), audit.actor_of(request), timezone.now())
        return _shown(_found(interaction_id), request)


class ContactView(APIView):
    """Add whoever communicates here to the contacts, and link the interaction (C43)."""

    required_permissions = {"POST": "promote"}

    @extend_schema(operation_id="interactions_promote", request=ContactBody, responses={201: InteractionBody})
    @idempotent
    def post(self, request: Request, interaction_id: UUID) -> Response:
        body = _validated(ContactBody, request)
        schema = Schema.current()
        interaction = _found(interaction_id)
        known = presenting.suggestion(interaction, Eye()) or {"phones": [], "emails": []}
        profile: dict[str, Any] = {
            name: known.get(name) if body[name] == MASK else body[name]
            for name in ("first_name", "last_name")
        }
        for name in ("phones", "emails"):
            # A masked value cannot be typed: it is sent back as it was shown, or left out.
            sent = [value for value in body.get(name, known[name]) if value != MASK]
            profile[name] = [*sent, *(known[name] if MASK in body.get(name, ()) else ())]
        with refusals(eye_of(request.user, schema)):
            check_own(_user(request), interaction)
            linking.promote(
                interaction_id,
                schema.read_json(profile),
                schema,
                _user(request),
                audit.actor_of(request),
                timezone.now(),
            )
        return _shown(_found(interaction_id), request, status=201)


class WrapUpsView(APIView):
    """Apply a wrap-up code, as the calling agent."""

    required_permissions = {"POST": "wrap_up"}

    @extend_schema(operation_id="interactions_wrap_up", request=WrapUpBody, responses=InteractionBody)
    @idempotent
    def post(self, request: Request, interaction_id: UUID) -> Response:
        body = _validated(WrapUpBody, request)
        return _told(request, interaction_id, "wrapped_up", body)


class NotesView(APIView):
    """Add a note; the draft of it is gone then."""

    required_permissions = {"POST": "wrap_up"}

    @extend_schema(operation_id="interactions_note", request=NoteBody, responses=InteractionBody)
    @idempotent
    def post(self, request: Request, interaction_id: UUID) -> Response:
        body = _validated(NoteBody, request)
        with refusals():
            check_own(_user(request), _found(interaction_id))
        drafting.forget(interaction_id, _user(request))
        return _told(request, interaction_id, "note", {"notes": body["text"]})


class TopicView(APIView):
    required_permissions = {"POST": "wrap_up"}

    @extend_schema(operation_id="interactions_topic", request=TopicBody, responses=InteractionBody)
    def post(self, request: Request, interaction_id: UUID) -> Response:
        return _told(request, interaction_id, "topic", _validated(TopicBody, request))


class DoneView(APIView):
    """Say that the calling agent's after-call work is done."""

    required_permissions = {"POST": "wrap_up"}

    @extend_schema(operation_id="interactions_done", request=None, responses=InteractionBody)
    def post(self, request: Request, interaction_id: UUID) -> Response:
        refuse_input(request)
        return _told(request, interaction_id, "acw_ended", {})


class DraftView(APIView):
    """Keep what the caller is typing as a note, so that it goes along with a transfer (I22)."""

    required_permissions = {"GET": "wrap_up", "PUT": "wrap_up"}

    @extend_schema(operation_id="interactions_draft", responses=DraftBody)
    def get(self, request: Request, interaction_id: UUID) -> Response:
        strict_query(request, ())
        return Response({"text": drafting.draft_of(_found(interaction_id).id, _user(request))})

    @extend_schema(operation_id="interactions_keep_draft", request=DraftBody, responses=DraftBody)
    def put(self, request: Request, interaction_id: UUID) -> Response:
        body = _validated(DraftBody, request)
        interaction = _found(interaction_id)
        with refusals():
            check_own(_user(request), interaction)
        drafting.keep(interaction, _user(request), body["text"], timezone.now())
        return Response(body)


class DeskView(APIView):
    """What lies on the caller's desk now, and what is left to wrap up."""

    required_permissions = {"GET": "wrap_up"}

    @extend_schema(operation_id="desk", responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        strict_query(request, ())
        now, user = timezone.now(), _user(request)
        eye = eye_of(user, Schema.current())
        agent = agent_of(user)["id"]
        left = left_to_wrap_up(user, now)
        live = survivors({it.customer_id for it in left if it.customer_id})
        new = unsaved(left, live)
        return Response(
            {
                "results": presenting.interaction_json(desk_of(user, now), eye, now),
                "wrap_up": [
                    presenting.desk_data(
                        it, agent, eye, live.get(it.customer_id) if it.customer_id else None, (), new
                    )
                    for it in left
                ],
            }
        )


class DialView(APIView):
    """Dial a number of a customer through the caller's dialler."""

    required_permissions = {"POST": "dial"}

    @extend_schema(operation_id="dial", request=DialBody, responses={202: OpenApiTypes.OBJECT})
    @idempotent
    def post(self, request: Request) -> Response:
        body = _validated(DialBody, request)
        with refusals():
            interaction, action = outbound.dial(
                body.get("customer"), body["phone"], _user(request), audit.actor_of(request), timezone.now()
            )
        return Response({"interaction": str(interaction.id), "action": action}, status=202)


class DialOutcomeView(APIView):
    """Tell what became of a dial, as the dialler in the browser says."""

    required_permissions = {"POST": "dial"}

    @extend_schema(operation_id="dial_outcome", request=OutcomeBody, responses=InteractionBody)
    def post(self, request: Request, interaction_id: UUID) -> Response:
        body = _validated(OutcomeBody, request)
        with refusals():
            interaction = _found(interaction_id)
            check_own(_user(request), interaction)
            outbound.tell_outcome(
                interaction,
                body["outcome"],
                _user(request),
                timezone.now(),
                reason=body.get("reason", ""),
                source=body.get("source", ""),
                external_id=body.get("interaction_id", ""),
            )
        return _shown(_found(interaction_id), request)


class PhonesView(APIView):
    """The numbers of a customer with the ids by which they are dialled, masked or not."""

    required_permissions = {"GET": "dial"}

    @extend_schema(operation_id="dial_phones", responses=OpenApiTypes.OBJECT)
    def get(self, request: Request, customer_id: UUID) -> Response:
        strict_query(request, ())
        hidden = eye_of(request.user, Schema.current()).hides_phones
        return Response(
            {
                "results": [
                    {"id": phone.pk, "number": MASK if hidden else phone.number, "used_in": phone.used_in}
                    for phone in outbound.phones_of(customer_id)
                ]
            }
        )


class DoNotCallsView(APIView):
    """Numbers that nobody dials."""

    required_permissions = {"GET": "dial", "POST": "dial"}

    @extend_schema(
        operation_id="do_not_call_list",
        parameters=[OpenApiParameter("q", str), OpenApiParameter("page", int)],
        responses=DoNotCallBody(many=True),
    )
    def get(self, request: Request) -> Response:
        strict_query(request, {"q", "page"})
        hidden = eye_of(request.user, Schema.current()).hides_phones
        entries = DoNotCall.objects.select_related("added_by").order_by("-id")
        if text := request.query_params.get("q", "").strip():
            found = Q(reason__icontains=text)
            if not hidden:
                found |= Q(number__contains="".join(filter(str.isdigit, text)) or text)
            entries = entries.filter(found)
        page = _page_number(request)
        size = 100
        rows = list(entries[(page - 1) * size : page * size + 1])
        if page > 1 and not rows:
            raise Http404
        return Response(
            {
                "count": entries.count(),
                "page": page,
                "has_next": len(rows) > size,
                "results": [_entry(entry, hidden) for entry in rows[:size]],
            }
        )

    @extend_schema(operation_id="do_not_call_add", request=DoNotCallBody, responses={201: DoNotCallBody})
    @idempotent
    def post(self, request: Request) -> Response:
        body = _validated(DoNotCallBody, request)
        try:
            entry, is_new = do_not_call.add(
                body["number"], body.get("reason", ""), _user(request), audit.actor_of(request)
            )
        except InvalidPhone as refusal:
            raise exceptions.ValidationError({"number": [str(refusal)]}) from refusal
        hidden = eye_of(request.user, Schema.current()).hides_phones
        return Response(_entry(entry, hidden), status=201 if is_new else 200)


class DoNotCallView(APIView):
    required_permissions = {"GET": "dial", "DELETE": "dial_do_not_call"}

    @extend_schema(operation_id="do_not_call_retrieve", responses=DoNotCallBody)
    def get(self, request: Request, entry_id: int) -> Response:
        strict_query(request, ())
        return Response(_entry(_listed(entry_id), eye_of(request.user, Schema.current()).hides_phones))

    @extend_schema(operation_id="do_not_call_remove", responses={204: None})
    def delete(self, request: Request, entry_id: int) -> Response:
        strict_query(request, ())
        do_not_call.remove(_listed(entry_id), audit.actor_of(request))
        return Response(status=204)


class ReasonsView(APIView):
    """The wrap-up codes that the desk offers, per queue."""

    required_permissions = {"GET": "wrap_up", "POST": "schema"}

    @extend_schema(
        operation_id="wrap_up_reasons_list",
        parameters=[OpenApiParameter("queue", str)],
        responses=ReasonBody(many=True),
    )
    def get(self, request: Request) -> Response:
        strict_query(request, {"queue"})
        reasons = WrapUpReason.objects.order_by("queue", "position", "label")
        if "queue" in request.query_params:
            reasons = WrapUpReason.objects.offered_for(request.query_params["queue"])
        return Response([_reason(reason) for reason in reasons])

    @extend_schema(operation_id="wrap_up_reasons_create", request=ReasonBody, responses={201: ReasonBody})
    @idempotent
    def post(self, request: Request) -> Response:
        body = _validated(ReasonBody, request)
        queue = body.get("queue", "")
        if WrapUpReason.objects.filter(queue=queue, code__iexact=body["code"]).exists():
            message = _("%(code)s is listed for this queue already.")
            raise Conflict(message % {"code": quoted(body["code"])})
        with audit.recorded(
            audit.actor_of(request), "wrap_up_reason.add", object_type="wrap_up_reason", **body
        ):
            reason = WrapUpReason.objects.create(**{"label": body["code"], **body})
        return Response(_reason(reason), status=201)


class ReasonView(APIView):
    required_permissions = {"PATCH": "schema", "DELETE": "schema"}

    @extend_schema(operation_id="wrap_up_reasons_update", request=ReasonBody, responses=ReasonBody)
    def patch(self, request: Request, reason_id: int) -> Response:
        strict_query(request, ())
        reason = _reason_called(reason_id)
        checked = ReasonBody(data=request.data, partial=True)
        checked.is_valid(raise_exception=True)
        body = checked.validated_data
        code, queue = body.get("code", reason.code), body.get("queue", reason.queue)
        others = WrapUpReason.objects.exclude(pk=reason.pk)
        if others.filter(queue=queue, code__iexact=code).exists():
            raise Conflict(_("%(code)s is listed for this queue already.") % {"code": quoted(code)})
        with audit.recorded(
            audit.actor_of(request),
            "wrap_up_reason.change",
            object_type="wrap_up_reason",
            object_id=reason.pk,
            **body,
        ):
            for name, value in body.items():
                setattr(reason, name, value)
            reason.save(update_fields=list(body))
        return Response(_reason(reason))

    @extend_schema(operation_id="wrap_up_reasons_remove", responses={204: None})
    def delete(self, request: Request, reason_id: int) -> Response:
        strict_query(request, ())
        reason = _reason_called(reason_id)
        with audit.recorded(
            audit.actor_of(request),
            "wrap_up_reason.remove",
            object_type="wrap_up_reason",
            object_id=reason.pk,
        ):
            reason.delete()
        return Response(status=204)


class WallView(APIView):
    """Who is on which interaction, and who waits (I25)."""

    required_permissions = {"GET": "live_wall"}

    @extend_schema(operation_id="wall", responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        strict_query(request, ())
        return Response(wall.picture(eye_of(request.user, Schema.current()), timezone.now()))


class StreamView(APIView):
    """The stream of desk events. The ASGI application answers it before Django does (`interactions.stream`)."""

    required_permissions = {"GET": "wrap_up"}

    @extend_schema(operation_id="desk_stream", responses={(200, "text/event-stream"): OpenApiTypes.STR})
    def get(self, request: Request) -> Response:
        raise Problem(503, _("Streams are served by the ASGI server: uvicorn cim.asgi:application."))


class WallStreamView(StreamView):
    required_permissions = {"GET": "live_wall"}

    @extend_schema(operation_id="wall_stream", responses={(200, "text/event-stream"): OpenApiTypes.STR})
    def get(self, request: Request) -> Response:
        return super().get(request)


def _told(request: Request, interaction_id: UUID, kind: str, said: Mapping[str, Any]) -> Response:
    user = _user(request)
    with refusals():
        check_own(user, _found(interaction_id))
        recording.tell(interaction_id, kind, {**said, "agent": agent_of(user)}, user, timezone.now())
    return _shown(_found(interaction_id), request)


def _found(interaction_id: UUID) -> Interaction:
    interaction = Interaction.objects.select_related("linked_by").filter(id=interaction_id).first()
    if interaction is None:
        raise Http404
    return interaction


def _shown(interaction: Interaction, request: Request, status: int = 200) -> Response:
    eye = eye_of(request.user, Schema.current())
    return Response(presenting.interaction_json([interaction], eye, timezone.now())[0], status=status)


def _validated(serializer: type[Any], request: Request) -> Any:
    strict_query(request, ())
    checked = serializer(data=request.data)
    checked.is_valid(raise_exception=True)
    return checked.validated_data


def _user(request: Request) -> User:
    return cast(User, request.user)


def _entry(entry: DoNotCall, hidden: bool) -> dict[str, Any]:
    return {
        "id": entry.pk,
        "number": MASK if hidden else entry.number,
        "reason": entry.reason,
        "added_by": entry.added_by.get_username() if entry.added_by else None,
        "added_at": entry.added_at,
    }


def _listed(entry_id: int) -> DoNotCall:
    entry = DoNotCall.objects.select_related("added_by").filter(pk=entry_id).first()
    if entry is None:
        raise Http404
    return entry


def _reason(reason: WrapUpReason) -> dict[str, Any]:
    return {
        "id": reason.pk,
        "queue": reason.queue,
        "code": reason.code,
        "label": reason.label,
        "position": reason.position,
    }


def _reason_called(reason_id: int) -> WrapUpReason:
    reason = WrapUpReason.objects.filter(pk=reason_id).first()
    if reason is None:
        raise Http404
    return reason


def _page_number(request: Request) -> int:
    text = request.query_params.get("page", "1")
    if not (text.isascii() and text.isdecimal() and len(text) < 8 and int(text) > 0):
        raise exceptions.ValidationError(
            {"page": [_("%(value)s is no number of a page.") % {"value": quoted(text)}]}
        )
    return int(text)
