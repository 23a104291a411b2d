"""The OpenAPI document tells what all endpoints share."""

import pytest
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema

from tests.access import sample_urls


@pytest.fixture(scope="module")
def document() -> dict:
    patterns = [pattern for pattern in sample_urls.urlpatterns if str(pattern.pattern).startswith("api/")]
    return SchemaGenerator(patterns=patterns).get_schema(request=None, public=True)


def test_document_is_valid(document):
    validate_schema(document)


def test_key_and_session_are_described(document):
    schemes = document["components"]["securitySchemes"]

    assert (schemes["key"]["type"], schemes["key"]["scheme"]) == ("http", "bearer")
    assert (schemes["session"]["in"], schemes["session"]["name"]) == ("cookie", "sessionid")
    assert document["paths"]["/api/tours/"]["get"]["security"] == [{"key": []}, {"session": []}]


def test_refusals_are_problems(document):
    responses = document["paths"]["/api/broken/{how}/"]["get"]["responses"]

    assert {"400", "401", "403", "404"} < set(responses)
    assert responses["404"]["content"] == {
        "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
    }
    assert "errors" in document["components"]["schemas"]["Problem"]["properties"]


def test_only_creating_posts_take_a_key(document):
    def headers(path: str, method: str) -> list[str]:
        parameters = document["paths"][path][method].get("parameters", [])
        return [parameter["name"] for parameter in parameters if parameter["in"] == "header"]

    assert headers("/api/clubs/", "post") == ["Idempotency-Key"]
    assert headers("/api/tours/", "post") == []
