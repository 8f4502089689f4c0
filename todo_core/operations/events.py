"""Follow the changes as they happen."""

from __future__ import annotations

from todo_core.boundary.operation import Tx, operation
from todo_core.boundary.results import Position
from todo_core.errors import HistoryDeleted
from todo_core.queries import events as queries
from todo_core.rules.showing import shown_to


@operation(
    effect="reads",
    scope="todos:read",
    raises=(HistoryDeleted,),
    verbs=("read",),
    within_lists=True,
)
async def follow(tx: Tx, since: int | None = None) -> Position:
    """Follow the changes as they happen: each once, in the order it was committed, nothing missed.

    With `since`, what came after that change comes first. Whoever makes the change, and through whatever transport,
    you hear of it within a second.
    """
    shown = shown_to(tx.caller)
    row = await tx.one(queries.POSITION, shown=shown)
    newest = max(row["newest"] or 0, row["deleted_through"])
    if since is None:
        since = newest
    if since < row["deleted_through"]:
        raise HistoryDeleted(newest)
    # Of the user's changes none is between the latest and a higher number, be that of another user or made up.
    return Position(min(since, newest), newest, tuple(shown), tx.caller.acting)
