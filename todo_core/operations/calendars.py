"""Calendar addresses: make, list, revoke. `rules.calendars` reads what one shows."""

from __future__ import annotations

from todo_core.boundary.operation import Tx, operation
from todo_core.boundary.ownership import absent
from todo_core.boundary.results import Changed, Done, Page, Touched
from todo_core.errors import NotForAgents, NotForApps, NotFound, NotOwner
from todo_core.identity import api_tokens
from todo_core.models.calendars import CalendarCreate, CalendarCreated, CalendarRead
from todo_core.queries import calendars as queries
from todo_core.rules.lists import Lists


@operation(
    effect="changes",
    scope="profile",
    raises=(NotForApps, NotForAgents, NotFound, NotOwner),
    idempotent=False,
    for_apps=False,
    for_agents=False,
    proposable=False,
)
async def create(tx: Tx, wanted: CalendarCreate) -> Changed[CalendarCreated]:
    """Make a calendar address, at which calendar programs read what is due. It is in this answer and never shown again.

    Whoever has the address reads along until you revoke it. No app and no API token may make one: it would outlive
    what they are allowed.
    """
    if wanted.list_id is not None:
        (await Lists.of(tx, [wanted.list_id])).require(wanted.list_id)
    secret = api_tokens.generate_calendar()
    row = await tx.one(
        queries.CREATE,
        name=wanted.name,
        list_id=wanted.list_id,
        shows=wanted.shows,
        hint=api_tokens.hint_of_calendar(secret),
        hash=api_tokens.digest(secret),
    )
    return Changed([Done(row["row"])], [Touched("calendar", row["id"], None, row["row"])], secret=secret)


@operation(effect="reads", scope="profile", raises=(NotForApps,), for_apps=False, verbs=("read",))
async def list_(tx: Tx) -> Page[CalendarRead]:
    """List calendar addresses, revoked ones too, oldest first."""
    row = await tx.one(queries.ALL)
    return Page(row["rows"], row["total"], row["total"], None)


@operation(
    effect="changes",
    scope="profile",
    raises=(NotForApps, NotFound, NotOwner),
    destructive=True,
    for_apps=False,
    proposable=False,
)
async def revoke(tx: Tx, calendar_id: int) -> Changed[CalendarRead]:
    """Revoke a calendar address. Nothing is at it any more, at once, for good. A repeat changes nothing."""
    row = await tx.row(queries.REVOKE, id=calendar_id)
    if row is None:
        raise absent("calendar", is_of_another=bool(await tx.value(queries.OF_OTHERS, ids=[calendar_id])))
    touched = [] if row["after"] is None else [Touched("calendar", row["id"], row["before"], row["after"])]
    return Changed([Done.of(row["before"], row["after"])], touched)
