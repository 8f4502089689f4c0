"""The arguments that all writing tools share: written once, and read by their caller."""

from __future__ import annotations

import json
from typing import Annotated, Any

import pytest
from mcp_types import CallToolResult
from pydantic import Field

from mcp_server import tool_results
from mcp_server.caller import Me
from mcp_server.toolbox import EXPOSED, Toolbox
from tests.faces import Json, McpFace
from tests.mcp.tokens import tokens
from todo_core.boundary.caller import Caller
from todo_core.boundary.operation import OPERATIONS, Operation, Tx
from todo_core.boundary.results import Changed
from todo_core.errors import ConfirmationRequired, InvalidInput
from todo_core.models.fields import Input

WRITES = {"idempotency_key", "dry_run"}
NEEDS_A_WORD = {"delete_todos", "delete_lists", "undo"}


def shared(tool: str) -> set[str]:
    """What a tool has to take for the operations that it serves."""
    served = [OPERATIONS[name] for name, by in EXPOSED.items() if by == tool]
    writes = WRITES if any(operation.effect == "changes" for operation in served) else set()
    confirms = any(ConfirmationRequired in operation.raises for operation in served)
    return writes | ({"confirm"} if confirms else set())


@pytest.mark.requirement("MC8", "SA1")
async def test_each_tool_takes_what_follows_from_its_operations(me: McpFace) -> None:
    listed = {tool.name: tool.input_schema["properties"] for tool in (await me.client.list_tools()).tools}

    for tool in {*EXPOSED.values()}:
        assert listed[tool].keys() & (WRITES | {"confirm"}) == shared(tool), tool
    assert {tool for tool, properties in listed.items() if "confirm" in properties} == NEEDS_A_WORD


@pytest.mark.requirement("MC4")
async def test_they_are_as_strict_as_any_other(me: McpFace) -> None:
    for tool, arguments, field in (
        ("delete_todos", {"ids": [1], "dry_run": "yes"}, "dry_run"),
        ("delete_todos", {"ids": [1], "confirm": 1}, "confirm"),
        ("update_profile", {"locale": "fr", "dry_run": 0}, "dry_run"),
        ("update_profile", {"locale": "fr", "confirm": True}, "confirm"),
        ("undo", {"change_id": 1, "confirm": 1}, "confirm"),
        ("list_todos", {"dry_run": True}, "dry_run"),
    ):
        result = await me.client.call_tool(tool, arguments)
        assert result.is_error
        text: Any = result.content[0]
        assert f'"field":"{field}"' in text.text


@pytest.mark.requirement("MC1")
async def test_each_costs_a_model_at_most_50_tokens(me: McpFace) -> None:
    for tool in (await me.client.list_tools()).tools:
        for name in (WRITES | {"confirm"}) & tool.input_schema["properties"].keys():
            added = json.dumps({name: tool.input_schema["properties"][name]}, separators=(",", ":"))
            assert tokens(added) <= 50, name


# --- what a handler and an operation see -----------------------------------------------------------


class Wanted(Input):
    """A shape whose fields are a tool's arguments."""

    title: str
    note: Annotated[str | None, Field(description="Any.")] = None


async def make(tx: Tx, wanted: Wanted) -> Changed[Any]:
    """Make something."""
    raise NotImplementedError


MAKE: Operation[..., Any] = Operation(make, "things.make", "changes", "todos:write", (), False, True, True, False)
LOOK: Operation[..., Any] = Operation(make, "things.look", "reads", "todos:read", (), False, True, True, False)
REMOVE: Operation[..., Any] = Operation(
    make, "things.remove", "changes", "todos:write", (ConfirmationRequired,), True, True, True, False
)


async def handle(
    operation: Operation[..., Any], ann: Caller, arguments: Json, *, as_one: bool = True
) -> tuple[Caller, Any]:
    """The caller and the arguments that a handler of a tool for an operation gets."""
    seen: list[Any] = []

    async def one(me: Me, wanted: Wanted) -> CallToolResult:
        seen.extend((me, wanted))
        return tool_results.payload({})

    async def many(me: Me, title: str, note: str | None = None) -> CallToolResult:
        seen.extend((me, (title, note)))
        return tool_results.payload({})

    toolbox = Toolbox()
    toolbox.expose(operation, title="Thing", answer=tool_results.OBJECT_SCHEMA)(one if as_one else many)
    EXPOSED.pop(operation.name)
    (tool,) = toolbox.tools
    await tool.call(ann, arguments)
    me, own = seen
    return me, own


@pytest.mark.parametrize("as_one", [True, False], ids=["as one shape", "one by one"])
async def test_the_caller_carries_them_and_the_handler_gets_its_own(ann: Caller, as_one: bool) -> None:
    own = {"title": "a", "note": None}

    me, got = await handle(REMOVE, ann, own | {"idempotency_key": "k", "dry_run": True, "confirm": True}, as_one=as_one)
    assert (me.idempotency_key, me.dry_run, me.confirmed) == ("k", True, True)
    assert got == (Wanted(title="a") if as_one else ("a", None))

    me, _ = await handle(REMOVE, ann, own | {"dry_run": None, "confirm": None}, as_one=as_one)
    assert (me.idempotency_key, me.dry_run, me.confirmed) == (None, False, False)

    me, _ = await handle(MAKE, ann, own | {"idempotency_key": "k"}, as_one=as_one)
    assert (me.idempotency_key, me.dry_run, me.confirmed) == ("k", False, True)

    me, _ = await handle(LOOK, ann, own, as_one=as_one)
    assert me == ann


async def test_a_shape_that_goes_on_to_an_operation_is_exactly_that(ann: Caller) -> None:
    """Or the same request under another key, or confirmed, were another request to the idempotency check."""
    for operation, shared in ((MAKE, {"idempotency_key": "k"}), (LOOK, {})):
        _, wanted = await handle(operation, ann, {"title": "a"} | shared)

        assert type(wanted) is Wanted
        assert wanted.model_dump() == {"title": "a", "note": None}
        assert wanted.model_fields_set == {"title"}


@pytest.mark.parametrize("as_one", [True, False], ids=["as one shape", "one by one"])
@pytest.mark.requirement("MC4")
async def test_an_unknown_argument_is_refused_with_all_that_are_known(ann: Caller, as_one: bool) -> None:
    for operation, known in (
        (LOOK, ["title", "note"]),
        (MAKE, ["title", "note", "idempotency_key", "dry_run"]),
        (REMOVE, ["title", "note", "idempotency_key", "dry_run", "confirm", "count"]),
    ):
        with pytest.raises(InvalidInput) as found:
            await handle(operation, ann, {"title": "a", "x": 1}, as_one=as_one)
        (problem,) = found.value.errors
        assert (problem.field, sorted(problem.allowed)) == ("x", sorted(known))
