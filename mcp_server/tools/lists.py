"""Add, update and delete lists. Reading them is `get_overview`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Required, cast

from mcp_types import CallToolResult
from pydantic import Field

from mcp_server import told
from mcp_server.caller import Me
from mcp_server.names import ListRef, ListRefs
from mcp_server.told import Items
from mcp_server.tool_results import LISTS_SCHEMA
from mcp_server.toolbox import Toolbox
from mcp_server.writing import written
from todo_core.boundary.results import Done
from todo_core.models.fields import MAX_BATCH, STRICT, Version
from todo_core.models.lists import AFTERWARDS_WORDS, Afterwards, ListCreate, ListPatch, ListRemoval, ListUpdate
from todo_core.operations import lists as operations
from todo_core.validation import Tried

tools = Toolbox()


class ListEdit(ListPatch, total=False):
    """A change to one list, named or by id; what is left out stays."""

    __pydantic_config__ = STRICT  # type: ignore[misc]

    id: Required[ListRef]
    if_version: Version


@tools.expose(
    operations.add,
    title="Add lists",
    answer=LISTS_SCHEMA,
    words="Make a new list, or several lists: create, start or set up a separate list for a project, a trip, a "
    "holiday, books to read.",
)
async def add_lists(
    me: Me,
    lists: Annotated[list[Tried[ListCreate]], Field(min_length=1, max_length=MAX_BATCH, description="1–50 new lists.")],
) -> CallToolResult:
    changed = await me.perform(operations.add, lists)
    return written(changed, told.of_list, Items.of("lists", lists), makes=True)


@tools.expose(
    operations.update,
    title="Update lists",
    answer=LISTS_SCHEMA,
    words="Rename a list, call or name it something else, change its color, move it first or before others, or "
    "archive it: hide it, put it away until it is needed.",
)
async def update_lists(
    me: Me,
    lists: Annotated[list[Tried[ListEdit]], Field(min_length=1, max_length=MAX_BATCH, description="1–50 changes.")],
) -> CallToolResult:
    changed = await me.perform(operations.update, cast("Sequence[Tried[ListUpdate]]", lists))
    return written(changed, _with_version, Items.of("lists", lists))


def _with_version(item: Done) -> told.Json:
    """Return what became of a list, and its version for the next change."""
    return told.of_list(item) | ({"version": item.as_dict()["version"]} if item.changed else {})


@tools.expose(
    operations.delete,
    title="Delete lists",
    answer=LISTS_SCHEMA,
    words="Delete or remove a list that I don't need any more, get rid of it or throw it away with everything in "
    "it, or keep its todos in another list.",
)
async def delete_lists(
    me: Me,
    ids: ListRefs,
    todos: Annotated[Afterwards | None, Field(description=AFTERWARDS_WORDS)] = None,
    move_to: Annotated[ListRef | None, Field(description="The list that gets the todos.")] = None,
) -> CallToolResult:
    removal = ListRemoval.model_construct(todos=todos, move_to=cast("int | None", move_to))  # or a name
    return written(await me.perform(operations.delete, ids, removal), told.of_list, Items.of("ids", ids))
