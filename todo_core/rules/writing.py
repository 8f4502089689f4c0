"""Write todos, however many: the statements that do, and what they return as results and for the change record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

import orjson

from todo_core.boundary.batches import Batch, Patch, accepted_versions
from todo_core.boundary.chunks import chunks
from todo_core.boundary.operation import Tx
from todo_core.boundary.ownership import missing
from todo_core.boundary.recording import Origin, recorded_by
from todo_core.boundary.results import Changed, Done, Touched
from todo_core.boundary.turns import in_turns
from todo_core.errors import TodoError, VersionConflict
from todo_core.models.todos import TodoWritten
from todo_core.queries import adding, revising, small_revisions, todos
from todo_core.rules.spots import Moved
from todo_core.storage.transactions import Row
from todo_core.text import name_key
from todo_core.text.json_text import json_text

AT_ONCE: Final = 200
"""Most todos that are updated and read by one statement: `queries.revising` says why not more."""

WrittenRow = Row | dict[str, Any]
"""A todo that was inserted or updated: a row of PostgreSQL, or the same by names."""
_ALONE: Final[dict[str, Any]] = {"subtasks_changed": 0, "next": None, "existing": False, "similar": []}
"""What an answer says beside a todo that nothing changed with."""
_LOOKED_THROUGH: Final = 20
"""Most tags of a request in which `queries.adding.ADD_TAGGED` looks for those of each todo."""
_OF_EVERY_PATCH: Final = frozenset({"id", "if_version"})
_ABSENT: Final[WrittenRow] = {"id": None, "version": None, "before": None, "after": None}
"""What takes the place of a todo that is not there."""


async def insert_todos(tx: Tx, items: Sequence[Mapping[str, Any]], *, compared: bool = False) -> Sequence[WrittenRow]:
    """Insert todos; return a row for each, in order: its `id`, and its read shape in `after`.

    Args:
        tx: The transaction.
        items: The columns of each, in the order of its number `n`, its tags in `tag_ids`, and its parent in
            `parent_id`, or in `parent_n` if that is an earlier one of the items.
        compared: Whether to look for what may look the same: then `alike` has ids, and `alike_key` is shared.
    """
    parts = [*chunks(items)]
    now = await tx.value(revising.NOW) if len(parts) > 1 else None
    subtasks = Counter(item.get("parent_n") for item in items)
    ids: dict[int, int] = {}
    rows: list[WrittenRow] = []
    for chunk in parts:
        placed = [_below(item, ids) | {"subtasks": subtasks[item["n"]]} for item in chunk]
        added = await tx.rows(adding.ADD, items=json_text(placed), now=now, compared=compared)
        ids |= {item["n"]: row["id"] for item, row in zip(chunk, added, strict=True)}
        rows += added
    return rows


async def insert_and_record(
    tx: Tx, items: Sequence[Mapping[str, Any]], origin: Origin, *, compared: bool = False
) -> Sequence[WrittenRow]:
    """Insert todos as `insert_todos` does, at least one and no more than one statement takes, and record the change.

    Args:
        tx: The transaction, which changes nothing else.
        items: As `insert_todos` takes them.
        origin: Where the change comes from.
        compared: As `insert_todos` takes it.

    Returns:
        The rows; each has the id of the change in `change_id`, and whether some process listens in `is_followed`.
    """
    statement = adding.ADD_PLAIN
    if any(item["tag_ids"] for item in items) or not _have_plain_columns(items):
        statement = adding.ADD_RECORDED
        subtasks = Counter(item.get("parent_n") for item in items)
        items = [{**item, "subtasks": subtasks[item["n"]]} for item in items]
    written = {"items": json_text(items), "now": None, "compared": compared}
    return await tx.rows_at_once(statement, **written, **origin.parameters())


async def insert_tagged(
    tx: Tx, items: Sequence[Mapping[str, Any]], tags: Mapping[int, Sequence[str]], origin: Origin, *, compared: bool
) -> Sequence[WrittenRow]:
    """Insert todos with tags and record the change, as `insert_and_record` does, if the tags are all there.

    Args:
        tx: The transaction, which changes nothing else. The caller sees all tags.
        items: The columns of each, in the order of its number `n`, without tags.
        tags: The names of the tags of those that have any, by their numbers.
        origin: Where the change comes from.
        compared: As `insert_todos` takes it.

    Returns:
        The rows, as there; none if nothing was inserted: a tag is not there, the tags are many, or todos have something
        else that `queries.adding.ADD_TAGGED` does not take.
    """
    keys = {number: [*{name_key(name) for name in names}] for number, names in tags.items()}
    all_keys = [*{key for todo_keys in keys.values() for key in todo_keys}]
    if len(all_keys) > _LOOKED_THROUGH or not _have_plain_columns(items):
        return []
    given = json_text([{**item, "tag_keys": keys.get(item["n"], [])} for item in items])
    further = origin.parameters() | {"now": None, "compared": compared}
    return await tx.rows_at_once(adding.ADD_TAGGED, items=given, tag_keys=all_keys, **further)


def _have_plain_columns(items: Iterable[Mapping[str, Any]]) -> bool:
    """Return whether todos have none but the columns of plain ones, whichever tags they have."""
    plain = {*adding.PLAIN, "tag_ids"}
    return all(item.keys() <= plain for item in items)


def _below(item: Mapping[str, Any], ids: Mapping[int, int]) -> dict[str, Any]:
    """Return an item with its parent's id, if an earlier statement has inserted the parent.

    Args:
        item: The columns of a todo, as `insert_todos` takes them.
        ids: The ids of todos that were inserted, by their numbers.
    """
    parent_id = ids.get(item.get("parent_n", -1))
    return {**item} if parent_id is None else {**item, "parent_n": None, "parent_id": parent_id}


async def update_todos(
    tx: Tx, patches: Sequence[Patch], *, trash_too: bool, now: datetime | None = None, origin: Origin | None = None
) -> Sequence[WrittenRow]:
    """Update todos; return a row for each patch, in order.

    Args:
        tx: The transaction.
        patches: The columns that change, with the `id` of the todo and, where they change, its tags in `tag_ids`.
        trash_too: Whether todos in the trash are updated.
        now: The moment to set, which several updates of a request share; None for that of this one.
        origin: Where the change comes from, if this is all that the transaction writes; else None. Then the statement
            records it, where there is one that can (`recorded_by`).

    Returns:
        `id` (None where there is no such todo), `version`, `before` and `after`: read shapes, `before` and `version`
        as it was, `after` None where nothing changed.
    """
    if not patches:
        return []
    if now is not None or len(patches) > AT_ONCE:
        return await _update_many(tx, patches, trash_too=trash_too, now=now or await tx.value(revising.NOW))
    ids = [patch["id"] for patch in patches]
    fields = frozenset[str]().union(*patches) - _OF_EVERY_PATCH
    form = next((form for form in small_revisions.FORMS if fields <= form.fields), None)
    given: dict[str, Any] = {"items": json_text(patches), "ids": ids, "trash_too": trash_too}
    if form is not None and origin is not None:
        rows = await tx.rows_at_once(form.recorded, now=None, **given, **origin.parameters())
    else:
        rows = await tx.rows(revising.REVISE if form is None else form.statement, **given)
    if len(rows) == len(ids):
        return rows
    found = {row["id"]: row for row in rows}
    return [found.get(todo_id, _ABSENT) for todo_id in ids]


async def _update_many(tx: Tx, patches: Sequence[Patch], *, trash_too: bool, now: datetime) -> Sequence[WrittenRow]:
    """Update todos as `update_todos` does: read all, write all, and read those that are different.

    So each shows the subtasks that it has before the first statement that writes, and after the last one.
    """
    before = await read_todos(tx, [patch["id"] for patch in patches])
    found: set[int] = set()
    changed: list[int] = []
    for chunk in chunks(patches):
        ids = [patch["id"] for patch in chunk]
        row = await tx.one(revising.WRITE, items=json_text(chunk), ids=ids, trash_too=trash_too, now=now)
        found.update(row["found"])
        changed += row["changed"]
    after = await read_todos(tx, changed)
    return [
        _updated_row(before[patch["id"]], after.get(patch["id"])) if patch["id"] in found else _ABSENT
        async for patch in in_turns(patches)
    ]


def _updated_row(before: Row, after: Row | None) -> WrittenRow:
    """Return a row as `update_todos` does, from what `queries.todos.ROWS` returned before and after the update."""
    row = None if after is None else after["row"]
    return {"id": before["id"], "version": before["version"], "before": before["row"], "after": row}


async def read_todos(tx: Tx, ids: Sequence[int]) -> dict[int, Row]:
    """Return the rows of `queries.todos.ROWS` by id; ids that the user does not have are left out."""
    return {row["id"]: row for chunk in chunks(ids) for row in await tx.rows(todos.ROWS, ids=list(chunk))}


async def write_patches(
    tx: Tx,
    batch: Batch[Patch],
    *,
    trash_too: bool = False,
    moved: Mapping[int, Moved] = MappingProxyType({}),
    now: datetime | None = None,
    origin: Origin | None = None,
) -> Changed[TodoWritten]:
    """Update todos by patches of columns, each on its own: nothing follows for its relatives.

    Args:
        tx: The transaction.
        batch: The patches; one may name its todo's versions in `if_version`.
        trash_too: Whether todos in the trash are updated.
        moved: Where the patches move todos from and to, by id.
        now: As `update_todos` takes it.
        origin: As `update_todos` takes it.
    """
    patches = batch.accepted
    rows = await update_todos(tx, patches, trash_too=trash_too, now=now, origin=origin)
    pairs = list(zip(patches, rows, strict=True))
    absent = await missing(tx, "todo", [patch["id"] for patch, row in pairs if row["id"] is None])
    results = [
        absent[patch["id"]] if row["id"] is None else _result(patch, row) async for patch, row in in_turns(pairs)
    ]
    return Changed(batch.answer(results), await touched(rows, moved), recorded=recorded_by(rows))


async def write_lone(tx: Tx, batch: Batch[Patch], origin: Origin) -> Changed[TodoWritten] | None:
    """Set one todo done or open, or move it to the trash, where nothing follows for other todos, and record the change.

    Args:
        tx: The transaction, which writes nothing else.
        batch: The patches of the request, of fields of `TodoUpdate` and `is_deleted`.
        origin: Where the change comes from.

    Returns:
        The result; None, and nothing is written, where the patches are others, or the todo has a parent or subtasks,
        repeats, is in the trash or is not there.
    """
    patches = batch.accepted
    if len(patches) != 1 or len(batch.items) != 1 or not _is_flag(patches[0]):
        return None
    given = {"items": json_text(patches), "ids": [patches[0]["id"]], "trash_too": False, "now": None}
    rows = await tx.rows_at_once(small_revisions.LONE_FLAGS_RECORDED, **given, **origin.parameters())
    if not rows:
        return None
    return Changed([updated(rows[0])], await touched(rows), recorded=recorded_by(rows))


def _is_flag(patch: Patch) -> bool:
    """Return whether a patch sets its todo done or open, or moves it to the trash, whatever its version."""
    return patch.keys() == {"id", "is_completed"} or (patch.keys() == {"id", "is_deleted"} and patch["is_deleted"])


def _result(patch: Patch, row: WrittenRow) -> Done | TodoError:
    """Return the result of a patch whose todo is there."""
    if row["version"] not in accepted_versions(patch, row["version"]):
        return VersionConflict(extra={"current": orjson.loads(row["before"])})
    return updated(row)


def updated(
    row: WrittenRow, *, subtasks: int = 0, following: str | None = None, told: Mapping[str, Any] = MappingProxyType({})
) -> Done:
    """Return the result of a todo that was updated.

    Args:
        row: Its row, as `update_todos` returns it.
        subtasks: How many subtasks changed with it.
        following: The read shape of its next occurrence, if completing it made one.
        told: Further facts, as `Done` has them.
    """
    before, after = row["before"], row["after"]
    beside = _beside(subtasks, following)
    if after is None:
        return Done(before, subtasks > 0, beside, before=before)
    return Done(after, True, beside, before=before, told=told)


def inserted(row: WrittenRow, told: Mapping[str, Any], similar: Sequence[Mapping[str, Any]] = ()) -> Done:
    """Return the result of a todo that was inserted.

    Args:
        row: Its row.
        told: Further facts, as `Done` has them.
        similar: Open todos that look the same, as `SimilarTodo`.
    """
    return Done(row["after"], beside=_ALONE | {"similar": [*similar]} if similar else _ALONE, told=told)


def existing(row: str) -> Done:
    """Return the result of an item that made nothing, for a todo has its key, or looks the same.

    Args:
        row: The todo's read shape.
    """
    return Done(row, changed=False, beside=_ALONE | {"existing": True})


def _beside(subtasks: int, following: str | None) -> dict[str, Any]:
    """Return what an answer says beside a todo, as `TodoWritten` has it."""
    if not subtasks and following is None:
        return _ALONE
    upcoming = None if following is None else orjson.loads(following)
    return _ALONE | {"subtasks_changed": subtasks, "next": upcoming}


async def touched(rows: Iterable[WrittenRow], moved: Mapping[int, Moved] = MappingProxyType({})) -> list[Touched]:
    """Return what changed, as the change record has it.

    Args:
        rows: Rows of `insert_todos` or `update_todos`.
        moved: Where todos moved from and to, by id.
    """
    changed: list[Touched] = []
    async for row in in_turns(rows):
        todo_id, before, after = row["id"], row.get("before"), row["after"]
        if after is None:
            continue
        if before is not None and todo_id in moved:
            before, after = moved[todo_id].of(before, after)
        changed.append(Touched("todo", todo_id, before, after))
    return changed
