"""Schema 0007, by which a due is one of three: what was there and what the version before writes is carried over."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, time
from typing import Any, Final
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from tests.core.support import CoreOpener, acting_as, connected, row_of
from tests.databases import migrate_empty
from todo_core.boundary.caller import Caller
from todo_core.dates import When, in_zone
from todo_core.models.todos import TodoCreate
from todo_core.operations import changes, todos, users
from todo_core.schema.migrate import migrate

pytestmark = [pytest.mark.requirement("DB3", "TD10"), pytest.mark.slow]

BEFORE, FIRST, ROLLED, FINISHED = "0006_finish", "0007", "0007_backfill", "0007_finish"
BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"
FIVE: Final = datetime(2026, 12, 24, 16, tzinfo=UTC)
"""17:00 in Berlin."""
END: Final = datetime(2026, 12, 24, 22, 59, 59, 999999, tzinfo=UTC)

# What the version before writes, as `todo_app`: it names every column that a request may set, and knows no new one.
_INSERT: Final = """
INSERT INTO todos (user_id, list_id, title, due_on, due_at, repeat)
SELECT $1, id, $2, $3::date, $4::timestamptz, $5::jsonb FROM lists WHERE user_id = $1 AND is_inbox RETURNING id
"""
_UPDATE: Final = """
UPDATE todos SET title = $3, due_on = $4::date, due_at = $5::timestamptz, repeat = $6::jsonb, version = version + 1
WHERE user_id = $1 AND id = $2
"""


# What the version of 0007 writes: it names the columns of the new form, and not the one of the old.
_NEW_INSERT: Final = """
INSERT INTO todos (user_id, list_id, title, due_date, due_time, due_at)
SELECT $1, id, $2, $3, $4, $5 FROM lists WHERE user_id = $1 AND is_inbox RETURNING id
"""
_NEW_UPDATE: Final = "UPDATE todos SET due_date = $3, due_time = $4, due_at = $5 WHERE user_id = $1 AND id = $2"

New = tuple[date | None, time | None, datetime | None]
"""A due in the new form: day, wall-clock time, moment by which."""


class Old:
    """Somebody whom the version before serves, and that of 0007."""

    def __init__(self, admin: asyncpg.Connection[Any], user_id: int) -> None:
        self.admin, self.id = admin, user_id

    async def add(self, title: str, on: date | None, at: datetime | None, repeat: str | None = None) -> int:
        async with acting_as(self.admin, "todo_app", self.id):
            found: int = await self.admin.fetchval(_INSERT, self.id, title, on, at, repeat)
            return found

    async def update(self, todo: int, title: str, on: date | None, at: datetime | None, repeat: str | None) -> None:
        async with acting_as(self.admin, "todo_app", self.id):
            assert await self.admin.execute(_UPDATE, self.id, todo, title, on, at, repeat) == "UPDATE 1"

    async def add_new(self, title: str, due: New) -> int:
        async with acting_as(self.admin, "todo_app", self.id):
            found: int = await self.admin.fetchval(_NEW_INSERT, self.id, title, *due)
            return found

    async def update_new(self, todo: int, due: New) -> None:
        async with acting_as(self.admin, "todo_app", self.id):
            assert await self.admin.execute(_NEW_UPDATE, self.id, todo, *due) == "UPDATE 1"

    async def go_to(self, zone: str) -> None:
        """Change the zone, and the end of each day with it."""
        async with acting_as(self.admin, "todo_app", self.id):
            await self.admin.execute("UPDATE users SET time_zone = $2 WHERE id = $1", self.id, zone)
            for row in await self.admin.fetch("SELECT DISTINCT due_on FROM todos WHERE due_on IS NOT NULL"):
                end = in_zone(When(END, row["due_on"]), ZoneInfo(zone)).at
                await self.admin.execute("UPDATE todos SET due_at = $2 WHERE due_on = $1", row["due_on"], end)

    async def read(self) -> dict[str, tuple[date | None, datetime | None]]:
        """What the version before reads of a due: the day, if no time was named, and the moment."""
        async with acting_as(self.admin, "todo_app", self.id):
            return {
                row["title"]: tuple(row)[1:]
                for row in await self.admin.fetch("SELECT title, due_on, due_at FROM todos")
            }

    async def new_form(self) -> dict[str, New]:
        async with acting_as(self.admin, "todo_app", self.id):
            rows = await self.admin.fetch("SELECT title, due_date, due_time, due_at FROM todos")
            return {row["title"]: tuple(row)[1:] for row in rows}

    async def hours(self) -> dict[str, str]:
        """The `scheduled` of each series."""
        rows = await self.admin.fetch("SELECT title, repeat ->> 'scheduled' AS s FROM todos WHERE repeat IS NOT NULL")
        return {row["title"]: row["s"] for row in rows}


@asynccontextmanager
async def old_version(url: str) -> AsyncIterator[Old]:
    """A database of the version before, and somebody in Berlin."""
    await migrate_empty(url, BEFORE)
    async with connected(url) as admin:
        user_id = await admin.fetchval(
            "INSERT INTO users (issuer, subject, time_zone) VALUES ('urn:todo-mcp:local', 'ann', $1) RETURNING id",
            BERLIN,
        )
        yield Old(admin, user_id)


def series(scheduled: str) -> str:
    return json.dumps({"rule": "FREQ=DAILY", "counts_from": "due", "words": "every day", "scheduled": scheduled})


DAY: Final = date(2026, 12, 24)


async def test_what_is_there_becomes_what_it_is_where_its_owner_is(empty_database_url: str) -> None:
    url = empty_database_url
    async with old_version(url) as old:
        await old.add("never", None, None)
        await old.add("day", DAY, END)
        await old.add("time", None, FIVE)
        await old.add("daily", DAY, END, series("2026-12-24"))
        await old.add("at five", None, FIVE, series("2026-12-24T17:00:00"))
        await old.add("moved to five", None, FIVE, series("2026-12-23T09:00:00"))
        await old.add("got five", None, FIVE, series("2026-12-24"))
        await old.add("lost it", DAY, END, series("2026-12-24T09:00:00"))
        await old.add("skipped", None, datetime(2027, 3, 28, 1, 30, tzinfo=UTC), series("2027-03-28T02:30:00"))
        before = await old.read()
        versions = await old.admin.fetch("SELECT id, version, updated_at FROM todos ORDER BY id")

        await migrate(url, ROLLED)

        assert await old.read() == before
        day, five = (DAY, None, END), (DAY, time(17), FIVE)
        skipped = date(2027, 3, 28), time(3, 30), datetime(2027, 3, 28, 1, 30, tzinfo=UTC)
        new = {"never": (None, None, None), "day": day, "time": five, "daily": day, "lost it": day, "skipped": skipped}
        assert await old.new_form() == new | dict.fromkeys(("at five", "moved to five", "got five"), five)
        hours = {
            "daily": "2026-12-24",
            "at five": "2026-12-24T17:00:00",
            "moved to five": "2026-12-23T17:00:00",
            "got five": "2026-12-24T17:00:00",
            "lost it": "2026-12-24",
            "skipped": "2027-03-28T02:30:00",
        }
        assert await old.hours() == hours
        await migrate(url, FINISHED)
        assert await old.new_form() == new | dict.fromkeys(("at five", "moved to five", "got five"), five)
        assert await old.admin.fetch("SELECT id, version, updated_at FROM todos ORDER BY id") == versions


async def test_what_the_version_before_writes_meanwhile_is_carried_over(empty_database_url: str) -> None:
    url = empty_database_url
    async with old_version(url) as old:
        first = await old.add("first", None, FIVE)
        for revision in (FIRST, ROLLED):
            await migrate(url, revision)
            await old.add(f"day at {revision}", DAY, END)
            todo = await old.add(f"time at {revision}", None, FIVE, series("2026-12-24T17:00:00"))
            await old.add(f"never at {revision}", None, None)
            nine = datetime(2026, 12, 25, 8, tzinfo=UTC)
            await old.update(todo, f"time at {revision}", None, nine, series("2026-12-24T17:00:00"))
        await old.update(first, "first again", None, FIVE, None)

        found = await old.new_form()
        for revision in (FIRST, ROLLED):
            assert found[f"day at {revision}"] == (DAY, None, END)
            assert found[f"time at {revision}"] == (date(2026, 12, 25), time(9), nine)
            assert found[f"never at {revision}"] == (None, None, None)
        assert found["first again"] == (DAY, time(17), FIVE)
        assert {*(await old.hours()).values()} == {"2026-12-24T09:00:00"}

        await old.go_to(NEW_YORK)
        found = await old.new_form()
        assert found["first again"] == (DAY, time(17), datetime(2026, 12, 24, 22, tzinfo=UTC))
        assert found[f"day at {ROLLED}"] == (DAY, None, datetime(2026, 12, 25, 4, 59, 59, 999999, tzinfo=UTC))
        await old.update(first, "first of all", DAY, datetime(2026, 12, 25, 4, 59, 59, 999999, tzinfo=UTC), None)
        assert (await old.new_form())["first of all"][:2] == (DAY, None)
        await old.update(first, "first of all", None, None, None)
        assert (await old.new_form())["first of all"] == (None, None, None)


async def test_what_the_version_of_0007_writes_reads_the_same_to_the_version_before(empty_database_url: str) -> None:
    url = empty_database_url
    async with old_version(url) as old:
        await migrate(url, ROLLED)
        given: dict[str, New] = {
            "day": (DAY, None, END),
            "time": (DAY, time(17), FIVE),
            "moment": (None, None, FIVE),
            "never": (None, None, None),
        }
        ids = {title: await old.add_new(title, due) for title, due in given.items()}
        shown = {"day": (DAY, END), "time": (None, FIVE), "moment": (None, FIVE), "never": (None, None)}

        assert await old.read() == shown
        for title, todo in ids.items():
            for due in (*given.values(), given[title]):
                await old.update_new(todo, due)
                assert (await old.new_form())[title] == due
        assert await old.read() == shown

        # A moment that the version before does not change stays one, and a time that it does is where the person is.
        await old.update(ids["moment"], "moment", None, FIVE, None)
        assert (await old.new_form())["moment"] == (None, None, FIVE)
        await old.go_to(NEW_YORK)
        assert (await old.read())["time"] == (None, datetime(2026, 12, 24, 22, tzinfo=UTC))
        await old.update(ids["moment"], "moment", None, datetime(2026, 12, 24, 14, tzinfo=UTC), None)
        assert (await old.new_form())["moment"][:2] == (DAY, time(9))
        before = await old.new_form()

        await migrate(url, FINISHED)

        assert await old.new_form() == before


@pytest.mark.requirement("SA3")
@pytest.mark.parametrize("zone", [BERLIN, NEW_YORK])
async def test_a_change_of_the_version_before_is_undone_as_it_was_meant(
    empty_database_url: str, another_core: CoreOpener, zone: str
) -> None:
    """Of a repeating todo at 09:00 the due was moved to 17:00, and with it, then, the hour of the series."""
    url = empty_database_url
    async with old_version(url) as old, another_core(url) as core:
        nine = datetime(2026, 12, 24, 8, tzinfo=UTC)
        todo = await old.add("a", None, FIVE, series("2026-12-24T09:00:00"))
        await migrate(url, finish=True)
        ann = Caller(core, await core.identity.local("ann"), "test")
        after = row_of(await ann.perform(todos.update, [{"id": todo, "title": "b"}]))
        recorded = [
            after | {"version": version, "due": due, "repeat": json.loads(series("2026-12-24T09:00:00"))}
            for version, due in ((1, recorded_due("09:00", nine)), (2, recorded_due("17:00", FIVE)))
        ]
        change = await old.admin.fetchval(
            "INSERT INTO changes (user_id, operation, via) VALUES ($1, 'todos.update', 'rest') RETURNING id", old.id
        )
        await old.admin.execute(
            "INSERT INTO change_entries (user_id, change_id, number, entity, entity_id, before, after)"
            " VALUES ($1, $2, 1, 'todo', $3, $4, $5)",
            *(old.id, change, todo, *map(json.dumps, recorded)),
        )
        await ann.perform(users.update, {"time_zone": zone})

        undone = row_of(await ann.perform(changes.undo, change))

        assert (undone["due"]["date"], undone["due"]["time"], undone["due"]["kind"]) == ("2026-12-24", "09:00", "time")
        assert undone["repeat"]["scheduled"] == "2026-12-24T09:00:00"
        assert datetime.fromisoformat(undone["due"]["at"]) == datetime(2026, 12, 24, 9, tzinfo=ZoneInfo(zone))


def recorded_due(shown: str, at: datetime) -> dict[str, Any]:
    """A due as the version before recorded it."""
    day = {"date": "2026-12-24", "weekday": "Thursday", "time_zone": BERLIN}
    return day | {"time": shown, "at": at.isoformat()}


async def test_the_moments_that_the_triggers_reckon_are_those_of_this_code(empty_database_url: str) -> None:
    """Of a time that the clocks show twice the first, one that they skip later by what is skipped."""
    await migrate_empty(empty_database_url, FIRST)
    hours = [
        datetime.combine(date(2026, month, day), time(hour, 30))
        for month, day in ((3, 29), (10, 25), (11, 1), (9, 6))
        for hour in range(24)
    ]
    async with connected(empty_database_url) as admin:
        for zone in (
            BERLIN,
            NEW_YORK,
            "America/Santiago",
            "Australia/Lord_Howe",
            "America/Nuuk",
            "Asia/Kolkata",
            "UTC",
        ):
            found = [await admin.fetchval("SELECT wall_moment($1, $2)", wall, zone) for wall in hours]
            there = ZoneInfo(zone)
            assert found == [in_zone(When(FIVE, wall.date(), wall.time()), there).at for wall in hours], zone


async def test_on_the_way_down_a_moment_is_a_time_as_it_was(empty_database_url: str, another_core: CoreOpener) -> None:
    url = empty_database_url
    async with old_version(url) as old, another_core(url) as core:
        await migrate(url, finish=True)
        ann = Caller(core, await core.identity.local("ann"), "test")
        given = {"day": "2026-12-24", "time": "2026-12-24T17:00", "moment": "2026-12-24T17:00+01:00"}
        await ann.perform(todos.add, [TodoCreate(title=title, due=due) for title, due in given.items()])

        await migrate(url, BEFORE)

        assert await old.read() == {"day": (DAY, END), "time": (None, FIVE), "moment": (None, FIVE)}
