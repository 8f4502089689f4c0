"""The place of a todo among its siblings: as it is stored, as a request names it, and as the change record has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from todo_core.errors import FieldError, InvalidInput
from todo_core.storage.transactions import Row
from todo_core.text.json_text import json_text

Siblings = tuple[int | None, int | None]
"""The todos among which a place counts: (list id, None), or (None, parent id) for subtasks."""
Target = tuple[str, int | str]
"""The place that a request names: (`before`, id), (`after`, id), (`place`, `first`) or (`place`, `last`)."""

TARGETS: Final = ("before", "after", "place")
"""Fields of a request that say where a todo goes; it has one of them at most."""


@dataclass(frozen=True, slots=True)
class Spot:
    """The place of a todo, and its siblings."""

    siblings: Siblings
    place: int
    chosen: int
    """The place that the todo was given, by which undo recognizes it; renumbering changes `place` alone."""
    is_live: bool = True

    @classmethod
    def of(cls, row: Row) -> Spot:
        """Return the spot of a row of `queries.order.NEAR`."""
        chosen = row["place"] if row["chosen_place"] is None else row["chosen_place"]
        return cls(siblings_of(row["list_id"], row["parent_id"]), row["place"], chosen, row["deleted_at"] is None)


@dataclass(frozen=True, slots=True)
class Moved:
    """Places of todos that moved, as the change record keeps them (`Order.recorded`)."""

    before: dict[str, Any]
    after: dict[str, Any]

    def of(self, before: str, after: str) -> tuple[str, str]:
        """Return the JSON of a row before and after, each with its place."""
        return with_place(before, self.before), with_place(after, self.after)


def place_of(row: str | None) -> dict[str, Any] | None:
    """Return the recorded place in the JSON of a row; None if the change did not move it, or there is no row."""
    place: dict[str, Any] | None = None if row is None else orjson.loads(row).get("place")
    return place


def with_place(row: str, place: dict[str, Any] | None) -> str:
    """Return the JSON of a row with this place instead of the one that it has, or without any."""
    fields = {name: value for name, value in orjson.loads(row).items() if name != "place"}
    return json_text(fields if place is None else fields | {"place": place})


def siblings_of(list_id: int | None, parent_id: int | None) -> Siblings:
    """Return the siblings of a todo with this list and parent."""
    return (list_id, None) if parent_id is None else (None, parent_id)


def target_of(item: Mapping[str, Any]) -> Target | None:
    """Return the place that an item of a request names; None if it names none.

    Raises:
        InvalidInput: It names two.
    """
    named = [name for name in TARGETS if item.get(name) is not None]
    if len(named) > 1:
        raise InvalidInput(
            errors=[FieldError(named[1], f"cannot be given together with {named[0]}", code="conflicting")]
        )
    return (named[0], item[named[0]]) if named else None
