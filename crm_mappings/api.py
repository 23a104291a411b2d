"""The API of CRMs (contract 6.4): parse, one call, render."""

import datetime as dt
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

from django.db import IntegrityError, models, transaction
from django.http import Http404
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cim.access import audit
from cim.access.api import Conflict, Problem, StrictSerializer, idempotent, quoted, refuse_input, strict_query
from cim.access.jobs import enqueue
from crm_mappings import configuring, delivering, fetching, gateway, mapping, memorising, presenting, tasks
from crm_mappings.adapters import adapter_of, types
from crm_mappings.datafields import CATALOGUE
from crm_mappings.mapping_rules import check_entities
from crm_mappings.models import (
    Configuration,
    Delivery,
    DynamicDataMapping,
    MemorialisationMapping,
    SkillSetup,
    Workflow,
)
from crm_mappings.serializers import (
    ConfigurationBody,
    DeliveriesBody,
    DynamicDataBody,
    MemorialisationBody,
    SkillBody,
    TakeOverBody,
    TestRunBody,
    WorkflowBody,
)
from customers.models import Customer
from customers.policy import sight_of
from customers.profiles import NumberTaken
from customers.resolving import standing, survivor_of
from customers.schema import InvalidProfile, Schema
from interactions import linking
from interactions.families import family_of
from interactions.models import Interaction

_READERS = ("integrations.edit", "integrations.create", "memorialisation.create", "dynamic_data.create")
_NAMES = {"enabled": "is_enabled", "gateway": "is_gateway"}


@contextmanager
def refusals() -> Iterator[None]:
    """Answer what the activities refuse: 400, 404 or 409, with what stands in the way."""
    try:
        yield
    except (configuring.InvalidConfiguration, mapping.InvalidMapping) as refusal:
        raise exceptions.ValidationError(refusal.errors) from refusal
    except configuring.InUse as refusal:
        raise Conflict(str(refusal), waiting=refusal.waiting) from refusal
    except mapping.MappingInUse as refusal:
        raise Conflict(str(refusal), skills=refusal.skills) from refusal
    except IntegrityError as refusal:
        # Two requests made the same name at once; every other case is refused before.
        raise Conflict(_("Somebody else has just made one of that name.")) from refusal
    except models.ObjectDoesNotExist as refusal:
        raise Http404 from refusal


class TypesView(APIView):
    """The kinds of CRM that there are, and the data fields that mappings may name."""

    required_permissions = {"GET": _READERS}

    @extend_schema(operation_id="crm_types", responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        strict_query(request, ())
        return Response(
            {
                "types": [presenting.type_json(name) for name in sorted(types())],
                "data_fields": {
                    kind.value: [
                        {"name": item.name, "label": str(item.label), "form": item.form.value}
                        for item in fields.values()
                    ]
                    for kind, fields in CATALOGUE.items()
                },
            }
        )


class ConfigurationsView(APIView):
    """The configurations of CRMs, and making one."""

    required_permissions = {"GET": _READERS, "POST": "integrations.create"}

    @extend_schema(operation_id="crm_configurations_list", responses=ConfigurationBody(many=True))
    def get(self, request: Request) -> Response:
        strict_query(request, ())
        now = timezone.now()
        rows = Configuration.objects.select_related("circuit").in_order()
        return Response([presenting.configuration_json(row, now) for row in rows])

    @extend_schema(
        operation_id="crm_configurations_create",
        request=ConfigurationBody,
        responses={201: ConfigurationBody},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        strict_query(request, ())
        now = timezone.now()
        given = _named(_validated(ConfigurationBody, request))
        with refusals(), transaction.atomic():
            _check_gateway(given)
            configuration = configuring.create(given, audit.actor_of(request), now)
            enqueue(tasks.check_configuration, configuration_id=str(configuration.pk))
        return Response(presenting.configuration_json(configuration, now), status=201)


class ConfigurationView(APIView):
    """One configuration."""

    required_permissions = {"GET": _READERS, "PATCH": "integrations.edit", "DELETE": "integrations.edit"}

    @extend_schema(operation_id="crm_configurations_retrieve", responses=ConfigurationBody)
    def get(self, request: Request, configuration_id: uuid.UUID) -> Response:
        strict_query(request, ())
        return Response(presenting.configuration_json(_configuration(configuration_id), timezone.now()))

    @extend_schema(
        operation_id="crm_configurations_partial_update",
        request=ConfigurationBody,
        responses=ConfigurationBody,
    )
    def patch(self, request: Request, configuration_id: uuid.UUID) -> Response:
        strict_query(request, ())
        now = timezone.now()
        _configuration(configuration_id)
        given = _named(_validated(ConfigurationBody, request, partial=True))
        with refusals(), transaction.atomic():
            _check_gateway(given)
            _changed, must_check = configuring.change(configuration_id, given, audit.actor_of(request), now)
            if must_check:
                enqueue(tasks.check_configuration, configuration_id=str(configuration_id))
        return Response(presenting.configuration_json(_configuration(configuration_id), now))

    @extend_schema(operation_id="crm_configurations_destroy", responses={204: None})
    def delete(self, request: Request, configuration_id: uuid.UUID) -> Response:
        strict_query(request, ())
        with refusals():
            configuring.delete(configuration_id, audit.actor_of(request))
        return Response(status=204)


class CheckView(APIView):
    """Try the credentials again, in the background."""

    required_permissions = {"POST": "integrations.edit"}

    @extend_schema(operation_id="crm_configurations_check", request=None, responses={202: ConfigurationBody})
    def post(self, request: Request, configuration_id: uuid.UUID) -> Response:
        refuse_input(request)
        configuration = _configuration(configuration_id)
        enqueue(tasks.check_configuration, configuration_id=str(configuration_id))
        return Response(presenting.configuration_json(configuration, timezone.now()), status=202)


class PauseView(APIView):
    """Hold deliveries back."""

    required_permissions = {"POST": "integrations.edit"}
    paused: ClassVar[bool] = True

    @extend_schema(operation_id="crm_configurations_pause", request=None, responses=ConfigurationBody)
    def post(self, request: Request, configuration_id: uuid.UUID) -> Response:
        refuse_input(request)
        _configuration(configuration_id)
        delivering.pause(configuration_id, audit.actor_of(request), paused=self.paused)
        if not self.paused:
            enqueue(tasks.deliver, configuration_id=str(configuration_id))
        return Response(presenting.configuration_json(_configuration(configuration_id), timezone.now()))


class ResumeView(PauseView):
    """Let held deliveries go on."""

    paused = False

    @extend_schema(operation_id="crm_configurations_resume", request=None, responses=ConfigurationBody)
    def post(self, request: Request, configuration_id: uuid.UUID) -> Response:
        return super().post(request, configuration_id)


class FieldsView(APIView):
    """The fields of a record type, as the CRM listed them when its credentials were last checked."""

    required_permissions = {"GET": _READERS}

    @extend_schema(
        operation_id="crm_configurations_fields",
        parameters=[OpenApiParameter("record_type", str, required=True)],
        responses=OpenApiTypes.OBJECT,
    )
    def get(self, request: Request, configuration_id: uuid.UUID) -> Response:
        strict_query(request, {"record_type"})
        configuration = _configuration(configuration_id)
        made = adapter_of(configuration.type)
        asked = request.query_params.get("record_type", "")
        record_type = made.record_type(asked)
        if record_type is None:
            raise exceptions.ValidationError(
                {"record_type": [_("%(value)s is not a record type.") % {"value": quoted(asked)}]}
            )
        return Response({"fields": configuration.known_fields.get(record_type.name, [])})


# Mappings, workflows, skills: the same calls for four kinds of rows


class _Rows:
    """What one kind of rows needs: its model, body, kind of audit entry, and how it is saved and shown."""

    model: ClassVar[type[models.Model]]
    body: ClassVar[type[StrictSerializer]]
    kind: ClassVar[str]

    @classmethod
    def all(cls) -> models.QuerySet[Any]:
        return cls.model._default_manager.select_related("configuration").order_by("configuration", "id")

    @staticmethod
    def save(row: Any, given: Mapping[str, Any], actor: audit.Actor, now: dt.datetime) -> None:
        raise NotImplementedError

    @staticmethod
    def show(row: Any) -> dict[str, Any]:
        raise NotImplementedError


class Memorialisation(_Rows):
    model = MemorialisationMapping
    body = MemorialisationBody
    kind = "memorialisation_mapping"
    save = staticmethod(mapping.save_memorialisation)  # type: ignore[assignment]

    @staticmethod
    def show(row: MemorialisationMapping) -> dict[str, Any]:
        return presenting.memorialisation_json(row, mapping.warnings_of(row))


class DynamicData(_Rows):
    model = DynamicDataMapping
    body = DynamicDataBody
    kind = "dynamic_data_mapping"
    save = staticmethod(mapping.save_dynamic_data)
    show = staticmethod(presenting.dynamic_data_json)  # type: ignore[assignment]


class Workflows(_Rows):
    model = Workflow
    body = WorkflowBody
    kind = "workflow"
    save = staticmethod(mapping.save_workflow)
    show = staticmethod(presenting.workflow_json)  # type: ignore[assignment]


class Skills(_Rows):
    model = SkillSetup
    body = SkillBody
    kind = "skill"
    save = staticmethod(mapping.save_skill)
    show = staticmethod(presenting.skill_json)  # type: ignore[assignment]


class _ListView(APIView):
    rows: ClassVar[type[_Rows]]

    def get(self, request: Request) -> Response:
        strict_query(request, {"configuration"})
        found = self.rows.all()
        if chosen := _uuid(request, "configuration"):
            found = found.filter(configuration_id=chosen)
        return Response([self.rows.show(row) for row in found])

    def make(self, request: Request) -> Response:
        strict_query(request, ())
        given = _validated(self.rows.body, request)
        row = self.rows.model()
        with refusals():
            self.rows.save(row, given, audit.actor_of(request), timezone.now())
        return Response(self.rows.show(row), status=201)


class _OneView(APIView):
    rows: ClassVar[type[_Rows]]

    def get(self, request: Request, row_id: uuid.UUID) -> Response:
        strict_query(request, ())
        return Response(self.rows.show(self._row(row_id)))

    def change(self, request: Request, row_id: uuid.UUID, *, partial: bool) -> Response:
        strict_query(request, ())
        row = self._row(row_id)
        given = _validated(self.rows.body, request, partial=partial)
        with refusals():
            self.rows.save(row, given, audit.actor_of(request), timezone.now())
        return Response(self.rows.show(self._row(row_id)))

    def remove(self, request: Request, row_id: uuid.UUID) -> Response:
        strict_query(request, ())
        with refusals():
            mapping.delete(self._row(row_id), self.rows.kind, audit.actor_of(request))
        return Response(status=204)

    def _row(self, row_id: uuid.UUID) -> Any:
        row = self.rows.all().filter(pk=row_id).first()
        if row is None:
            raise Http404
        return row


_BY_CONFIGURATION = [OpenApiParameter("configuration", OpenApiTypes.UUID)]


class MemorialisationMappingsView(_ListView):
    rows = Memorialisation
    required_permissions = {"GET": _READERS, "POST": "memorialisation.create"}

    @extend_schema(
        operation_id="crm_memorialisation_list",
        parameters=_BY_CONFIGURATION,
        responses=MemorialisationBody(many=True),
    )
    def get(self, request: Request) -> Response:
        return super().get(request)

    @extend_schema(
        operation_id="crm_memorialisation_create",
        request=MemorialisationBody,
        responses={201: MemorialisationBody},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        return self.make(request)


class MemorialisationMappingView(_OneView):
    rows = Memorialisation
    required_permissions = {
        "GET": _READERS,
        "PUT": "memorialisation.create",
        "PATCH": "memorialisation.create",
        "DELETE": "memorialisation.create",
    }

    @extend_schema(operation_id="crm_memorialisation_retrieve", responses=MemorialisationBody)
    def get(self, request: Request, row_id: uuid.UUID) -> Response:
        return super().get(request, row_id)

    @extend_schema(
        operation_id="crm_memorialisation_update", request=MemorialisationBody, responses=MemorialisationBody
    )
    def put(self, request: Request, row_id: uuid.UUID) -> Response:
        return self.change(request, row_id, partial=False)

    @extend_schema(
        operation_id="crm_memorialisation_partial_update",
        request=MemorialisationBody,
        responses=MemorialisationBody,
    )
    def patch(self, request: Request, row_id: uuid.UUID) -> Response:
        return self.change(request, row_id, partial=True)

    @extend_schema(operation_id="crm_memorialisation_destroy", responses={204: None})
    def delete(self, request: Request, row_id: uuid.UUID) -> Response:
        return self.remove(request, row_id)


class DynamicDataMappingsView(_ListView):
    rows = DynamicData
    required_permissions = {"GET": _READERS, "POST": "dynamic_data.create"}

    @extend_schema(
        operation_id="crm_dynamic_data_list",
        parameters=_BY_CONFIGURATION,
        responses=DynamicDataBody(many=True),
    )
    def get(self, request: Request) -> Response:
        return super().get(request)

    @extend_schema(
        operation_id="crm_dynamic_data_create", request=DynamicDataBody, responses={201: DynamicDataBody}
    )
    @idempotent
    def post(self, request: Request) -> Response:
        return self.make(request)


class DynamicDataMappingView(_OneView):
    rows = DynamicData
    required_permissions = {
        "GET": _READERS,
        "PUT": "dynamic_data.create",
        "PATCH": "dynamic_data.create",
        "DELETE": "dynamic_data.create",
    }

    @extend_schema(operation_id="crm_dynamic_data_retrieve", responses=DynamicDataBody)
    def get(self, request: Request, row_id: uuid.UUID) -> Response:
        return super().get(request, row_id)

    @extend_schema(operation_id="crm_dynamic_data_update", request=DynamicDataBody, responses=DynamicDataBody)
    def put(self, request: Request, row_id: uuid.UUID) -> Response:
        return self.change(request, row_id, partial=False)

    @extend_schema(
        operation_id="crm_dynamic_data_partial_update", request=DynamicDataBody, responses=DynamicDataBody
    )
    def patch(self, request: Request, row_id: uuid.UUID) -> Response:
        return self.change(request, row_id, partial=True)

    @extend_schema(operation_id="crm_dynamic_data_destroy", responses={204: None})
    def delete(self, request: Request, row_id: uuid.UUID) -> Response:
        return self.remove(request, row_id)


class WorkflowsView(_ListView):
    rows = Workflows
    required_permissions = {"GET": _READERS, "POST": "integrations.edit"}

    @extend_schema(
        operation_id="crm_workflows_list", parameters=_BY_CONFIGURATION, responses=WorkflowBody(many=True)
    )
    def get(self, request: Request) -> Response:
        return super().get(request)

    @extend_schema(operation_id="crm_workflows_create", request=WorkflowBody, responses={201: WorkflowBody})
    @idempotent
    def post(self, request: Request) -> Response:
        return self.make(request)


class WorkflowView(_OneView):
    rows = Workflows
    required_permissions = {
        "GET": _READERS,
        "PUT": "integrations.edit",
        "PATCH": "integrations.edit",
        "DELETE": "integrations.edit",
    }

    @extend_schema(operation_id="crm_workflows_retrieve", responses=WorkflowBody)
    def get(self, request: Request, row_id: uuid.UUID) -> Response:
        return super().get(request, row_id)

    @extend_schema(operation_id="crm_workflows_update", request=WorkflowBody, responses=WorkflowBody)
    def put(self, request: Request, row_id: uuid.UUID) -> Response:
        return self.change(request, row_id, partial=False)

    @extend_schema(operation_id="crm_workflows_partial_update", request=WorkflowBody, responses=WorkflowBody)
    def patch(self, request: Request, row_id: uuid.UUID) -> Response:
        return self.change(request, row_id, partial=True)

    @extend_schema(operation_id="crm_workflows_destroy", responses={204: None})
    def delete(self, request: Request, row_id: uuid.UUID) -> Response:
        return self.remove(request, row_id)


class SkillsView(_ListView):
    rows = Skills
    required_permissions = {"GET": _READERS, "POST": "integrations.edit"}

    @extend_schema(
        operation_id="crm_skills_list", parameters=_BY_CONFIGURATION, responses=SkillBody(many=True)
    )
    def get(self, request: Request) -> Response:
        return super().get(request)

    @extend_schema(operation_id="crm_skills_create", request=SkillBody, responses={201: SkillBody})
    @idempotent
    def post(self, request: Request) -> Response:
        return self.make(request)


class SkillView(_OneView):
    rows = Skills
    required_permissions = {
        "GET": _READERS,
        "PUT": "integrations.edit",
        "PATCH": "integrations.edit",
        "DELETE": "integrations.edit",
    }

    @extend_schema(operation_id="crm_skills_retrieve", responses=SkillBody)
    def get(self, request: Request, row_id: uuid.UUID) -> Response:
        return super().get(request, row_id)

    @extend_schema(operation_id="crm_skills_update", request=SkillBody, responses=SkillBody)
    def put(self, request: Request, row_id: uuid.UUID) -> Response:
        return self.change(request, row_id, partial=False)

    @extend_schema(operation_id="crm_skills_partial_update", request=SkillBody, responses=SkillBody)
    def patch(self, request: Request, row_id: uuid.UUID) -> Response:
        return self.change(request, row_id, partial=True)

    @extend_schema(operation_id="crm_skills_destroy", responses={204: None})
    def delete(self, request: Request, row_id: uuid.UUID) -> Response:
        return self.remove(request, row_id)


class TestRunView(APIView):
    """What a mapping would write for a past interaction; nothing is written (M10)."""

    __test__ = False

    required_permissions = {"POST": "memorialisation.create"}

    @extend_schema(
        operation_id="crm_memorialisation_test_run", request=TestRunBody, responses=OpenApiTypes.OBJECT
    )
    def post(self, request: Request, row_id: uuid.UUID) -> Response:
        strict_query(request, ())
        given = _validated(TestRunBody, request)
        row = MemorialisationMapping.objects.select_related("configuration").filter(pk=row_id).first()
        if row is None:
            raise Http404
        interaction = Interaction.objects.filter(pk=given["interaction"]).first()
        if interaction is None:
            raise exceptions.ValidationError(
                {
                    "interaction": [
                        _("%(value)s is the id of no interaction.")
                        % {"value": quoted(str(given["interaction"]))}
                    ]
                }
            )
        if "entities" in given:
            checked = check_entities(given["entities"], adapter_of(row.configuration.type))
            if checked.errors:
                raise exceptions.ValidationError(checked.errors)
            row.entities = checked.document
        audit.note(
            audit.actor_of(request),
            "crm.test_run",
            object_type="interaction",
            object_id=interaction.pk,
            mapping=str(row.pk),
        )
        return Response({"entities": presenting.preview_json(memorising.preview(row, interaction))})


# Deliveries

_DELIVERY_FILTERS = (
    *("configuration", "state", "entity_type", "interaction", "customer"),
    *("from", "to", "tries", "q", "page", "page_size"),
)


class DeliveriesView(APIView):
    """The deliveries, newest first."""

    required_permissions = {"GET": "integrations.edit"}

    @extend_schema(
        operation_id="crm_deliveries_list",
        parameters=[OpenApiParameter(name, str) for name in _DELIVERY_FILTERS],
        responses=OpenApiTypes.OBJECT,
    )
    def get(self, request: Request) -> Response:
        strict_query(request, _DELIVERY_FILTERS)
        found = _matching(request)
        page, size = _number(request, "page", 1, 1_000_000), _number(request, "page_size", 50, 200)
        count = found.count()
        rows = list(
            found.select_related("interaction", "customer", "replayed_by")[(page - 1) * size : page * size]
        )
        if not rows and page > 1:
            raise Http404
        by_state = Delivery.objects.all()
        if chosen := _uuid(request, "configuration"):
            by_state = by_state.filter(configuration_id=chosen)
        states = dict(by_state.order_by().values_list("state").annotate(models.Count("pk")))
        return Response(
            {
                "count": count,
                "count_is_exact": True,
                "page": page,
                "pages": max(1, -(-count // size)),
                "has_next": page * size < count,
                "page_size": size,
                "states": {state: states.get(state, 0) for state in Delivery.State.values},
                "results": [presenting.delivery_json(row) for row in rows],
            }
        )


class DeliveryView(APIView):
    """One delivery, with what was sent and every try."""

    required_permissions = {"GET": "integrations.edit"}

    @extend_schema(operation_id="crm_deliveries_retrieve", responses=OpenApiTypes.OBJECT)
    def get(self, request: Request, delivery_id: uuid.UUID) -> Response:
        strict_query(request, ())
        return Response(presenting.delivery_json(_delivery(delivery_id), whole=True))


class ReplayView(APIView):
    """Send one delivery again."""

    required_permissions = {"POST": "integrations.edit"}

    @extend_schema(operation_id="crm_deliveries_replay", request=None, responses=OpenApiTypes.OBJECT)
    def post(self, request: Request, delivery_id: uuid.UUID) -> Response:
        refuse_input(request)
        row = _delivery(delivery_id)
        with transaction.atomic():
            if not delivering.replay([row.pk], audit.actor_of(request), timezone.now()):
                raise Conflict(_("It is being sent at this moment."))
            enqueue(tasks.deliver, configuration_id=str(row.configuration_id))
        return Response(presenting.delivery_json(_delivery(delivery_id), whole=True))


class ReplayManyView(APIView):
    """Send several deliveries again, the oldest first."""

    required_permissions = {"POST": "integrations.edit"}

    @extend_schema(
        operation_id="crm_deliveries_replay_many",
        request=DeliveriesBody,
        responses={202: OpenApiTypes.OBJECT},
    )
    def post(self, request: Request) -> Response:
        strict_query(request, ())
        ids = _chosen(_validated(DeliveriesBody, request))
        with transaction.atomic():
            sent = delivering.replay(ids, audit.actor_of(request), timezone.now())
            for configuration_id in {row.configuration_id for row in sent}:
                enqueue(tasks.deliver, configuration_id=str(configuration_id))
        return Response({"replayed": len(sent)}, status=202)


class StopView(APIView):
    """Stop trying."""

    required_permissions = {"POST": "integrations.edit"}

    @extend_schema(operation_id="crm_deliveries_stop", request=DeliveriesBody, responses=OpenApiTypes.OBJECT)
    def post(self, request: Request) -> Response:
        strict_query(request, ())
        ids = _validated(DeliveriesBody, request).get("deliveries", [])
        return Response({"stopped": delivering.stop(ids, audit.actor_of(request))})


# What agents see of CRMs


class CustomerDataView(APIView):
    """What CRMs say about a customer: the last answers at once, with their age, while new ones are fetched (M21)."""

    required_permissions = {"GET": "see_customers"}

    @extend_schema(
        operation_id="crm_customer_data",
        parameters=[OpenApiParameter("interaction", OpenApiTypes.UUID), OpenApiParameter("refresh", bool)],
        responses=OpenApiTypes.OBJECT,
    )
    def get(self, request: Request, customer_id: uuid.UUID) -> Response:
        strict_query(request, {"interaction", "refresh"})
        try:
            customer = standing(customer_id)
        except Customer.DoesNotExist:
            raise Http404 from None
        interaction = _interaction(_uuid(request, "interaction"))
        return Response({"results": _answers(request, customer, interaction)})


class CallerDataView(APIView):
    """What CRMs say about whoever is on an interaction (M30b, M32)."""

    required_permissions = {"GET": "see_customers"}

    @extend_schema(
        operation_id="crm_caller_data",
        parameters=[OpenApiParameter("refresh", bool)],
        responses=OpenApiTypes.OBJECT,
    )
    def get(self, request: Request, interaction_id: uuid.UUID) -> Response:
        strict_query(request, {"refresh"})
        interaction = _interaction(interaction_id)
        if interaction is None:
            raise Http404
        customer = survivor_of(interaction.customer) if interaction.customer else None
        return Response({"results": _answers(request, customer, interaction)})


class SearchView(APIView):
    """Customers in the CRMs that fit what was typed; asked again until none is `pending` (M34)."""

    required_permissions = {"GET": "see_customers"}

    @extend_schema(
        operation_id="crm_search",
        parameters=[OpenApiParameter("q", str, required=True)],
        responses=OpenApiTypes.OBJECT,
    )
    def get(self, request: Request) -> Response:
        strict_query(request, {"q"})
        text = request.query_params.get("q", "").strip()
        if not 2 <= len(text) <= 200:
            raise exceptions.ValidationError(
                {"q": [_("%(value)s: type 2 to 200 characters.") % {"value": quoted(text)}]}
            )
        sight = sight_of(request.user, Schema.current())
        now = timezone.now()
        results = []
        for configuration in Configuration.objects.in_use().in_order():
            found, must_ask = fetching.search(configuration, text, now)
            if must_ask:
                enqueue(tasks.search, search_id=str(found.pk))
            here = presenting.known_here(found.records) if found.records else {}
            results.append(
                {
                    "configuration": {"id": str(configuration.pk), "name": configuration.name},
                    "pending": found.answered_at is None,
                    "problem": found.reason or None,
                    "results": [
                        {**presenting.candidate_json(record, sight), "customer": here.get(record["id"])}
                        for record in found.records
                    ],
                }
            )
        return Response({"results": results})


class TakeOverView(APIView):
    """Make a customer of a record of the CRM, and link the interaction it was found for (M34)."""

    required_permissions = {"POST": "create_customers"}

    @extend_schema(operation_id="crm_take_over", request=TakeOverBody, responses={201: OpenApiTypes.OBJECT})
    @idempotent
    def post(self, request: Request) -> Response:
        strict_query(request, ())
        given = _validated(TakeOverBody, request)
        configuration = _configuration(given["configuration"])
        now = timezone.now()
        actor = audit.actor_of(request)
        record = fetching.record_seen(configuration, given["record"])
        if record is None:
            raise Problem(404, _("No search has found such a customer in the CRM; search for it first."))
        try:
            with transaction.atomic():
                customer = gateway.take_over(record, configuration, actor, now)
                if given.get("interaction"):
                    linking.link(given["interaction"], customer.pk, request.user, actor, now)  # type: ignore[arg-type]
        except InvalidProfile as refusal:
            raise exceptions.ValidationError(refusal.errors) from refusal
        except NumberTaken as refusal:
            message = str(refusal)
            if "phones" in sight_of(request.user, Schema.current()).masked:
                message = _("A number of this record already belongs to a customer here.")
            raise Conflict(message, customers=[str(owner) for owner in refusal.customers]) from refusal
        except Interaction.DoesNotExist as refusal:
            raise Http404 from refusal
        return Response({"customer": str(customer.pk)}, status=201)


def _answers(
    request: Request, customer: Customer | None, interaction: Interaction | None
) -> list[dict[str, Any]]:
    now = timezone.now()
    sight = sight_of(request.user, Schema.current())
    anew = request.query_params.get("refresh") == "true"
    found = []
    for configuration in fetching.worth_asking():
        if customer is None and not configuration.is_gateway:
            continue
        answer, asked = fetching.ask_about(
            configuration, now, customer=customer, interaction=interaction, anew=anew
        )
        if asked:
            enqueue(tasks.fetch, answer_id=str(answer.pk))
        shown = fetching.shown_of(configuration, interaction)
        found.append(presenting.answer_json(answer, configuration, shown, sight, now, fetching=asked))
    return found


def _validated(body: type[StrictSerializer], request: Request, *, partial: bool = False) -> Any:
    serializer = body(data=request.data, partial=partial)
    serializer.is_valid(raise_exception=True)
    return serializer.validated_data


def _named(given: Mapping[str, Any]) -> dict[str, Any]:
    return {_NAMES.get(name, name): value for name, value in given.items()}


def _check_gateway(given: Mapping[str, Any]) -> None:
    """Refuse a table of the gateway that names attributes which are none."""
    rows = given.get("gateway_fields")
    if not rows:
        return
    writable = [attribute.key for attribute in Schema.current().writable]
    if errors := configuring.gateway_errors(rows, writable):
        raise configuring.InvalidConfiguration({"gateway_fields": errors})


def _configuration(configuration_id: uuid.UUID) -> Configuration:
    found = Configuration.objects.select_related("circuit").filter(pk=configuration_id).first()
    if found is None:
        raise Http404
    return found


def _delivery(delivery_id: uuid.UUID) -> Delivery:
    rows = Delivery.objects.select_related("interaction", "customer", "replayed_by")
    found = rows.filter(pk=delivery_id).first()
    if found is None:
        raise Http404
    return found


def _interaction(interaction_id: uuid.UUID | None) -> Interaction | None:
    if interaction_id is None:
        return None
    return Interaction.objects.select_related("customer").filter(pk=interaction_id).first()


def _chosen(given: Mapping[str, Any]) -> list[uuid.UUID]:
    if "deliveries" in given:
        return list(given["deliveries"])
    rows = Delivery.objects.filter(
        configuration_id=given["configuration"], state=given.get("state", Delivery.State.FAILED)
    )
    return list(rows.order_by("created_at").values_list("pk", flat=True)[:10_000])


def _matching(request: Request) -> models.QuerySet[Delivery]:
    query = request.query_params
    state = query.get("state", "")
    if state and state not in Delivery.State.values:
        raise exceptions.ValidationError(
            {
                "state": [
                    _("%(value)s is no state; these are: %(known)s.")
                    % {"value": quoted(state), "known": ", ".join(Delivery.State.values)}
                ]
            }
        )
    customer = _uuid(request, "customer")
    return Delivery.objects.matching(
        configuration=_uuid(request, "configuration"),
        state=state,
        entity_type=query.get("entity_type", ""),
        interaction=_uuid(request, "interaction"),
        customers=list(family_of(customer)) if customer else None,
        since=_moment(request, "from"),
        until=_moment(request, "to"),
        tries=_number(request, "tries", 0, 1000) or None,
        text=query.get("q", ""),
    )


def _uuid(request: Request, name: str) -> uuid.UUID | None:
    text = request.query_params.get(name, "")
    if not text:
        return None
    try:
        return uuid.UUID(text)
    except ValueError:
        raise exceptions.ValidationError(
            {name: [_("%(value)s is no id.") % {"value": quoted(text)}]}
        ) from None


def _number(request: Request, name: str, default: int, most: int) -> int:
    text = request.query_params.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdecimal()) or not 0 < int(text[:12]) <= most:
        raise exceptions.ValidationError(
            {name: [_("%(value)s is no number from 1 to %(most)d.") % {"value": quoted(text), "most": most}]}
        )
    return int(text)


def _moment(request: Request, name: str) -> dt.datetime | None:
    text = request.query_params.get(name, "")
    if not text:
        return None
    try:
        at = parse_datetime(text) or parse_datetime(f"{text}T00:00:00Z")
    except ValueError:
        at = None
    if at is None:
        raise exceptions.ValidationError(
            {
                name: [
                    _("%(value)s is no moment; write it like 2026-11-19T08:30:00Z.") % {"value": quoted(text)}
                ]
            }
        )
    return at if at.tzinfo else at.replace(tzinfo=dt.UTC)
