"""Change todos: what each patch of a request means for its todo and relatives, and one statement that writes all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Final

import orjson

from todo_core.boundary.batches import Batch, Patch, accepted_versions
from todo_core.boundary.operation import Tx
from todo_core.boundary.recording import recorded_by
from todo_core.boundary.results import Changed
from todo_core.boundary.turns import in_turns
from todo_core.errors import InvalidInput, VersionConflict
from todo_core.models.todos import TodoWritten
from todo_core.rules.cascades import Patches, cascade, open_checklist
from todo_core.rules.families import Family, Member, list_of_subtask
from todo_core.rules.lists import Lists
from todo_core.rules.occurrences import next_occurrences
from todo_core.rules.order import Order
from todo_core.rules.patches import PLAIN, TAGS, lengthened, plain_columns, skipped, tag_names
from todo_core.rules.schedules import Calendar
from todo_core.rules.spots import TARGETS, Moved, Target, siblings_of, target_of
from todo_core.rules.starts import date_columns
from todo_core.rules.tagging import ensure_tags, told_of_tags
from todo_core.rules.writing import (
    WrittenRow,
    read_todos,
    touched,
    update_todos,
    updated,
    write_lone,
    write_patches,
)

_DATES: Final = frozenset({"start", "due", "repeat", "skip"})
_MOVES: Final = frozenset({"list_id", "parent_id", *TARGETS})
_FLAGS: Final = frozenset({"is_completed", "is_deleted"})
_WITHOUT_ROWS: Final = frozenset({"id", "completed_at", *_FLAGS, *_MOVES})
"""Fields for which nobody has to know what a todo shows, unless it repeats."""


async def revise(tx: Tx, patches: Batch[Patch], *, alone: bool = False) -> Changed[TodoWritten]:
    """Apply each patch to its todo, with what follows for relatives. One that changes nothing keeps the version.

    Args:
        tx: The transaction.
        patches: In the fields of `TodoUpdate`, or `is_deleted`, `skip` or `completed_at`; each todo at most once. One
            with `is_deleted` may name a todo in the trash.
        alone: Whether this is all that the transaction does. Then one statement writes and records it, where nothing
            else has to be written.
    """
    origin = tx.origin if alone else None
    if all(patch.keys() <= PLAIN for patch in patches.accepted):
        return await write_patches(tx, patches.each(plain_columns), origin=origin)
    if origin is not None and (changed := await write_lone(tx, patches, origin)) is not None:
        return changed
    request = await _Request.load(tx, patches.accepted)
    batch = await patches.each_in_turns(request.accept)
    named = batch.accepted
    tag_ids, tags_made = await ensure_tags(tx, {todo.id: todo.tags for todo in named if todo.tags is not None})
    waiting = await request.waiting()
    items = await request.items(tag_ids, [todo_id for todo_id in request.todos if todo_id not in waiting])
    origin = origin if request.is_one_step else None
    rows = {row["id"]: row for row in await update_todos(tx, items, trash_too=True, origin=origin)}
    completed = [row for todo in named if (row := request.completed(todo, rows)) is not None]
    if completed:  # their subtasks are copied as they are now
        request.family.show({todo_id: row["after"] for todo_id, row in rows.items() if row["after"] is not None})
    occurrences = await next_occurrences(
        tx, completed, request.family, request.calendar, rows, moments=request.moments()
    )
    if waiting:
        parents = await request.place_waiting(occurrences.copies)
        items = await request.items(tag_ids, [todo_id for todo_id in request.todos if todo_id in waiting])
        rows |= {row["id"]: row for row in await update_todos(tx, items, trash_too=True)}
        for shown in (rows, occurrences.rows):
            await _show_again(tx, shown, parents & shown.keys())
    subtasks = await request.count_relatives(rows)
    moved = request.moved
    told = {todo.id: request.told_of(todo, moved) | told_of_tags(todo.tags, tags_made) for todo in named}
    results = (
        updated(rows[one.id], subtasks=subtasks[one.id], following=occurrences.after(one.id), told=told[one.id])
        for one in named
    )
    written = [*await touched(rows.values(), moved), *await touched(occurrences.rows.values())]
    return Changed(batch.answer(results), [*tags_made.touched, *written], recorded=recorded_by(rows.values()))


async def _show_again(tx: Tx, rows: dict[int, WrittenRow], ids: Collection[int]) -> None:
    """Read some of the todos that were written once more: they have other subtasks by now."""
    for todo_id, row in (await read_todos(tx, sorted(ids))).items():
        rows[todo_id] = {**rows[todo_id], "after": row["row"]}


@dataclass(slots=True)
class _Todo:
    """A todo that a request changes."""

    id: int
    cause: int
    """The id of the todo whose patch was the first to change this one: its own id, or a relative's."""
    columns: dict[str, Any] = field(default_factory=dict)
    """The columns to write. Where two patches set one, the later patch wins."""
    patch: dict[str, Any] | None = None
    """Its own patch, as columns; None where it only changes with a relative."""
    tags: list[str] | None = None
    """The names of all its tags, where its own patch changes them."""

    def as_item(self, tag_ids: list[int] | None) -> dict[str, Any]:
        """Return the todo as `update_todos` takes it, with the ids of all its tags where they change."""
        return {"id": self.id} | self.columns | ({} if tag_ids is None else {"tag_ids": tag_ids})


class _Request:
    """The todos that a request names or changes, and what else its patches refer to."""

    def __init__(
        self,
        family: Family,
        lists: Lists | None,
        calendar: Calendar | None,
        load_order: Callable[[], Awaitable[Order]],
    ) -> None:
        self.family = family
        self.order: Order | None = None
        """Who stands where, once something moves."""
        self._load_order = load_order
        self.calendar = calendar
        self.todos: dict[int, _Todo] = {}
        """What changes so far, in the order in which it was first changed."""
        self._lists = lists

    @classmethod
    async def load(cls, tx: Tx, patches: Sequence[Patch]) -> _Request:
        """Load what the patches refer to, and nothing else."""
        fields = frozenset[str]().union(*patches)
        named = [*_ids_in(patches, "id"), *_ids_in(patches, "parent_id")]
        family = await Family.of(tx, named, with_rows=not fields <= _WITHOUT_ROWS)
        if family.repeats and "is_completed" in fields and fields <= _WITHOUT_ROWS:  # the next one is made of its row
            family = await Family.of(tx, named, with_rows=True)
        needs_lists = "list_id" in fields or any(patch.get("is_deleted") is False for patch in patches)
        lists = await Lists.of(tx, _ids_in(patches, "list_id")) if needs_lists else None
        needs_calendar = bool(fields & _DATES) or ("is_completed" in fields and family.repeats)
        calendar = await Calendar.of(tx) if needs_calendar else None
        request = cls(family, lists, calendar, partial(_order, tx, patches))
        if fields & _MOVES:
            request.order = await _order(tx, patches)
        return request

    async def accept(self, patch: Patch) -> _Todo:
        """Find out what a patch means, apply it in memory, and return its todo.

        Raises:
            TodoError: The patch is refused, and nothing is applied.
        """
        if self.order is not None:
            self.order.begin(patch["id"])
        member = self.family.get(patch["id"], trash_too="is_deleted" in patch)
        row = orjson.loads(member.row or "{}")
        if member.version not in accepted_versions(patch, member.version):
            raise VersionConflict(extra={"current": row})
        columns = plain_columns(patch) | {name: patch[name] for name in _FLAGS & patch.keys()}
        columns.pop("if_version", None)
        if "completed_at" in patch and member.completed_at is None:
            columns["completed_at"] = patch["completed_at"]
        if "append_description" in patch:
            columns["description"] = lengthened(patch, row["description"])
        if self.calendar is not None:
            dates = skipped(self.calendar, row) if "skip" in patch else date_columns(self.calendar, patch, row)
            if "due_at" in dates:
                self.family.set_day(member.id, self.calendar.day_in(dates))
            columns |= dates
        tags = tag_names(patch, row["tags"]) if TAGS & patch.keys() else None
        columns |= self._place(patch, member)
        await self._move(patch, member, columns)
        await self._apply(member.id, columns)
        if "skip" in patch:
            await self._change(open_checklist(self.family, member.id), cause=member.id)
        todo = self.todos[member.id]
        todo.patch, todo.tags = columns, tags
        return todo

    async def _apply(self, todo_id: int, columns: dict[str, Any]) -> None:
        """Apply a patch and its cascade in memory, so that later patches of the request see the result."""
        if "parent_id" in columns:
            self.family.change(todo_id, {"parent_id": columns["parent_id"]})
        today = None if self.calendar is None else self.calendar.at(columns.get("completed_at")).wall_clock.date()
        following = await cascade(self.family, todo_id, columns, today)
        await self._change([(todo_id, columns), *following], cause=todo_id)

    async def _change(self, patches: Patches, cause: int) -> None:
        """Apply patches of columns in memory, which follow from that of one todo."""
        async for changed_id, part in in_turns(patches):
            self.todos.setdefault(changed_id, _Todo(changed_id, cause)).columns.update(part)
            self.family.change(changed_id, part)

    def moments(self) -> dict[int, datetime]:
        """Return when todos were completed for which the request says so, by id."""
        return {todo.id: moment for todo in self.todos.values() if (moment := todo.columns.get("completed_at"))}

    async def waiting(self) -> frozenset[int]:
        """Return the occurrences that are open below a done todo, with all below them: they are written last."""
        if self.calendar is None:
            return frozenset()
        ahead = [occurrence.id for occurrence in await self.family.left_open()]
        return frozenset(ahead) | {subtask.id for todo_id in ahead for subtask in self.family.below(todo_id)}

    async def place_waiting(self, copies: Mapping[int, int]) -> set[int]:
        """Place each occurrence that waits below the copy of its parent; where there is none, in the trash.

        Args:
            copies: The ids of copies, by those of the parents.

        Returns:
            The parents that they had and have.
        """
        parents: set[int] = set()
        for occurrence in await self.family.left_open():
            assert occurrence.parent_id is not None  # it is below a done todo
            cause, copy = self.todos[occurrence.parent_id].cause, copies.get(occurrence.parent_id)
            parents |= {occurrence.parent_id} | ({copy} if copy is not None else set())
            if copy is not None:
                patches: Patches = [(occurrence.id, {"parent_id": copy})]
            else:
                gone = {"is_deleted": True}
                patches = [(occurrence.id, gone), *await cascade(self.family, occurrence.id, gone)]
            await self._change(patches, cause)
        return parents

    def _place(self, patch: Patch, member: Member) -> dict[str, Any]:
        """Return the columns of list and parent that a patch sets."""
        if self._lists is not None and patch.get("list_id") is not None:
            self._lists.require(patch["list_id"])
        if patch.get("parent_id") is not None:
            list_id, _ = self.family.place_below(patch["parent_id"], member.id)
            return {"parent_id": patch["parent_id"], "list_id": list_of_subtask(patch, list_id)}
        if "parent_id" in patch:
            return {name: patch[name] for name in ("parent_id", "list_id") if name in patch}
        if "list_id" in patch:
            return {"list_id": patch["list_id"] if member.parent_id is None else list_of_subtask(patch, member.list_id)}
        if patch.get("is_deleted") is False and self._lists is not None:
            return self._place_restored(member, self._lists)
        return {}

    def _place_restored(self, member: Member, lists: Lists) -> dict[str, Any]:
        """Return the list of a restored todo where it changes: its topmost parent's, or the inbox if that is gone."""
        root_list_id = self.family.member(self.family.root(member.id)).list_id
        list_id = root_list_id if lists.is_live(root_list_id) else lists.inbox
        return {} if list_id == member.list_id == root_list_id else {"list_id": list_id}

    async def _move(self, patch: Patch, member: Member, columns: Mapping[str, Any]) -> None:
        """Move a todo among its siblings, or to an end of its new ones; of a family that is restored, its root."""
        target, moved = target_of(patch), member
        if patch.get("is_deleted") is False:
            moved = self.family.member(self.family.root(member.id))
        siblings = siblings_of(columns.get("list_id", moved.list_id), columns.get("parent_id", moved.parent_id))
        is_new_there = siblings != siblings_of(moved.list_id, moved.parent_id)
        if target is None and not is_new_there:
            return
        if self.order is None:
            self.order = await self._load_order()
        if moved is not member:
            await self.order.learn([moved.id])
            self.order.leave(moved.id)
        await self.order.move(moved.id, siblings, target or self.order.end)

    async def items(self, tag_ids: Mapping[int, list[int]], ids: Sequence[int]) -> list[dict[str, Any]]:
        """Return todos that change as `update_todos` takes them.

        Args:
            tag_ids: The ids of all tags of a todo, by its id, where they change.
            ids: The todos.
        """
        items: list[dict[str, Any]] = []
        async for one in in_turns(ids):
            place = {} if self.order is None else self.order.columns(one)
            if place:
                self.family.change(one, place)
            items.append(self.todos[one].as_item(tag_ids.get(one)) | place)
        return items

    @property
    def is_one_step(self) -> bool:
        """Whether the todos are all that is written: nothing comes again or goes to another place."""
        return self.calendar is None and self.order is None

    @property
    def moved(self) -> dict[int, Moved]:
        """Where todos moved from and to, by id, as the change record has it."""
        return {} if self.order is None else self.order.recorded

    def told_of(self, todo: _Todo, moved: Mapping[int, Moved]) -> dict[str, Any]:
        """Return where a todo went, as `Done.told` has it.

        Args:
            todo: A todo that the request names.
            moved: Where todos moved from and to, by id.
        """
        listed = {} if self._lists is None else self._lists.told_of(todo.columns.get("list_id"))
        return listed | ({"moved": True} if todo.id in moved else {})

    async def count_relatives(self, rows: Mapping[int, WrittenRow]) -> Counter[int]:
        """Count the relatives that changed because of each todo, by its id.

        Args:
            rows: What was written, by id.
        """
        relatives = [todo async for todo in in_turns(self.todos.values()) if todo.patch is None]
        return Counter([todo.cause async for todo in in_turns(relatives) if rows[todo.id]["after"] is not None])

    def completed(self, todo: _Todo, rows: Mapping[int, WrittenRow]) -> dict[str, Any] | None:
        """Return the read shape of a todo that is to come again: it repeats, and its own patch completed it.

        A subtask of a todo that was completed too is not: its parent's next occurrence has it.

        Args:
            todo: A todo that the request names.
            rows: What was written so far, by id.
        """
        written = rows.get(todo.id)
        if written is None or written["after"] is None:
            return None
        if not self.family.was_open(todo.id) or not (todo.patch or {}).get("is_completed"):
            return None
        row: dict[str, Any] = orjson.loads(written["after"])
        is_to_come_again = row["repeat"] and row["is_completed"] and not _is_completed(rows.get(row["parent_id"]))
        return row if is_to_come_again else None


async def _order(tx: Tx, patches: Sequence[Patch]) -> Order:
    """Load the surroundings of the todos that patches move, and of the neighbours that they name."""
    moving = {patch["id"]: _wanted(patch) for patch in patches if _MOVES & patch.keys()}
    named = [*_ids_in(patches, "before"), *_ids_in(patches, "after")]
    restored = [patch["id"] for patch in patches if patch.get("is_deleted") is False]
    return await Order.of(tx, moving | dict.fromkeys(restored), named, len(patches))


def _wanted(patch: Patch) -> Target | None:
    """Return where a patch says that its todo goes; None also where it contradicts itself, and will be refused."""
    try:
        return target_of(patch)
    except InvalidInput:
        return None


def _is_completed(row: WrittenRow | None) -> bool:
    """Return whether a todo was written, and is done since."""
    return row is not None and row["after"] is not None and bool(orjson.loads(row["after"])["is_completed"])


def _ids_in(patches: Sequence[Patch], field: str) -> list[int]:
    """Return the ids that patches have in a field."""
    return [patch[field] for patch in patches if patch.get(field) is not None]
