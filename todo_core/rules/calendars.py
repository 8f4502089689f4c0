"""Read what is at a calendar address, for whoever knows its secret.

All that runs here runs as `todo_calendar`, to which PostgreSQL shows what the address shows whose hash it gets:
nothing once that is revoked, its person suspended or gone, or its list deleted. So no cache has to forget anything.
"""

from __future__ import annotations

from contextlib import nullcontext, suppress
from datetime import timedelta
from typing import Final, cast
from zoneinfo import ZoneInfo

import orjson
from anyio import to_thread

from todo_core.core import Core
from todo_core.errors import NotFound, Unavailable
from todo_core.identity import api_tokens
from todo_core.models.calendars import Shows
from todo_core.queries import calendars as queries
from todo_core.rules.exporting.as_calendar import Shown, calendar_of
from todo_core.rules.exporting.as_icalendar import Told
from todo_core.rules.exporting.reading import installation
from todo_core.storage.database import retried
from todo_core.storage.roles import CALENDAR_ROLE
from todo_core.storage.transactions import Row, Transaction

PAST: Final = timedelta(days=365)
FUTURE: Final = timedelta(days=731)
"""What is due from so long ago, and so long ahead, is shown."""
NAME: Final = "read_calendar"
"""The name of this work, for who watches; it is no operation, for nobody is logged in."""
_ALL: Final = "Todos"
_NOTHING: Final = "There is no calendar here."


async def read(core: Core, secret: str, address: str | None) -> bytes:
    """Return the calendar at the address with a secret.

    Args:
        core: The core.
        secret: What somebody presents, whatever it is.
        address: Where the request comes from. A secret that is none counts like a wrong token.

    Raises:
        NotFound: There is none: never, not any more, or not now. Nobody is told which.
        TooManyRequests: There is none, and the address asked for too many; or too many ask for this person's.
        Unavailable: The database cannot be reached.
    """
    with nullcontext() if core.hooks.operation is None else core.hooks.operation(NAME):
        digest = api_tokens.digest(secret)
        found = await retried(lambda: _found(core, digest))
        if found is not None:
            async with core.reading_calendars.one_of(found["user_id"]):
                content = await retried(lambda: _content(core, digest))
            if content is not None:
                if found["last_use_is_old"]:
                    await _use(core, digest)
                return content
        await core.limits.require_login(address)
        await core.limits.refused_login(address)
        raise NotFound(_NOTHING)


async def _found(core: Core, digest: bytes) -> Row | None:
    async with core.database.begin(role=CALENDAR_ROLE, read_only=True) as transaction:
        return await _presented(transaction, digest)


async def _presented(transaction: Transaction, digest: bytes) -> Row | None:
    """Let a transaction see what an address shows, and return the address, if there is one."""
    await transaction.rows(queries.PRESENT, hash=digest)
    return await transaction.row(queries.FIND, hash=digest)


async def _content(core: Core, digest: bytes) -> bytes | None:
    async with core.database.begin(role=CALENDAR_ROLE, read_only=True, snapshot=True) as transaction:
        found = await _presented(transaction, digest)
        if found is None:
            return None
        now, zone = core.clock(), ZoneInfo(found["time_zone"])
        lists = {row["id"]: row["name"] for row in await transaction.rows(queries.LISTS, owner=found["user_id"])}
        rows = await transaction.rows(
            queries.TODOS,
            owner=found["user_id"],
            list_id=found["list_id"],
            zone=found["time_zone"],
            now=now,
            since=now - PAST,
            until=now + FUTURE,
        )
    shown = Shown(
        Told(lists, zone, installation(core.secret)),
        found["list_name"] or _ALL,
        cast("Shows", found["shows"]),
        now.astimezone(zone).replace(tzinfo=None),
    )

    def make() -> bytes:
        return calendar_of([orjson.loads(row["row"]) for row in rows], shown)

    return await to_thread.run_sync(make, limiter=core.formatting)


async def _use(core: Core, digest: bytes) -> None:
    """Store that an address is used now. Do nothing if that would wait for others, or nothing can be written."""
    if not core.database.has_room_for_writes:
        return

    async def use() -> None:
        async with core.database.begin(role=CALENDAR_ROLE) as transaction:
            await transaction.rows(queries.PRESENT, hash=digest)
            await transaction.rows(queries.USE, hash=digest)

    with suppress(Unavailable):
        await retried(use)
