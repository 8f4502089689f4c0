"""A day on which somebody was here is written down, once, as the date where they are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import anyio
import asyncpg
import pytest
from structlog.testing import capture_logs

from tests.core.support import CoreOpener, add, on_the_wire, only_connection_taken
from tests.pauses import moment
from todo_core.boundary.caller import Caller
from todo_core.errors import Suspended
from todo_core.models.users import ProfilePatch
from todo_core.operations import overview, users
from todo_core.upkeep.activity import Activity

pytestmark = pytest.mark.requirement("IN1")

NIGHT = datetime(2026, 11, 21, 23, 30, tzinfo=UTC)


class Clock:
    """Stands still until it is set."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock(NIGHT)


@dataclass
class Diary:
    """What is written down of Ann."""

    admin: asyncpg.Connection
    user_id: int

    async def days(self) -> list[date]:
        rows = await self.admin.fetch("SELECT day FROM activity_days WHERE user_id = $1 ORDER BY day", self.user_id)
        return [row["day"] for row in rows]

    async def become(self, days: list[date]) -> None:
        """Wait until these are her days."""
        with anyio.fail_after(30):
            while await self.days() != days:
                await moment()

    async def live_in(self, zone: str) -> None:
        await self.admin.execute("UPDATE users SET time_zone = $2 WHERE id = $1", self.user_id, zone)


@pytest.fixture
def diary(admin: asyncpg.Connection, ann: Caller) -> Diary:
    return Diary(admin, ann.principal.user_id)


@pytest.mark.parametrize(
    ("zone", "day"),
    [("UTC", 21), ("Europe/Berlin", 22), ("America/New_York", 21), ("Pacific/Auckland", 22), ("Asia/Kolkata", 22)],
)
async def test_the_day_is_the_date_where_the_user_is(
    zone: str, day: int, ann: Caller, another_core: CoreOpener, diary: Diary
) -> None:
    await diary.live_in(zone)
    async with another_core(clock=lambda: NIGHT) as core:
        await replace(ann, core=core).perform(overview.get)

    assert await diary.days() == [date(2026, 11, day)]


async def test_it_is_written_while_the_process_runs(
    ann: Caller, clock: Clock, another_core: CoreOpener, diary: Diary
) -> None:
    async with another_core(clock=clock) as core:
        await replace(ann, core=core).perform(overview.get)
        await diary.become([NIGHT.date()])


async def test_asking_whether_one_may_act_counts(
    ann: Caller, clock: Clock, another_core: CoreOpener, diary: Diary
) -> None:
    async with another_core(clock=clock) as core:
        await replace(ann, core=core).check()

    assert await diary.days() == [NIGHT.date()]


async def test_of_two_users_each_has_a_day_of_their_own(
    ann: Caller, bob: Caller, another_core: CoreOpener, diary: Diary
) -> None:
    async with another_core(clock=lambda: NIGHT) as core:
        await add(replace(ann, core=core), "a")
    async with another_core(clock=lambda: NIGHT + timedelta(days=1)) as core:
        await replace(bob, core=core).perform(overview.get)

    assert await diary.days() == [date(2026, 11, 21)]
    assert await Diary(diary.admin, bob.principal.user_id).days() == [date(2026, 11, 22)]


async def test_a_process_writes_once_a_day(ann: Caller, clock: Clock, another_core: CoreOpener, diary: Diary) -> None:
    with on_the_wire() as wire:
        async with another_core(clock=clock) as core:
            await replace(ann, core=core).perform(overview.get)
            await diary.become([NIGHT.date()])
            for _ in range(5):
                await replace(ann, core=core).perform(overview.get)

    assert sum("INTO activity_days" in sql for sql in wire.sent) == 1


async def test_two_processes_write_one_row(ann: Caller, clock: Clock, another_core: CoreOpener, diary: Diary) -> None:
    for _ in range(2):
        async with another_core(clock=clock) as core:
            await replace(ann, core=core).perform(overview.get)

    assert await diary.days() == [NIGHT.date()]


@pytest.mark.parametrize(
    "there",
    [
        # The 25th has 25 hours in Berlin, and the 28th 23.
        ("Europe/Berlin", ["2026-10-24T22:00", "2026-10-25T22:59", "2026-10-25T23:00"], ["2026-10-25", "2026-10-26"]),
        ("Europe/Berlin", ["2027-03-27T23:00", "2027-03-28T21:59", "2027-03-28T22:00"], ["2027-03-28", "2027-03-29"]),
        (
            "America/New_York",
            ["2026-11-21T12:00", "2026-11-22T04:59", "2026-11-22T05:00"],
            ["2026-11-21", "2026-11-22"],
        ),
    ],
)
async def test_the_next_local_day_is_written_from_its_first_moment(
    there: tuple[str, list[str], list[str]], ann: Caller, clock: Clock, another_core: CoreOpener, diary: Diary
) -> None:
    zone, moments, written = there
    await diary.live_in(zone)
    first, second = [date.fromisoformat(day) for day in written]
    async with another_core(clock=clock) as core:
        for moment, expected in zip(moments, ([first], [first], [first, second]), strict=True):
            clock.now = datetime.fromisoformat(moment + "+00:00")
            await replace(ann, core=core).perform(overview.get)
            await diary.become(expected)


async def test_who_moves_to_where_it_is_tomorrow_is_there_tomorrow(
    ann: Caller, clock: Clock, another_core: CoreOpener, diary: Diary
) -> None:
    clock.now = datetime(2026, 11, 21, 12, tzinfo=UTC)
    async with another_core(clock=clock) as core:
        me = replace(ann, core=core)
        await me.perform(overview.get)
        await diary.become([date(2026, 11, 21)])
        await me.perform(users.update, ProfilePatch(time_zone="Pacific/Auckland"))

    assert await diary.days() == [date(2026, 11, 21), date(2026, 11, 22)]


async def test_who_may_not_act_was_not_here(ann: Caller, another_core: CoreOpener, diary: Diary) -> None:
    await diary.admin.execute("UPDATE users SET suspended_at = now() WHERE id = $1", ann.principal.user_id)
    with capture_logs() as logs:
        async with another_core(clock=lambda: NIGHT) as core:
            for attempt in (replace(ann, core=core).check, lambda: replace(ann, core=core).perform(overview.get)):
                with pytest.raises(Suspended):
                    await attempt()

    assert await diary.days() == []
    assert logs == []


@pytest.mark.requirement("OP4")
async def test_what_could_not_be_written_comes_again_with_the_next_call(
    ann: Caller, clock: Clock, another_core: CoreOpener, diary: Diary
) -> None:
    broken = [True]

    def fail_once(sql: str) -> str:
        return "SELECT 1 / 0" if "INTO activity_days" in sql and broken.pop() else sql

    with on_the_wire(lambda sql: fail_once(sql) if broken else sql), capture_logs() as logs:
        async with another_core(clock=clock) as core:
            me = replace(ann, core=core)
            await me.perform(overview.get)
            with anyio.fail_after(30):
                while not any(entry["event"] == "activity_lost" for entry in logs):
                    await moment()
            assert await diary.days() == []
            await me.perform(overview.get)
            await diary.become([NIGHT.date()])

    assert [entry["count"] for entry in logs if entry["event"] == "activity_lost"] == [1]


@pytest.mark.requirement("OP4")
async def test_without_a_database_being_seen_stops_nothing(ann: Caller, another_core: CoreOpener) -> None:
    async with another_core() as core:
        await core.database.close()
        with capture_logs() as logs:
            activity = Activity(core.database, lambda: NIGHT)
            async with activity.running():
                for _ in range(2):
                    activity.seen(ann.principal.user_id)
                    await anyio.wait_all_tasks_blocked()

    assert [entry["event"] for entry in logs] == ["database_unavailable", "activity_lost"] * 2


async def test_what_is_being_written_at_the_end_is_written(
    ann: Caller, clock: Clock, another_core: CoreOpener, diary: Diary
) -> None:
    async with another_core(database_pool_size=1) as core, only_connection_taken(core) as release:
        activity = Activity(core.database, clock)
        async with activity.running():
            activity.seen(ann.principal.user_id)
            await anyio.wait_all_tasks_blocked()  # it waits for the connection
            release.set()

    assert await diary.days() == [NIGHT.date()]
