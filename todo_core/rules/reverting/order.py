"""Undo what a change did to the order of todos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from todo_core.boundary.operation import Tx
from todo_core.rules.order import Order
from todo_core.rules.spots import Moved, Siblings


@dataclass(frozen=True, slots=True)
class Return:
    """Where an undo puts a todo back."""

    siblings: Siblings | None
    """Its siblings there; None if it moved with its whole list, so that no other todo can stand between them."""
    was: dict[str, Any]
    """Its place there, as the record has it."""
    leaves: dict[str, Any]
    """The place that it leaves, as the record has it."""


@dataclass(frozen=True, slots=True)
class PutBack:
    """A todo that an undo puts back: the columns of its place, and what the record says of it."""

    columns: dict[str, Any]
    moved: Moved


async def put_back(tx: Tx, returns: Sequence[tuple[int, Return]]) -> dict[int, PutBack]:
    """Return for each todo where an undo puts it, by its id.

    Args:
        tx: The transaction.
        returns: Todos, and where each was; of one that comes several times the last counts.
    """
    whole = {todo_id: back for todo_id, back in returns if back.siblings is None or "after" not in back.was}
    backs = {
        todo_id: PutBack({"place": back.was["number"], "chosen_place": None}, Moved(back.leaves, back.was))
        for todo_id, back in whole.items()
    }
    single = [
        (todo_id, back.siblings, back.was)
        for todo_id, back in returns
        if todo_id not in whole and back.siblings is not None
    ]
    if not single:
        return backs
    neighbours = [one["id"] for _, _, was in single for side in ("after", "before", "beside") if (one := was.get(side))]
    order = await Order.of(tx, dict.fromkeys(todo_id for todo_id, _, _ in single), neighbours, len(single))
    await order.put_back(single)
    recorded = order.recorded
    return backs | {todo_id: PutBack(order.columns(todo_id), recorded[todo_id]) for todo_id, _, _ in single}
