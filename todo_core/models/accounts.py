"""Accounts, as admins see them, and those that may not come back."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints
from sqlalchemy import Column, LargeBinary
from sqlmodel import Field as TableField
from sqlmodel import SQLModel

from todo_core.identity.issuers import UserRole
from todo_core.models.fields import Input, Limit, Output, instant_column


class DeletedAccount(SQLModel, table=True):
    """A user who is not let in again, known by nothing but a keyed hash of issuer and subject (`queries.accounts`)."""

    __tablename__ = "deleted_accounts"

    hash: bytes = TableField(sa_column=Column(LargeBinary, primary_key=True))
    deleted_at: datetime = TableField(sa_column=instant_column(now=True))


class AccountQuery(Input):
    """Which accounts."""

    status: Annotated[Literal["all", "active", "suspended"], Field(description="active, suspended, or all.")] = "all"
    cursor: Annotated[int, Field(ge=0, le=2**63 - 1, description="`next_cursor` of the page before.")] = 0
    limit: Annotated[Limit, Field(description="How many, 1–200.")] = 50


class AccountRead(Output):
    """An account as an admin sees it: whose it is and how much it holds, nothing of what is in it."""

    id: Annotated[int, Field(description="Id of the user.")]
    issuer: Annotated[str, Field(description="Identity provider.")]
    subject: Annotated[str, Field(description="Name of the user there.")]
    email: Annotated[str | None, Field(description="E-mail, if the identity provider gave it.")]
    display_name: Annotated[str | None, Field(description="What to call the person.")]
    role: Annotated[UserRole, Field(description="Role; `admin` until the token that gave it ends.")]
    created_at: Annotated[datetime, Field(description="First seen.")]
    suspended_at: Annotated[datetime | None, Field(description="When the account was suspended.")]
    open_todos: Annotated[int, Field(description="Open todos.")]
    done_todos: Annotated[int, Field(description="Completed todos.")]
    trashed_todos: Annotated[int, Field(description="Todos in the trash.")]
    live_tokens: Annotated[int, Field(description="API tokens that work.")]


class Held(Output):
    """What is in an account, of which nothing is left once it is deleted."""

    todos: Annotated[int, Field(description="Todos, done ones too.")]
    trashed_todos: Annotated[int, Field(description="Todos in the trash.")]
    lists: Annotated[int, Field(description="Lists, deleted ones too that are not purged.")]
    tags: Annotated[int, Field(description="Tags.")]
    notes: Annotated[int, Field(description="Notes on todos.")]
    changes: Annotated[int, Field(description="Changes in the history.")]
    tokens: Annotated[int, Field(description="API tokens, revoked ones too.")]
    calendars: Annotated[int, Field(description="Calendar addresses, revoked ones too.")]
    agents: Annotated[int, Field(description="Agents, and what each may do.")]
    proposals: Annotated[int, Field(description="Proposals of agents, decided ones too.")]


class LeavingQuery(Input):
    """Whether this is the second step."""

    code: Annotated[
        Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[\x21-\x7e]+$")] | None,
        Field(description="`code` of the first step, within a minute. Left out: only tell what would go."),
    ] = None


class Leaving(Output):
    """An account that is to be deleted, or was."""

    is_deleted: Annotated[bool, Field(description="Whether it is deleted now.")]
    code: Annotated[str | None, Field(description="Send it within a minute to delete the account; null: it is done.")]
    expires_at: Annotated[datetime | None, Field(description="Until when the code is good.")]
    held: Annotated[Held, Field(description="What is in it.")]
