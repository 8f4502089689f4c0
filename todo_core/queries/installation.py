"""What belongs to the installation, in SQL."""

from __future__ import annotations

from sqlalchemy import Text, column, select, table

from todo_core.models.installation import Installation
from todo_core.storage.statements import Statement

_installation = Installation.__table__  # type: ignore[attr-defined]  # SQLModel sets it

REVISION = Statement(select(column("version_num", Text)).select_from(table("alembic_version")))
"""Read the number of the migration that the database is at."""

CURSOR_KEY = Statement(select(_installation.c.cursor_key))
"""Read the key that seals cursors."""
