"""Dates and repeats where the user is: clock changes, another zone, what was missed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from tests.core.support import CoreOpener, row_of, titles_of
from todo_core.boundary.operation import Caller
from todo_core.errors import InvalidInput
from todo_core.models.todos import TodoCreate, TodoFilter
from todo_core.operations import todos, users

pytestmark = pytest.mark.requirement("TD10", "TD11")


async def at(ann: Caller, another_core: CoreOpener, moment: datetime, run: Callable[[Caller], Awaitable[Any]]) -> Any:
    """What comes of it at that moment."""
    async with another_core(clock=lambda: moment) as core:
        return await run(replace(ann, core=core))


def due_of(row: dict[str, Any]) -> tuple[str, str | None]:
    return row["due"]["date"], row["due"]["time"]


async def in_zone(ann: Caller, zone: str) -> None:
    await ann.perform(users.update, {"time_zone": zone})


def adding(**fields: Any) -> Callable[[Caller], Awaitable[Any]]:
    return lambda me: me.perform(todos.add, [TodoCreate(title="x", **fields)])


def completing(todo_id: int) -> Callable[[Caller], Awaitable[Any]]:
    return lambda me: me.perform(todos.complete, [todo_id])


async def test_today_is_the_users_day(ann: Caller, another_core: CoreOpener) -> None:
    late = datetime(2026, 11, 21, 23, 30, tzinfo=UTC)
    found = {}

    for zone in ("UTC", "Asia/Tokyo", "America/Los_Angeles"):
        await in_zone(ann, zone)
        found[zone] = due_of(row_of(await at(ann, another_core, late, adding(due="today"))))

    assert found == {
        "UTC": ("2026-11-21", None),
        "Asia/Tokyo": ("2026-11-22", None),
        "America/Los_Angeles": ("2026-11-21", None),
    }


async def test_a_repeat_keeps_its_time_of_day_over_a_clock_change(ann: Caller, another_core: CoreOpener) -> None:
    """In Berlin the clocks skip 02:00 to 03:00 on 2027-03-28."""
    await in_zone(ann, "Europe/Berlin")
    before = datetime(2027, 3, 27, 0, 0, tzinfo=UTC)
    row = row_of(await at(ann, another_core, before, adding(due="2027-03-27T02:30", repeat="daily")))
    told = []

    for _ in range(2):
        row = row_of(await at(ann, another_core, before, completing(row["id"])))["next"]
        told.append(due_of(row))

    assert told == [("2027-03-28", "03:30"), ("2027-03-29", "02:30")]


async def test_what_was_missed_is_passed_over(ann: Caller, another_core: CoreOpener) -> None:
    row = row_of(await at(ann, another_core, datetime(2026, 11, 2, 9, tzinfo=UTC), adding(repeat="every monday")))
    assert due_of(row) == ("2026-11-02", None)

    done = row_of(await at(ann, another_core, datetime(2026, 11, 25, 9, tzinfo=UTC), completing(row["id"])))

    assert due_of(done["next"]) == ("2026-11-30", None)


async def test_a_day_that_repeats_stays_a_day_in_another_zone(ann: Caller, another_core: CoreOpener) -> None:
    now = datetime(2026, 11, 21, 12, tzinfo=UTC)
    await in_zone(ann, "Europe/Berlin")
    row = row_of(await at(ann, another_core, now, adding(repeat="daily", due="2026-11-21")))

    await in_zone(ann, "America/New_York")
    following = row_of(await at(ann, another_core, now, completing(row["id"])))["next"]

    assert following["due"]["at"].startswith("2026-11-23T04:59:59.999999")
    assert due_of(following) == ("2026-11-22", None)


async def test_a_skipped_day_of_a_zone_is_no_date(ann: Caller, another_core: CoreOpener) -> None:
    """Samoa went from 2011-12-29 to 2011-12-31. Years that far back are read, too."""
    await in_zone(ann, "Pacific/Apia")
    changed = await at(ann, another_core, datetime(2011, 12, 20, tzinfo=UTC), adding(due="2011-12-30"))

    (refused,) = changed.results
    assert refused.code == "invalid_input"


@pytest.mark.requirement("TD3")
async def test_overdue_begins_when_the_day_is_over_where_the_user_is(ann: Caller, another_core: CoreOpener) -> None:
    await in_zone(ann, "America/Los_Angeles")
    await ann.perform(todos.add, [TodoCreate(title="x", due="2026-11-21")])

    async def overdue(me: Caller) -> int:
        return (await me.perform(todos.list_, TodoFilter(overdue=True))).total

    assert await at(ann, another_core, datetime(2026, 11, 22, 7, 59, 59, tzinfo=UTC), overdue) == 0
    assert await at(ann, another_core, datetime(2026, 11, 22, 8, 0, tzinfo=UTC), overdue) == 1
    await in_zone(ann, "Asia/Tokyo")
    assert await at(ann, another_core, datetime(2026, 11, 21, 14, 59, 59, tzinfo=UTC), overdue) == 0
    assert await at(ann, another_core, datetime(2026, 11, 21, 15, 0, tzinfo=UTC), overdue) == 1


@pytest.mark.requirement("TD3")
async def test_a_bound_is_a_day_where_the_user_is(ann: Caller, another_core: CoreOpener) -> None:
    await in_zone(ann, "Asia/Tokyo")
    await ann.perform(
        todos.add, [TodoCreate(title=due, due=due) for due in ("2026-11-22T00:30", "2026-11-21T23:30", "2026-11-22")]
    )

    due_today = partial(titles_of, due_after="today", due_before="today", sort="due")
    found = await at(ann, another_core, datetime(2026, 11, 21, 23, tzinfo=UTC), due_today)

    assert found == ["2026-11-22T00:30", "2026-11-22"]


@pytest.mark.requirement("TD3")
async def test_a_bound_follows_a_time_zone_that_another_process_changed(ann: Caller, another_core: CoreOpener) -> None:
    await in_zone(ann, "UTC")
    await ann.perform(todos.add, [TodoCreate(title="early", due="2026-11-22T00:30")])
    moment = datetime(2026, 11, 21, 12, tzinfo=UTC)
    today = TodoFilter(due_after="2026-11-21", due_before="2026-11-21")

    async with another_core(clock=lambda: moment) as core:
        me = replace(ann, core=core)
        assert (await me.perform(todos.list_, today)).total == 0
        await in_zone(ann, "America/Los_Angeles")
        assert (await me.perform(todos.list_, today)).total == 1


@pytest.mark.requirement("TD3")
@pytest.mark.parametrize(("changed", "found"), [({"week_start": "sunday"}, 1), ({"locale": "de"}, 2)])
async def test_a_bound_follows_a_week_and_a_clock_that_another_process_changed(
    ann: Caller, another_core: CoreOpener, changed: dict[str, str], found: int
) -> None:
    await in_zone(ann, "UTC")
    await ann.perform(
        todos.add, [TodoCreate(title="a", due="2026-11-28T10:00"), TodoCreate(title="b", due="2026-11-29")]
    )
    moment = datetime(2026, 11, 28, 8, tzinfo=UTC)
    week, hour = TodoFilter(due_before="this week"), TodoFilter(due_after="2026-11-28 9:00")

    async with another_core(clock=lambda: moment) as core:
        me = replace(ann, core=core)
        assert (await me.perform(todos.list_, week)).total == 2
        with pytest.raises(InvalidInput):
            await me.perform(todos.list_, hour)
        await ann.perform(users.update, changed)  # type: ignore[arg-type]
        assert (await me.perform(todos.list_, week if "week_start" in changed else hour)).total == found
