"""Act on the command line for local users, through the same boundary as everybody else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import orjson
from pydantic import ValidationError

from todo_core.boundary.caller import Caller
from todo_core.boundary.results import Changed
from todo_core.core import Core
from todo_core.identity.issuers import UserRole
from todo_core.identity.scopes import ALL_SCOPES, Scope
from todo_core.models.agents import Mandate
from todo_core.models.calendars import CalendarCreate, Shows
from todo_core.models.lists import ListQuery
from todo_core.models.tokens import TokenCreate, TokenCreated
from todo_core.operations import calendars, lists, tokens
from todo_core.rules.naming import Names
from todo_core.settings import Settings
from todo_core.validation import refuse


@asynccontextmanager
async def acting_for(
    settings: Settings, database_url: str, user: str, role: UserRole | None = None, *, make: bool = True
) -> AsyncIterator[Caller]:
    """Yield a caller for a local user. With `role`, store it as the user's.

    Args:
        settings: The configuration.
        database_url: The database.
        user: The user's name.
        role: The role to store; None leaves the stored one.
        make: Whether to make a user who is new: not for what only reads, or ends something.

    Raises:
        InvalidInput: There is no such user, and none is to be made.
    """
    async with Core.open(settings, database_url) as core:
        yield Caller(core, await core.identity.local(user, role, make=make), "cli")


@asynccontextmanager
async def operating(settings: Settings, database_url: str) -> AsyncIterator[Caller]:
    """Yield a caller who administers accounts; see `Identity.operator`."""
    async with Core.open(settings, database_url) as core:
        yield Caller(core, await core.identity.operator(), "cli")


async def first_token(settings: Settings, database_url: str) -> str | None:
    """Make an API token for the local user and return it; None if the user has, or had, one."""
    async with acting_for(settings, database_url, settings.user) as me:
        if (await me.perform(tokens.list_)).total:
            return None
        token = TokenCreate(name="first start", scopes=["todos:read", "todos:write", "profile"], expires_in_days=None)
        return (await me.perform(tokens.create, token)).secret


async def create_token(
    me: Caller, name: str, scopes: Sequence[Scope], days: int | None, mandate: Mapping[str, object] | None = None
) -> dict[str, object]:
    """Make an API token and return its row, with the token itself under `token`.

    Args:
        me: The local user.
        name: What the token is for.
        scopes: What it may do.
        days: Days until it expires; None for never.
        mandate: What its agent may do, as `Mandate` has it; None for everything.

    Raises:
        InvalidInput: The name, the scopes or the days are not accepted.
    """
    try:
        bounds = Mandate.model_validate(mandate or {})
        given = None if bounds == Mandate() else bounds
        token = TokenCreate(name=name, scopes=list(scopes), expires_in_days=days, mandate=given)
    except ValidationError as error:
        raise refuse(error) from None
    return _shown(await me.perform(tokens.create, token))


async def named_lists(me: Caller, names: Sequence[str]) -> list[int] | None:
    """Return the ids of lists for a mandate, each by its name or its id; None for `all`, and none for `own`.

    Args:
        me: The local user.
        names: What the command line has. `all` and `own` stand alone, and a list of that name goes by its id.

    Raises:
        InvalidInput: There is no list of a name.
    """
    if [*names] in (["all"], ["own"]):
        return None if names[0] == "all" else []
    rows = orjson.loads((await me.perform(lists.list_, ListQuery(archived="include"))).json)
    known = Names("list", {row["id"]: row["name"] for row in rows})
    return [known.id_of(name, "list") for name in names]


async def create_calendar(me: Caller, name: str, list_id: int | None, shows: Shows) -> dict[str, object]:
    """Make a calendar address and return its row, with the address itself under `address`.

    Args:
        me: The local user.
        name: What the address is for.
        list_id: The list to show; None for all.
        shows: What todos are there.

    Raises:
        InvalidInput: The name is not accepted.
        NotFound, NotOwner: The user has no such list.
    """
    try:
        wanted = CalendarCreate(name=name, list_id=list_id, shows=shows)
    except ValidationError as error:
        raise refuse(error) from None
    made = await me.perform(calendars.create, wanted)
    row: dict[str, object] = orjson.loads(made.one().json)
    return row | {"address": f"{me.core.settings.public_url or ''}/calendar/{made.secret}.ics"}


async def rotate_token(me: Caller, token_id: int) -> dict[str, object]:
    """Rotate an API token and return the row of the new one, with the token itself under `token`.

    Whoever runs the command line may pass every scope on: `admin` counts while the user is one.

    Args:
        me: The local user.
        token_id: The token whose place the new one takes.

    Raises:
        NotFound: The user has no such token.
        Conflict: It is revoked or has expired.
    """
    everything = replace(me.principal, scopes=frozenset(ALL_SCOPES))
    return _shown(await replace(me, principal=everything).perform(tokens.rotate, token_id))


def _shown(made: Changed[TokenCreated]) -> dict[str, object]:
    """Return the row of a new API token, with the token itself under `token`."""
    row: dict[str, object] = orjson.loads(made.one().json)
    return row | {"token": made.secret}
