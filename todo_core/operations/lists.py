"""Lists: where todos are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from decimal import Decimal, localcontext
from itertools import count
from typing import Any, Final

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
    UndoRefused,
    VersionConflict,
)
from todo_core.models.lists import ListCreate, ListQuery, ListRead, ListRemoval, ListUpdate
from todo_core.queries import lists as queries
from todo_core.text import json_text, name_key
from todo_core.validation import Tried

ENTITY: Final = "list"
_DIGITS: Final = 10_000
"""PostgreSQL keeps up to 16,383 behind the point; a move between the same two lists takes about a third of one."""


@dataclass(frozen=True, slots=True)
class _List:
    """What a list is."""

    id: int
    name: str
    name_key: str
    colour: str
    position: Decimal
    is_inbox: bool
    is_archived: bool
    is_deleted: bool
    version: int

    def as_item(self) -> dict[str, Any]:
        return asdict(self) | {"position": str(self.position)}

    def recorded(self) -> str:
        """What the record of changes keeps, and undo puts back."""
        names = ("name", "colour", "position", "is_archived", "is_deleted", "version")
        return json_text({name: value for name, value in self.as_item().items() if name in names})


def _between(low: Decimal, high: Decimal) -> Decimal:
    """The shortest number between two others."""
    with localcontext(prec=_DIGITS):
        middle = (low + high) / 2
        for places in count():
            rounded = round(middle, places)
            if low < rounded < high:
                return rounded
    raise AssertionError("unreachable")  # pragma: no cover


class Lists:
    """Every list of the user, as this transaction is about to leave them."""

    def __init__(self, found: Sequence[_List], absent: Mapping[int, TodoError]) -> None:
        self._before = {one.id: one for one in found}
        self._now = dict(self._before)
        self._absent = absent

    @classmethod
    async def of(cls, tx: Tx, ids: Sequence[int] = ()) -> Lists:
        """Load the user's lists, and learn why those of `ids` are not there that are not."""
        found = [_List(**row) for row in await tx.rows(queries.STATE)]
        live = {one.id for one in found if not one.is_deleted}
        return cls(found, await missing(tx, ENTITY, [one for one in ids if one not in live]))

    @property
    def inbox(self) -> int:
        return next(one.id for one in self._now.values() if one.is_inbox)

    def is_live(self, list_id: int) -> bool:
        return list_id in self._now and not self._now[list_id].is_deleted

    def known(self, list_id: int) -> _List | None:
        """A list, be it deleted."""
        return self._now.get(list_id)

    def get(self, list_id: int) -> _List:
        """A live list.

        Raises:
            NotFound: There is none.
            NotOwner: It is somebody else's.
        """
        if not self.is_live(list_id):
            raise self._absent.get(list_id) or NotFound()
        return self._now[list_id]

    def require(self, list_id: int, field: str = "list_id") -> None:
        """Make sure that todos can be put into the list that a field names.

        Raises:
            NotFound, NotOwner: There is no such list.
        """
        try:
            self.get(list_id)
        except TodoError as error:
            raise type(error)(problems=[FieldProblem(field, "is no list of yours")]) from None

    def put(self, one: _List) -> None:
        """Have a list be like this.

        Raises:
            Conflict: Its name is another list's.
        """
        others = (other for other in self._now.values() if other.id != one.id and not other.is_deleted)
        if not one.is_deleted and (taken := next((x for x in others if x.name_key == one.name_key), None)):
            raise Conflict(
                "There is a list of that name already.", extra={"existing_id": taken.id} if taken.id > 0 else {}
            )
        self._now[one.id] = one

    def at(self, place: int | None, list_id: int | None = None) -> Decimal:
        """The position that puts a list at a place, counted from 1, or at the end."""
        others = sorted(x.position for x in self._now.values() if x.id != list_id and not x.is_deleted)
        if place is None or place > len(others):
            return others[-1] + 1 if others else Decimal(0)
        return others[0] - 1 if place == 1 else _between(others[place - 2], others[place - 1])

    def free(self, position: Decimal, list_id: int) -> Decimal:
        """A position for a list that comes back: its own, or one right before another list that has it now."""
        taken = sorted(x.position for x in self._now.values() if x.id != list_id and not x.is_deleted)
        if position not in taken:
            return position
        lower = [one for one in taken if one < position]
        return _between(lower[-1], position) if lower else position - 1

    async def save(self, tx: Tx) -> list[Touched]:
        """Write what is different."""
        changed = [one for one in self._now.values() if one != self._before.get(one.id)]
        if not changed:
            return []
        ids = [one.id for one in changed]
        given_up = {self._before[one.id].name_key for one in changed if self._before[one.id].name_key != one.name_key}
        if given_up & {one.name_key for one in changed}:
            # The index looks at each row by itself: names that change hands are given up first.
            await tx.rows(queries.GIVE_UP_NAMES, ids=ids)
        await tx.rows(queries.REVISE, items=json_text([one.as_item() for one in changed]), ids=ids)
        return [
            Touched(ENTITY, one.id, self._before[one.id].recorded(), replace(one, version=one.version + 1).recorded())
            for one in changed
        ]


async def _rows(tx: Tx, ids: Sequence[int]) -> dict[int, str]:
    return {row["id"]: row["row"] for row in await tx.rows(queries.ROWS, ids=list(ids))} if ids else {}


@operation(effect="reads", scope="todos:read")
async def find(tx: Tx, wanted: ListQuery) -> Page[ListRead]:
    """List lists in their order, each with its number of open todos. Archived ones are left out unless asked for."""
    row = await tx.one(queries.FIND, archived=wanted.archived)
    return Page(row["rows"], row["total"], row["total"], None)


@operation(effect="reads", scope="todos:read", raises=(NotFound, NotOwner))
async def get(tx: Tx, list_id: int) -> Found[ListRead]:
    """Read one list."""
    found = await _rows(tx, [list_id])
    if list_id not in found:
        raise (await missing(tx, ENTITY, [list_id]))[list_id]
    return Found(found[list_id])


@operation(effect="changes", scope="todos:write", raises=(InvalidInput, Conflict), idempotent=False)
async def add(tx: Tx, lists: Sequence[Tried[ListCreate]]) -> Changed[ListRead]:
    """Add lists, in order, at the end of the others unless a position is given."""
    present = await Lists.of(tx)
    results: list[Done | TodoError] = []
    new: list[_List] = []
    for n, one in enumerate(lists):
        if isinstance(one, InvalidInput):
            results.append(one)
            continue
        key = name_key(one.name)
        made = _List(-1 - n, one.name, key, one.colour, present.at(one.position), False, False, False, 1)
        try:
            present.put(made)
        except Conflict as error:
            results.append(error)
            continue
        new.append(made)
        results.append(Done(""))
    items = json_text([one.as_item() | {"n": n} for n, one in enumerate(new)])
    ids = [row["id"] for row in await tx.rows(queries.ADD, items=items)] if new else []
    rows = await _rows(tx, ids)
    made_ids = iter(ids)
    filled = [one if isinstance(one, TodoError) else Done(rows[next(made_ids)]) for one in results]
    return Changed(filled, [Touched(ENTITY, i, None, one.recorded()) for i, one in zip(ids, new, strict=True)])


@operation(effect="changes", scope="todos:write", raises=(InvalidInput, NotFound, NotOwner, Conflict, VersionConflict))
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
    after = await _rows(tx, ids)
    refused |= {n: VersionConflict(extra={"current": orjson.loads(after[patches[n]["id"]])}) for n in stale}  # type: ignore[index]
    return Changed(
        [refused[n] if n in refused else _done(patch, after, changed) for n, patch in enumerate(patches)], touched
    )


def _done(patch: Any, rows: Mapping[int, str], changed: set[int]) -> Done:
    return Done(rows[patch["id"]], changed=patch["id"] in changed)


def _patched(one: _List, patch: Mapping[str, Any], present: Lists) -> _List:
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
    before = await _rows(tx, wanted)
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


async def revert(tx: Tx, entries: Sequence[Mapping[str, Any]]) -> Changed[ListRead]:
    """Put lists back as they were before a change; one that was made is deleted, if nothing is in it.

    Raises:
        UndoRefused: A list changed since, its name is taken, or there are todos in it.
    """
    present = await Lists.of(tx)
    ids = [entry["id"] for entry in entries]
    rows = await _rows(tx, ids)
    made = [entry["id"] for entry in entries if entry["before"] is None]
    if made and (held := await tx.value(queries.HOLD_TODOS, ids=made)):
        raise UndoRefused.in_the_way(ENTITY, held)
    for entry in entries:
        before, after = entry["before"], entry["after"]
        one = present.known(entry["id"])
        if one is None or orjson.loads(one.recorded()) | {"version": after["version"]} != after:
            raise UndoRefused.in_the_way(ENTITY, entry["id"])
        try:
            present.put(_as_recorded(present, one, before) if before else replace(one, is_deleted=True))
        except Conflict:
            raise UndoRefused.in_the_way(ENTITY, one.id) from None
    touched = await present.save(tx)
    rows |= await _rows(tx, ids)
    return Changed([Done(rows[one.id]) for one in touched], touched)


def _as_recorded(present: Lists, one: _List, recorded: Mapping[str, Any]) -> _List:
    names = ("name", "colour", "is_archived", "is_deleted")
    return replace(
        one,
        **{name: recorded[name] for name in names},
        name_key=name_key(recorded["name"]),
        position=present.free(Decimal(recorded["position"]), one.id),
    )
