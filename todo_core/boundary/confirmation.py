"""Guard against accidents: refuse to move many todos to the trash unless a person agreed."""

from __future__ import annotations

from typing import Final

from todo_core.boundary.operation import Tx
from todo_core.errors import ConfirmationRequired
from todo_core.queries import confirmation as queries

UNASKED: Final = 10
"""Most todos that go to the trash without a question, those of the last `queries.MINUTES` together."""


async def confirm(tx: Tx, count: int) -> None:
    """Refuse an operation that moves too many todos to the trash, and so roll it back.

    Call it once the todos are counted, before the move or after it.

    Args:
        tx: The transaction of the move.
        count: Todos that it moves.

    Raises:
        ConfirmationRequired: With those that the agent moved lately they are more than `UNASKED`, and nobody confirmed
            this number.
    """
    if not count or not is_needed(tx) or (tx.caller.confirmed and tx.caller.confirmed_count == count):
        return
    recent = await tx.value(queries.TRASHED, agent_id=tx.caller.agent_id)
    if count + recent > UNASKED:
        raise ConfirmationRequired(count, recent)


def is_needed(tx: Tx) -> bool:
    """Return whether `confirm` may refuse: where counting costs something, count only then."""
    agreed = tx.caller.confirmed and tx.caller.confirmed_count is None
    return not (agreed or tx.caller.dry_run)
