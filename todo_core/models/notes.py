"""Notes on todos: added by people and agents, and never changed."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field
from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKeyConstraint, Identity, Index, Text, column, func
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlmodel import Field as TableField
from sqlmodel import SQLModel

from todo_core.models.fields import Cursor, Input, Limit, Output, VisibleLines, instant_column, owner_column

MAX_NOTES = 1_000
"""Notes of one todo."""
SHOWN = 3
"""How many notes come with their todo, the newest."""


class Note(SQLModel, table=True):
    """A note on a todo. Its row is only ever inserted and deleted: nobody has the right to update one."""

    __tablename__ = "notes"
    __table_args__ = (
        ForeignKeyConstraint(
            ["user_id", "todo_id"], ["todos.user_id", "todos.id"], name="fk_notes_todo_id", ondelete="CASCADE"
        ),
        CheckConstraint(func.char_length(column("text")).between(1, 4000), name="text_length"),
        Index("ix_notes_todo", "user_id", "todo_id", "id"),
        Index("ix_notes_words", "words", postgresql_using="gin", postgresql_with={"fastupdate": "off"}),
    )

    user_id: int = TableField(sa_column=owner_column(primary_key=True))
    id: int = TableField(sa_column=Column(BigInteger, Identity(always=False), primary_key=True))
    todo_id: int = TableField(sa_type=BigInteger)
    text: str = TableField(sa_type=Text)
    author: str | None = TableField(sa_type=Text)
    """The agent that added it, by the name that it or its token had then; null for the person."""
    created_at: datetime = TableField(sa_column=instant_column(now=True))
    words: str = TableField(sa_column=Column(TSVECTOR, nullable=False))
    """What its todo is found by: its words, other forms of them, and its owner. A trigger of PostgreSQL writes it
    (`docs/decisions/0037-words.md`)."""


NoteText = Annotated[str, VisibleLines(min_length=1, max_length=4000)]


class NoteCreate(Input):
    """A new note."""

    text: Annotated[NoteText, Field(description="What there is to note, 1–4000 characters.")]


class NoteQuery(Input):
    """Which page of a todo's notes."""

    limit: Annotated[Limit, Field(description="Notes on a page, 1–200.")] = 50
    cursor: Annotated[Cursor | None, Field(description="`next_cursor` of the page before.")] = None


class NoteRead(Output):
    """A note as it is read."""

    id: Annotated[int, Field(description="Id; later notes have higher ids.")]
    todo_id: Annotated[int, Field(description="The todo that it is on.")]
    text: Annotated[str, Field(description="What was noted.")]
    author: Annotated[str | None, Field(description="The agent that added it; null: the person.")]
    created_at: Annotated[datetime, Field(description="When it was added.")]


class NoteRecorded(NoteRead):
    """A note as the record of changes has it."""

    is_deleted: Annotated[bool, Field(description="Whether an undo has taken it away.")]
