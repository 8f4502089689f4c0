"""Guard against accidents: refuse to move many todos to the trash unless a person agreed."""

from __future__ import annotations

from typing import Final

from todo_core.boundary.operation import Tx
from todo_core.errors import ConfirmationRequired

UNASKED: Final = 10
"""Most todos that go to the trash without a question."""


def confirm(tx: Tx, count: int) -> None:
    """Refuse an operation that moves too many todos to the trash, and so roll it back.

    Call it once the todos are counted, before the move or after it.

    Args:
        tx: The transaction of the move.
        count: Todos that it moves.

    Raises:
        ConfirmationRequired: They are more than `UNASKED`, and nobody confirmed.
    """
    if count > UNASKED and is_needed(tx):
        raise ConfirmationRequired(count)


def is_needed(tx: Tx) -> bool:
    """Return whether `confirm` may refuse: where counting costs something, count only then."""
    return not (tx.caller.confirmed or tx.caller.dry_run)
