"""Where a user stands: the date where they are, and how many todos wait."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import asyncpg
import orjson
import pytest

from tests.core.support import CoreOpener, add
from todo_core.boundary.caller import Caller
from todo_core.models.todos import TodoCreate
from todo_core.operations import overview, todos

LATE = datetime(2026, 11, 21, 23, 30, tzinfo=UTC)


@pytest.mark.requirement("MC1")
async def test_the_overview_counts_every_todo_once(ann: Caller, bob: Caller) -> None:
    await add(bob, "bob's")
    ids = await add(ann, "one", "two", "three", "four")
    last = await ann.perform(todos.add, [TodoCreate(title="five", priority="urgent")])
    await ann.perform(todos.complete, ids[:2])
    last = await ann.perform(todos.delete, ids[1:3])

    told = orjson.loads((await ann.perform(overview.get)).json)

    assert told["open"] == 2
    assert told["open_by_priority"] == {"low": 0, "medium": 1, "high": 0, "urgent": 1}
    assert (told["done"], told["completed_today"], told["trashed"]) == (1, 1, 2)
    assert told["last_change_id"] == last.change_id


@pytest.mark.requirement("MC1")
async def test_a_new_user_has_an_empty_overview(ann: Caller) -> None:
    told = orjson.loads((await ann.perform(overview.get)).json)

    assert (told["open"], told["done"], told["trashed"], told["last_change_id"]) == (0, 0, 0, None)


@pytest.mark.requirement("MC1")
@pytest.mark.parametrize(
    "there",
    [
        ("UTC", "2026-11-21", "Saturday", 1),
        ("Europe/Berlin", "2026-11-22", "Sunday", 0),
        ("America/Los_Angeles", "2026-11-21", "Saturday", 1),
    ],
    ids=lambda there: there[0],
)
async def test_today_is_the_users_day(
    there: tuple[str, str, str, int],
    ann: Caller,
    another_core: CoreOpener,
    admin: asyncpg.Connection,
) -> None:
    zone, today, weekday, completed_today = there
    (one,) = await add(ann, "done at noon")
    await admin.execute("UPDATE users SET time_zone = $2 WHERE id = $1", ann.principal.user_id, zone)
    await admin.execute("UPDATE todos SET completed_at = '2026-11-21 20:00+00' WHERE id = $1", one)

    async with another_core(clock=lambda: LATE) as core:
        told = orjson.loads((await replace(ann, core=core).perform(overview.get)).json)

    assert (told["now"], told["today"], told["weekday"]) == ("2026-11-21T23:30:00Z", today, weekday)
    assert told["time_zone"] == zone
    assert told["completed_today"] == completed_today
