"""How the OpenAPI document tells what endpoints share: key, session, problems, Idempotency-Key (Q35)."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema as PlainSchema
from drf_spectacular.plumbing import ResolvedComponent

from cim.access.idempotency import HEADER
from cim.access.problems import CONTENT_TYPE

PROBLEM = {
    "type": "object",
    "description": "What went wrong, by RFC 9457. Some problems have further members, such as `customers`.",
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "object",
            "description": "For invalid input: messages by field; a field inside another is written `outer.inner`.",
            "additionalProperties": {"type": "array", "items": {"type": "string"}},
        },
    },
    "required": ["type", "title", "status", "detail"],
    "example": {
        "type": "about:blank",
        "title": "Bad Request",
        "status": 400,
        "detail": "name: “5” is a number; a text is expected.",
        "errors": {"name": ["“5” is a number; a text is expected."]},
    },
}

IDEMPOTENCY_KEY = {
    "in": "header",
    "name": HEADER,
    "description": "Makes it safe to send the request again: for 72 hours the same key gets the same answer.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[\\x21-\\x7e]+$"},
}


class KeyScheme(OpenApiAuthenticationExtension):
    target_class = "cim.access.api.KeyAuthentication"
    name = "key"

    def get_security_definition(self, auto_schema: PlainSchema) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "A key that an administrator has made at `/users/keys/`; it acts as a user.",
        }


class SessionScheme(OpenApiAuthenticationExtension):
    target_class = "cim.access.api.SessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: PlainSchema) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": "sessionid",
            "description": "Writes need the CSRF token too.",
        }


class AutoSchema(PlainSchema):
    """Adds to every operation what no view needs to repeat."""

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        operation: dict[str, Any] | None = super().get_operation(*args, **kwargs)
        if operation is None:
            return None
        problem = ResolvedComponent("Problem", ResolvedComponent.SCHEMA, PROBLEM, object="Problem")
        self.registry.register_on_missing(problem)
        content = {CONTENT_TYPE: {"schema": problem.ref}}
        for status, description in _refusals(operation, self.method).items():
            # An endpoint that describes a refusal of its own keeps its words.
            described = operation["responses"].setdefault(status, {"description": description})
            described["content"] = content
        handler = getattr(self.view, getattr(self.view, "action", None) or self.method.lower())
        if getattr(handler, "is_idempotent", False):
            operation.setdefault("parameters", []).append(IDEMPOTENCY_KEY)
        return operation


def _refusals(operation: dict[str, Any], method: str) -> dict[str, str]:
    """Say which refusals an operation can answer with, by what it takes."""
    refusals = {
        "400": "The request is malformed or a value is invalid.",
        "401": "Neither a session nor a valid key was sent.",
        "403": "The user may not do this.",
    }
    parameters = operation.get("parameters", [])
    if any(parameter["in"] == "path" or parameter["name"] == "page" for parameter in parameters):
        refusals["404"] = "There is no such thing, or no such page."
    if any(parameter["name"] == "If-Match" for parameter in parameters):
        refusals["412"] = "Somebody changed it since that version."
    if "requestBody" in operation:
        refusals["413"] = "The body is too large."
        refusals["415"] = "The body is of another media type."
    if method in {"POST", "PUT", "PATCH", "DELETE"}:
        refusals["409"] = "It cannot be done as things stand."
    return refusals
