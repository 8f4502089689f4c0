"""Remember what was counted of a person with many todos, for as long as it is so.

To count 100,000 todos takes 50 times as long as all else that an overview needs. What was counted is told again while
nothing of the person has changed, the trash included (`queries.standing.STANDING`), and neither has the time: on the
same day where the person is, until the next todo is overdue. Nobody is told what was counted for somebody who sees
more, or less. Moments of rows are PostgreSQL's: where its clock is ahead, what was written just now is not there yet to
this process, and what it counts then is not remembered.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from todo_core.boundary.operation import Tx
from todo_core.queries import standing as queries
from todo_core.storage.statements import Statement
from todo_core.storage.transactions import Row

LEAST: Final = 500
"""Todos from which on what was counted is remembered: fewer are counted in no time."""

_NEVER: Final = datetime.max.replace(tzinfo=UTC)

Key = tuple[int, *tuple[str, ...]]
"""Whose todos; and of what, as of which day and where."""


@dataclass(frozen=True, slots=True)
class Counted:
    """A row of what was counted, and when it holds."""

    row: Row
    since: datetime
    until: datetime
    """When it ends at the latest."""


async def counted(tx: Tx, statement: Statement, of: tuple[str, ...], now: datetime, **parameters: Any) -> Row:
    """Return the row of a statement that counts todos, or what it was, if that is how it is.

    Args:
        tx: The transaction.
        statement: What counts. Columns of its row beside the counts are `newest` and `trashed`, as of `STANDING`;
            `counted`, how many todos it looked at; and `next_due`, until when it counts the same that day, null to its
            end.
        of: What of the parameters and the profile decides what it counts, but for `now`: above all which day that is.
        now: The present moment, which is the parameter `now` of the statement.
        parameters: Its other parameters.
    """
    if not tx.caller.sees_all:
        return await tx.one(statement, now=now, **parameters)
    key: Key = (tx.caller.principal.user_id, *of)
    known: Counted | None = tx.core.counted.get(key)
    if known is not None and known.since <= now < known.until:
        standing = await tx.one(queries.STANDING)
        if (standing["newest"], standing["trashed"]) == (known.row["newest"], known.row["trashed"]):
            return known.row
    row = await tx.one(statement, now=now, **parameters)
    if row["counted"] < LEAST or _moment(row["newest"]) > now.timestamp():
        tx.core.counted.pop(key, None)
    else:
        tx.core.counted[key] = Counted(row, now, row["next_due"] or _NEVER)
    return row


def _moment(newest: str) -> float:
    """Return when a change was made that `standing.NEWEST` names, in seconds since 1970; 0 where it was deleted."""
    return float(newest.partition("@")[2] or 0)
