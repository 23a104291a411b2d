"""How templates name a role and a permission."""

from django import template

from cim.access.permissions import PERMISSIONS, ROLE_NAMES

register = template.Library()


@register.filter
def role_name(name: str) -> str:
    """Say a role in the language of the page; one made by hand keeps its own name."""
    return str(ROLE_NAMES.get(name, name))


@register.filter
def permission_name(codename: str) -> str:
    """Say a permission in words; the code of one that is known no more."""
    return str(PERMISSIONS.get(codename, codename))
