"""Make the OpenAPI document of the routes: what a program that generates a client reads.

Routes declare what is theirs (`rest_api.declaring`); this adds what is true of all of them, and writes each schema so
that generators of all languages read the same in it (`docs/decisions/0045-openapi-for-generators.md`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import chain
from typing import Any, Final

import orjson
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.routing import BaseRoute

from rest_api.describing import BEARER
from rest_api.examples import EXAMPLES, PARAMETERS
from rest_api.headers import COMPONENTS as HEADERS
from rest_api.refusals import EXAMPLES as PROBLEMS
from rest_api.refusals import Problem
from rest_api.responses import JSON
from rest_api.running import MERGE_PATCH
from todo_core.models.fields import MAX_ID

SCHEMAS: Final = "#/components/schemas/{model}"
_SECURITY: Final = {
    BEARER: {
        "type": "http",
        "scheme": "bearer",
        "description": "A JWT of a trusted issuer, or an API token (`todo_…`). What an operation needs is its scope.",
    }
}
_DESCRIPTION: Final = (
    "Todos over REST; AI agents work the same todos through MCP at `/mcp`. Clients pass over fields that they do not"
    " know: later versions may add some to answers."
)
_TAGS: Final = {
    "todos": "What there is to do: add, list, change, complete, repeat, trash, restore.",
    "notes": "What people and agents noted on a todo, never changed.",
    "lists": "Where todos are kept, in an order.",
    "tags": "Names that todos share across lists.",
    "search": "Todos by their words.",
    "changes": "Who changed what and when, and undo.",
    "proposals": "What agents would do, which waits for the person's approval.",
    "review": "What agents did since the person last looked.",
    "overview": "The date where the user is, and how many todos wait.",
    "analytics": "Streaks, a summary, and the report of a week.",
    "users": "The user's own profile.",
    "export": "Everything, to take along.",
    "import": "Everything, brought along.",
    "tokens": "API tokens for scripts and agents.",
    "agents": "Who acts for the user: seen, named, blocked.",
    "calendars": "Secret addresses at which calendar programs read what is due.",
    "admin": "Accounts, for admins.",
    "health": "Whether the process lives, and can serve.",
}
_INT32: Final = 2**31 - 1


def document(app: FastAPI, routes: Sequence[BaseRoute]) -> dict[str, Any]:
    """Return the OpenAPI document of an application that is served at the root of its host.

    Args:
        app: The application.
        routes: Its routes, as they are described.
    """
    made = get_openapi(
        title=app.title,
        version=app.version,
        summary="The todo backend that people dare to hand to their AI agents.",
        description=_DESCRIPTION,
        routes=routes,
        servers=[{"url": "/", "description": "This server."}],
        tags=[{"name": name, "description": words} for name, words in _TAGS.items()],
        contact={"name": "The todo-mcp maintainers"},
        license_info={"name": "MIT", "identifier": "MIT"},
    )
    problem = Problem.model_json_schema(ref_template=SCHEMAS)
    schemas = made["components"]["schemas"] | problem.pop("$defs") | {"Problem": problem}
    for unused in ("HTTPValidationError", "ValidationError"):  # FastAPI's own, which no route of ours answers
        schemas.pop(unused, None)
    for path in made["paths"].values():
        for operation in path.values():
            _finish(operation, schemas)
        patched = path.get("patch", {}).get("requestBody", {}).get("content", {})
        patched |= {MERGE_PATCH: patched[JSON]} if patched else {}
    shown = {*re.findall(r"#/components/examples/(\w+)", orjson.dumps(made["paths"]).decode())}
    made["components"] = {
        "schemas": {name: _schema(schema) | _example(name) for name, schema in sorted(schemas.items())},
        "headers": HEADERS,
        "examples": {name: _shown(name, schemas) for name in sorted(shown)},
        "securitySchemes": _SECURITY,
    }
    return made


def _shown(name: str, schemas: dict[str, Any]) -> dict[str, Any]:
    """Return the example of a shape, or of the problem with a code."""
    if name in PROBLEMS:
        return {"description": PROBLEMS[name]["detail"], "value": PROBLEMS[name]}
    return {"description": schemas[name]["description"], "value": EXAMPLES[name]}


def _example(name: str) -> dict[str, Any]:
    return {"examples": [EXAMPLES[name]]} if name in EXAMPLES else {}


def _finish(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Write the schemas of an operation, and give its bodies and parameters examples.

    Args:
        operation: The operation.
        schemas: The shapes by their names.
    """
    for parameter in operation.get("parameters", ()):
        parameter["schema"] = _schema(_without_null(parameter["schema"]))
        parameter["schema"].pop("description", None)  # the parameter has it
        name = parameter["name"]
        (tag,) = operation["tags"]
        parameter["example"] = PARAMETERS.get(f"{tag}.{name}", PARAMETERS.get(name))
    taken = operation.get("requestBody", {})
    for content in taken.get("content", {}).values():
        name = content["schema"].get("$ref", "").rpartition("/")[2]
        words = content["schema"].pop("description", None) or schemas.get(name, {}).get("description", "")
        taken["description"] = words or "One of several, as `action` says."
    for body in (*operation["responses"].values(), taken):
        for content in body.get("content", {}).values():
            content["schema"] = _schema(content["schema"])
            name = content["schema"].get("$ref", "").rpartition("/")[2]
            if name in EXAMPLES and "examples" not in content:
                content["examples"] = {name: {"$ref": f"#/components/examples/{name}"}}


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a header or of a parameter, which cannot be null: left out is another thing."""
    rest = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    if len(rest) != 1:
        return schema
    return {name: value for name, value in schema.items() if name != "anyOf"} | {
        name: value for name, value in rest[0].items() if name not in schema
    }


def _schema(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema as generators read it, with those inside it.

    Pydantic's titles go, which repeat the names of fields. A whole number says how wide it is. Of bounds, FastAPI makes
    floats; 2^63 - 1 is not one of them. Alternatives within alternatives are one list.
    """
    if "$ref" in schema:
        return {"$ref": schema["$ref"]}  # with its own words; before 3.1 there could be nothing beside it
    written = {name: value for name, value in schema.items() if name != "title"}
    for bound in ("minimum", "maximum"):
        if isinstance(written.get(bound), float) and written[bound].is_integer():
            written[bound] = min(int(written[bound]), MAX_ID)
    if written.get("type") == "integer":
        written["format"] = "int32" if written.get("maximum", MAX_ID) <= _INT32 else "int64"
    if "properties" in written:
        written["properties"] = {name: _schema(one) for name, one in written["properties"].items()}
    for name in ("items", "additionalProperties"):
        if isinstance(written.get(name), dict):
            written[name] = _schema(written[name])
    for name in ("anyOf", "oneOf"):
        if name in written:
            parts = [_schema(one) for one in written.pop(name)]
            inner = [part["oneOf"] if part.keys() == {"oneOf"} else [part] for part in parts]
            told_apart = "oneOf" if any(len(alternatives) > 1 for alternatives in inner) else name
            written[told_apart] = [*chain.from_iterable(inner)]
    return written
