from django.urls import path

from crm_mappings import api

urlpatterns = [
    path("crm/types/", api.TypesView.as_view(), name="crm-types"),
    path("crm/configurations/", api.ConfigurationsView.as_view(), name="crm-configurations"),
    path(
        "crm/configurations/<uuid:configuration_id>/",
        api.ConfigurationView.as_view(),
        name="crm-configuration",
    ),
    path("crm/configurations/<uuid:configuration_id>/check/", api.CheckView.as_view(), name="crm-check"),
    path("crm/configurations/<uuid:configuration_id>/pause/", api.PauseView.as_view(), name="crm-pause"),
    path("crm/configurations/<uuid:configuration_id>/resume/", api.ResumeView.as_view(), name="crm-resume"),
    path("crm/configurations/<uuid:configuration_id>/fields/", api.FieldsView.as_view(), name="crm-fields"),
    path(
        "crm/memorialisation-mappings/",
        api.MemorialisationMappingsView.as_view(),
        name="crm-memorialisation-mappings",
    ),
    path(
        "crm/memorialisation-mappings/<uuid:row_id>/",
        api.MemorialisationMappingView.as_view(),
        name="crm-memorialisation-mapping",
    ),
    path(
        "crm/memorialisation-mappings/<uuid:row_id>/test-run/", api.TestRunView.as_view(), name="crm-test-run"
    ),
    path(
        "crm/dynamic-data-mappings/", api.DynamicDataMappingsView.as_view(), name="crm-dynamic-data-mappings"
    ),
    path(
        "crm/dynamic-data-mappings/<uuid:row_id>/",
        api.DynamicDataMappingView.as_view(),
        name="crm-dynamic-data-mapping",
    ),
    path("crm/workflows/", api.WorkflowsView.as_view(), name="crm-workflows"),
    path("crm/workflows/<uuid:row_id>/", api.WorkflowView.as_view(), name="crm-workflow"),
    path("crm/skills/", api.SkillsView.as_view(), name="crm-skills"),
    path("crm/skills/<uuid:row_id>/", api.SkillView.as_view(), name="crm-skill"),
    path("crm/deliveries/", api.DeliveriesView.as_view(), name="crm-deliveries"),
    path("crm/deliveries/replay/", api.ReplayManyView.as_view(), name="crm-replay-many"),
    path("crm/deliveries/stop/", api.StopView.as_view(), name="crm-stop"),
    path("crm/deliveries/<uuid:delivery_id>/", api.DeliveryView.as_view(), name="crm-delivery"),
    path("crm/deliveries/<uuid:delivery_id>/replay/", api.ReplayView.as_view(), name="crm-replay"),
    path("crm/search/", api.SearchView.as_view(), name="crm-search"),
    path("crm/take-over/", api.TakeOverView.as_view(), name="crm-take-over"),
    path("customers/<uuid:customer_id>/crm/", api.CustomerDataView.as_view(), name="crm-customer-data"),
    path("interactions/<uuid:interaction_id>/crm/", api.CallerDataView.as_view(), name="crm-caller-data"),
]
