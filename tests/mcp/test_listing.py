"""What a model reads before its first call: names, hints, schemas, and how much of it there is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from jsonschema import Draft202012Validator

from mcp_server.toolbox import EXPOSED
from tests.faces import FaceName, Json, McpFace, RefusedError, rpc
from tests.mcp.tokens import tokens
from todo_core import __version__
from todo_core.boundary.operation import OPERATIONS

pytestmark = pytest.mark.requirement("MC1", "MC3")

HINTS = {"readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"}
NAMES = {
    "add_todos",
    "list_todos",
    "update_todos",
    "complete_todos",
    "delete_todos",
    "add_lists",
    "update_lists",
    "delete_lists",
    "update_tag",
    "search",
    "fetch",
    "undo",
    "list_changes",
    "get_overview",
    "get_report",
    "update_profile",
}


@pytest.fixture
async def listed(http: httpx2.AsyncClient, generation: FaceName) -> list[Json]:
    """The tools, as they are on the wire."""
    found: list[Json] = (await rpc(http, generation, "tools/list")).json()["result"]["tools"]
    return found


def schemas(schema: Any, where: str = "") -> Iterator[tuple[str, Json]]:
    """A schema and every schema in it, with where it is."""
    yield where, schema
    for name, inner in schema.get("properties", {}).items():
        yield from schemas(inner, f"{where}.{name}")
    if isinstance(schema.get("items"), dict):
        yield from schemas(schema["items"], f"{where}[]")


async def test_there_are_sixteen_tools_each_with_title_description_and_four_hints(listed: list[Json]) -> None:
    assert {tool["name"] for tool in listed} == NAMES
    assert len(listed) == 16  # as many as MC1 allows
    for tool in listed:
        assert tool["title"]
        assert len(tool["description"]) > 20
        assert "\n" not in tool["description"]
        assert tool["annotations"].keys() - {"title"} == HINTS
        assert all(isinstance(tool["annotations"][hint], bool) for hint in HINTS)


async def test_the_hints_follow_from_the_operation(listed: list[Json]) -> None:
    for tool in listed:
        served = [OPERATIONS[name] for name, served_by in EXPOSED.items() if served_by == tool["name"]]
        hints = tool["annotations"]
        assert {hints["readOnlyHint"]} == {operation.effect == "reads" for operation in served}
        assert hints["destructiveHint"] == any(operation.destructive for operation in served)
        assert hints["idempotentHint"] == all(operation.idempotent for operation in served)
        assert hints["openWorldHint"] is False

    assert {tool["name"] for tool in listed if tool["annotations"]["readOnlyHint"]} == {
        "list_todos",
        "search",
        "fetch",
        "list_changes",
        "get_overview",
        "get_report",
    }
    assert {tool["name"] for tool in listed if tool["annotations"]["destructiveHint"]} == {
        "delete_todos",
        "delete_lists",
        "update_tag",
        "undo",
    }
    assert {tool["name"] for tool in listed if not tool["annotations"]["idempotentHint"]} == {
        "add_todos",
        "add_lists",
        "complete_todos",  # it may skip, to a later date each time
    }


@pytest.mark.requirement("MC9")
async def test_every_input_schema_is_flat_and_says_nothing_that_a_client_library_fails_on(listed: list[Json]) -> None:
    for tool in listed:
        schema = tool["inputSchema"]
        assert not {*re.findall(r"[0-9]{16,}", json.dumps(schema))}  # JavaScript rounds them
        Draft202012Validator.check_schema(schema)
        assert schema["type"] == "object"
        assert not schema.keys() & {"anyOf", "oneOf", "allOf", "$defs", "$ref", "title", "description"}
        for where, inner in schemas(schema):
            assert "additionalProperties" not in inner, f"{tool['name']}{where}"
            assert isinstance(inner["type"], str), f"{tool['name']}{where}"


async def test_every_field_says_what_it_is(listed: list[Json]) -> None:
    for tool in listed:
        for where, inner in schemas(tool["inputSchema"]):
            for name, field in inner.get("properties", {}).items():
                assert field.get("description"), f"{tool['name']}{where}.{name} is not described"


async def test_no_schema_has_noise(listed: list[Json]) -> None:
    for tool in listed:
        text = json.dumps([tool["inputSchema"], tool["outputSchema"]])
        for noise in ('"title": "', '"default": null', '{"type": "null"}', "$ref", "$defs", "pydantic"):
            assert noise not in text, f"{tool['name']} has {noise}"


async def test_bounds_and_choices_are_in_the_schema(listed: list[Json]) -> None:
    tools = {tool["name"]: tool["inputSchema"] for tool in listed}

    todo = tools["add_todos"]["properties"]["todos"]
    assert (todo["minItems"], todo["maxItems"]) == (1, 50)
    assert todo["items"]["required"] == ["title"]
    assert todo["items"]["properties"]["title"]["maxLength"] == 200
    assert todo["items"]["properties"]["priority"]["enum"] == ["low", "medium", "high", "urgent"]
    assert tools["update_lists"]["properties"]["lists"]["items"]["required"] == ["id"]
    assert tools["list_todos"]["properties"]["limit"]["maximum"] == 200
    assert tools["list_todos"]["properties"]["status"]["enum"] == ["open", "done", "all", "trashed"]
    assert tools["complete_todos"]["properties"]["ids"]["items"]["minimum"] == 1
    assert (
        tools["undo"]["properties"]["change_ids"]["minItems"],
        tools["undo"]["properties"]["change_ids"]["maxItems"],
    ) == (1, 20)
    profile = tools["update_profile"]["properties"]
    assert "1–100 characters" in profile["display_name"]["description"]  # in words: `maxLength` 100 goes without saying
    assert profile["week_start"]["enum"] == ["monday", "sunday", "saturday"]
    assert "required" not in tools["update_profile"]


async def test_what_is_not_advertised_is_enforced(me: McpFace, listed: list[Json]) -> None:
    tools = {tool["name"]: tool["inputSchema"] for tool in listed}
    text = json.dumps([*tools.values()])
    assert '"minLength": 1,' not in text
    assert '"default": false' not in text
    assert '"pattern": "' not in text
    assert "description" not in tools["add_todos"]["properties"]["todos"]["items"]["properties"]["tags"]["items"]

    with pytest.raises(RefusedError, match="display_name"):
        await me.call("update_profile", display_name="")
    with pytest.raises(RefusedError, match="title"):
        await me.call("add_todos", todos=[{"title": ""}])
    with pytest.raises(RefusedError, match="query"):
        await me.call("search", query="")
    with pytest.raises(RefusedError, match="locale"):
        await me.call("update_profile", locale="German")
    assert "dry_run" not in await me.call("add_todos", todos=[{"title": "a"}])


async def test_every_output_schema_is_one_and_small(listed: list[Json]) -> None:
    for tool in listed:
        Draft202012Validator.check_schema(tool["outputSchema"])
        assert tool["outputSchema"]["type"] == "object"
        assert tokens(json.dumps(tool["outputSchema"])) <= 105


async def test_tools_list_is_at_most_7000_tokens(http: httpx2.AsyncClient, generation: FaceName) -> None:
    response = await rpc(http, generation, "tools/list")

    assert tokens(response.text) <= 7_300  # by o200k 6,500: this estimate is an eighth above it for schemas


@pytest.fixture
async def introduction(http: httpx2.AsyncClient, generation: FaceName) -> Json:
    """What the server says of itself."""
    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    asked = ("initialize", hello) if generation == "mcp-2025" else ("server/discover", {})
    told: Json = (await rpc(http, generation, *asked)).json()["result"]
    return told


async def test_the_instructions_are_at_most_400_tokens(introduction: Json) -> None:
    assert "list_todos" in introduction["instructions"]
    assert tokens(introduction["instructions"]) <= 400


@pytest.mark.requirement("MC2")
async def test_the_server_names_itself_and_its_protocol(introduction: Json, generation: FaceName) -> None:
    info = introduction.get("serverInfo") or introduction["_meta"]["io.modelcontextprotocol/serverInfo"]
    assert (info["name"], info["title"]) == ("todo-mcp", "Todos")
    assert info["version"] == __version__
    if generation == "mcp-2025":
        assert introduction["protocolVersion"] == "2025-11-25"
    else:
        assert "2026-07-28" in introduction["supportedVersions"]


async def test_a_concise_row_is_at_most_40_tokens(me: McpFace) -> None:
    title = "Ask the landlord about the leak under the sink"
    added = await me.add(*({"title": title, "priority": "urgent", "description": "long story"} for _ in range(10)))
    await me.complete(*added.accepted)

    told = await me.call("list_todos", status="done")

    for row in told["todos"]:
        assert row.keys() == {"id", "title", "priority", "has_description", "completed_at"}
        assert tokens(json.dumps(row, separators=(",", ":"))) <= 40


async def test_a_row_tells_nothing_that_goes_without_saying(me: McpFace) -> None:
    (todo,) = (await me.add({"title": "a"})).accepted
    (inbox,) = (await me.overview())["lists"]

    told = await me.call("list_todos")

    assert told == {"todos": [{"id": todo, "title": "a"}], "list_id": inbox["id"], "showing": "1 of 1"}


async def test_a_writes_answer_for_one_item_is_at_most_50_tokens_with_a_short_title(me: McpFace) -> None:
    added = await me.call("add_todos", todos=[{"title": "x", "description": "y" * 1000}], idempotency_key="k")
    todo = added["results"][0]["id"]
    answers = [
        added,
        await me.call("add_todos", todos=[{"title": "x", "description": "y" * 1000}], idempotency_key="k"),
        await me.call("update_todos", todos=[{"id": todo, "title": "b"}]),
        await me.call("complete_todos", ids=[todo]),
        await me.call("complete_todos", ids=[todo]),
        await me.call("delete_todos", ids=[todo]),
        await me.call("delete_todos", ids=[todo], deleted=False),
    ]
    answers.append(await me.call("undo", change_id=answers[-1]["change_id"]))

    for answer in answers:
        assert tokens(json.dumps(answer, separators=(",", ":"))) <= 50
