from django.urls import path

from cim.access import key_pages, pages, sign_in

app_name = "access"

urlpatterns = [
    path("login/", pages.sign_in, name="sign_in"),
    path("logout/", pages.sign_out, name="sign_out"),
    path("account/", pages.account, name="account"),
    path("account/password/", pages.change_password, name="password"),
    path("account/second-factor/", sign_in.second_factor_page, name="second_factor"),
    path("account/second-factor/code.svg", sign_in.second_factor_picture, name="second_factor_picture"),
    path("account/sessions/", sign_in.sessions, name="sessions"),
    path("login/forgotten/", sign_in.forgotten, name="forgotten"),
    path("login/new-password/<str:uidb64>/<str:token>/", sign_in.new_password, name="new_password"),
    path("users/", pages.users, name="users"),
    path("users/new/", pages.new_user, name="new_user"),
    path("users/roles/<int:role_id>/", pages.role_rule, name="role_rule"),
    path("users/<int:user_id>/", pages.edit_user, name="user"),
    path("users/keys/", key_pages.keys, name="keys"),
    path("users/keys/new/", key_pages.new_key, name="new_key"),
    path("users/keys/<int:key_id>/revoke/", key_pages.revoke_key, name="revoke_key"),
    path("audit/", pages.audit_trail, name="audit"),
]
