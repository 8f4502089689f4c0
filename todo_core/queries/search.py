"""Near matches of a search, in SQL."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Text, func, select

from todo_core.models.todos import Todo
from todo_core.storage.statements import Statement, mine

LOOKED_AT: Final = 2_000
"""How many of a user's newest todos are looked at."""
WORDS_READ: Final = 20_000
"""How many words of these todos are read, of the newest first: what a person writes in some 1,000 of them."""
LONGEST: Final = 40
"""Characters of a word that may have been meant; what is longer was pasted, and no typing error leads to it."""

_table = Todo.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_newest = (
    select(_table.c.search)
    .where(mine(Todo), _table.c.deleted_at.is_(None))
    .order_by(_table.c.created_at.desc(), _table.c.id.desc())
    .limit(LOOKED_AT)
    .subquery("newest")
)
_word = func.unnest(func.tsvector_to_array(_newest.c.search), type_=Text()).label("word")
_read = select(_word).limit(WORDS_READ).subquery("read")
_words = (
    select(_read.c.word)
    .where(_read.c.word.not_like("user:%"), func.char_length(_read.c.word) <= LONGEST)
    .distinct()
    .subquery("words")
)
WORDS = Statement(select(func.string_agg(_words.c.word, " ")))
"""Read distinct words of the user's newest live todos, with spaces between them, to offer near matches.

At most 2,000 todos and 20,000 of their words are read. Null where there are none. Reads `ix_todos_live_created`.
"""
