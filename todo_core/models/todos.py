"""Todos: the table, what comes in, what goes out."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Required, get_args

from pydantic import BeforeValidator, Field, StringConstraints
from sqlalchemy import CheckConstraint, Column, Index, Integer, SmallInteger, Text, UniqueConstraint, column, func, text
from sqlmodel import Field as TableField
from sqlmodel import SQLModel
from typing_extensions import TypedDict

from todo_core.models.fields import (
    MAX_BATCH,
    STRICT,
    Id,
    Input,
    Instant,
    Limit,
    Output,
    Trimmed,
    Version,
    digits,
    id_column,
    instant_column,
    owner_column,
)
from todo_core.validation import Tried

Priority = Literal["low", "medium", "high", "urgent"]
PRIORITIES: tuple[Priority, ...] = get_args(Priority)
"""Stored as their position, counted from 1: PostgreSQL's enum operators are not leakproof, so
row-level security would keep them out of index conditions."""

Status = Literal["open", "done", "all", "trashed"]
Sort = Literal["created", "updated", "priority", "title"]
Direction = Literal["asc", "desc"]

_LIVE = text("deleted_at IS NULL")
_OPEN = text("deleted_at IS NULL AND completed_at IS NULL")


class Todo(SQLModel, table=True):
    """A todo. Done is `completed_at`, trashed is `deleted_at`: no flag can contradict its date."""

    __tablename__ = "todos"
    __table_args__ = (
        UniqueConstraint("user_id", "id"),
        CheckConstraint(func.char_length(column("title")).between(1, 200), name="title_length"),
        CheckConstraint(func.char_length(column("description")) <= 1000, name="description_length"),
        CheckConstraint(column("priority").between(1, len(PRIORITIES)), name="priority_known"),
        CheckConstraint(column("version") >= 1, name="version_positive"),
        Index("ix_todos_open_created", "user_id", "created_at", "id", postgresql_where=_OPEN),
        Index("ix_todos_live_created", "user_id", "created_at", "id", postgresql_where=_LIVE),
        Index("ix_todos_trashed", "user_id", "deleted_at", postgresql_where=text("deleted_at IS NOT NULL")),
    )

    id: int = TableField(sa_column=id_column())
    user_id: int = TableField(sa_column=owner_column())
    title: str = TableField(sa_type=Text)
    description: str | None = TableField(sa_type=Text)
    priority: int = TableField(sa_column=Column(SmallInteger, nullable=False, server_default="2"))
    completed_at: datetime | None = TableField(sa_column=instant_column(nullable=True))
    deleted_at: datetime | None = TableField(sa_column=instant_column(nullable=True))
    created_at: datetime = TableField(sa_column=instant_column(now=True))
    updated_at: datetime = TableField(sa_column=instant_column(now=True))
    version: int = TableField(sa_column=Column(Integer, nullable=False, server_default="1"))


TodoId = Annotated[Id, Field(description="Id of the todo.")]
TodoIds = Annotated[
    list[Tried[Id]],
    Field(min_length=1, max_length=MAX_BATCH, description=f"Ids of 1–{MAX_BATCH} todos; results keep this order."),
]
Title = Annotated[
    Trimmed, StringConstraints(min_length=1, max_length=200), Field(description="What to do, 1–200 characters.")
]
Description = Annotated[
    Trimmed, StringConstraints(max_length=1000), Field(description="Details, up to 1000 characters.")
]
ChosenPriority = Annotated[Priority, Field(description="How much it matters.")]


class TodoCreate(Input):
    """A new todo. The server sets everything that is not here."""

    title: Title
    description: Annotated[Description | None, Field(description="Details, up to 1000 characters.")] = None
    priority: ChosenPriority = "medium"


class TodoPatch(TypedDict, total=False):
    """A change to one todo: a field left out stays as it is; `null` clears the description."""

    __pydantic_config__ = STRICT  # type: ignore[misc]  # how pydantic configures a TypedDict

    title: Title
    description: Annotated[Description | None, Field(description="Details, up to 1000 characters.")]
    priority: ChosenPriority
    is_completed: Annotated[bool, Field(description="Set done or open.")]


class TodoUpdate(TodoPatch, total=False):
    """One item of a batch of updates."""

    __pydantic_config__ = STRICT  # type: ignore[misc]

    id: Required[TodoId]
    if_version: Version


class TodoFilter(Input):
    """Which todos, in which order, and which page of them."""

    status: Annotated[Status, Field(description="open, done, all, or trashed (only what is in the trash).")] = "open"
    priority: Annotated[
        list[Priority] | None, Field(max_length=len(PRIORITIES), description="Only these priorities.")
    ] = None
    ids: Annotated[list[Id] | None, Field(max_length=200, description="Only these ids.")] = None
    text: Annotated[
        Annotated[Trimmed, StringConstraints(min_length=1, max_length=200)] | None,
        Field(description="Only todos whose title or description contains this."),
    ] = None
    created_after: Annotated[Instant | None, Field(description="Created at or after this moment.")] = None
    created_before: Annotated[Instant | None, Field(description="Created before this moment.")] = None
    updated_after: Annotated[Instant | None, Field(description="Changed at or after this moment.")] = None
    updated_before: Annotated[Instant | None, Field(description="Changed before this moment.")] = None
    completed_after: Annotated[Instant | None, Field(description="Completed at or after this moment.")] = None
    completed_before: Annotated[Instant | None, Field(description="Completed before this moment.")] = None
    sort: Annotated[Sort, Field(description="Order by this, then by id.")] = "created"
    direction: Annotated[Direction, Field(description="asc or desc.")] = "desc"
    limit: Annotated[Limit, Field(description="Rows on a page, 1–200.")] = 50
    cursor: Annotated[
        Annotated[Trimmed, StringConstraints(min_length=1, max_length=500)] | None,
        Field(description="`next_cursor` of the page before, with the same filters."),
    ] = None


class TodoQuery(TodoFilter):
    """The same filter as a URL's query string."""

    ids: Annotated[
        Annotated[list[Id], Field(max_length=200)] | None, BeforeValidator(digits), Field(description="Only these ids.")
    ] = None
    limit: Annotated[Limit, BeforeValidator(digits), Field(description="Rows on a page, 1–200.")] = 50
    offset: Annotated[
        Annotated[int, Field(ge=0, le=10_000_000)],
        BeforeValidator(digits),
        Field(description="Rows to skip; a cursor is faster."),
    ] = 0


class TodoRead(Output):
    """A todo as it is read."""

    id: Annotated[int, Field(description="Id, unique in the whole system.")]
    title: Annotated[str, Field(description="What to do.")]
    description: Annotated[str | None, Field(description="Details.")]
    priority: ChosenPriority
    is_completed: Annotated[bool, Field(description="Whether it is done.")]
    completed_at: Annotated[datetime | None, Field(description="When it was completed.")]
    created_at: Annotated[datetime, Field(description="When it was made.")]
    updated_at: Annotated[datetime, Field(description="When it last changed.")]
    deleted_at: Annotated[datetime | None, Field(description="When it went to the trash.")]
    version: Annotated[int, Field(description="Counts changes, from 1.")]
