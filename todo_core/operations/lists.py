"""Lists: where todos are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson

from todo_core.boundary.batches import accepted_versions, once_each
from todo_core.boundary.confirmation import confirm
from todo_core.boundary.operation import Tx, operation
from todo_core.boundary.ownership import missing
from todo_core.boundary.results import Changed, Done, Found, Page, Touched
from todo_core.errors import (
    ConfirmationRequired,
    Conflict,
    FieldProblem,
    InvalidInput,
    NotFound,
    NotOwner,
    TodoError,
    VersionConflict,
)
from todo_core.models.lists import ListCreate, ListQuery, ListRead, ListRemoval, ListUpdate
from todo_core.queries import lists as queries
from todo_core.rules.lists import ENTITY, Lists, ListState, rows_of
from todo_core.text import json_text, name_key
from todo_core.validation import Tried


@operation(effect="reads", scope="todos:read")
async def find(tx: Tx, wanted: ListQuery) -> Page[ListRead]:
    """List lists in their order, each with its number of open todos. Archived ones are left out unless asked for."""
    row = await tx.one(queries.FIND, archived=wanted.archived)
    return Page(row["rows"], row["total"], row["total"], None)


@operation(effect="reads", scope="todos:read", raises=(NotFound, NotOwner))
async def get(tx: Tx, list_id: int) -> Found[ListRead]:
    """Read one list."""
    found = await rows_of(tx, [list_id])
    if list_id not in found:
        raise (await missing(tx, ENTITY, [list_id]))[list_id]
    return Found(found[list_id])


@operation(effect="changes", scope="todos:write", raises=(InvalidInput, Conflict), idempotent=False, batch=True)
async def add(tx: Tx, lists: Sequence[Tried[ListCreate]]) -> Changed[ListRead]:
    """Add lists, in order, at the end of the others unless a position is given."""
    present = await Lists.of(tx)
    results: list[Done | TodoError] = []
    new: list[ListState] = []
    for n, one in enumerate(lists):
        if isinstance(one, InvalidInput):
            results.append(one)
            continue
        key = name_key(one.name)
        made = ListState(-1 - n, one.name, key, one.colour, present.at(one.position), False, False, False, 1)
        try:
            present.put(made)
        except Conflict as error:
            results.append(error)
            continue
        new.append(made)
        results.append(Done(""))
    items = json_text([one.as_item() | {"n": n} for n, one in enumerate(new)])
    ids = [row["id"] for row in await tx.rows(queries.ADD, items=items)] if new else []
    rows = await rows_of(tx, ids)
    made_ids = iter(ids)
    filled = [one if isinstance(one, TodoError) else Done(rows[next(made_ids)]) for one in results]
    return Changed(filled, [Touched(ENTITY, i, None, one.recorded()) for i, one in zip(ids, new, strict=True)])


@operation(
    effect="changes",
    scope="todos:write",
    raises=(InvalidInput, NotFound, NotOwner, Conflict, VersionConflict),
    batch=True,
)
async def update(tx: Tx, lists: Sequence[Tried[ListUpdate]]) -> Changed[ListRead]:
    """Rename, recolour, reorder or archive lists. Archived lists and their todos are hidden until asked for."""
    patches = once_each(lists)
    ids = [one["id"] for one in patches if not isinstance(one, TodoError)]
    present = await Lists.of(tx, ids)
    refused: dict[int, TodoError] = {}
    stale: list[int] = []
    for n, patch in enumerate(patches):
        if isinstance(patch, TodoError):
            refused[n] = patch
            continue
        try:
            one = present.get(patch["id"])
            if one.version in accepted_versions(patch, one.version):
                present.put(_patched(one, patch, present))
            else:
                stale.append(n)
        except TodoError as error:
            refused[n] = error
    touched = await present.save(tx)
    changed = {one.id for one in touched}
    after = await rows_of(tx, ids)
    refused |= {n: VersionConflict(extra={"current": orjson.loads(after[patches[n]["id"]])}) for n in stale}  # type: ignore[index]
    return Changed(
        [refused[n] if n in refused else _done(patch, after, changed) for n, patch in enumerate(patches)], touched
    )


def _done(patch: Any, rows: Mapping[int, str], changed: set[int]) -> Done:
    return Done(rows[patch["id"]], changed=patch["id"] in changed)


def _patched(one: ListState, patch: Mapping[str, Any], present: Lists) -> ListState:
    new = {name: patch[name] for name in ("name", "colour", "is_archived") if name in patch}
    if "name" in new:
        new["name_key"] = name_key(new["name"])
    if new.get("is_archived") and one.is_inbox:
        raise Conflict("The inbox cannot be archived.")
    if "position" in patch:
        new["position"] = present.at(patch["position"], one.id)
    return replace(one, **new)


@operation(
    effect="changes",
    scope="todos:write",
    raises=(InvalidInput, NotFound, NotOwner, Conflict, ConfirmationRequired),
    destructive=True,
    batch=True,
)
async def delete(tx: Tx, ids: Sequence[Tried[int]], removal: ListRemoval) -> Changed[ListRead]:
    """Delete lists. `todos` says what becomes of what is in them: `trash`, or `move` to the list `move_to`.

    Undo brings the lists and their todos back.
    """
    wanted = [one for one in ids if not isinstance(one, TodoError)]
    move_to = _destination(removal, wanted)
    present = await Lists.of(tx, wanted if move_to is None else [*wanted, move_to])
    if move_to is not None:
        present.get(move_to)
    before = await rows_of(tx, wanted)
    results: list[Done | TodoError] = []
    gone: list[int] = []
    for one in ids:
        refusal = one if isinstance(one, TodoError) else _mark_deleted(present, one)
        if refusal is None and not isinstance(one, TodoError):
            gone.append(one)
            results.append(Done(before[one]))
        elif refusal is not None:
            results.append(refusal)
    if removal.todos is None and gone and await tx.value(queries.HOLD_TODOS, ids=gone):
        message = "is required: there are todos in it, which go to the trash or move to the list `move_to`"
        raise InvalidInput(problems=[FieldProblem("todos", message, ("trash", "move"))])
    rows = await tx.rows(queries.EMPTY, ids=gone, move_to=move_to) if gone and removal.todos else []
    if move_to is None:
        confirm(tx, len(rows))
    emptied = [Touched("todo", row["id"], row["before"], row["after"]) for row in rows]
    return Changed(results, [*await present.save(tx), *emptied])


def _mark_deleted(present: Lists, list_id: int) -> TodoError | None:
    try:
        found = present.get(list_id)
    except TodoError as error:
        return error
    if found.is_inbox:
        return Conflict("The inbox cannot be deleted.")
    present.put(replace(found, is_deleted=True))
    return None


def _destination(removal: ListRemoval, ids: Sequence[int]) -> int | None:
    if (removal.todos == "move") != (removal.move_to is not None):
        raise InvalidInput(problems=[FieldProblem("move_to", "goes with todos: move, and names the list")])
    if removal.move_to in ids:
        raise InvalidInput(problems=[FieldProblem("move_to", "is to be deleted itself; name another list")])
    return removal.move_to
