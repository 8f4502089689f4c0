"""Tags: names that todos share across lists."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field
from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Index, Text, UniqueConstraint, column, func
from sqlalchemy import text as sql
from sqlmodel import Field as TableField
from sqlmodel import SQLModel

from todo_core.models.fields import (
    Id,
    Input,
    Name,
    Output,
    id_column,
    instant_column,
    owner_column,
    version_column,
)


class Tag(SQLModel, table=True):
    """A tag. `name_key` of the name is unique among a user's tags that are not deleted.

    A deleted tag keeps its links until the purge, so that undo brings it back everywhere.
    """

    __tablename__ = "tags"
    __table_args__ = (
        UniqueConstraint("user_id", "id"),
        CheckConstraint(func.char_length(column("name")).between(1, 50), name="name_length"),
        Index("uq_tags_name", "user_id", "name_key", unique=True, postgresql_where=sql("deleted_at IS NULL")),
    )

    id: int = TableField(sa_column=id_column())
    user_id: int = TableField(sa_column=owner_column())
    name: str = TableField(sa_type=Text)
    name_key: str = TableField(sa_type=Text)
    """The name as `text.name_key` folds it, by which names are compared."""
    deleted_at: datetime | None = TableField(sa_column=instant_column(nullable=True))
    created_at: datetime = TableField(sa_column=instant_column(now=True))
    updated_at: datetime = TableField(sa_column=instant_column(now=True))
    version: int = TableField(sa_column=version_column())


class TodoTag(SQLModel, table=True):
    """A link between a todo and a tag of the same owner."""

    __tablename__ = "todo_tags"
    __table_args__ = (
        ForeignKeyConstraint(
            ["user_id", "todo_id"], ["todos.user_id", "todos.id"], name="fk_todo_tags_todo_id", ondelete="CASCADE"
        ),
        ForeignKeyConstraint(
            ["user_id", "tag_id"], ["tags.user_id", "tags.id"], name="fk_todo_tags_tag_id", ondelete="CASCADE"
        ),
        Index("ix_todo_tags_tag", "user_id", "tag_id", "todo_id"),
        Index("ix_todo_tags_list_tag", "user_id", "list_id", "tag_id"),
    )

    user_id: int = TableField(sa_column=owner_column(primary_key=True))
    todo_id: int = TableField(sa_type=BigInteger, primary_key=True)
    tag_id: int = TableField(sa_type=BigInteger, primary_key=True)
    list_id: int = TableField(sa_type=BigInteger)
    """The todo's list, which a trigger keeps, and fills where a statement does not say it."""


MAX_TAGS = 20
"""Tags of one todo."""
TagId = Annotated[Id, Field(description="Id of the tag.")]
TagName = Annotated[
    str,
    Name(min_length=1, max_length=50),
    Field(description="1–50 characters, in any case."),
]
TagNames = Annotated[list[TagName], Field(max_length=MAX_TAGS)]


class TagPatch(Input):
    """A change to a tag: everything that has it shows the new name."""

    name: TagName


class TagMerge(Input):
    """Where the todos of a tag go."""

    into: Annotated[Id, Field(description="Id of the tag that stays.")]


class TagRead(Output):
    """A tag as it is read."""

    id: Annotated[int, Field(description="Id.")]
    name: Annotated[str, Field(description="Name.")]
    open_todos: Annotated[int, Field(description="Open todos that have it.")]
    created_at: Annotated[datetime, Field(description="When it was first used.")]
    updated_at: Annotated[datetime, Field(description="When it last changed.")]
    version: Annotated[int, Field(description="Counts changes, from 1.")]
