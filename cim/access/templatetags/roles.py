"""How templates name a role."""

from django import template

from cim.access.permissions import ROLE_NAMES

register = template.Library()


@register.filter
def role_name(name: str) -> str:
    """Say a role in the language of the page; one made by hand keeps its own name."""
    return str(ROLE_NAMES.get(name, name))
