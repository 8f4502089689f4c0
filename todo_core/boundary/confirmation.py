"""A guard against accidents: much does not go to the trash unless a person agreed."""

from __future__ import annotations

from typing import Final

from todo_core.boundary.operation import Tx
from todo_core.errors import ConfirmationRequired

UNASKED: Final = 10
"""So many todos go to the trash without a question."""


def confirm(tx: Tx, count: int) -> None:
    """Refuse, and so undo, what put too many todos into the trash; call it when they are counted.

    Args:
        tx: The transaction that put them there.
        count: How many these are.

    Raises:
        ConfirmationRequired: They are more than go unasked.
    """
    if count > UNASKED and not (tx.caller.confirmed or tx.caller.dry_run):
        raise ConfirmationRequired(count)
