"""What an agent moved to the trash lately, in SQL."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, func, literal_column, select

from todo_core.models.changes import Change, ChangedRow, UndoneChange
from todo_core.storage.statements import Statement, mine, parameter

LOOK_BACK: Final = 1000
"""Changes that are looked at, the latest: ids are in the order of time, and nothing is ordered by it."""
MINUTES: Final = 10
"""How long todos that went to the trash count."""

_change = Change.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_row = ChangedRow.__table__  # type: ignore[attr-defined]
_undone = UndoneChange.__table__  # type: ignore[attr-defined]
_latest = (
    select(_change.c.id, _change.c.at, _change.c.via, _change.c.agent_id, _change.c.proposal_id)
    .where(mine(Change))
    .order_by(_change.c.id.desc())
    .limit(literal_column(str(LOOK_BACK)))
    .subquery("latest")
)
_before, _after = (state.op("->>")(literal_column("'deleted_at'")) for state in (_row.c.before, _row.c.after))
TRASHED = Statement(
    select(func.count())
    .select_from(_latest.join(_row, _row.c.change_id == _latest.c.id))
    .where(
        mine(_row),
        _latest.c.at > func.statement_timestamp() - literal_column(f"interval '{MINUTES} minutes'"),
        _latest.c.agent_id == parameter("agent_id", BigInteger()),
        _latest.c.proposal_id.is_(None),
        _latest.c.via.like(literal_column("'mcp:%'")),
        _latest.c.via.not_like(literal_column("'%confirmed%'")),
        _row.c.entity == literal_column("'todo'"),
        _row.c.before.is_not(None),
        _before.is_(None),
        _after.is_not(None),
        ~select(_undone.c.change_id).where(mine(_undone), _undone.c.change_id == _latest.c.id).exists(),
    )
)
"""Count the todos that an agent moved to the trash in the last `MINUTES` unasked, but for what was undone, or approved
as a proposal.

`agent_id`: the agent.
Reads `pk_changes`, `pk_change_entries` and `pk_undone_changes`.
"""
