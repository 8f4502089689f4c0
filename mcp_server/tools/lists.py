"""Add, update and delete lists. Reading them is `get_overview`."""

from __future__ import annotations

from typing import Annotated

from mcp_types import CallToolResult
from pydantic import Field

from mcp_server import tool_results
from mcp_server.caller import Me
from mcp_server.tool_results import WRITE_SCHEMA
from mcp_server.toolbox import Toolbox
from todo_core.models.fields import MAX_BATCH
from todo_core.models.lists import AFTERWARDS_WORDS, Afterwards, ListCreate, ListId, ListIds, ListRemoval, ListUpdate
from todo_core.operations import lists as operations
from todo_core.validation import Tried

tools = Toolbox()


@tools.expose(operations.add, title="Add lists", answer=WRITE_SCHEMA)
async def add_lists(
    me: Me,
    lists: Annotated[list[Tried[ListCreate]], Field(min_length=1, max_length=MAX_BATCH, description="1–50 new lists.")],
) -> CallToolResult:
    return tool_results.written(await me.perform(operations.add, lists))


@tools.expose(operations.update, title="Update lists", answer=WRITE_SCHEMA)
async def update_lists(
    me: Me,
    lists: Annotated[list[Tried[ListUpdate]], Field(min_length=1, max_length=MAX_BATCH, description="1–50 changes.")],
) -> CallToolResult:
    changed = await me.perform(operations.update, lists)
    return tool_results.written(changed, lambda row: {"version": row["version"]})


@tools.expose(operations.delete, title="Delete lists", answer=WRITE_SCHEMA)
async def delete_lists(
    me: Me,
    ids: ListIds,
    todos: Annotated[Afterwards | None, Field(description=AFTERWARDS_WORDS)] = None,
    move_to: Annotated[ListId | None, Field(description="The list that gets the todos.")] = None,
) -> CallToolResult:
    return tool_results.written(await me.perform(operations.delete, ids, ListRemoval(todos=todos, move_to=move_to)))
