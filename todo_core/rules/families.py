"""Todos with their parents and subtasks: who goes along, and where a todo may be put.

All of it is read in the transaction that writes, which holds the user's lock: what is true here stays true
until the commit, so two movers at once cannot make a cycle.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from todo_core.boundary.operation import Tx
from todo_core.boundary.ownership import missing
from todo_core.errors import FieldProblem, InvalidInput, NotFound, TodoError
from todo_core.models.todos import MAX_DEPTH
from todo_core.queries import families as queries

ENTITY: Final = "todo"
_NOW: Final = datetime.max.replace(tzinfo=UTC)
"""The moment of this request, which PostgreSQL knows."""


@dataclass(frozen=True, slots=True)
class Member:
    """A todo of a family."""

    id: int
    parent_id: int | None
    list_id: int
    completed_at: datetime | None
    deleted_at: datetime | None
    version: int
    repeats: bool
    row: str
    """Its read shape as JSON."""

    @property
    def is_open(self) -> bool:
        return self.completed_at is None and self.deleted_at is None


class Family:
    """Todos with everything above and below them."""

    def __init__(self, members: Iterable[Member], absent: Mapping[int, TodoError]) -> None:
        self._absent = absent
        self._members: dict[int, Member] = {}
        self._children: defaultdict[int | None, set[int]] = defaultdict(set)
        for member in members:
            self._members[member.id] = member
            self._children[member.parent_id].add(member.id)
        self._found = dict(self._members)

    @classmethod
    async def of(cls, tx: Tx, ids: Iterable[int]) -> Family:
        """Load the families of todos."""
        wanted = set(ids)
        members = [Member(**row) for row in await tx.rows(queries.FAMILY, ids=sorted(wanted))] if wanted else []
        absent = wanted - {member.id for member in members}
        return cls(members, await missing(tx, ENTITY, sorted(absent)))

    def get(self, todo_id: int, *, trash_too: bool = False) -> Member:
        """A todo that was asked for.

        Raises:
            NotFound: There is none, or it is in the trash.
            NotOwner: It is somebody else's.
        """
        member = self._members.get(todo_id)
        if member is None:
            raise self._absent[todo_id]
        if member.deleted_at is not None and not trash_too:
            raise NotFound
        return member

    def was_open(self, todo_id: int) -> bool:
        """Whether a todo was open before this request."""
        return self._found[todo_id].is_open

    @property
    def repeats(self) -> bool:
        """Whether one of them does."""
        return any(member.repeats for member in self._members.values())

    def above(self, todo_id: int) -> Iterator[Member]:
        """The parent, its parent, and so on."""
        parent_id = self._members[todo_id].parent_id
        while parent_id is not None:
            parent = self._members[parent_id]
            yield parent
            parent_id = parent.parent_id

    def below(self, todo_id: int) -> Iterator[Member]:
        """Every subtask, before its own subtasks, in the order of ids."""
        for child in sorted(self._children[todo_id]):
            yield self._members[child]
            yield from self.below(child)

    def change(self, todo_id: int, patch: Mapping[str, Any]) -> None:
        """Have a todo be as a patch makes it, for what comes after in the same request."""
        member = self._members[todo_id]
        if "parent_id" in patch:
            self._children[member.parent_id].discard(todo_id)
            self._children[patch["parent_id"]].add(todo_id)
        new: dict[str, Any] = {name: patch[name] for name in ("parent_id", "list_id") if name in patch}
        for what in ("completed", "deleted"):
            if f"is_{what}" in patch:
                new[f"{what}_at"] = (getattr(member, f"{what}_at") or _NOW) if patch[f"is_{what}"] else None
        self._members[todo_id] = replace(member, **new)

    def show(self, todo_id: int, row: str) -> None:
        """Have a todo be read like this from now on."""
        self._members[todo_id] = replace(self._members[todo_id], row=row)

    def place_below(self, parent_id: int, todo_id: int | None = None) -> tuple[int, int]:
        """The list and the depth of a todo, a new one or `todo_id`, right below `parent_id`.

        Raises:
            NotFound, NotOwner: There is no such parent.
            InvalidInput: It is done, the todo itself or below it, or too deep.
        """
        try:
            parent = self.get(parent_id)
        except TodoError as error:
            raise type(error)(problems=[FieldProblem("parent_id", "is no todo of yours, or is in the trash")]) from None
        chain = [parent_id, *(member.id for member in self.above(parent_id))]
        if todo_id in chain:
            raise _refused("is the todo itself or one of its subtasks; choose another parent")
        if parent.completed_at is not None:
            raise _refused("is done; open it again first, or choose another parent")
        if len(chain) + (0 if todo_id is None else self._height(todo_id)) > MAX_DEPTH:
            raise too_deep("parent_id")
        return parent.list_id, len(chain)

    def _height(self, todo_id: int) -> int:
        return max((1 + self._height(child) for child in self._children[todo_id]), default=0)

    def along(self, todo_id: int, patch: Mapping[str, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
        """Who goes along with a todo, and how: (id, patch) for each relative.

        Completing and trashing take the subtasks along, and so does moving to a list. Opening again opens what is
        above, restoring brings back what went to the trash at the same moment and what is above, open if something
        open comes back: an open todo never has a parent that is done, nor a live one a parent in the trash.
        """
        member = self._members[todo_id]
        if patch.get("is_completed") is True:
            yield from ((one.id, {"is_completed": True}) for one in self.below(todo_id) if one.is_open)
        if patch.get("is_completed") is False:
            yield from ((one.id, {"is_completed": False}) for one in self.above(todo_id) if one.completed_at)
        if patch.get("is_deleted") is True:
            yield from ((one.id, {"is_deleted": True}) for one in self.below(todo_id) if one.deleted_at is None)
        # A subtask that comes back in the same request may have brought this one back already.
        moment = self._found[todo_id].deleted_at
        if patch.get("is_deleted") is False and moment is not None:
            back = [one for one in self.below(todo_id) if one.deleted_at == moment]
            yield from ((one.id, {"is_deleted": False}) for one in back)
            is_open = any(one.completed_at is None for one in (member, *back))
            for one in self.above(todo_id):
                part = {"is_deleted": False} if one.deleted_at else {}
                if is_open and one.completed_at:
                    part["is_completed"] = False
                if part:
                    yield one.id, part
        if "list_id" in patch:
            everybody = [member]
            if patch.get("is_deleted") is False:  # what is above comes back, too
                everybody = [*self.above(todo_id)][-1:] or everybody
            everybody += self.below(everybody[0].id)
            yield from ((one.id, {"list_id": patch["list_id"]}) for one in everybody if one.id != todo_id)


def too_deep(field: str) -> InvalidInput:
    """A todo would be deeper than subtasks may go."""
    message = f"is too deep; subtasks go at most {MAX_DEPTH} levels below a todo"
    return InvalidInput(problems=[FieldProblem(field, message)])


def _refused(message: str) -> InvalidInput:
    return InvalidInput(problems=[FieldProblem("parent_id", message)])
