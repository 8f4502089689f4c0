"""Record a change with the rows that it touched, in the transaction that makes it (SA2)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from todo_core.boundary.chunks import chunks
from todo_core.boundary.results import Changed, Recorded, Touched
from todo_core.queries import changes as queries
from todo_core.storage.transactions import Row, Transaction

_RECORD_SEPARATOR: Final = "\x1e"
"""Stands between JSON texts (RFC 7464, section 2.2)."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a change comes from, as the statements that record it take it."""

    operation: str
    """The operation's name."""
    via: str
    """The transport, and the tool if there is one."""
    client: str | None
    """How the client names itself."""
    token_id: int | None
    """The API token, if one was used."""
    agent_id: int | None
    """The agent, if it was one."""
    request_id: str | None
    """The id of the request, if there is one."""
    proposal_id: int | None = None
    """The proposal that was performed, if it was one."""
    approved_by: str | None = None
    """How the person approved it."""

    def parameters(self) -> dict[str, Any]:
        """Return the parameters of `queries.changes.change_of`."""
        return {
            "operation": self.operation,
            "via": self.via,
            "client": self.client,
            "token_id": self.token_id,
            "agent_id": self.agent_id,
            "request_id": self.request_id,
        }


async def record(transaction: Transaction, changed: Changed[Any], origin: Origin) -> Recorded | None:
    """Record what an operation changed, and return the change; None if it changed nothing.

    What the operation has recorded itself (`Tx.origin`) stays as it is.

    Args:
        transaction: That of the operation.
        changed: Its result.
        origin: Where the change comes from.
    """
    if changed.recorded is not None or not changed.touched:
        return changed.recorded
    first, *further = chunks(changed.touched)
    facts: dict[str, Any] = origin.parameters() | columns(first)
    statement = queries.RECORD
    if changed.undoes:
        facts |= {"undoes": changed.undoes[0], "all_undone": [*changed.undoes]}
        statement = queries.RECORD_UNDO
    if origin.proposal_id is not None:
        facts |= {"proposal_id": origin.proposal_id, "approved_by": origin.approved_by}
        statement = queries.RECORD_APPROVED_UNDO if changed.undoes else queries.RECORD_APPROVED
    row = await transaction.one(statement, **facts)
    already = len(first)
    for rows in further:
        await transaction.rows(queries.RECORD_MORE, id=row["id"], already=already, **columns(rows))
        already += len(rows)
    return Recorded(row["id"], row["is_followed"])


def recorded_by(rows: Iterable[Row | dict[str, Any]]) -> Recorded | None:
    """Return the change that the statement has recorded which returned these rows; None if it has recorded none."""
    row = next((row for row in rows if row.get("change_id") is not None), None)
    return None if row is None else Recorded(row["change_id"], row["is_followed"])


def columns(rows: Sequence[Touched]) -> dict[str, str]:
    """Return rows as the statements take them: a text for each column."""
    values = {
        "entities": (row.entity for row in rows),
        "entity_ids": (str(row.id) for row in rows),
        "befores": (row.before or "" for row in rows),
        "afters": (row.after for row in rows),
    }
    return {name: _RECORD_SEPARATOR.join(row_values) for name, row_values in values.items()}
