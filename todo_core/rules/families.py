"""Todos with their parents and subtasks: who is related to whom, and where a todo may be put.

A family is read in the transaction that writes, which holds the user's lock. It stays true until the commit, so two
requests at once cannot make a cycle.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any, Final

import orjson

from todo_core.boundary.operation import Tx
from todo_core.boundary.ownership import missing
from todo_core.boundary.turns import in_turns
from todo_core.errors import FieldError, InvalidInput, NotFound, TodoError
from todo_core.models.todos import MAX_DEPTH
from todo_core.queries import families as queries

_NOW: Final = datetime.max.replace(tzinfo=UTC)
"""Stands for the transaction's own timestamp, which PostgreSQL sets; later than any that is stored."""


@dataclass(frozen=True, slots=True)
class Member:
    """A todo in its family: what decides about its relatives."""

    id: int
    parent_id: int | None
    list_id: int
    completed_at: datetime | None
    deleted_at: datetime | None
    version: int
    place: int
    """Its place among its siblings."""
    repeats: bool
    follows_id: int | None
    """The occurrence that it came after."""
    row: str = ""
    """Its read shape as JSON; empty where the family was loaded without."""

    @property
    def is_open(self) -> bool:
        return self.completed_at is None and self.deleted_at is None


class Family:
    """Todos with all their parents and subtasks, as the request has changed them so far."""

    def __init__(self) -> None:
        """Begin with nobody; `of` loads todos."""
        self._absent: Mapping[int, TodoError] = {}
        self._members: dict[int, Member] = {}
        self._children: defaultdict[int | None, set[int]] = defaultdict(set)
        self._following: defaultdict[int | None, list[int]] = defaultdict(list)
        self._days: dict[int, date | None] = {}
        self._before: dict[int, Member] = {}

    @classmethod
    async def of(cls, tx: Tx, ids: Iterable[int], *, with_rows: bool = False) -> Family:
        """Load the families of todos.

        Args:
            tx: The transaction.
            ids: The todos; those that do not exist, or are another user's, are refused by `get`.
            with_rows: Whether read shapes are needed, too.
        """
        named = set(ids)
        family = cls()
        statement = queries.FAMILY if with_rows else queries.RELATIVES
        async for row in in_turns(await tx.rows(statement, ids=sorted(named)) if named else []):
            family._add(Member(**row))
        family._before = dict(family._members)
        family._absent = await missing(tx, "todo", sorted(named - family._members.keys()))
        return family

    def _add(self, member: Member) -> None:
        self._members[member.id] = member
        self._children[member.parent_id].add(member.id)
        self._following[member.follows_id].append(member.id)

    def get(self, todo_id: int, *, trash_too: bool = False) -> Member:
        """Return a todo that the request names.

        Args:
            todo_id: One of the ids that the family was loaded for.
            trash_too: Whether it may be in the trash.

        Raises:
            NotFound: There is none, or it is in the trash.
            NotOwner: It is another user's.
        """
        member = self._members.get(todo_id)
        if member is None:
            raise self._absent[todo_id]
        if member.deleted_at is not None and not trash_too:
            raise NotFound
        return member

    def member(self, todo_id: int) -> Member:
        """Return a todo of the family as it is now."""
        return self._members[todo_id]

    def was_open(self, todo_id: int) -> bool:
        """Return whether a todo was open before this request."""
        return self._before[todo_id].is_open

    def deleted_before(self, todo_id: int) -> datetime | None:
        """Return when a todo went to the trash, if it did before this request.

        A subtask that is restored by the same request may have restored it already.
        """
        return self._before[todo_id].deleted_at

    @property
    def repeats(self) -> bool:
        """Whether any of the todos repeats."""
        return any(member.repeats for member in self._members.values())

    def above(self, todo_id: int) -> Iterator[Member]:
        """Yield the parent, its parent, and so on."""
        parent_id = self._members[todo_id].parent_id
        while parent_id is not None:
            parent = self._members[parent_id]
            yield parent
            parent_id = parent.parent_id

    def root(self, todo_id: int) -> int:
        """Return the id of the topmost parent, or of the todo itself where it has none."""
        return [todo_id, *(parent.id for parent in self.above(todo_id))][-1]

    def children(self, todo_id: int) -> list[Member]:
        """Return the subtasks right below a todo, in the order of ids."""
        return [self._members[child] for child in sorted(self._children[todo_id])]

    def below(self, todo_id: int, without: Container[int] = ()) -> Iterator[Member]:
        """Yield every subtask, each before its own subtasks, in the order of ids.

        Args:
            todo_id: The todo.
            without: Subtasks to leave out, with all below them.
        """
        for child in self.children(todo_id):
            if child.id not in without:
                yield child
                yield from self.below(child.id, without)

    async def left_open(self) -> list[Member]:
        """Return the open todos right below one that the request has completed: it has still to place them."""
        todos = in_turns(self._members.values())
        return [todo async for todo in todos if todo.is_open and self._is_done_now(todo.parent_id)]

    def _is_done_now(self, todo_id: int | None) -> bool:
        return todo_id is not None and self.was_open(todo_id) and self._members[todo_id].completed_at is not None

    def before(self, occurrence: Member) -> Member | None:
        """Return the occurrence before another one, if it is in the family."""
        return None if occurrence.follows_id is None else self._members.get(occurrence.follows_id)

    def after(self, todo_id: int) -> Sequence[Member]:
        """Return the occurrences that came after a todo, those in the trash too, in the order of ids."""
        return [self._members[occurrence] for occurrence in self._following[todo_id]]

    def day(self, todo_id: int) -> date | None:
        """Return the day on which a todo is due, where the user is."""
        if todo_id not in self._days:
            due = orjson.loads(self._members[todo_id].row)["due"]
            self._days[todo_id] = None if due is None else date.fromisoformat(due["date"])
        return self._days[todo_id]

    def set_day(self, todo_id: int, day: date | None) -> None:
        """Set the day on which a todo is due, as the request changes it."""
        self._days[todo_id] = day

    def change(self, todo_id: int, patch: Mapping[str, Any]) -> None:
        """Apply a patch of columns to a todo in memory, so that later patches of the request see the result."""
        member = self._members[todo_id]
        if "parent_id" in patch:
            self._children[member.parent_id].discard(todo_id)
            self._children[patch["parent_id"]].add(todo_id)
        columns: dict[str, Any] = {name: patch[name] for name in ("parent_id", "list_id", "place") if name in patch}
        if "is_completed" in patch:
            columns["completed_at"] = (member.completed_at or _NOW) if patch["is_completed"] else None
        if "is_deleted" in patch:
            columns["deleted_at"] = (member.deleted_at or _NOW) if patch["is_deleted"] else None
        if "repeat" in patch:
            columns["repeats"] = patch["repeat"] is not None
        self._members[todo_id] = replace(member, **columns)

    def show(self, rows: Mapping[int, str]) -> None:
        """Set the read shapes of todos, by id, as a statement of this request returned them."""
        for todo_id, row in rows.items():
            self._members[todo_id] = replace(self._members[todo_id], row=row)

    def place_below(self, parent_id: int, todo_id: int | None = None, *, field: str = "parent_id") -> tuple[int, int]:
        """Return the list and the depth that a todo gets right below a parent.

        Args:
            parent_id: The parent.
            todo_id: The todo; None for a new one.
            field: The field of the request that names the parent.

        Raises:
            NotFound, NotOwner: There is no such parent.
            InvalidInput: The parent is done, is the todo itself or below it, or is too deep.
        """
        try:
            parent = self.get(parent_id)
        except TodoError as error:
            raise type(error)(
                errors=[FieldError(field, "is no todo of yours, or is in the trash", code="not_found")]
            ) from None
        chain = [parent_id, *(member.id for member in self.above(parent_id))]
        if todo_id in chain:
            raise _refused(field, "is the todo itself or one of its subtasks; choose another parent")
        if parent.completed_at is not None:
            raise _refused(field, "is done; open it again first, or choose another parent")
        if len(chain) + (0 if todo_id is None else self._height(todo_id)) > MAX_DEPTH:
            raise too_deep(field)
        return parent.list_id, len(chain)

    def _height(self, todo_id: int) -> int:
        """Return how many levels of subtasks a todo has."""
        return max((1 + self._height(child) for child in self._children[todo_id]), default=0)


def list_of_subtask(columns: Mapping[str, Any], parent_list_id: int | None) -> int | None:
    """Return the list of a subtask: its parent's.

    Args:
        columns: What was asked for; `list_id` may be missing, or None.
        parent_list_id: The parent's list; None for the default one.

    Raises:
        InvalidInput: Another list was named.
    """
    if columns.get("list_id", parent_list_id) not in (parent_list_id, None):
        raise InvalidInput(
            errors=[FieldError("list_id", "of a subtask is its parent's; leave it out", code="conflicting")]
        )
    return parent_list_id


def too_deep(field: str) -> InvalidInput:
    """Return the refusal of a todo that would be deeper than subtasks may go."""
    message = f"is too deep; subtasks go at most {MAX_DEPTH} levels below a todo"
    return InvalidInput(errors=[FieldError(field, message, code="not_possible")])


def _refused(field: str, message: str) -> InvalidInput:
    return InvalidInput(errors=[FieldError(field, message, code="not_possible")])
