"""Somebody who has one of everything, and what an export of them has."""

from __future__ import annotations

from contextlib import closing
from typing import Final

from tests.core.support import told
from todo_core.boundary.caller import Caller
from todo_core.models.exports import ExportFormat, ExportQuery
from todo_core.models.lists import ListCreate, ListRemoval
from todo_core.models.todos import TodoCreate
from todo_core.operations import exports, lists, notes, todos, users
from todo_core.rules.exporting.file import ExportFile

FORMATS: Final[tuple[ExportFormat, ...]] = ("json", "csv", "ics")


async def exported(me: Caller, form: ExportFormat = "json", *, history: bool = False) -> bytes:
    """Return what an export of somebody has."""
    with closing(await me.perform(exports.make, ExportQuery(format=form, history=history))) as file:
        content = whole(file)
        assert len(content) == file.size
        return content


def whole(file: ExportFile) -> bytes:
    return b"".join(iter(file.read, b""))


async def furnish(me: Caller) -> dict[str, int]:
    """Give somebody one of everything; return the ids of the todos by their titles."""
    await me.perform(users.update, {"time_zone": "Europe/Berlin", "display_name": "Änn"})
    (home, gone) = (
        row["id"]
        for row in told(await me.perform(lists.add, [ListCreate(name="Home, sweet; home"), ListCreate(name="Gone")]))
    )
    await me.perform(lists.update, [{"id": home, "color": "blue", "is_archived": True}])
    new = [
        TodoCreate(
            title="day", list_id=home, due="2026-12-24", start="2026-12-01", tags=["a", "b,c"], priority="urgent"
        ),
        TodoCreate(
            title="time", list_id=home, due="2026-12-24 17:30", description="one\ntwo; three, \\four", parent_index=0
        ),
        TodoCreate(title="moment", due="2026-12-24T17:00:00+03:00", start="2026-12-24", key="mail 7"),
        TodoCreate(title="series", due="2026-12-04 09:00", repeat="every friday until 2027-03-01"),
        TodoCreate(
            title="after", due="2026-12-04", repeat="3 days after completion", source="https://example.test/ü?a=1,2"
        ),
        TodoCreate(title="done", priority="low"),
        TodoCreate(title="trashed"),
        TodoCreate(title="in a deleted list", list_id=gone),
    ]
    ids = {row["title"]: row["id"] for row in told(await me.perform(todos.add, new))}
    await me.perform(todos.update, [{"id": ids["series"], "place": "first"}])
    await me.perform(notes.add, ids["day"], "first\nnote")
    await me.perform(notes.add, ids["day"], "second note")
    await me.perform(todos.complete, [ids["done"]])
    await me.perform(todos.delete, [ids["trashed"]])
    await me.perform(lists.delete, [gone], ListRemoval(todos="trash"))
    return ids
