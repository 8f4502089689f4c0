"""Other spellings of an argument are taken where nothing of it is lost (MC9); everything else stays refused."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest

from mcp_server.server import TodoServer
from tests.faces import FaceName, Json, McpFace, call, refused, rpc
from tests.tables import each
from todo_core.boundary.caller import Caller
from todo_core.settings import ConfigurationError

pytestmark = pytest.mark.requirement("MC9")


async def test_numbers_lists_and_objects_come_in_many_spellings(me: McpFace) -> None:
    first, second = (await me.add({"title": "a"}, {"title": "b"})).accepted

    for ids in ([f"{first}"], [float(first)], f"[{first}]", f'["{first}"]', f" [ {first}.0 ] ", [f" {first} "]):
        told = await me.call("list_todos", ids=ids, limit="10", has_due="false")
        assert [row["id"] for row in told["todos"]] == [first], ids
    for todo in (
        {"id": f"{second}", "add_tags": '["x"]'},
        json.dumps({"id": f"{second}", "add_tags": '["x"]', "due": None}),
    ):
        (row,) = (await me.call("update_todos", todos=[todo]))["results"]
        assert row["id"] == second
    await me.call("update_todos", todos=json.dumps([json.dumps({"id": first, "title": "[1]"})]))
    told = await me.call("complete_todos", ids=[f"{first}.0"], completed="true")
    assert [row["id"] for row in told["results"]] == [first]


@each(
    ("tool", "arguments", "field"),
    [
        ("list_todos", {"limit": 10.5}, "limit"),
        ("list_todos", {"limit": "1e400"}, "limit"),
        ("list_todos", {"limit": "0x10"}, "limit"),
        ("list_todos", {"limit": "010"}, "limit"),
        ("list_todos", {"limit": "\u0661\u0660"}, "limit"),
        ("list_todos", {"limit": ""}, "limit"),
        ("list_todos", {"limit": "true"}, "limit"),
        ("list_todos", {"limit": "[10]"}, "limit"),
        ("list_todos", {"limit": "9" * 5000}, "limit"),
        ("list_todos", {"limit": "NaN"}, "limit"),
        ("list_todos", {"limit": '"10"'}, "limit"),
        ("list_todos", {"has_due": "yes"}, "has_due"),
        ("list_todos", {"has_due": "TRUE"}, "has_due"),
        ("list_todos", {"has_due": "nil"}, "has_due"),
        ("list_todos", {"has_due": '"null"'}, "has_due"),
        ("list_todos", {"limit": "True"}, "limit"),
        ("list_todos", {"ids": ["null"]}, "ids[0]"),
        ("complete_todos", {"ids": "None"}, "ids"),
        ("list_todos", {"archived": "yes"}, "archived"),
        ("list_todos", {"archived": 1}, "archived"),
        ("list_todos", {"archived": "1"}, "archived"),
        ("list_todos", {"text": 5}, "text"),
        ("list_todos", {"priority": "high"}, "priority"),
        ("list_todos", {"ids": "7"}, "ids"),
        ("list_todos", {"ids": ["7", "x"]}, "ids[1]"),
        ("list_todos", {"ids": [9007199254740993.0]}, "ids[0]"),
        ("list_todos", {"ids": [None]}, "ids[0]"),
        ("undo", {"change_id": f"{2**53}.0"}, "change_id"),
        ("add_todos", {"todos": '{"title":"x"}'}, "todos"),
        ("add_todos", {"todos": ['{"title":"x","title":"y"}']}, "todos[0]"),
        ("add_todos", {"todos": ['[{"title":"x"}]']}, "todos[0]"),
        ("add_todos", {"todos": [{"title": ["x"]}]}, "todos[0].title"),
        ("complete_todos", {"ids": ["1738x"]}, "ids[0]"),
        ("complete_todos", {"ids": [[1]]}, "ids[0]"),
    ],
)
async def test_what_would_lose_something_or_is_of_another_type_is_refused_by_its_path(
    http: httpx2.AsyncClient, generation: FaceName, tool: str, arguments: Json, field: str
) -> None:
    told = refused(await call(http, generation, tool, arguments))

    assert [problem["field"] for problem in told["errors"]] == [field]


@each(
    ("arguments", "message"),
    [
        ({"due_before": "whenever it suits"}, "The request has values that are not accepted."),
        ({"order": "title"}, "The request has fields that are not known."),
        ({"order": None}, "The request has fields that are not known."),
        ({"order": "title", "limit": 0}, "The request has fields that are not accepted."),
    ],
)
@pytest.mark.requirement("MC4")
async def test_the_headline_fits_what_is_refused(
    http: httpx2.AsyncClient, generation: FaceName, arguments: Json, message: str
) -> None:
    assert refused(await call(http, generation, "list_todos", arguments))["message"] == message


@pytest.mark.requirement("MC4")
async def test_what_is_missing_is_said_to_be(http: httpx2.AsyncClient, generation: FaceName) -> None:
    told = refused(await call(http, generation, "undo", {}))

    assert told["message"] == "The request lacks fields that are required."


async def test_words_of_python_and_the_text_of_null_are_what_they_say_where_no_text_is_wanted(me: McpFace) -> None:
    first, second = (await me.add({"title": "None", "due": "2031-04-03"}, {"title": "b"})).accepted

    for given in (
        {"has_due": "True"},
        {"has_due": " true "},
        {"text": "None"},
        {"ids": f"[{first}]", "has_due": "null"},
    ):
        told = await me.call("list_todos", **given, parent_id="null", priority="None", top_level="False")
        assert [row["id"] for row in told["todos"]] == [first], given
    (row,) = (await me.call("update_todos", todos=[{"id": second, "title": "null", "tags": "None"}]))["results"]
    assert row["title"] == "null"
    (row,) = (await me.call("update_todos", todos=[{"id": first, "tags": ["null"], "parent_id": "None"}]))["results"]
    assert row["tags"] == ["null"]
    (row,) = (await me.call("update_todos", todos=[{"id": first, "tags": "null"}]))["results"]
    assert row["kept"] == ["tags"]


async def test_arguments_are_also_the_text_of_an_object_or_an_empty_list(
    http: httpx2.AsyncClient, generation: FaceName
) -> None:
    for given in ('{"limit": "1"}', " {} ", [], None):
        response = await rpc(http, generation, "tools/call", {"name": "list_todos", "arguments": given})
        assert response.json()["result"].get("isError", False) is False, given
    told = refused(await rpc(http, generation, "tools/call", {"name": "list_todos", "arguments": '{"limit":0}'}))
    assert [problem["field"] for problem in told["errors"]] == ["limit"]
    for given in ("", "[]", "null", "[" * 50_000, '{"limit":1,"limit":2}', '"{}"', [1], ["a"], 1, True, "limit=1"):
        response = await rpc(http, generation, "tools/call", {"name": "list_todos", "arguments": given})
        error = response.json()["error"]
        assert (error["code"], "`arguments`" in error["message"]) == (-32602, True), given


async def test_the_deepest_nesting_is_refused_and_no_crash(http: httpx2.AsyncClient) -> None:
    text: Any = "1"
    for _ in range(8):
        text = json.dumps([text])
    for ids in (text, "[" * 100_000, '{"a":' * 20_000):
        assert refused(await call(http, "mcp-2026", "complete_todos", {"ids": ids}))["code"] == "invalid_input"


async def test_tools_that_are_left_out_are_neither_listed_nor_called(ann: Caller) -> None:
    from mcp import Client

    async with Client(TodoServer("1", ann, without=("search", "fetch")), mode="2026-07-28") as client:
        names = {tool.name for tool in (await client.list_tools()).tools}
        told = await client.call_tool("search", {"query": "x"})

    assert "list_todos" in names
    assert not names & {"search", "fetch"}
    assert told.is_error
    with pytest.raises(ConfigurationError, match="TODO_MCP_WITHOUT"):
        TodoServer("1", without=("serach",))
