"""Tell apart why rows were not found: another user has them, or nobody has."""

from __future__ import annotations

from collections.abc import Sequence

from todo_core.boundary.operation import Tx
from todo_core.errors import NotFound, NotOwner, TodoError
from todo_core.queries import ownership as queries


async def missing(tx: Tx, entity: str, ids: Sequence[int]) -> dict[int, TodoError]:
    """Return the error for each row that was not found: `NotOwner` if another user has it, else `NotFound` (OW4).

    Call it only after a miss: it is one more round trip.

    Args:
        tx: The transaction that did not find them.
        entity: Kind of the rows, such as "todo".
        ids: Their ids.
    """
    if not ids:
        return {}
    others = {*await tx.value(queries.BELONG_TO_ANOTHER, entity=entity, ids=list(ids))}
    return {row_id: absent(entity, is_of_another=row_id in others) for row_id in ids}


def absent(entity: str, *, is_of_another: bool) -> TodoError:
    """Return the error for a row that was not found; it says where to look for it.

    Args:
        entity: Kind of the row, such as "todo".
        is_of_another: Whether another user has it.
    """
    # What the errors say by themselves is about todos: nothing else is found in the trash.
    step = None if entity == "todo" else f"List your {entity}s to find the id you want."
    return (NotOwner if is_of_another else NotFound)(next_step=step)
