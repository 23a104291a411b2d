from django.urls import path

from cim.access import pages

app_name = "access"

urlpatterns = [
    path("login/", pages.sign_in, name="sign_in"),
    path("logout/", pages.sign_out, name="sign_out"),
    path("account/", pages.account, name="account"),
    path("account/password/", pages.change_password, name="password"),
    path("users/", pages.users, name="users"),
    path("users/new/", pages.new_user, name="new_user"),
    path("users/<int:user_id>/", pages.edit_user, name="user"),
    path("audit/", pages.audit_trail, name="audit"),
]
