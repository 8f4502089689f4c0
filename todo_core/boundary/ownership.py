"""Why rows were not found."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import BigInteger, Text, func, select
from sqlalchemy.dialects.postgresql import ARRAY

from todo_core.boundary.operation import Tx
from todo_core.errors import NotFound, NotOwner, TodoError
from todo_core.storage.statements import Statement, parameter

_BELONG_TO_ANOTHER = Statement(
    select(func.belong_to_another(parameter("entity", Text()), parameter("ids", ARRAY(BigInteger))))
)


async def missing(tx: Tx, entity: str, ids: Sequence[int]) -> dict[int, TodoError]:
    """403 for somebody else's row, 404 for none, and neither says more (OW4). Asked only after a miss."""
    if not ids:
        return {}
    others = await tx.value(_BELONG_TO_ANOTHER, entity=entity, ids=list(ids))
    return {row_id: NotOwner() if row_id in others else NotFound() for row_id in ids}
