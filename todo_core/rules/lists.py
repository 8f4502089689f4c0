"""Lists: where todos are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from typing import Any, Final

from todo_core.boundary.operation import Tx
from todo_core.boundary.ownership import missing
from todo_core.boundary.results import Touched
from todo_core.errors import Conflict, FieldProblem, NotFound, TodoError
from todo_core.queries import lists as queries
from todo_core.rules.positions import between
from todo_core.text import json_text

ENTITY: Final = "list"


@dataclass(frozen=True, slots=True)
class ListState:
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


class Lists:
    """Every list of the user, as this transaction is about to leave them."""

    def __init__(self, found: Sequence[ListState], absent: Mapping[int, TodoError]) -> None:
        self._before = {one.id: one for one in found}
        self._now = dict(self._before)
        self._absent = absent

    @classmethod
    async def of(cls, tx: Tx, ids: Sequence[int] = ()) -> Lists:
        """Load the user's lists, and learn why those of `ids` are not there that are not."""
        found = [ListState(**row) for row in await tx.rows(queries.STATE)]
        live = {one.id for one in found if not one.is_deleted}
        return cls(found, await missing(tx, ENTITY, [one for one in ids if one not in live]))

    @property
    def inbox(self) -> int:
        return next(one.id for one in self._now.values() if one.is_inbox)

    def is_live(self, list_id: int) -> bool:
        return list_id in self._now and not self._now[list_id].is_deleted

    def known(self, list_id: int) -> ListState | None:
        """A list, be it deleted."""
        return self._now.get(list_id)

    def get(self, list_id: int) -> ListState:
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

    def put(self, one: ListState) -> None:
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
        return others[0] - 1 if place == 1 else between(others[place - 2], others[place - 1])

    def free(self, position: Decimal, list_id: int) -> Decimal:
        """A position for a list that comes back: its own, or one right before another list that has it now."""
        taken = sorted(x.position for x in self._now.values() if x.id != list_id and not x.is_deleted)
        if position not in taken:
            return position
        lower = [one for one in taken if one < position]
        return between(lower[-1], position) if lower else position - 1

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


async def rows_of(tx: Tx, ids: Sequence[int]) -> dict[int, str]:
    return {row["id"]: row["row"] for row in await tx.rows(queries.ROWS, ids=list(ids))} if ids else {}
