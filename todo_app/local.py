"""What the command line does for local users, through the same boundary as everybody else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import orjson
from pydantic import ValidationError

from todo_core.boundary.operation import Caller
from todo_core.core import Core
from todo_core.identity.issuers import UserRole
from todo_core.identity.scopes import Scope
from todo_core.models.tokens import TokenCreate
from todo_core.operations import tokens
from todo_core.settings import Settings
from todo_core.validation import refuse


@asynccontextmanager
async def acting_for(
    settings: Settings, database_url: str, user: str, role: UserRole | None = None
) -> AsyncIterator[Caller]:
    """A caller for a local user, who is made at first sight, and has `role` from now on."""
    async with Core.open(settings, database_url) as core:
        yield Caller(core, await core.identity.local(user, role), "cli")


@asynccontextmanager
async def operating(settings: Settings, database_url: str) -> AsyncIterator[Caller]:
    """A caller who administers accounts: whoever runs the command line has the database itself."""
    async with Core.open(settings, database_url) as core:
        yield Caller(core, await core.identity.operator(), "cli")


async def first_token(settings: Settings, database_url: str) -> str | None:
    """A token for the local user, if there has never been one."""
    async with acting_for(settings, database_url, settings.user) as me:
        if (await me.perform(tokens.find)).total:
            return None
        wanted = TokenCreate(name="first start", scopes=["todos:read", "todos:write", "profile"], expires_in_days=None)
        return (await me.perform(tokens.create, wanted)).secret


async def create_token(me: Caller, name: str, scopes: Sequence[Scope], days: int | None) -> dict[str, object]:
    """A new API token, with its secret under `token`."""
    try:
        wanted = TokenCreate(name=name, scopes=list(scopes), expires_in_days=days)
    except ValidationError as error:
        raise refuse(error) from None
    made = await me.perform(tokens.create, wanted)
    row: dict[str, object] = orjson.loads(made.one().json)
    return row | {"token": made.secret}
