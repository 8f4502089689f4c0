"""The committed OpenAPI document is what the running application serves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.contract.project import SPECS, Compare
from tests.faces import http_client
from todo_app.application import Application

pytestmark = pytest.mark.requirement("RS4")

_OF_TYPE = {
    "string": {"minLength", "maxLength", "pattern", "format"},
    "integer": {"minimum", "maximum"},
    "array": {"minItems", "maxItems", "items"},
    "object": {"properties", "required", "additionalProperties"},
}
_ANY = {"title", "description", "type", "enum", "const", "default", "anyOf", "oneOf", "discriminator", "$ref"}


async def test_the_committed_document_equals_the_running_application(app: Application, compare: Compare) -> None:
    async with http_client(app, None) as http:
        served = (await http.get("/api/v1/openapi.json")).json()

    compare(SPECS / "api" / "openapi.json", served)


def test_it_is_openapi_3_1(openapi: dict[str, Any]) -> None:
    assert openapi["openapi"].startswith("3.1")


def schemas(openapi: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema of the document, those inside others too, with where it stands."""
    for name, schema in openapi["components"]["schemas"].items():
        yield from _inside(name, schema)
    for path, methods in openapi["paths"].items():
        for method, declared in methods.items():
            for given in declared.get("parameters", ()):
                yield from _inside(f"{method} {path} {given['name']}", given["schema"])
            for content in declared.get("requestBody", {}).get("content", {}).values():
                yield from _inside(f"{method} {path} body", content["schema"])


def _inside(where: str, schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield where, schema
    for name, one in schema.get("properties", {}).items():
        yield from _inside(f"{where}.{name}", one)
    if "items" in schema:
        yield from _inside(f"{where}[]", schema["items"])
    for one in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        yield from _inside(where, one)


def test_every_schema_is_valid_and_every_reference_leads_somewhere(openapi: dict[str, Any]) -> None:
    for where, schema in schemas(openapi):
        Draft202012Validator.check_schema(schema)
        if "$ref" in schema:
            name = schema["$ref"].removeprefix("#/components/schemas/")
            assert name in openapi["components"]["schemas"], where


def test_every_bound_is_one_that_a_generated_client_understands(openapi: dict[str, Any]) -> None:
    strange = [
        f"{where}: {word}"
        for where, schema in schemas(openapi)
        for word in schema.keys() - _ANY - _OF_TYPE.get(schema.get("type", ""), set())
    ]

    assert strange == []


def test_the_bounds_of_whole_numbers_are_whole_numbers(openapi: dict[str, Any]) -> None:
    """9.223372036854776e+18 is one more than the greatest id: a generated client would overflow."""
    inexact = [
        f"{where}: {word} {schema[word]}"
        for where, schema in schemas(openapi)
        for word in ("minimum", "maximum")
        if isinstance(schema.get(word), float)
    ]

    assert inexact == []


def test_every_operation_has_a_name_of_its_own_and_words(openapi: dict[str, Any]) -> None:
    declared = [one for methods in openapi["paths"].values() for one in methods.values()]

    names = [one["operationId"] for one in declared]
    assert len(set(names)) == len(names)
    assert all(one["summary"] and one["description"] for one in declared)


def test_every_refusal_is_declared_as_a_problem(openapi: dict[str, Any]) -> None:
    for path, methods in openapi["paths"].items():
        for method, declared in methods.items():
            for status, response in declared["responses"].items():
                if int(status) >= 400:
                    assert response["content"] == {
                        "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
                    }, f"{method} {path} {status}"
