"""Rename, merge and delete tags. They are made with todos, and read with `get_overview`."""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

from mcp_types import CallToolResult
from pydantic import Field

from mcp_server import told
from mcp_server.caller import Me
from mcp_server.names import TagRef
from mcp_server.told import Items
from mcp_server.tool_results import ROW_SCHEMA
from mcp_server.toolbox import Toolbox
from mcp_server.writing import written
from todo_core.boundary.results import Done
from todo_core.errors import FieldError, InvalidInput
from todo_core.models.tags import TagName
from todo_core.operations import tags as operations

T = TypeVar("T")

tools = Toolbox()


@tools.expose(
    (operations.rename, operations.merge, operations.delete),
    title="Update a tag",
    answer=ROW_SCHEMA,
    words="""
    Rename, merge or drop a tag or label: "Tag home should be called house. Join tags errand and errands into one.
    Get rid of tag someday everywhere."
    """,
)
async def update_tag(
    me: Me,
    id: TagRef,  # noqa: A002  # every tool's word for it
    action: Annotated[Literal["rename", "merge", "delete"], Field(description="Which of these.")],
    name: Annotated[TagName | None, Field(description="For rename: its next name.")] = None,
    into: Annotated[TagRef | None, Field(description="For merge: tag that stays, by name or id.")] = None,
) -> CallToolResult:
    if action == "rename":
        changed = await me.perform(operations.rename, id, _required("name", name))
    elif action == "merge":
        changed = await me.perform(operations.merge, id, _required("into", into))  # type: ignore[arg-type]  # or a name
    else:
        changed = await me.perform(operations.delete, id)
    return written(changed, _told, Items.of("id", [id]))


def _told(item: Done) -> told.Json:
    """Return the name of a tag, and how many open todos have it."""
    row = item.as_dict()
    return {"id": row["id"], "name": row["name"], "open": row["open_todos"]}


def _required(field: str, value: T | None) -> T:
    """Return the value of an argument; refuse a call without it."""
    if value is None:
        raise InvalidInput(errors=[FieldError(field, "is required for this action", code="required")])
    return value
