"""Lists: where todos are kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import orjson

from todo_core.boundary.batches import Batch, Patch, accepted_versions, once_each
from todo_core.boundary.chunks import chunks
from todo_core.boundary.confirmation import confirm
from todo_core.boundary.operation import Tx, operation
from todo_core.boundary.ownership import missing
from todo_core.boundary.results import Changed, Done, Found, Page, Touched
from todo_core.errors import (
    ConfirmationRequired,
    Conflict,
    FieldError,
    InvalidInput,
    NotFound,
    NotOwner,
    VersionConflict,
)
from todo_core.models.lists import ListCreate, ListQuery, ListRead, ListRemoval, ListUpdate
from todo_core.queries import lists as queries
from todo_core.rules.lists import Lists, recorded, rows_of
from todo_core.rules.naming import known_lists, list_ids, with_known_lists
from todo_core.rules.order import fresh_places
from todo_core.rules.spots import Moved
from todo_core.storage.transactions import Row
from todo_core.text import name_key
from todo_core.text.json_text import json_text
from todo_core.validation import Tried


@operation(
    effect="reads",
    scope="todos:read",
    verbs=("read",),
    within_lists=True,
)
async def list_(tx: Tx, wanted: ListQuery) -> Page[ListRead]:
    """List lists in their order, each with its number of open todos. Archived ones are left out unless asked for."""
    row = await tx.one(queries.ALL, archived=wanted.archived)
    return Page(row["rows"], row["total"], row["total"], None)


@operation(
    effect="reads",
    scope="todos:read",
    raises=(NotFound, NotOwner),
    verbs=("read",),
    within_lists=True,
)
async def get(tx: Tx, list_id: int) -> Found[ListRead]:
    """Read one list."""
    rows = await rows_of(tx, [list_id])
    if list_id not in rows:
        raise (await missing(tx, "list", [list_id]))[list_id]
    return Found(rows[list_id])


@operation(
    effect="changes",
    scope="todos:write",
    raises=(InvalidInput, Conflict),
    idempotent=False,
    batch=True,
    verbs=("add",),
    within_lists=True,
)
async def add(tx: Tx, lists: Sequence[Tried[ListCreate]]) -> Changed[ListRead]:
    """Add lists, in order, at the end of the others unless a position is given."""
    present = await Lists.of(tx)
    wanted = Batch(lists)
    await present.try_new_names(tx, (new.name for new in wanted.accepted))
    batch = wanted.each(present.add)
    new = present.new
    items = [state.as_item() | {"n": n} for n, state in enumerate(new)]
    ids = [row["id"] for row in await tx.rows(queries.ADD, items=json_text(items))] if items else []
    record = await recorded(tx, dict(zip(ids, new, strict=True))) if ids else {}
    made = [Touched("list", list_id, None, after) for list_id, after in record.items()]
    moved = await present.save(tx)
    rows = await rows_of(tx, ids)
    return Changed(batch.answer(Done(rows[list_id]) for list_id in ids), [*made, *moved])


@operation(
    effect="changes",
    scope="todos:write",
    raises=(InvalidInput, NotFound, NotOwner, Conflict, VersionConflict),
    batch=True,
    verbs=("change",),
    within_lists=True,
)
async def update(tx: Tx, lists: Sequence[Tried[ListUpdate]]) -> Changed[ListRead]:
    """Rename, recolour, reorder or archive lists. Archived lists and their todos are hidden until asked for."""
    patches = once_each(await with_known_lists(tx, "id", lists))
    ids = [patch["id"] for patch in patches.accepted]
    present = await Lists.of(tx, ids)
    before = await rows_of(tx, ids)
    await present.try_names(tx, ((patch["id"], patch["name"]) for patch in patches.accepted if "name" in patch))
    placed = {patch["id"] for patch in patches.accepted if "position" in patch}
    batch = patches.each(lambda patch: (patch["id"], _apply(present, patch)))
    touched = await present.save(tx)
    changed = {row.id for row in touched}
    rows = await rows_of(tx, ids)
    results = (
        Done(
            rows[list_id],
            changed=list_id in changed,
            before=before[list_id],
            told={"moved": True} if list_id in placed else {},
        )
        if is_current
        else VersionConflict(extra={"current": orjson.loads(rows[list_id])})
        for list_id, is_current in batch.accepted
    )
    return Changed(batch.answer(results), touched)


def _apply(present: Lists, patch: Patch) -> bool:
    """Apply a patch to its list, unless the list has another version than the patch names; return whether it did.

    Raises:
        NotFound, NotOwner: There is no such list.
        Conflict: Its name is another list's, or the inbox would be archived.
    """
    state = present.get(patch["id"])
    if state.version not in accepted_versions(patch, state.version):
        return False
    columns = {"name": "name", "color": "colour", "is_archived": "is_archived"}
    new = {column: patch[name] for name, column in columns.items() if name in patch}
    if "name" in new:
        new["name_key"] = name_key(new["name"])
    if new.get("is_archived") and state.is_inbox:
        raise Conflict("The inbox cannot be archived.")
    present.put(replace(state, **new))
    if "position" in patch:
        present.place(state.id, patch["position"])
    return True


@operation(
    effect="changes",
    scope="todos:write",
    raises=(InvalidInput, NotFound, NotOwner, Conflict, VersionConflict, ConfirmationRequired),
    destructive=True,
    batch=True,
    verbs=("delete",),
    within_lists=True,
)
async def delete(
    tx: Tx, ids: Sequence[Tried[int | str]], removal: ListRemoval, if_version: Sequence[int] | None = None
) -> Changed[ListRead]:
    """Delete lists. `todos` says what becomes of what is in them: `trash`, or `move` to the list `move_to`.

    Undo brings the lists and their todos back.
    """
    named = Batch(await known_lists(tx, ids))
    if removal.move_to is not None:
        (list_id,) = await list_ids(tx, [("move_to", removal.move_to)])
        removal = removal.model_copy(update={"move_to": list_id})
    move_to = _destination(removal, named.accepted)
    present = await Lists.of(tx, named.accepted if move_to is None else [*named.accepted, move_to])
    if move_to is not None:
        present.get(move_to)
    before = await rows_of(tx, named.accepted)

    def remove(list_id: int) -> int:
        if if_version is not None and present.get(list_id).version not in if_version:
            raise VersionConflict(extra={"current": orjson.loads(before[list_id])})
        return present.delete(list_id)

    batch = named.each(remove)
    deleted = batch.accepted
    if removal.todos is None and deleted and await tx.value(queries.NONEMPTY, ids=deleted):
        message = "is required: there are todos in it, which go to the trash or move to the list `move_to`"
        raise InvalidInput(errors=[FieldError("todos", message, ("trash", "move"), "required")])
    todos_touched: list[Touched] = []
    held: Counter[int] = Counter()
    if deleted and removal.todos:
        todos_touched, held = await _move_or_trash_todos(tx, deleted, move_to)
    lists_touched = await present.save(tx)
    fate = "todos_trashed" if move_to is None else "todos_moved"
    results = (
        Done(before[list_id], before=before[list_id], told={fate: held[list_id]} if held[list_id] else {})
        for list_id in deleted
    )
    return Changed(batch.answer(results), [*lists_touched, *todos_touched])


async def _move_or_trash_todos(tx: Tx, ids: Sequence[int], move_to: int | None) -> tuple[list[Touched], Counter[int]]:
    """Move the todos of lists to another list, or to the trash; all at the same moment, as a restore asks for.

    Return them, and how many each list had.

    Args:
        tx: The transaction.
        ids: The lists.
        move_to: The other list; None for the trash.

    Raises:
        ConfirmationRequired: Too many would go to the trash, and nobody confirmed.
    """
    held = await tx.rows(queries.HELD, ids=ids)
    if move_to is None:
        await confirm(tx, len(held))
    places: Sequence[int | None] = [None] * len(held)
    if move_to is not None and held:
        places = await fresh_places(tx, len(held))
    touched: list[Touched] = []
    for chunk in chunks([*zip(held, places, strict=True)]):
        ids = [row["id"] for row, _ in chunk]
        rows = await tx.rows(
            queries.MOVE_OR_TRASH_TODOS,
            todo_ids=ids,
            places=[place for _, place in chunk],
            move_to=move_to,
            now=held[0]["now"],
        )
        written = {row["id"]: row for row in rows}
        touched += [_touched(written[row["id"]], row, place) for row, place in chunk]
    return touched, Counter(row["list_id"] for row in held)


def _touched(row: Row, held: Row, place: int | None) -> Touched:
    """Return a todo that moved or went to the trash with its list, as the change record has it.

    Args:
        row: What was written.
        held: The todo before.
        place: Its place in the other list; None in the trash, where it keeps its own.
    """
    before = json_text({"list_id": held["list_id"], "deleted_at": None, "version": row["version"] - 1})
    after = row["after"]
    if place is not None:
        before, after = Moved({"number": held["place"]}, {"number": place}).of(before, after)
    return Touched("todo", row["id"], before, after)


def _destination(removal: ListRemoval, ids: Sequence[int]) -> int | None:
    """Return the list that gets the todos of the lists with these ids, if they are to move.

    Raises:
        InvalidInput: There must be one and is none, or the other way round, or it is to be deleted itself.
    """
    if (removal.todos == "move") != (removal.move_to is not None):
        raise InvalidInput(
            errors=[FieldError("move_to", "goes with todos: move, and names the list", code="conflicting")]
        )
    if removal.move_to in ids:
        raise InvalidInput(
            errors=[FieldError("move_to", "is to be deleted itself; name another list", code="conflicting")]
        )
    return removal.move_to
