"""Calendar addresses, by which calendar programs read what is due. Only a hash of an address's secret is stored."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    Text,
    UniqueConstraint,
    column,
    func,
)
from sqlmodel import Field as TableField
from sqlmodel import SQLModel

from todo_core.models.dues import Due, RepeatRead
from todo_core.models.fields import Id, Input, Name, Output, id_column, instant_column, owner_column
from todo_core.models.lists import ListId
from todo_core.models.todos import ChosenPriority

Shows = Literal["events", "todos"]
"""What todos are in a calendar: events of it, or todos beside it."""


class Calendar(SQLModel, table=True):
    """A calendar address. `hash` is SHA-256 of its secret, which has 256 random bits."""

    __tablename__ = "calendars"
    __table_args__ = (
        UniqueConstraint("user_id", "id"),
        UniqueConstraint("hash"),
        CheckConstraint(func.char_length(column("name")).between(1, 100), name="name_length"),
        CheckConstraint(column("shows").in_(["events", "todos"]), name="shows_known"),
        ForeignKeyConstraint(
            ["user_id", "list_id"], ["lists.user_id", "lists.id"], name="fk_calendars_list_id", ondelete="CASCADE"
        ),
        Index("ix_calendars_list", "user_id", "list_id", postgresql_where=column("list_id").is_not(None)),
    )

    id: int = TableField(sa_column=id_column())
    user_id: int = TableField(sa_column=owner_column())
    name: str = TableField(sa_type=Text)
    hint: str = TableField(sa_type=Text)
    """The secret's first characters."""
    hash: bytes = TableField(sa_type=LargeBinary)
    list_id: int | None = TableField(sa_type=BigInteger)
    """The list that it shows; null: all that are not archived."""
    shows: str = TableField(sa_type=Text)
    """A `Shows`."""
    created_at: datetime = TableField(sa_column=instant_column(now=True))
    last_used_at: datetime | None = TableField(sa_column=instant_column(nullable=True))
    """To the minute: a later use within it writes nothing."""
    revoked_at: datetime | None = TableField(sa_column=instant_column(nullable=True))


CalendarId = Annotated[Id, Field(description="Id of the calendar address.")]


class CalendarCreate(Input):
    """A new calendar address."""

    name: Annotated[str, Name(min_length=1, max_length=100), Field(description="What it is for, 1–100 characters.")]
    list_id: Annotated[ListId | None, Field(description="The list to show; null: all that are not archived.")] = None
    shows: Annotated[
        Shows, Field(description="events: todos are entries of the calendar; todos: of programs that have both.")
    ] = "events"


class CalendarRead(Output):
    """A calendar address as it is listed: everything but its secret."""

    id: Annotated[int, Field(description="Id of the calendar address.")]
    name: Annotated[str, Field(description="What it is for.")]
    hint: Annotated[str, Field(description="The first characters of its secret, to tell addresses apart.")]
    list_id: Annotated[int | None, Field(description="The list that it shows; null: all that are not archived.")]
    shows: Annotated[Shows, Field(description="Whether todos are events or todos there.")]
    created_at: Annotated[datetime, Field(description="When it was made.")]
    last_used_at: Annotated[datetime | None, Field(description="Last use, to the minute.")]
    revoked_at: Annotated[datetime | None, Field(description="When it was revoked.")]


class CalendarCreated(CalendarRead):
    """A new calendar address, which is never shown again."""

    address: Annotated[
        str | None,
        Field(
            description="The address, from the host on where the server does not know its own; null when a repeated"
            " request gets its first answer again."
        ),
    ]


class ShownTodo(Output):
    """A todo as an address shows it. Its fields are those of `ExportedTodo`."""

    id: int
    title: str
    description: str | None
    priority: ChosenPriority
    list_id: int
    start: date | None
    due: Due
    repeat: RepeatRead | None
    completed_at: datetime | None
    created_at: datetime
    updated_at: datetime
    is_followed: bool
    """Whether the series goes on with another todo already."""
