"""Near matches of a search, in SQL."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Text, func, literal_column, select
from sqlalchemy.dialects.postgresql import ARRAY

from todo_core.models.todos import Todo
from todo_core.storage.statements import Statement, mine

LOOKED_AT: Final = 2_000
"""How many of a user's newest todos are looked at."""

_table = Todo.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_newest = (
    select(_table.c.search)
    .where(mine(Todo), _table.c.deleted_at.is_(None))
    .order_by(_table.c.created_at.desc(), _table.c.id.desc())
    .limit(LOOKED_AT)
    .subquery("newest")
)
_word = func.unnest(func.tsvector_to_array(_newest.c.search), type_=Text()).label("word")
_words = select(_word).distinct().subquery("words")
WORDS = Statement(
    select(func.coalesce(func.array_agg(_words.c.word, type_=ARRAY(Text)), literal_column("'{}'::text[]"))).where(
        _words.c.word.not_like("user:%")
    )
)
"""Read the distinct words of the user's 2,000 newest live todos as an array, to offer near matches.

Reads `ix_todos_live_created`.
"""
