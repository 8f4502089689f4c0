"""Add, read, change, complete and trash todos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from todo_core import dates
from todo_core.boundary.batches import condition, once_each, same_for_each
from todo_core.boundary.confirmation import confirm
from todo_core.boundary.operation import Tx, operation
from todo_core.boundary.ownership import missing
from todo_core.boundary.results import Changed, Found, Page
from todo_core.errors import (
    ConfirmationRequired,
    FieldProblem,
    InvalidInput,
    NotFound,
    NotOwner,
    UndoRefused,
    VersionConflict,
)
from todo_core.models.todos import PRIORITIES, TodoCreate, TodoFilter, TodoRead, TodoUpdate, TodoWritten
from todo_core.operations import tags
from todo_core.queries import families
from todo_core.queries import todos as queries
from todo_core.rules import adding
from todo_core.rules.families import ENTITY
from todo_core.rules.revising import revise, write
from todo_core.rules.schedules import Calendar, due_columns, due_of
from todo_core.storage.database import Row
from todo_core.text import json_text, name_key
from todo_core.validation import Tried

_BOUNDS: Final = tuple(
    (f"{what}_{side}", read)
    for what in ("due", "created", "updated", "completed")
    for side, read in (("after", dates.lower_bound), ("before", dates.upper_bound))
)
_REVERTED: Final = ("title", "description", "list_id", "parent_id", "repeat", "completed_at", "deleted_at")
"""What an undo puts back as it is recorded."""
_NAMED: Final = ("list_id", "parent_id", "ids")
"""Filters that name what they want, wherever it is."""


@operation(effect="reads", scope="todos:read", raises=(InvalidInput,))
async def find(tx: Tx, wanted: TodoFilter, offset: int = 0) -> Page[TodoRead]:
    """List todos: filtered, ordered, a page at a time, with the true total.

    The trash shows only with status `trashed`, what is in archived lists only where it is asked for. `next_cursor`
    leads to the next page at the same cost however deep it is; the last page has none.
    """
    sort = wanted.sort or ("created" if wanted.text is None else "match")
    if sort == "match" and wanted.text is None:
        raise InvalidInput(problems=[FieldProblem("sort", "match goes with text; choose another order")])
    descending = (wanted.direction or ("asc" if sort in ("due", "title") else "desc")) == "desc"
    place: dict[str, Any] = {"limit": wanted.limit, "offset": offset, "now": tx.core.clock()}
    if wanted.cursor is not None:
        place["after_key"], place["after_id"] = tx.core.cursors.open(wanted.cursor, _cursor_scope(tx, wanted))

    async def look(calendar: Calendar | None) -> Row:
        given = _conditions(wanted, calendar)
        statement = queries.page(wanted.status, frozenset(given), sort, descending, "after_id" in place)
        values = {"tags" if name.startswith("tags_") else name: value for name, value in given.items()}
        return await tx.one(statement, **values, **place)

    calendar = await Calendar.remembered(tx) if any(getattr(wanted, name) for name, _ in _BOUNDS) else None
    row = await look(calendar)
    if calendar is not None and row["time_zone"] != calendar.zone.key:  # changed, by way of another process
        row = await look(await Calendar.of(tx))
    cursor = tx.core.cursors.make([row["key"], row["id"]], _cursor_scope(tx, wanted)) if row["more"] else None
    return Page(row["rows"], row["total"], wanted.limit, cursor)


def _cursor_scope(tx: Tx, wanted: TodoFilter) -> str:
    """What a cursor belongs to: the user, the filter and the order."""
    asked = wanted.model_dump(exclude={"cursor", "limit", "offset", "detail"}, exclude_defaults=True)
    return json_text([tx.caller.principal.user_id, asked])


def _conditions(wanted: TodoFilter, calendar: Calendar | None) -> dict[str, Any]:
    """The conditions that a filter names, each with its value; a calendar reads its dates."""
    given: dict[str, Any] = {name: value for name in _NAMED if (value := getattr(wanted, name)) is not None}
    if not (given or wanted.archived or wanted.status == "trashed"):
        given["unarchived"] = True
    if wanted.priority is not None:
        given["priority"] = [PRIORITIES.index(word) + 1 for word in wanted.priority]
    if wanted.tags is not None:
        given[f"tags_{wanted.tags_match}"] = sorted({name_key(name) for name in wanted.tags})
    if wanted.text is not None:
        given["text"] = wanted.text
    given |= {name: True for name in ("top_level", "overdue") if getattr(wanted, name)}
    if calendar is not None:
        bounds = [(name, text, read) for name, read in _BOUNDS if (text := getattr(wanted, name)) is not None]
        given |= {name: calendar.bound(name, text, read) for name, text, read in bounds}
    return given


@operation(effect="reads", scope="todos:read", raises=(NotFound, NotOwner))
async def get(tx: Tx, todo_id: int) -> Found[TodoRead]:
    """Read one todo, with all its fields. A todo in the trash is not found: list the trash or restore it."""
    row = await tx.row(queries.ONE, id=todo_id)
    if row is None:
        raise (await missing(tx, ENTITY, [todo_id]))[todo_id]
    return Found(row["row"])


@operation(effect="changes", scope="todos:write", raises=(InvalidInput, NotFound, NotOwner), idempotent=False)
async def add(tx: Tx, todos: Sequence[Tried[TodoCreate]]) -> Changed[TodoWritten]:
    """Add todos, in order. The server sets id, times and version.

    A `due` is resolved where the user is, and the answer says to what. A subtask names its parent by id, or by its
    place in this request.
    """
    return await adding.add(tx, todos)


@operation(effect="changes", scope="todos:write", raises=(InvalidInput, NotFound, NotOwner, VersionConflict))
async def update(tx: Tx, todos: Sequence[Tried[TodoUpdate]]) -> Changed[TodoWritten]:
    """Change fields of todos; a field left out stays as it is. Subtasks go along to another list.

    With the version you saw, a todo that somebody changed since is left alone and shown.
    """
    return await revise(tx, once_each(todos))


@operation(
    effect="changes",
    scope="todos:write",
    raises=(InvalidInput, NotFound, NotOwner, VersionConflict),
    formerly=("todos.complete", True),
)
async def complete(
    tx: Tx, ids: Sequence[Tried[int]], if_version: int | list[int] | None = None
) -> Changed[TodoWritten]:
    """Set todos done. It sets and never toggles: a repeat changes nothing.

    Open subtasks are completed, too. One that repeats comes back as a new todo, `next`.
    """
    return await revise(tx, same_for_each(ids, {"is_completed": True} | condition(if_version)))


@operation(
    effect="changes",
    scope="todos:write",
    raises=(InvalidInput, NotFound, NotOwner, VersionConflict),
    formerly=("todos.complete", False),
)
async def reopen(tx: Tx, ids: Sequence[Tried[int]], if_version: int | list[int] | None = None) -> Changed[TodoWritten]:
    """Set todos open again. It sets and never toggles: a repeat changes nothing.

    The done todos above them are opened, too; their subtasks stay as they are.
    """
    return await revise(tx, same_for_each(ids, {"is_completed": False} | condition(if_version)))


@operation(
    effect="changes", scope="todos:write", raises=(InvalidInput, NotFound, NotOwner, VersionConflict), idempotent=False
)
async def skip(tx: Tx, ids: Sequence[Tried[int]], if_version: int | list[int] | None = None) -> Changed[TodoWritten]:
    """Skip an occurrence of repeating todos: each goes on to its next date and stays open."""
    return await revise(tx, same_for_each(ids, {"skip": True} | condition(if_version)))


@operation(
    effect="changes",
    scope="todos:write",
    raises=(InvalidInput, NotFound, NotOwner, VersionConflict, ConfirmationRequired),
    destructive=True,
    formerly=("todos.delete", True),
)
async def delete(tx: Tx, ids: Sequence[Tried[int]], if_version: int | list[int] | None = None) -> Changed[TodoWritten]:
    """Move todos to the trash with their subtasks. The trash is emptied after the retention time."""
    changed = await revise(tx, same_for_each(ids, {"is_deleted": True} | condition(if_version)), trash_too=True)
    confirm(tx, len(changed.touched))
    return changed


@operation(
    effect="changes",
    scope="todos:write",
    raises=(InvalidInput, NotFound, NotOwner, VersionConflict),
    formerly=("todos.delete", False),
)
async def restore(tx: Tx, ids: Sequence[Tried[int]], if_version: int | list[int] | None = None) -> Changed[TodoWritten]:
    """Restore todos from the trash, with the subtasks that went there with them and the todos above them.

    One whose list was deleted comes back to the inbox.
    """
    return await revise(tx, same_for_each(ids, {"is_deleted": False} | condition(if_version)), trash_too=True)


async def revert(tx: Tx, entries: Sequence[Mapping[str, Any]]) -> Changed[TodoWritten]:
    """Put todos back as they were before a change; one that was made goes to the trash.

    Raises:
        UndoRefused: A todo changed since, is gone, or would not fit in any more; nothing is reverted then.
    """
    ids = [entry["id"] for entry in entries]
    present = {row["id"]: orjson.loads(row["row"]) for row in await tx.rows(queries.ROWS, ids=ids)}
    for entry in entries:
        if entry["id"] not in present or not _is_as_left(present[entry["id"]], entry):
            raise UndoRefused.in_the_way(ENTITY, entry["id"])
    tagged = {entry["id"]: entry["before"]["tags"] for entry in entries if _changed(entry, "tags")}
    tag_ids, made = await tags.ensure_each(tx, tagged)
    is_dated = any(entry["before"] is not None and entry["before"].get("due") for entry in entries)
    calendar = await Calendar.of(tx) if is_dated else None
    patches = [_back(entry, calendar) for entry in entries]
    for patch in patches:
        if patch["id"] in tag_ids:
            patch["tag_ids"] = tag_ids[patch["id"]]
    reverted = await write(tx, patches, trash_too=True)
    if (odd := await tx.value(families.ODD_ONE, ids=ids)) is not None:
        raise UndoRefused.in_the_way(ENTITY, odd)
    moved = [entry["id"] for entry in entries if _changed(entry, "parent_id")]
    if moved and await tx.value(families.TOO_DEEP, ids=moved):
        raise UndoRefused.in_the_way(ENTITY, moved[0])
    return Changed(reverted.results, [*made, *reverted.touched])


def _changed(entry: Mapping[str, Any], field: str) -> bool:
    before, after = entry["before"], entry["after"]
    return before is not None and field in before and before[field] != after[field]


def _is_as_left(row: Mapping[str, Any], entry: Mapping[str, Any]) -> bool:
    """Whether a todo is as a change left it, whatever came and went in between.

    The names of its tags may be others by now; they count where the change was about them.
    """
    after = entry["after"]
    if "due" in after and _deadline(row) != _deadline(after):
        return False
    names = (*_REVERTED, "priority", *(("tags",) if _changed(entry, "tags") else ()))
    return all(row[name] == after[name] for name in names if name in after)


def _deadline(row: Mapping[str, Any]) -> object:
    """A day, or a moment: what of a deadline does not change with the user's time zone."""
    due = due_of(row)
    return due and (due.on or due.at)


def _back(entry: Mapping[str, Any], calendar: Calendar | None) -> dict[str, Any]:
    """The patch that takes a todo back; a day ends where the user is now."""
    before, row = entry["before"], {"id": entry["id"]}
    if before is None:
        return row | {"is_deleted": True}
    patch = row | {name: before[name] for name in _REVERTED if name in before}
    if "priority" in before:
        patch["priority"] = PRIORITIES.index(before["priority"]) + 1
    if "due" not in before:
        return patch
    due = due_of(before)
    if due is not None and due.on is not None and calendar is not None:
        due = calendar.moment(due.on)
    return patch | due_columns(due)
