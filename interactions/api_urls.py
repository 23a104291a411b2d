from django.urls import path

from interactions import api

urlpatterns = [
    path("interactions/", api.InteractionsView.as_view(), name="interactions"),
    path("interactions/events/", api.EventsView.as_view(), name="events"),
    path("interactions/<uuid:interaction_id>/", api.InteractionView.as_view(), name="interaction"),
    path("interactions/<uuid:interaction_id>/link/", api.LinkView.as_view(), name="link"),
    path("interactions/<uuid:interaction_id>/unlink/", api.UnlinkView.as_view(), name="unlink"),
    path("interactions/<uuid:interaction_id>/contact/", api.ContactView.as_view(), name="contact"),
    path("interactions/<uuid:interaction_id>/wrap-ups/", api.WrapUpsView.as_view(), name="wrap-ups"),
    path("interactions/<uuid:interaction_id>/notes/", api.NotesView.as_view(), name="notes"),
    path("interactions/<uuid:interaction_id>/topic/", api.TopicView.as_view(), name="topic"),
    path("interactions/<uuid:interaction_id>/draft/", api.DraftView.as_view(), name="draft"),
    path("interactions/<uuid:interaction_id>/done/", api.DoneView.as_view(), name="done"),
    path("desk/", api.DeskView.as_view(), name="desk-now"),
    path("dial/", api.DialView.as_view(), name="dial"),
    path("dial/<uuid:interaction_id>/outcome/", api.DialOutcomeView.as_view(), name="dial-outcome"),
    path("customers/<uuid:customer_id>/phones/", api.PhonesView.as_view(), name="phones"),
    path("do-not-call/", api.DoNotCallsView.as_view(), name="do-not-calls"),
    path("do-not-call/<int:entry_id>/", api.DoNotCallView.as_view(), name="do-not-call-entry"),
    path("wrap-up-reasons/", api.ReasonsView.as_view(), name="reasons"),
    path("wrap-up-reasons/<int:reason_id>/", api.ReasonView.as_view(), name="reason"),
    path("wall/", api.WallView.as_view(), name="wall-now"),
]
