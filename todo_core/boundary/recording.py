"""Record a change with the rows that it touched, in the transaction that makes it (SA2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from todo_core.boundary.chunks import chunks
from todo_core.boundary.results import Changed, Touched
from todo_core.queries import changes as queries
from todo_core.storage.database import Transaction

_RECORD_SEPARATOR: Final = "\x1e"
"""Stands between JSON texts (RFC 7464, section 2.2)."""


class Recorded(NamedTuple):
    """A change in the record."""

    id: int
    is_followed: bool
    """Whether some process listens for changes."""


async def record(
    transaction: Transaction,
    changed: Changed[Any],
    *,
    operation: str,
    via: str,
    client: str | None,
    token_id: int | None,
) -> Recorded | None:
    """Record what an operation changed, and return the change; None if it changed nothing.

    Args:
        transaction: That of the operation.
        changed: Its result.
        operation: Its name.
        via: The transport, and the tool if there is one.
        client: How the client names itself.
        token_id: The API token, if one was used.
    """
    if not changed.touched:
        return None
    first, *further = chunks(changed.touched)
    row = await transaction.one(
        queries.RECORD,
        operation=operation,
        via=via,
        client=client,
        token_id=token_id,
        undoes=changed.undoes,
        **columns(first),
    )
    already = len(first)
    for rows in further:
        await transaction.rows(queries.RECORD_MORE, id=row["id"], already=already, **columns(rows))
        already += len(rows)
    return Recorded(row["id"], row["is_followed"])


def columns(rows: Sequence[Touched]) -> dict[str, str]:
    """Return rows as the statements take them: a text for each column."""
    values = {
        "entities": (row.entity for row in rows),
        "entity_ids": (str(row.id) for row in rows),
        "befores": (row.before or "" for row in rows),
        "afters": (row.after for row in rows),
    }
    return {name: _RECORD_SEPARATOR.join(row_values) for name, row_values in values.items()}
