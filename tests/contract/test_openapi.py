"""The committed OpenAPI document is what the running application serves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from jsonschema import Draft202012Validator

from tests.contract import markdown
from tests.contract.project import SPECS, Compare
from tests.contract.test_rest_endpoints import COMMON
from tests.faces import BASE, http_client
from todo_app.application import Application

pytestmark = pytest.mark.requirement("RS4")

_OF_TYPE = {
    "string": {"minLength", "maxLength", "pattern", "format"},
    "integer": {"minimum", "maximum", "format"},
    "array": {"minItems", "maxItems", "items"},
    "object": {"properties", "required", "additionalProperties"},
}
_ANY = {"examples", "description", "type", "enum", "const", "default", "anyOf", "oneOf", "discriminator", "$ref"}


def test_the_committed_document_is_the_one_that_the_routes_make(openapi: dict[str, Any], compare: Compare) -> None:
    compare(SPECS / "api" / "openapi.json", openapi, sort=False)  # pages and generators show it in this order


async def test_the_committed_document_is_served(app: Application) -> None:
    async with http_client(app, None) as http:
        served = (await http.get("/api/v1/openapi.json")).text

    assert json.dumps(json.loads(served)) == json.dumps(json.loads((SPECS / "api" / "openapi.json").read_bytes()))


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
                    (content,) = response["content"].items()
                    assert content[0] == "application/problem+json", f"{method} {path} {status}"
                    assert content[1]["schema"] == {"$ref": "#/components/schemas/Problem"}
                    examples = [openapi["components"]["examples"][code]["value"] for code in content[1]["examples"]]
                    assert {example["status"] for example in examples} == {int(status)}


def answers(openapi: dict[str, Any]) -> set[str]:
    """The names of the schemas that answers have, and those inside them."""
    reached: set[str] = set()
    bodies = (
        content
        for methods in openapi["paths"].values()
        for declared in methods.values()
        for response in declared["responses"].values()
        for content in response.get("content", {}).values()
    )
    waiting = set(_references([*bodies]))
    while waiting:
        reached |= waiting
        inside = {name for one in waiting for name in _references(openapi["components"]["schemas"][one])}
        waiting = inside - reached
    return reached


def _references(value: Any) -> Iterator[str]:
    """The names of the schemas that a part of the document refers to."""
    if isinstance(value, dict):
        if "$ref" in value and "/schemas/" in value["$ref"]:
            yield value["$ref"].rpartition("/")[2]
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _references(one)


def alternatives(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """What a value may be, besides null."""
    return [one for one in (*schema.get("anyOf", ()), *schema.get("oneOf", ())) if one != {"type": "null"}]


@pytest.mark.requirement("RS6")
def test_nothing_in_an_answer_has_to_be_guessed(openapi: dict[str, Any]) -> None:
    """Kotlin and Swift make one class of alternatives that nothing tells apart, and require all of their fields."""
    named = answers(openapi)
    guessed = []
    for where, schema in schemas(openapi):
        several = alternatives(schema)
        if where.split(".")[0].split("[")[0] not in named or len(several) < 2:
            continue
        tells = schema.get("discriminator", {})
        shapes = {name: openapi["components"]["schemas"][name] for name in _references(several)}
        words = {
            shape["properties"].get(tells.get("propertyName"), {}).get("const"): name for name, shape in shapes.items()
        }
        is_told = {word: ref.rpartition("/")[2] for word, ref in tells.get("mapping", {}).items()} == words
        is_required = all(tells.get("propertyName") in shape["required"] for shape in shapes.values())
        if "oneOf" not in schema or not is_told or not is_required:
            guessed.append(where)

    assert guessed == []


@pytest.mark.requirement("RS6")
def test_what_may_be_several_things_inside_a_shape_has_a_name(openapi: dict[str, Any]) -> None:
    """A generator makes up a name for what has none: that of the first shape that it meets with the same alternatives.

    A body has the name of its operation.
    """
    unnamed = [
        where
        for where, schema in schemas(openapi)
        if where not in openapi["components"]["schemas"]
        and not where.endswith(" body")
        and len(alternatives(schema)) > 1
    ]

    assert unnamed == []


@pytest.mark.requirement("RS6")
def test_answers_may_get_new_fields_and_requests_none(openapi: dict[str, Any]) -> None:
    named = answers(openapi)
    objects = {name: one for name, one in openapi["components"]["schemas"].items() if "properties" in one}

    closed = {name for name, one in objects.items() if one.get("additionalProperties") is False}
    assert closed == objects.keys() - named


@pytest.mark.requirement("RS6")
def test_no_parameter_can_be_null(openapi: dict[str, Any]) -> None:
    nullable = [
        f"{method} {path} {given['name']}"
        for path, methods in openapi["paths"].items()
        for method, declared in methods.items()
        for given in declared.get("parameters", ())
        if "anyOf" in given["schema"] or given["schema"].get("type") in (None, "null")
    ]

    assert nullable == []


@pytest.mark.requirement("RS6")
def test_every_whole_number_says_how_wide_it_is(openapi: dict[str, Any]) -> None:
    for where, schema in schemas(openapi):
        if schema.get("type") == "integer":
            widest = schema.get("maximum", 2**63 - 1)
            assert schema["format"] == ("int32" if widest < 2**31 else "int64"), where


@pytest.mark.requirement("RS6")
def test_every_shape_has_an_example_that_it_takes(openapi: dict[str, Any]) -> None:
    for name, schema in openapi["components"]["schemas"].items():
        (example,) = schema["examples"]
        Draft202012Validator({**schema, "components": openapi["components"]}).validate(example)
        assert "properties" not in schema or not example.keys() - schema["properties"].keys(), name


@pytest.mark.requirement("RS6")
def test_every_parameter_has_an_example_that_it_takes(openapi: dict[str, Any]) -> None:
    for methods in openapi["paths"].values():
        for declared in methods.values():
            for given in declared.get("parameters", ()):
                Draft202012Validator(given["schema"]).validate(given["example"])


@pytest.mark.requirement("RS6")
def test_names_of_schemas_are_words(openapi: dict[str, Any]) -> None:
    assert [name for name in openapi["components"]["schemas"] if not name.isalpha() or not name[0].isupper()] == []


@pytest.mark.requirement("RS6")
def test_every_tag_has_words_and_every_operation_has_one(openapi: dict[str, Any]) -> None:
    told = {tag["name"]: tag["description"] for tag in openapi["tags"]}
    used = [declared["tags"] for methods in openapi["paths"].values() for declared in methods.values()]

    assert all(told.values())
    assert sorted(told) == sorted({tag for tags in used for tag in tags})
    assert {len(tags) for tags in used} == {1}


@pytest.mark.requirement("RS7")
async def test_the_server_is_the_prefix_that_a_proxy_serves_below(app: Application) -> None:
    for prefix, url in (("", "/"), ("/todo", "/todo")):
        transport = httpx2.ASGITransport(app, root_path=prefix)
        async with httpx2.AsyncClient(transport=transport, base_url=BASE) as http:
            served = (await http.get("/api/v1/openapi.json")).json()
        assert served["servers"] == [{"url": url, "description": "This server."}]


@pytest.mark.requirement("RS6")
def test_the_table_of_headers_has_those_of_the_document(openapi: dict[str, Any]) -> None:
    tables = markdown.tables(COMMON["Headers"])
    described = {markdown.code(row["Header"]) for row in tables[1]}

    assert described - {"Allow"} == openapi["components"]["headers"].keys()
