"""What an undo puts back, in SQL."""

from __future__ import annotations

from sqlalchemy import BigInteger, Text, column, func, select, true
from sqlalchemy.dialects.postgresql import JSON

from todo_core.models.changes import Change
from todo_core.storage.statements import Statement, mine, parameter

_change = Change.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_undo = _change.alias("undo")
_entry = (
    func.json_to_recordset(_change.c.entries)
    .table_valued(column("entity", Text), column("id", BigInteger), column("before", JSON), column("after", JSON))
    .render_derived(name="entry", with_types=True)
)
_undone = (_undo.c.user_id == _change.c.user_id) & (_undo.c.undoes == _change.c.id)

ENTRIES = Statement(
    select(_undo.c.id.label("undone_by"), *_entry.c)
    .select_from(_change.outerjoin(_undo, _undone).join(_entry, true()))
    .where(mine(Change), _change.c.id == parameter("id", BigInteger()))
)
"""Read the rows that the change `id` touched, in its order; no row where there is no such change.

Columns: `entity` and `id`; `before` and `after`, JSON, `before` null for a row that the change made; and in each row
`undone_by`, the change that reverted it. Reads `uq_changes_user_id_id` and `uq_changes_user_id_undoes`.
"""
