"""API tokens for scripts and agents. Only a hash of a token is stored."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    Text,
    UniqueConstraint,
    column,
    func,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field as TableField
from sqlmodel import SQLModel

from todo_core.identity.scopes import Scope
from todo_core.models.agents import Mandate
from todo_core.models.fields import Id, Input, Name, Output, id_column, instant_column, owner_column


class ApiToken(SQLModel, table=True):
    """An API token. `hash` is SHA-256 of the whole token: 256 random bits need no salt and no stretching."""

    __tablename__ = "api_tokens"
    __table_args__ = (
        UniqueConstraint("user_id", "id"),
        UniqueConstraint("hash"),
        CheckConstraint(func.char_length(column("name")).between(1, 100), name="name_length"),
        ForeignKeyConstraint(
            ["user_id", "made_by"],
            ["api_tokens.user_id", "api_tokens.id"],
            name="fk_api_tokens_made_by",
            ondelete="CASCADE",
        ),
        Index("ix_api_tokens_made_by", "user_id", "made_by", postgresql_where=column("made_by").is_not(None)),
    )

    id: int = TableField(sa_column=id_column())
    user_id: int = TableField(sa_column=owner_column())
    name: str = TableField(sa_type=Text)
    hint: str = TableField(sa_type=Text)
    """The token's first characters."""
    hash: bytes = TableField(sa_type=LargeBinary)
    scopes: list[str] = TableField(sa_column=Column(ARRAY(Text), nullable=False))
    created_at: datetime = TableField(sa_column=instant_column(now=True))
    expires_at: datetime | None = TableField(sa_column=instant_column(nullable=True))
    last_used_at: datetime | None = TableField(sa_column=instant_column(nullable=True))
    """To the minute: a later use within it writes nothing."""
    revoked_at: datetime | None = TableField(sa_column=instant_column(nullable=True))
    made_by: int | None = TableField(sa_type=BigInteger)
    """The API token that made it, which it does not outlive; null if a person or the command line did."""


TokenId = Annotated[Id, Field(description="Id of the token.")]


def _default_scopes() -> list[Scope]:
    return ["todos:read", "todos:write"]


def _is_left_out(value: object) -> bool:
    """Return whether a field is left out of the fingerprint of a request: the version before does not know it."""
    return value is None


class TokenCreate(Input):
    """A new API token."""

    name: Annotated[str, Name(min_length=1, max_length=100), Field(description="What it is for, 1–100 characters.")]
    scopes: Annotated[
        list[Scope], Field(min_length=1, max_length=5, description="What it may do; at most what you may do.")
    ] = Field(default_factory=_default_scopes)
    expires_in_days: Annotated[
        Annotated[int, Field(ge=1, le=3650)] | None,
        Field(description="Days until it expires; null never, but not after the token that makes it."),
    ] = 90
    mandate: Annotated[
        Mandate | None,
        Field(description="What its agent may do, where that is less than the scopes allow.", exclude_if=_is_left_out),
    ] = None


class TokenRead(Output):
    """An API token as it is listed: everything but the token."""

    id: Annotated[int, Field(description="Id of the token.")]
    name: Annotated[str, Field(description="What it is for.")]
    hint: Annotated[str, Field(description="Its first characters, to tell tokens apart.")]
    scopes: Annotated[list[Scope], Field(description="What it may do.")]
    created_at: Annotated[datetime, Field(description="When it was made.")]
    expires_at: Annotated[datetime | None, Field(description="When it expires.")]
    last_used_at: Annotated[datetime | None, Field(description="Last use, to the minute.")]
    revoked_at: Annotated[datetime | None, Field(description="When it was revoked.")]
    made_by: Annotated[int | None, Field(description="The API token that made it, with which it is revoked.")]


class TokenCreated(TokenRead):
    """A new API token with its secret, which is never shown again."""

    token: Annotated[
        str | None, Field(description="The token. Null when a repeated request gets its first answer again.")
    ]
