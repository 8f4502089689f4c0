"""Somebody in Berlin whose clock a test sets: what they write, and what is open then."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from tests.core.support import told
from todo_core.boundary.caller import Caller
from todo_core.boundary.operation import Operation
from todo_core.boundary.results import Changed
from todo_core.models.todos import TodoCreate, TodoFilter
from todo_core.operations import changes, todos

SATURDAY: Final = datetime(2026, 11, 28, 13, 15, 4, tzinfo=UTC)
"""14:15:04 in Berlin."""
Json = dict[str, Any]


@dataclass
class Home:
    """Somebody in Berlin, and the moment that they live in."""

    me: Caller
    clock: list[datetime]

    async def add(self, title: str, **fields: Any) -> int:
        (row,) = told(await self.me.perform(todos.add, [TodoCreate(title=title, **fields)]))
        assert "error" not in row, row
        return int(row["id"])

    async def write(self, operation: Operation[..., Any], *ids: int) -> Json:
        """The answer for the last of the todos, with the change in `change_id`."""
        changed: Changed[Any] = await self.me.perform(operation, ids)
        row = told(changed)[-1]
        assert "error" not in row, row
        return {**row, "change_id": changed.change_id}

    async def complete(self, *ids: int) -> Json:
        return await self.write(todos.complete, *ids)

    async def next(self, *ids: int) -> int:
        """The next occurrence of the last of the todos, which are completed."""
        following = (await self.complete(*ids))["next"]
        assert following is not None
        return int(following["id"])

    async def update(self, todo_id: int, **fields: Any) -> None:
        (row,) = told(await self.me.perform(todos.update, [{"id": todo_id, **fields}]))
        assert "error" not in row, row

    async def undo(self, change_id: int) -> int:
        undone: Changed[Any] = await self.me.perform(changes.undo, change_id)
        assert undone.change_id is not None
        return undone.change_id

    async def rows(self, **wanted: Any) -> list[Json]:
        page = await self.me.perform(todos.list_, TodoFilter(**({"status": "open", "limit": 200} | wanted)))
        return sorted(orjson.loads(page.json), key=lambda row: (row["due"] or {}).get("date", ""))

    async def open_below(self, parent_id: int) -> list[str]:
        """`K 11-30 Mon` for each open todo right below a todo."""
        rows = await self.rows(parent_id=parent_id)
        (parent,) = await self.rows(ids=[parent_id], status="all")
        assert parent["open_subtasks"] == len(rows)
        return [f"{row['title']} {row['due']['date'][5:]} {row['due']['weekday'][:3]}" for row in rows]

    async def everything(self) -> list[Json]:
        """All rows as they are, without what every write counts up."""
        rows = await self.rows(status="all") + await self.rows(status="trashed")
        return sorted(({**row, "version": 0, "updated_at": ""} for row in rows), key=lambda row: row["id"])
