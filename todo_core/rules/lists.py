"""Lists as one request changes them: names no two of which are the same, an order, and one inbox that stays."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from decimal import Decimal
from math import ceil, floor
from typing import Any, Final

import orjson

from todo_core.boundary.operation import Tx
from todo_core.boundary.ownership import absent, missing
from todo_core.boundary.results import Touched
from todo_core.errors import TAKEN, Conflict, FieldError, OutsideMandate, TodoError
from todo_core.models.lists import ListCreate
from todo_core.queries import lists as queries
from todo_core.rules.positions import STEP, between, spread
from todo_core.storage.transactions import GoneError
from todo_core.text import name_key
from todo_core.text.json_text import json_text

RECORDED: Final = ("name", "colour", "position", "is_archived", "is_deleted", "version")
"""What the change record keeps of a list for undo, beside the row that is shown."""


@dataclass(frozen=True, slots=True)
class ListState:
    """A list as a request finds it, or is about to leave it."""

    id: int
    """Negative for a list that is not written yet."""
    name: str
    name_key: str
    colour: str
    position: Decimal
    chosen_position: Decimal | None
    """The position as it was chosen; None where it is the same. Undo knows a position by it."""
    is_inbox: bool
    is_archived: bool
    is_deleted: bool
    version: int
    archived_at: datetime | None = None
    """When it was archived; None where that is yet to be written."""

    @property
    def chosen(self) -> Decimal:
        """The position as it was chosen."""
        return self.position if self.chosen_position is None else self.chosen_position

    def at(self, position: Decimal) -> ListState:
        """Return the list at another position, which nobody chose."""
        return replace(self, position=position, chosen_position=self.chosen)

    def as_item(self) -> dict[str, Any]:
        """Return the list as the statements take it."""
        positions = {name: getattr(self, name) for name in ("position", "chosen_position")}
        return asdict(self) | {name: None if value is None else f"{value:f}" for name, value in positions.items()}

    def as_recorded(self) -> dict[str, Any]:
        """Return what the change record keeps of the list for undo."""
        item = self.as_item() | {"position": f"{self.chosen:f}"}
        return {name: item[name] for name in RECORDED}

    def is_as(self, other: ListState) -> bool:
        """Return whether the list is what another one is, wherever both were moved to make room."""
        return (self.as_recorded(), self.archived_at) == (other.as_recorded(), other.archived_at)


class Lists:
    """All lists of the user, deleted ones too, as the request has changed them so far."""

    def __init__(self, present: Sequence[ListState], absent: Mapping[int, TodoError]) -> None:
        self._before = {state.id: state for state in present}
        self._now = dict(self._before)
        self._absent = absent
        self._taken: frozenset[str] = frozenset()
        """Keys of names that lists have which the agent that acts does not see."""

    @classmethod
    async def of(cls, tx: Tx, ids: Sequence[int] = ()) -> Lists:
        """Load the user's lists.

        Args:
            tx: The transaction.
            ids: Lists that the request names. For those that are not live, `get` tells another user's from none.
        """
        present = [ListState(**row) for row in await tx.rows(queries.STATE)]
        live = {state.id for state in present if not state.is_deleted}
        return cls(present, await missing(tx, "list", [list_id for list_id in ids if list_id not in live]))

    @property
    def inbox(self) -> int:
        """The id of the inbox.

        Raises:
            OutsideMandate: The agent that acts does not see it.
        """
        for state in self._now.values():
            if state.is_inbox:
                return state.id
        raise OutsideMandate("lists", "This would come to the inbox, which is outside of the lists of this agent.")

    @property
    def new(self) -> list[ListState]:
        """The lists that are not written yet, in the order in which they were added."""
        return [state for state in self._now.values() if state.id < 0]

    @property
    def live(self) -> list[ListState]:
        """The lists that are not deleted."""
        return [state for state in self._now.values() if not state.is_deleted]

    @property
    def next_id(self) -> int:
        """The id, negative, that a list which is not written yet can have."""
        return -1 - len(self._now)

    def is_live(self, list_id: int) -> bool:
        """Return whether the user has a list, and it is not deleted."""
        return list_id in self._now and not self._now[list_id].is_deleted

    def known(self, list_id: int) -> ListState | None:
        """Return a list, also a deleted one."""
        return self._now.get(list_id)

    def told_of(self, list_id: int | None) -> dict[str, Any]:
        """Return the name of the list that a todo goes to, as `Done.told` has it; nothing for no list."""
        return {} if list_id is None or list_id not in self._now else {"list": self._now[list_id].name}

    def get(self, list_id: int) -> ListState:
        """Return a live list.

        Raises:
            NotFound: There is none.
            NotOwner: It is another user's.
        """
        if not self.is_live(list_id):
            raise self._absent.get(list_id) or absent("list", is_of_another=False)
        return self._now[list_id]

    def require(self, list_id: int, field: str = "list_id") -> None:
        """Check that todos can be put into a list.

        Args:
            list_id: The list.
            field: The field of the request that names it.

        Raises:
            NotFound, NotOwner: There is no such list; the field is named.
        """
        try:
            self.get(list_id)
        except TodoError as error:
            raise type(error)(errors=[FieldError(field, "is no list of yours", code="not_found")]) from None

    def add(self, wanted: ListCreate) -> ListState:
        """Make a list, in memory; `queries.ADD` writes it.

        Raises:
            Conflict: Its name is another list's.
        """
        state = ListState(
            id=self.next_id,
            name=wanted.name,
            name_key=name_key(wanted.name),
            colour=wanted.color,
            position=Decimal(0),
            chosen_position=None,
            is_inbox=False,
            is_archived=False,
            is_deleted=False,
            version=1,
        )
        self.put(state)
        self.place(state.id, wanted.position)
        return self._now[state.id]

    def put(self, state: ListState) -> None:
        """Replace a list, in memory; `save` writes it.

        Raises:
            Conflict: Its name is another list's.
        """
        self._require_free(state)
        self._now[state.id] = state

    def put_together(self, state: ListState) -> None:
        """Replace a list, in memory, by one of several that may exchange names: `require_own_name` comes after all."""
        self._now[state.id] = state

    def require_own_name(self, list_id: int) -> None:
        """Check that a list has a name of its own.

        Raises:
            Conflict: It is another list's.
        """
        self._require_free(self._now[list_id])

    async def try_new_names(self, tx: Tx, names: Iterable[str]) -> None:
        """Find out which names of new lists are taken by lists that the agent that acts does not see."""
        keys = self._unknown(names)
        if tx.caller.has_lists and keys:
            async with tx.rehearsal():
                rows = await tx.rows(queries.FREE, keys=sorted(keys))
            self._taken |= keys - {row["name_key"] for row in rows}

    async def try_names(self, tx: Tx, names: Iterable[tuple[int, str]]) -> None:
        """Find out which names of lists that are there, by their ids, are taken by lists that the agent does not see.

        An agent that may make no list cannot try as with new ones.
        """
        wanted = {name_key(name): list_id for list_id, name in names if self.is_live(list_id)}
        if tx.caller.has_lists:
            for key in self._unknown(wanted):
                try:
                    async with tx.part():
                        await _try_name(tx, wanted[key], key)
                except Conflict:
                    self._taken |= {key}
                except _FreeError:
                    pass

    def _unknown(self, names: Iterable[str]) -> frozenset[str]:
        """Return the keys of names that no list which is seen has."""
        return frozenset(map(name_key, names)) - {state.name_key for state in self.live}

    def _require_free(self, state: ListState) -> None:
        if state.name_key in self._taken and not state.is_deleted:
            raise Conflict(TAKEN)
        if not state.is_deleted:
            for other in self._others(state.id):
                if other.name_key == state.name_key:
                    existing = {"existing_id": other.id} if other.id > 0 else {}
                    raise Conflict("There is a list of that name already.", extra=existing)

    def delete(self, list_id: int) -> int:
        """Delete a list, in memory, and return its id.

        Raises:
            NotFound, NotOwner: There is no such list.
            Conflict: It is the inbox.
        """
        state = self.get(list_id)
        if state.is_inbox:
            raise Conflict("The inbox cannot be deleted.")
        self.put(replace(state, is_deleted=True))
        return list_id

    def place(self, list_id: int, place: int | None) -> None:
        """Put a list at a place among the others, in memory.

        Args:
            list_id: The list.
            place: Counted from 1; None, or more than there are others, means the end.
        """
        position = Decimal(self._position_at(place, list_id))
        self._now[list_id] = replace(self._now[list_id], position=position, chosen_position=None)

    def put_back(self, list_id: int, position: Decimal, moving: Collection[int]) -> None:
        """Put a list where it was among the others, in memory: right before the list that has its position now.

        Args:
            list_id: The list.
            position: Its old position, as it was chosen.
            moving: Lists that get other positions by the same request.
        """
        state = self._now[list_id]
        if state.chosen == position and not self._before[list_id].is_deleted:
            return
        others = [other for other in self._in_order(list_id) if other.chosen != position or other.id not in moving]
        index = sum(other.chosen < position for other in others)
        low, high = (others[n].position if 0 <= n < len(others) else None for n in (index - 1, index))
        if (low is None or low < position) and (high is None or position < high):
            self._now[list_id] = replace(state, position=position, chosen_position=None)
            return
        is_taken = any(other.chosen == position for other in others)
        chosen = None if is_taken else position  # or the others made room, and it is among them where it was
        at = Decimal(self._position_at(index + 1, list_id))
        self._now[list_id] = replace(state, position=at, chosen_position=chosen)

    def _position_at(self, place: int | None, list_id: int) -> int:
        """Return the position that puts a list at a place. Where there is no room, others get new ones, in memory."""
        others = self._in_order(list_id)
        index = len(others) if place is None else min(place - 1, len(others))
        before, behind = others[:index], others[index:]
        if not before:
            return floor(behind[0].position) - STEP if behind else 0
        if not behind:
            return ceil(before[-1].position) + STEP
        if (middle := between(before[-1].position, behind[0].position)) is not None:
            return middle
        new = spread(before[-1].position, [other.position for other in behind], None)
        for other, position in zip(behind, new, strict=False):
            self._now[other.id] = other.at(Decimal(position))
        return self._position_at(place, list_id)

    def _others(self, list_id: int) -> list[ListState]:
        return [state for state in self._now.values() if state.id != list_id and not state.is_deleted]

    def _in_order(self, without: int) -> list[ListState]:
        return sorted(self._others(without), key=lambda state: (state.position, state.id))

    async def save(self, tx: Tx) -> list[Touched]:
        """Write the lists that changed, but new ones, and return them for the change record."""
        different = [state for state in self._now.values() if state.id > 0 and state != self._before[state.id]]
        changed = [state for state in different if not state.is_as(self._before[state.id])]
        ids = [state.id for state in changed]
        await self._renumber(tx, [state for state in different if state.id not in ids])
        if not changed:
            return []
        if self._given_up(changed) & {state.name_key for state in changed if not state.is_deleted}:
            # The unique index checks row by row: names that change hands must be given up first.
            await tx.rows(queries.RELEASE_NAMES, ids=ids)
        before = {state.id: self._before[state.id] for state in changed}
        shown_before = await recorded(tx, before)
        await tx.rows(queries.REVISE, items=json_text([state.as_item() for state in changed]), ids=ids)
        after = await recorded(tx, {state.id: replace(state, version=state.version + 1) for state in changed})
        return [Touched("list", list_id, shown_before[list_id], after[list_id]) for list_id in ids]

    def _given_up(self, changed: Iterable[ListState]) -> set[str]:
        """Return the keys of the names that lists had and have no more: they got other names, or go."""
        pairs = [(self._before[state.id], state) for state in changed]
        return {
            before.name_key
            for before, after in pairs
            if not before.is_deleted and (after.is_deleted or after.name_key != before.name_key)
        }

    async def _renumber(self, tx: Tx, lists: Sequence[ListState]) -> None:
        """Write the positions of lists that made room: that is no change of theirs."""
        if lists:
            items = json_text([state.as_item() for state in lists])
            await tx.rows(queries.RENUMBER, items=items, ids=[state.id for state in lists])


class _FreeError(GoneError):
    """A name is free: what tried it is to be gone."""


async def _try_name(tx: Tx, list_id: int, key: str) -> None:
    """Give a list a name, in a part of the transaction that is rolled back in any case.

    Raises:
        Conflict: It is taken.
        _FreeError: It is not.
    """
    await tx.rows(queries.TRY_NAME, id=list_id, key=key)
    raise _FreeError


async def recorded(tx: Tx, states: Mapping[int, ListState]) -> dict[int, str]:
    """Return what the change record keeps of lists, as they are in the database: `row`, which is shown, and the state.

    Args:
        tx: The transaction.
        states: The same lists, by id.
    """
    rows = await tx.rows(queries.RECORDED, ids=list(states))
    return {row["id"]: _recorded(states[row["id"]], row["row"]) for row in rows}


def _recorded(state: ListState, row: str) -> str:
    shown = orjson.loads(row) | {"place": {"number": int(state.chosen)}}
    return json_text({"row": shown, **state.as_recorded()})


async def rows_of(tx: Tx, ids: Sequence[int]) -> dict[int, str]:
    """Return the read shapes of live lists, by id."""
    return {row["id"]: row["row"] for row in await tx.rows(queries.ROWS, ids=list(ids))} if ids else {}
