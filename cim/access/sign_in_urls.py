"""The steps of a sign-in under the names by which allauth looks for them."""

from django.urls import path

from cim.access import pages, sign_in

urlpatterns = [
    path("login/", pages.sign_in, name="account_login"),
    path("logout/", pages.sign_out, name="account_logout"),
    path("login/code/", sign_in.enter_code, name="mfa_authenticate"),
    path("login/<str:provider_id>/", sign_in.single_sign_on_start, name="openid_connect_login"),
    path("login/<str:provider_id>/done/", sign_in.single_sign_on_end, name="openid_connect_callback"),
]
