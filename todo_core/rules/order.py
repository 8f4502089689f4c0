"""The order by hand: the places of todos among their siblings, in memory, while a request moves them.

Siblings are the subtasks of one todo, or the top-level todos of one list; those that are done or in the trash keep
their places. Of the siblings only those nearby are loaded: on either side one more than the request has items, so that
at least one of them does not move.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from todo_core.boundary.chunks import chunks
from todo_core.boundary.operation import Tx
from todo_core.boundary.ownership import missing
from todo_core.errors import FieldError, InvalidInput, NotFound, TodoError
from todo_core.models.fields import GAP_BITS
from todo_core.queries import order as queries
from todo_core.rules.positions import between, spread
from todo_core.rules.spots import Moved, Siblings, Spot, Target
from todo_core.storage.transactions import Row

_FIRST: Final[Target] = ("place", "first")
_LAST: Final[Target] = ("place", "last")
_LOWEST: Final = -(2**63)
_HIGHEST: Final = 2**63 - 1
_AHEAD: Final = 64
"""How many siblings are looked at first where there is no room; then eight times as many, and so on."""


class Order:
    """Todos and their siblings nearby, as the request has moved them so far."""

    def __init__(self, tx: Tx, reach: int, numbers: Iterable[int], *, comes_first: bool) -> None:
        """Begin with nobody known; `of` does more."""
        self._tx = tx
        self._reach = reach
        self._numbers = iter(numbers)
        self._comes_first = comes_first
        self._spots: dict[int, Spot] = {}
        self._among: defaultdict[Siblings, dict[int, int]] = defaultdict(dict)
        """The places of loaded siblings, by todo id."""
        self._before: dict[int, dict[str, Any]] = {}
        """The places of the moving todos before the request, in the form of the change record."""
        self._moved: dict[int, int | None] = {}
        """The todos that have moved; the value is None, or in an undo the recorded place, if that is no longer free."""
        self._known_ends: set[Siblings] = set()
        self._latest: dict[tuple[Siblings, Target], int] = {}
        """The todo that was moved last to a target, for the next one with the same target."""
        self._coming: dict[int, Target] = {}
        """The todos of the request that are still to be moved, with their targets."""
        self._absent: dict[int, TodoError] = {}

    @classmethod
    async def of(
        cls, tx: Tx, moving: Mapping[int, Target | None], named: Collection[int], items: int | None = None
    ) -> Order:
        """Load the surroundings of todos.

        Args:
            tx: The transaction.
            moving: Todos that may move, each with its target, if the request names one.
            named: The ids of todos that the request names as neighbours.
            items: How many todos move at most; None for all of `moving`.
        """
        items = len(moving) if items is None else items
        row = await tx.one(queries.FRESH, count=2 * items)  # one to move, one where it makes room
        order = cls(tx, items + 1, row["numbers"], comes_first=row["comes_first"])
        await order.learn([*{*moving, *named}])
        order._coming = {todo_id: target for todo_id, target in moving.items() if target is not None}
        order._absent = await missing(tx, "todo", [one for one in {*named} if one not in order._spots])
        for todo_id in moving:
            order.leave(todo_id)
        return order

    async def learn(self, ids: Sequence[int], spots: Sequence[tuple[Siblings, int]] = ()) -> None:
        """Load the siblings near todos, and near further places; those that are loaded already stay as they are."""
        rows = await self._tx.rows(
            queries.NEAR,
            ids=list(ids),
            list_ids=[list_id for (list_id, _), _ in spots],
            parent_ids=[parent_id for (_, parent_id), _ in spots],
            at=[place for _, place in spots],
            count=self._reach,
        )
        self._learn(rows)

    def _learn(self, rows: Iterable[Row]) -> None:
        for row in rows:
            if row["id"] not in self._spots:
                self._put(row["id"], Spot.of(row))

    def _put(self, todo_id: int, spot: Spot) -> None:
        if (old := self._spots.get(todo_id)) is not None:
            self._among[old.siblings].pop(todo_id, None)
        self._spots[todo_id] = spot
        self._among[spot.siblings][todo_id] = spot.place

    # --- the record -------------------------------------------------------------------------------

    def leave(self, todo_id: int) -> None:
        """Note the place of a todo for the change record before it moves, with its neighbours on both sides, and one
        that shares it: occurrences of one repeat do."""
        spot = self._spots.get(todo_id)
        if spot is None:
            return
        others = [(place, other) for other, place in self._among[spot.siblings].items() if other != todo_id]
        before = max((one for one in others if one[0] < spot.place), default=None)
        after = min((one for one in others if one[0] > spot.place), default=None)
        beside = max((one for one in others if one[0] == spot.place), default=None)
        place = {"number": spot.chosen, "after": self._named(before), "before": self._named(after)}
        self._before[todo_id] = place | ({} if beside is None else {"beside": self._named(beside)})

    def _named(self, neighbour: tuple[int, int] | None) -> dict[str, int] | None:
        return neighbour and {"id": neighbour[1], "number": self._spots[neighbour[1]].chosen}

    def columns(self, todo_id: int) -> dict[str, Any]:
        """Return the columns of a todo's new place; none if it has not moved."""
        if todo_id not in self._moved:
            return {}
        return {"place": self._spots[todo_id].place, "chosen_place": self._moved[todo_id]}

    def place(self, todo_id: int) -> int:
        """Return where a todo is now."""
        return self._spots[todo_id].place

    @property
    def recorded(self) -> dict[int, Moved]:
        """Where the todos that moved were and are, by id."""
        return {
            todo_id: Moved(self._before[todo_id], {"number": self._spots[todo_id].chosen})
            for todo_id in self._moved.keys() & self._before.keys()
        }

    def begin(self, todo_id: int) -> None:
        """Take a todo out of those still to be moved, also if it is refused afterwards."""
        self._coming.pop(todo_id, None)

    # --- moving -----------------------------------------------------------------------------------

    @property
    def end(self) -> Target:
        """Where what comes to a list or a parent goes, by the profile."""
        return _FIRST if self._comes_first else _LAST

    def list_of_neighbour(self, target: Target) -> int | None:
        """Return the list id of the neighbour that a target names.

        Raises:
            NotFound, NotOwner: There is no such todo.
            InvalidInput: It is a subtask.
        """
        list_id, _ = self._neighbour(target).siblings
        if list_id is None:
            raise _refused(target, "is a subtask; send its parent_id, too")
        return list_id

    def _neighbour(self, target: Target) -> Spot:
        field, todo_id = target
        assert isinstance(todo_id, int)  # not an end
        spot = self._spots.get(todo_id)
        if spot is None or not spot.is_live:
            kind = type(self._absent.get(todo_id, NotFound()))
            raise kind(errors=[FieldError(field, "is no todo of yours, or is in the trash", code="not_found")])
        return spot

    async def move(self, todo_id: int, siblings: Siblings, target: Target) -> None:
        """Move a todo, in memory. It stays where it is if that is where it should be.

        Todos that go to the same target, one after another, keep their order there.

        Args:
            todo_id: The todo; negative for one that is not written yet.
            siblings: Among whom it gets its place.
            target: Where.

        Raises:
            NotFound, NotOwner: The neighbour is no todo of the user, or in the trash.
            InvalidInput: The neighbour is no sibling, or the todo itself.
        """
        await self._check(todo_id, siblings, target)
        coming = {other for other, its in self._coming.items() if its == target}
        others = {other: place for other, place in self._among[siblings].items() if other != todo_id}
        # Todos that this request moves to the same target afterwards do not count yet.
        staying = [place for other, place in others.items() if other not in coming]
        spot = self._spots.get(todo_id)
        is_there = (
            spot is not None
            and spot.siblings == siblings
            and _is_between(spot.place, *self._bounds(staying, siblings, target))
        )
        if not is_there:
            if spot is not None:
                self._among[spot.siblings].pop(todo_id, None)  # it need not make room for itself
            place = await self._place(siblings, *self._bounds(others.values(), siblings, target))
            self._put(todo_id, Spot(siblings, place, place))
            self._moved[todo_id] = None
        self._latest[siblings, target] = todo_id

    async def _check(self, todo_id: int, siblings: Siblings, target: Target) -> None:
        """Refuse a target that is not among these siblings; load the siblings at both ends if it is an end."""
        field, value = target
        if field == "place":
            await self._learn_ends(siblings)
        elif value == todo_id:
            raise _refused(target, "is the todo itself; name another one")
        elif self._neighbour(target).siblings != siblings:
            message = "is in another list or below another todo; name a sibling, or move the todo there, too"
            raise _refused(target, message)

    def _bounds(self, others: Collection[int], siblings: Siblings, target: Target) -> tuple[int | None, int | None]:
        """Return the places between which a todo goes; None at an end.

        Args:
            others: The places of its siblings.
            siblings: Among whom it goes.
            target: Where.
        """
        field, value = target
        previous = self._latest.get((siblings, target))
        if previous is not None and target != _LAST and field != "before":
            field, value = "after", previous
        if field == "after":
            low = self._spots[value].place  # type: ignore[index]  # an id
            return low, min((place for place in others if place > low), default=None)
        if field == "before":
            high = self._spots[value].place  # type: ignore[index]  # an id
            return max((place for place in others if place < high), default=None), high
        return (None, min(others, default=None)) if target == _FIRST else (max(others, default=None), None)

    async def _learn_ends(self, siblings: Siblings) -> None:
        if siblings not in self._known_ends:
            self._known_ends.add(siblings)
            await self.learn([], [(siblings, _LOWEST), (siblings, _HIGHEST)])

    async def _place(self, siblings: Siblings, low: int | None, high: int | None) -> int:
        """Return a place between two others, or beyond one of them."""
        if high is None:
            return next(self._numbers) << GAP_BITS
        if low is None:
            return -(next(self._numbers) << GAP_BITS)
        place = between(low, high)
        if place is None:
            place = between(low, await self._make_room(siblings, low))
        assert place is not None  # there is room now
        return place

    async def _make_room(self, siblings: Siblings, low: int) -> int:
        """Give siblings behind a place others, so that there is room; return the next place that is taken then."""
        list_id, parent_id = siblings
        statement = queries.FOLLOWING_IN_LIST if parent_id is None else queries.FOLLOWING_BELOW
        new, count = list[int](), _AHEAD
        end = next(self._numbers) << GAP_BITS
        while not new:
            rows = await self._tx.rows(statement, group=list_id or parent_id, place=low, count=count)
            self._learn(rows)
            is_all = len(rows) < count
            last = end if is_all else rows[-1]["place"]
            places = sorted({place for place in self._among[siblings].values() if low < place <= last})
            # Of the last place not all may be here: occurrences of one repeat share a place.
            new = spread(low, places, end) if is_all else spread(low, places[:-1], places[-1])
            if is_all and not new:
                new = spread(low, places, end, room=1)
            count *= 8
        await self._renumber(siblings, dict(zip(places, new, strict=False)))  # those behind keep theirs
        return new[0]

    async def _renumber(self, siblings: Siblings, new: Mapping[int, int]) -> None:
        """Store other places for siblings, and keep them in memory; those that this request moves are stored later.

        Args:
            siblings: Who.
            new: The new place for each old one.
        """
        changed = {todo_id: new[place] for todo_id, place in self._among[siblings].items() if place in new}
        for todo_id, place in changed.items():
            self._put(todo_id, replace(self._spots[todo_id], place=place))
        for ids in chunks([todo_id for todo_id in changed if todo_id not in self._moved]):
            await self._tx.rows(queries.RENUMBER, ids=list(ids), places=[changed[todo_id] for todo_id in ids])

    async def put_back(self, todos: Sequence[tuple[int, Siblings, Mapping[str, Any]]]) -> None:
        """Move todos to where they were, in memory, one after the other.

        Args:
            todos: Each todo, among whom it was, and its place, as the record has it.
        """
        await self.learn([], [(siblings, was["number"] + side) for _, siblings, was in todos for side in (-1, 1)])
        for todo_id, siblings, was in todos:
            await self._put_back(todo_id, siblings, was)

    async def _put_back(self, todo_id: int, siblings: Siblings, was: Mapping[str, Any]) -> None:
        """Move a todo back to the one that shared its place, or between the neighbours that it had, as far as these are
        still there."""
        number = was["number"]
        low, high = self._still_there(siblings, was["after"]), self._still_there(siblings, was["before"])
        others = {place for other, place in self._among[siblings].items() if other != todo_id}
        place = number
        if (shared := self._still_there(siblings, was.get("beside"))) is not None:
            place = shared
        elif not _is_between(number, low, high):
            # They were renumbered. What was put between them since stays behind this one.
            place = await self._place(siblings, *_narrowed(low, high, others))
        elif number in others and "beside" not in was:  # else it shared the place, with more than one
            place = await self._place(siblings, *_narrowed(number, None, others))
        self._put(todo_id, Spot(siblings, place, number))
        self._moved[todo_id] = None if place == number else number

    def _still_there(self, siblings: Siblings, neighbour: Mapping[str, int] | None) -> int | None:
        """Return the place of a neighbour that the record names, if nobody has moved it since."""
        spot = None if neighbour is None else self._spots.get(neighbour["id"])
        if spot is None or neighbour is None or (spot.siblings, spot.chosen) != (siblings, neighbour["number"]):
            return None
        return spot.place


def _narrowed(low: int | None, high: int | None, others: Collection[int]) -> tuple[int | None, int | None]:
    """Return the place right behind `low`, or else right before `high`, as bounds."""
    if low is not None:
        return low, min((place for place in others if place > low), default=None)
    assert high is not None  # otherwise any place would be between them
    return max((place for place in others if place < high), default=None), high


def _is_between(place: int, low: int | None, high: int | None) -> bool:
    return (low is None or low < place) and (high is None or place < high)


def _refused(target: Target, message: str) -> InvalidInput:
    return InvalidInput(errors=[FieldError(target[0], message, code="not_possible")])


async def fresh_places(tx: Tx, count: int) -> list[int]:
    """Return places for todos that come to a list, in order, at the end that the profile says."""
    row = await tx.one(queries.FRESH, count=count)
    if row["comes_first"]:
        return [-(number << GAP_BITS) for number in reversed(row["numbers"])]
    return [number << GAP_BITS for number in row["numbers"]]
