"""Rename, merge and delete tags. They are made with todos, and read with `get_overview`."""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

from mcp_types import CallToolResult
from pydantic import Field

from mcp_server import tool_results
from mcp_server.caller import Me
from mcp_server.tool_results import WRITE_SCHEMA
from mcp_server.toolbox import Toolbox
from todo_core.errors import FieldError, InvalidInput
from todo_core.models.tags import TagId, TagName
from todo_core.operations import tags as operations

T = TypeVar("T")

tools = Toolbox()


@tools.expose(
    (operations.rename, operations.merge, operations.delete),
    title="Update a tag",
    answer=WRITE_SCHEMA,
    words="Rename a tag, merge it into another, or delete it; everything that has it follows. Undo takes it back.",
)
async def update_tag(
    me: Me,
    id: TagId,  # noqa: A002  # every tool's word for it
    action: Annotated[Literal["rename", "merge", "delete"], Field(description="What to do.")],
    name: Annotated[TagName | None, Field(description="For rename: the new name.")] = None,
    into: Annotated[TagId | None, Field(description="For merge: the tag that stays.")] = None,
) -> CallToolResult:
    if action == "rename":
        changed = await me.perform(operations.rename, id, _required("name", name))
    elif action == "merge":
        changed = await me.perform(operations.merge, id, _required("into", into))
    else:
        changed = await me.perform(operations.delete, id)
    return tool_results.written(changed, lambda row: {"name": row["name"], "open": row["open_todos"]})


def _required(field: str, value: T | None) -> T:
    """Return the value of an argument; refuse a call without it."""
    if value is None:
        raise InvalidInput(errors=[FieldError(field, "is required for this action", code="required")])
    return value
