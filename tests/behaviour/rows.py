"""What is there, whatever a transport shows of it."""

from __future__ import annotations

from typing import Any

import orjson

from tests.faces import Json, Written
from todo_core.boundary.caller import Caller
from todo_core.models.lists import ListQuery
from todo_core.models.todos import TodoFilter
from todo_core.operations import lists, tags, todos


async def todos_of(owner: Caller, **wanted: Any) -> list[Json]:
    """Todos, by default all but those in the trash, the oldest first."""
    wanted = {"status": "all", "archived": "include", "direction": "asc", "limit": 200} | wanted
    found: list[Json] = orjson.loads((await owner.perform(todos.list_, TodoFilter(**wanted))).json)
    return sorted(found, key=lambda row: row["id"]) if "sort" not in wanted else found


async def todo_of(owner: Caller, todo_id: int) -> Json:
    """A todo, be it in the trash."""
    (row,) = await todos_of(owner, ids=[todo_id]) or await todos_of(owner, ids=[todo_id], status="trashed")
    return row


async def lists_of(owner: Caller) -> list[Json]:
    """All lists, in their order."""
    found: list[Json] = orjson.loads((await owner.perform(lists.list_, ListQuery(archived="include"))).json)
    return found


async def tags_of(owner: Caller) -> dict[str, Json]:
    """All tags, by name."""
    found: list[Json] = orjson.loads((await owner.perform(tags.list_)).json)
    return {row["name"]: row for row in found}


def item_of(written: Written) -> Json:
    """What was told of the only item."""
    (item,) = written.items
    assert item is not None
    return item


def along(written: Written) -> int:
    """How many subtasks went along with the only item."""
    item = item_of(written)
    count: int = item.get("subtasks", item.get("subtasks_changed", 0))
    return count
