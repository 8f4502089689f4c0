"""Undo what a change did to the order of todos."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from todo_core.boundary.operation import Tx
from todo_core.rules.order import Order
from todo_core.rules.spots import Moved, Siblings


@dataclass(frozen=True, slots=True)
class Return:
    """Where an undo puts a todo back."""

    siblings: Siblings | None
    """Among whom it was; None where a whole list went, and nobody can have come between its todos."""
    was: dict[str, Any]
    """Its place there, as the record has it."""
    leaves: dict[str, Any]
    """The place that it leaves, as the record has it."""


@dataclass(frozen=True, slots=True)
class PutBack:
    """A todo that an undo puts back: the columns of its place, and what the record says of it."""

    columns: dict[str, Any]
    moved: Moved


async def put_back(tx: Tx, returns: Mapping[int, Return]) -> dict[int, PutBack]:
    """Return for each todo where an undo puts it.

    Args:
        tx: The transaction.
        returns: Where each was, by its id.
    """
    whole = {todo_id: back for todo_id, back in returns.items() if back.siblings is None or "after" not in back.was}
    backs = {
        todo_id: PutBack({"place": back.was["number"], "chosen_place": None}, Moved(back.leaves, back.was))
        for todo_id, back in whole.items()
    }
    single = {todo_id: back for todo_id, back in returns.items() if todo_id not in whole}
    if not single:
        return backs
    neighbours = [back.was[side]["id"] for back in single.values() for side in ("after", "before") if back.was[side]]
    order = await Order.of(tx, dict.fromkeys(single), neighbours)
    for todo_id, back in single.items():
        assert back.siblings is not None
        await order.put_back(todo_id, back.siblings, back.was)
    recorded = order.recorded
    return backs | {todo_id: PutBack(order.columns(todo_id), recorded[todo_id]) for todo_id in single}
