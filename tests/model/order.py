"""The order by hand: where a todo goes among its siblings. Numbers are the product's, held to what they must mean."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from fractions import Fraction
from math import floor
from typing import TYPE_CHECKING, Any, Final

from tests.model.rows import Entry, Siblings, Target, Todo

if TYPE_CHECKING:
    from tests.model.model import State, Writing

STEP: Final = 2**20
"""What separates a todo that was never moved from the one that was added after it."""
FIELDS: Final = ("before", "after", "place")
Bounds = tuple[Fraction | None, Fraction | None]


def target_of(item: dict[str, Any]) -> Target | None:
    """Where an item says that its todo goes; None also where it says that twice."""
    named = [(name, item[name]) for name in FIELDS if item.get(name) is not None]
    return named[0] if len(named) == 1 else None


def stand_at_end(w: Writing, made: list[int], ends: dict[int, str]) -> None:
    """Put todos that were added where they come: in the order of their ids, behind all others or before them."""
    for todo_id in made:
        number = Fraction(todo_id * STEP)
        if (ends.get(todo_id) or w.state.profile.new_todos) == "first":
            number = -(min(made) + max(made)) * STEP + number
        w.put(todo_id, place=number, chosen=number)


def siblings_of(state: State, siblings: Siblings, but: int) -> dict[int, Fraction]:
    return {todo.id: todo.place for todo in state.todos.values() if todo.siblings == siblings and todo.id != but}


def move(w: Writing, todo_id: int, was: Siblings, target: Target | None) -> None:
    """Put a todo among its siblings; it stays if it is there, whoever comes behind it by the same request."""
    todo = w.state.todos[todo_id]
    target = target or ("place", w.state.profile.new_todos)
    others = siblings_of(w.state, todo.siblings, todo_id)
    staying = {other: place for other, place in others.items() if w.coming.get(other) != target}
    previous = w.latest.get((todo.siblings, target))
    w.latest[todo.siblings, target] = todo_id
    if was == todo.siblings and _lies(todo.place, _bounds(others, staying.values(), target, previous)):
        return
    number = w.place_of(todo_id)
    bounds = _bounds(others, others.values(), target, previous)
    if number is None:  # of a rehearsal there is no record
        number = _somewhere(bounds)
    assert _lies(number, bounds), f"todo {todo_id} went to {number}, and not between {bounds}"
    w.put(todo_id, place=number, chosen=number)


def _bounds(others: dict[int, Fraction], places: Collection[Fraction], target: Target, previous: int | None) -> Bounds:
    side, where = target
    if previous is not None and (side == "after" or where == "first"):
        side, where = "after", previous
    if side == "after":
        return others[where], min((place for place in places if place > others[where]), default=None)
    if side == "before":
        return max((place for place in places if place < others[where]), default=None), others[where]
    return (None, min(places, default=None)) if where == "first" else (max(places, default=None), None)


def _lies(place: Fraction, bounds: Bounds) -> bool:
    low, high = bounds
    return (low is None or low < place) and (high is None or place < high)


def _somewhere(bounds: Bounds) -> Fraction:
    low, high = bounds
    if low is None:
        return Fraction(0) if high is None else high - 1
    return low + 1 if high is None else (low + high) / 2


def sweep(w: Writing, todos: Iterable[Todo], list_id: int) -> None:
    """Move all todos of lists to another one, in their order, to the end where new ones come."""
    there = [todo.place for todo in w.state.todos.values() if todo.list_id == list_id]
    last: Fraction | None = None
    for todo in todos:
        number = w.place_of(todo.id) or todo.place
        if w.place_of(todo.id) is not None:
            assert last is None or last < number
            is_first = w.state.profile.new_todos == "first"
            assert all(number < place if is_first else number > place for place in there)
        last = number
        w.put(todo.id, list_id=list_id, place=number, chosen=number)
        w.swept.add(todo.id)


def beside(state: State, todo: Todo) -> tuple[Todo | None, Todo | None, Todo | None]:
    """The siblings between which a todo is, and the one that shares its place: they are occurrences of one series."""
    others = [other for other in state.todos.values() if other.siblings == todo.siblings and other.id != todo.id]
    low = max((one for one in others if one.place < todo.place), key=lambda one: (one.place, one.id), default=None)
    high = min((one for one in others if one.place > todo.place), key=lambda one: (one.place, one.id), default=None)
    same = max((one for one in others if one.place == todo.place), key=lambda one: one.id, default=None)
    return low, high, same


def put_back(w: Writing, entry: Entry, number: Fraction) -> None:
    """Put a todo back to its place with the one that shared it, or between the two that are still there, and then right
    behind what has that place now."""
    todo = w.state.todos[entry.after.id]
    if entry.beside is None:
        w.swept.add(todo.id)
        w.put(todo.id, place=number, chosen=number)
        return
    others = siblings_of(w.state, todo.siblings, todo.id).values()
    low, high, same = (_still_there(w.state, todo.siblings, one) for one in entry.beside)
    place = number
    if same is not None:
        place = same
    elif not _lies(number, (low, high)):
        bounds = (
            (low, min((place for place in others if place > low), default=None))
            if low is not None
            else (max((place for place in others if high is not None and place < high), default=None), high)
        )
        place = _anew(w.state, bounds)
    elif number in others and entry.beside[2] is None:
        place = _anew(w.state, (number, min((other for other in others if other > number), default=None)))
    w.put(todo.id, place=place, chosen=number)


def _still_there(state: State, siblings: Siblings, one: Todo | None) -> Fraction | None:
    if one is None:
        return None
    now = state.todos[one.id]
    return now.place if (now.siblings, now.chosen) == (siblings, one.chosen) else None


def _anew(state: State, bounds: Bounds) -> Fraction:
    """A place between others; at an open end before or behind every todo of the person, among whichever siblings."""
    low, high = bounds
    places = [todo.place for todo in state.todos.values()]
    if high is None:
        return max(places) + 1
    return min(places) - 1 if low is None else Fraction(floor((low + high) / 2))
