"""Lists: where todos are kept."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal, Required, get_args

from pydantic import Field
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    Numeric,
    Text,
    UniqueConstraint,
    column,
    func,
    text,
)
from sqlmodel import Field as TableField
from sqlmodel import SQLModel
from typing_extensions import TypedDict

from todo_core.models.fields import (
    STRICT,
    AsCalled,
    Id,
    Input,
    Name,
    Output,
    Version,
    id_column,
    instant_column,
    owner_column,
    version_column,
)

Color = Literal["grey", "red", "orange", "yellow", "green", "teal", "blue", "purple", "pink", "brown"]


class TodoList(SQLModel, table=True):
    """A list. `name_key` of the name is unique among a user's lists that are not deleted; `position` orders them."""

    __tablename__ = "lists"
    __table_args__ = (
        UniqueConstraint("user_id", "id"),
        CheckConstraint(func.char_length(column("name")).between(1, 100), name="name_length"),
        CheckConstraint(column("colour").in_(get_args(Color)), name="colour_known"),
        CheckConstraint("NOT is_inbox OR (archived_at IS NULL AND deleted_at IS NULL)", name="inbox_stays"),
        Index("uq_lists_name", "user_id", "name_key", unique=True, postgresql_where=text("deleted_at IS NULL")),
        Index("uq_lists_inbox", "user_id", unique=True, postgresql_where=text("is_inbox")),
        Index("ix_lists_archived", "user_id", "id", postgresql_where=text("archived_at IS NOT NULL")),
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
    colour: str = TableField(sa_type=Text, sa_column_kwargs={"server_default": "grey"})
    position: Decimal = TableField(sa_column=Column(Numeric, nullable=False))
    """A whole number; versions before schema 0009 wrote fractions. Moving a list changes one row."""
    is_inbox: bool = TableField(sa_column_kwargs={"server_default": "false"})
    archived_at: datetime | None = TableField(sa_column=instant_column(nullable=True))
    chosen_position: Decimal | None = TableField(sa_column=Column(Numeric))
    """The position as it was chosen, where it was given another since to make room."""
    made_by: int | None = TableField(
        sa_column=Column(
            BigInteger, server_default=text("coalesce(nullif(current_setting('app.agent', true), ''), '0')::bigint")
        )
    )
    """The agent that made it; 0 for the person, null for what an older version made."""


ListId = Annotated[Annotated[Id, Field(description="Id of the list.")], AsCalled]
ListName = Annotated[
    str,
    Name(min_length=1, max_length=100),
    Field(description="Name, 1–100 characters, unique."),
]
ChosenColor = Annotated[Color, Field(description="Color.")]
Place = Annotated[int, Field(ge=1, le=10_000, description="Place, from 1.")]
Archived = Literal["exclude", "include", "only"]
"""Whether what is archived shows."""
Afterwards = Literal["trash", "move"]
"""What becomes of the todos of a deleted list."""
AFTERWARDS_WORDS = "Its todos: trash, or in `move_to`."


class ListCreate(Input):
    """A new list, the last unless `position` says where."""

    name: ListName
    # The fingerprint of a request is that of versions which called it so.
    color: Annotated[ChosenColor, Field(serialization_alias="colour")] = "grey"
    position: Place | None = None


class ListPatch(TypedDict, total=False):
    """A change to one list: a field left out stays as it is."""

    __pydantic_config__ = STRICT  # type: ignore[misc]  # how pydantic configures a TypedDict

    name: ListName
    color: ChosenColor
    position: Place
    is_archived: Annotated[bool, Field(description="Hidden, with its todos.")]


class ListUpdate(ListPatch, total=False):
    """One item of a batch of updates."""

    __pydantic_config__ = STRICT  # type: ignore[misc]

    id: Required[ListId]
    if_version: Version


class ListRemoval(Input):
    """Where the todos of deleted lists go: to the trash, or to another list."""

    todos: Annotated[Afterwards | None, Field(description=AFTERWARDS_WORDS)] = None
    move_to: Annotated[ListId | None, Field(description="List that gets its todos.")] = None


class ListQuery(Input):
    """Which lists."""

    archived: Annotated[Archived, Field(description="Archived lists too, or only.")] = "exclude"


class ListRead(Output):
    """A list as it is read."""

    id: Annotated[int, Field(description="Id.")]
    name: Annotated[str, Field(description="Name.")]
    color: ChosenColor
    position: Annotated[int, Field(description="Place in the order, from 1.")]
    is_inbox: Annotated[bool, Field(description="Whether it is the inbox, which cannot be archived or deleted.")]
    open_todos: Annotated[int, Field(description="Open todos in it.")]
    archived_at: Annotated[datetime | None, Field(description="When it was archived.")]
    created_at: Annotated[datetime, Field(description="When it was made.")]
    updated_at: Annotated[datetime, Field(description="When it last changed.")]
    version: Annotated[int, Field(description="Counts changes, from 1.")]


class ListRecorded(ListRead):
    """A list as the record of changes has it."""

    is_deleted: Annotated[bool, Field(description="Whether it is deleted.")]
