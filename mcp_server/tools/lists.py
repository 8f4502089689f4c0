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
    """A change; what is left out stays."""

    __pydantic_config__ = STRICT  # type: ignore[misc]

    id: Required[ListRef]
    if_version: Version


@tools.expose(
    operations.add,
    title="Add lists",
    answer=LISTS_SCHEMA,
    words="""
    Make new lists: "Create a list for books. I want a separate list. Start a green list called Garden."
    """,
)
async def add_lists(
    me: Me,
    lists: Annotated[list[Tried[ListCreate]], Field(min_length=1, max_length=MAX_BATCH, description="New lists.")],
) -> CallToolResult:
    changed = await me.perform(operations.add, lists)
    return written(changed, told.of_list, Items.of("lists", lists), makes=True)


@tools.expose(
    operations.update,
    title="Update lists",
    answer=LISTS_SCHEMA,
    words="""
    Change lists: "Rename list Work to Office. The list Uni should be called School from now on. Another colour, on
    top." Archive, unarchive, hide or bring back a list: "Put the Christmas list away, it's over."
    """,
)
async def update_lists(
    me: Me,
    lists: Annotated[list[Tried[ListEdit]], Field(min_length=1, max_length=MAX_BATCH, description="Changes.")],
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
    words="""
    Delete whole lists: "Nobody needs the list Wedding any longer, it can go. Remove that list, but keep its todos,
    leave them in Home. Get rid of list Party with everything in it."
    """,
)
async def delete_lists(
    me: Me,
    ids: ListRefs,
    todos: Annotated[Afterwards | None, Field(description=AFTERWARDS_WORDS)] = None,
    move_to: Annotated[ListRef | None, Field(description="List that gets its todos.")] = None,
) -> CallToolResult:
    removal = ListRemoval.model_construct(todos=todos, move_to=cast("int | None", move_to))  # or a name
    return written(await me.perform(operations.delete, ids, removal), told.of_list, Items.of("ids", ids))
