"""Why a row was not found."""

from __future__ import annotations

from sqlalchemy import BigInteger, Text, func, select

from todo_core.database import Statement, parameter
from todo_core.errors import NotFound, NotOwner, TodoError
from todo_core.operation import Tx

_BELONGS_TO_ANOTHER = Statement(
    select(func.belongs_to_another(parameter("entity", Text()), parameter("id", BigInteger())))
)


async def missing(tx: Tx, entity: str, row_id: int) -> TodoError:
    """403 for somebody else's row, 404 for none, and neither says more (OW4). Asked only after a miss."""
    return NotOwner() if await tx.value(_BELONGS_TO_ANOTHER, entity=entity, id=row_id) else NotFound()
