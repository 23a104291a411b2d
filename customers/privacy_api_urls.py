from django.urls import path

from customers import privacy_api

urlpatterns = [
    path("customers/<uuid:customer_id>/erase/", privacy_api.EraseView.as_view(), name="customer-erase"),
    path("customers/<uuid:customer_id>/export/", privacy_api.PortraitView.as_view(), name="customer-export"),
    path("customers/<uuid:customer_id>/looks/", privacy_api.LooksView.as_view(), name="customer-looks"),
    path("erasures/", privacy_api.ErasuresView.as_view(), name="erasures"),
    path(
        "erasures/<uuid:erasure_id>/certificate/",
        privacy_api.CertificateView.as_view(),
        name="erasure-certificate",
    ),
]
