"""`specs/api/rest-endpoints.md` says what the routes do, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Final

import pytest
from starlette.routing import BaseRoute, Route

from http_edge import problems
from rest_api.declaring import EXPOSED
from rest_api.refusals import Problem
from tests.contract import markdown, shapes
from tests.contract.project import SPECS, name_of, proofs_in, suite_files
from tests.faces import ADDRESS
from tests.tables import each
from todo_app.application import build
from todo_core.boundary.operation import OPERATIONS
from todo_core.errors import ConfirmationRequired, Forbidden, TodoError
from todo_core.settings import Settings

pytestmark = pytest.mark.requirement("WR1", "RS2", "RS4")

TEXT: Final = (SPECS / "api" / "rest-endpoints.md").read_text(encoding="utf-8")
ENDPOINTS: Final = {title: body for title, body in markdown.sections(TEXT, 2).items() if "**Method**" in body}
COMMON: Final = markdown.sections(markdown.sections(TEXT, 2)["Common to all"], 3)
SHAPES: Final = markdown.sections(markdown.sections(TEXT, 2)["Shapes"], 3)

EVERY_ENDPOINT: Final = each("section", ENDPOINTS.values(), ids=ENDPOINTS)

Operation = dict[str, Any]


def address(section: str) -> tuple[str, str]:
    """Method and path of a written endpoint."""
    return markdown.value(section, "Method"), markdown.code(markdown.value(section, "Path"))


def declared(openapi: dict[str, Any], section: str) -> Operation:
    """What OpenAPI says of a written endpoint."""
    method, path = address(section)
    found: Operation = openapi["paths"][path][method.lower()]
    return found


def routes(found: list[BaseRoute], prefix: str = "") -> Iterator[str]:
    """Every method and path that the application answers, as the router itself tells it."""
    for route in found:
        if hasattr(route, "original_router"):
            yield from routes(route.original_router.routes, prefix + route.include_context.prefix)
        else:
            assert isinstance(route, Route)
            for method in (route.methods or {"POST"}) - {"HEAD"}:
                yield f"{method} {prefix}{route.path_format}"


def test_every_route_is_written_down_and_no_other(openapi: dict[str, Any]) -> None:
    written = [f"{method} {path}" for method, path in map(address, ENDPOINTS.values())]

    assert sorted(written) == sorted(
        f"{method.upper()} {path}" for path, methods in openapi["paths"].items() for method in methods
    )


def test_what_the_application_answers_besides_is_written_down_too() -> None:
    issuer = {
        "issuer": "https://auth.test",
        "audience": ["https://todo.test/mcp"],
        "jwks_url": "https://auth.test/jwks",
    }
    settings = Settings.load(issuers=[issuer | {"authorization_server": True}], public_url="https://todo.test")
    app = build(settings, "postgresql://nowhere/none", ADDRESS)
    written = {" ".join(address(section)) for section in ENDPOINTS.values()}
    others = {
        f"{method} {markdown.code(row['Path'])}"
        for row in markdown.table(COMMON["Versions"])
        for method in row["Method"].split(", ")
    }

    assert set(routes(app.routes)) == written | others


def test_the_titles_are_those_of_openapi(openapi: dict[str, Any]) -> None:
    assert {title: declared(openapi, body)["summary"] for title, body in ENDPOINTS.items()} == {
        title: title for title in ENDPOINTS
    }


@pytest.mark.requirement("ID4")
@EVERY_ENDPOINT
def test_every_endpoint_names_the_scope_of_its_operation(openapi: dict[str, Any], section: str) -> None:
    method, path = address(section)
    written = markdown.value(section, "Authentication")
    exposed = [
        OPERATIONS[name] for name, found in EXPOSED.items() if f"{method} {path.removeprefix('/api/v1')}" in found
    ]

    if exposed:
        assert written.startswith("Required")
        scopes = {operation.scope for operation in exposed}
        if scopes == {None}:
            assert written.endswith("; any scope")
            assert declared(openapi, section)["security"] == [{"bearer": []}]
        else:
            assert {markdown.code(written)} == scopes
            assert declared(openapi, section)["security"] == [{"bearer": [markdown.code(written)]}]
    else:
        assert written == "None"


@EVERY_ENDPOINT
def test_authentication_is_what_openapi_says(openapi: dict[str, Any], section: str) -> None:
    needed = bool(declared(openapi, section)["security"])

    assert needed == (markdown.value(section, "Authentication") != "None")


@EVERY_ENDPOINT
def test_every_status_is_written_down_and_no_other(openapi: dict[str, Any], section: str) -> None:
    written = re.findall(r"^- \*\*(?:Success|Not Modified) \((\d+)\)", section, re.MULTILINE)
    written += re.findall(r"^  - (\d+): ", markdown.following(section, "Errors"), re.MULTILINE)

    assert sorted(written) == sorted(declared(openapi, section)["responses"])


@pytest.mark.requirement("RS3")
@EVERY_ENDPOINT
def test_every_error_has_the_codes_that_openapi_names(openapi: dict[str, Any], section: str) -> None:
    errors = re.findall(r"^  - (\d+): (.*)$", markdown.following(section, "Errors"), re.MULTILINE)
    known: dict[str, set[str]] = {}
    for row in error_table():
        known.setdefault(row["Status"], set()).add(markdown.code(row["Code"]))

    for status, words in errors:
        named = re.findall(r"`(\w+)`:", declared(openapi, section)["responses"][status]["description"])
        assert sorted(markdown.codes(words)) == sorted(named), status
        assert set(named) <= known[status]


def error_table() -> list[dict[str, str]]:
    return markdown.table(COMMON["Errors"])


def test_the_table_of_errors_is_the_tree_of_refusals() -> None:
    written = {markdown.code(row["Code"]): row for row in error_table()}
    refusals = {kind.code: kind for kind in _family(TodoError)[1:] if kind not in (Forbidden, ConfirmationRequired)}

    for code, kind in refusals.items():
        assert code in written, code
        row = written[code]
        assert (row["Status"], row["Retry"], row["Meaning"]) == (
            str(kind.status),
            "yes" if kind.retryable else "no",
            kind.message,
        )
    others = [
        (code, row["Status"], row["Retry"], row["Meaning"]) for code, row in written.items() if code not in refusals
    ]
    ours = ("internal_error", "500", "no", "Something went wrong on our side.")
    assert sorted(others) == sorted([*of_http(), ours])
    assert len(error_table()) == len(written), "a code is written twice"


def of_http() -> Iterator[tuple[str, str, str, str]]:
    """What HTTP itself refuses, as a row of the table."""
    found = [problems.MALFORMED_REQUEST, problems.CODED_BODY]
    for status in HTTPStatus:
        with suppress(KeyError):
            found.append(problems.of_status(status))
    for told in found:
        yield told["error_code"], str(told["status"]), "yes" if told["retryable"] else "no", told["detail"]


def _family(kind: type[TodoError]) -> list[type[TodoError]]:
    return [kind, *(member for child in kind.__subclasses__() for member in _family(child))]


@EVERY_ENDPOINT
def test_every_header_is_written_down_and_no_other(openapi: dict[str, Any], section: str) -> None:
    operation = declared(openapi, section)
    written = {name.lower() for name in markdown.codes(markdown.following(section, "Headers").split("\n- ")[0])}
    taken = {one["name"].lower() for one in operation.get("parameters", ()) if one["in"] == "header"}
    expected = taken | ({"authorization"} if operation["security"] else set())
    expected |= {"content-type"} if "requestBody" in operation else set()

    assert written == expected
    described = {markdown.code(row["Header"]).lower(): row for row in markdown.table(COMMON["Headers"])}
    for one in operation.get("parameters", ()):
        if one["in"] == "header":
            row = described[one["name"].lower()]
            assert row["Type"] == shapes.flat(one["schema"], {}).removesuffix(" or null")
            assert row["Meaning"] == one["description"]


@each(("place", "name"), [("path", "Path Parameters"), ("query", "Query Parameters")])
@EVERY_ENDPOINT
def test_every_parameter_is_written_down_as_it_is(openapi: dict[str, Any], section: str, place: str, name: str) -> None:
    written = [
        (markdown.code(row["Name"]), row["Type"], row["Description"])
        for row in markdown.table(markdown.following(section, name))
    ]
    taken = [
        (one["name"], parameter_words(one), one["description"])
        for one in declared(openapi, section).get("parameters", ())
        if one["in"] == place
    ]

    assert written == taken


def parameter_words(one: dict[str, Any]) -> str:
    words = shapes.field(one["schema"], {}, required=one["required"], incoming=True)
    return words.replace(" or null", "")


@EVERY_ENDPOINT
def test_every_field_of_the_body_is_written_down_as_it_is(openapi: dict[str, Any], section: str) -> None:
    operation = declared(openapi, section)
    written = markdown.blocks(markdown.following(section, "Body Schema"))

    if "requestBody" not in operation:
        assert written == []
        return
    content = operation["requestBody"]["content"]
    (kind,) = {"application/json", "application/octet-stream"} & content.keys()
    assert written in outlines(openapi, content[kind]["schema"], incoming=True)


@EVERY_ENDPOINT
def test_every_field_of_the_answer_is_written_down_as_it_is(openapi: dict[str, Any], section: str) -> None:
    responses = declared(openapi, section)["responses"]
    for status in [status for status in responses if status.startswith("2")]:
        written = markdown.blocks(markdown.following(section, rf"Success \({status}\)"))

        if "application/json" not in responses[status].get("content", {}):
            assert written == []
            continue
        schema = responses[status]["content"]["application/json"]["schema"]
        assert written in outlines(openapi, schema, incoming=False)


def outlines(openapi: dict[str, Any], schema: dict[str, Any], *, incoming: bool) -> list[list[Any]]:
    """How a body may be written: a shape of its own by its name, or spelled out."""
    spelled_out = SHAPES.keys() - {schema.get("$ref", "").rpartition("/")[2]}
    return [
        [shapes.outline(schema, openapi["components"]["schemas"], named, incoming=incoming)]
        for named in (SHAPES, spelled_out)
    ]


@each("name", SHAPES)
def test_every_shape_is_written_down_as_it_is(openapi: dict[str, Any], name: str) -> None:
    definitions = openapi["components"]["schemas"]
    schema = definitions[name]
    inner = SHAPES.keys() - {name}

    assert markdown.blocks(SHAPES[name]) == [
        shapes.outline(schema, definitions, inner, incoming="(sent)" in SHAPES[name])
    ]


def test_the_shape_of_a_problem_is_the_one_that_errors_have(openapi: dict[str, Any]) -> None:
    problem = openapi["components"]["schemas"]["Problem"]["properties"]
    assert problem.keys() == Problem.model_fields.keys()
    assert problem["error_code"]["enum"] == sorted(markdown.code(row["Code"]) for row in error_table())


@EVERY_ENDPOINT
def test_every_section_of_the_format_is_there(section: str) -> None:
    assert markdown.value(section, "User Ownership")
    assert list(markdown.sections(section, 3)) == ["Request", "Response", "Business Rules", "Test Cases"]
    assert markdown.sections(section, 3)["Business Rules"].strip().startswith("- ")


@pytest.fixture(scope="module")
def existing() -> set[str]:
    """The tests that there are, by file and name."""
    return {f"{name_of(path)}::{name}" for path in suite_files() for name in proofs_in(path)}


@EVERY_ENDPOINT
def test_every_acceptance_criterion_names_a_test_that_exists(section: str, existing: set[str]) -> None:
    criteria = re.findall(r"^- (.*)$", markdown.sections(section, 3)["Test Cases"], re.MULTILINE)

    assert criteria
    for criterion in criteria:
        assert criterion.startswith("[x] "), criterion
        named = [code for code in markdown.codes(criterion) if "::" in code]
        assert named, f"no test is named: {criterion}"
        assert set(named) <= existing, f"no such test: {criterion}"
