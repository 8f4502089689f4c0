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
    return {row_id: NotOwner() if row_id in others else NotFound() for row_id in ids}
