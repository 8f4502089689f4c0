"""Streaks, the summary and the weekly report, against a plain-Python model of what they promise."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import orjson
import pytest

from tests.core.support import CoreOpener, on_the_wire
from todo_core.boundary.caller import Caller
from todo_core.errors import InvalidInput
from todo_core.models.analytics import Report, Streaks, Summary, WeeklyReport
from todo_core.models.todos import PRIORITIES
from todo_core.operations import analytics

Json = dict[str, Any]
DAY = timedelta(days=1)
UTC_ZONE = ZoneInfo("UTC")
FIRST_DAYS = {"monday": 0, "saturday": 5, "sunday": 6}


# --- a user with todos -------------------------------------------------------------------------


@dataclass
class Planted:
    """A todo, as it is in the table."""

    created_at: datetime
    completed_at: datetime | None = None
    deleted_at: datetime | None = None
    due_at: datetime | None = None
    priority: int = 2
    in_list: str = "Inbox"
    tags: Sequence[str] = ()

    @property
    def counts(self) -> bool:
        return self.deleted_at is None or self.completed_at is not None


@dataclass
class Person:
    """A user whose lists, tags and todos the test knows."""

    caller: Caller
    admin: asyncpg.Connection
    zone: ZoneInfo = UTC_ZONE
    week_start: str = "monday"
    todos: list[Planted] = field(default_factory=list)
    lists: dict[str, int] = field(default_factory=dict)

    @property
    def id(self) -> int:
        return self.caller.principal.user_id

    async def settle(self, zone: str, week_start: str) -> None:
        """Live there, with the lists Inbox, Work and Attic (archived), and the tags a, b and gone (deleted)."""
        self.zone, self.week_start = ZoneInfo(zone), week_start
        await self.admin.execute(
            "UPDATE users SET time_zone = $2, week_start = $3 WHERE id = $1", self.id, zone, week_start
        )
        await self.admin.execute(
            "INSERT INTO lists (user_id, name, name_key, position, archived_at)"
            " VALUES ($1, 'Work', 'work', 1, NULL), ($1, 'Attic', 'attic', 2, now())",
            self.id,
        )
        await self.admin.execute(
            "INSERT INTO tags (user_id, name, name_key, deleted_at)"
            " VALUES ($1, 'a', 'a', NULL), ($1, 'b', 'b', NULL), ($1, 'gone', 'gone', now())",
            self.id,
        )
        rows = await self.admin.fetch("SELECT name, id FROM lists WHERE user_id = $1", self.id)
        self.lists = {row["name"]: row["id"] for row in rows}

    async def plant(self, *todos: Planted) -> None:
        self.todos += todos
        for todo in todos:
            planted = await self.admin.fetchval(
                "INSERT INTO todos (user_id, title, list_id, created_at, completed_at, deleted_at, due_at, priority)"
                " VALUES ($1, 'a', (SELECT id FROM lists WHERE user_id = $1 AND name = $2), $3, $4, $5, $6, $7)"
                " RETURNING id",
                *(self.id, todo.in_list, todo.created_at, todo.completed_at, todo.deleted_at, todo.due_at),
                todo.priority,
            )
            await self.admin.execute(
                "INSERT INTO todo_tags SELECT $1, $2, id FROM tags WHERE user_id = $1 AND name = ANY ($3)",
                *(self.id, planted, list(todo.tags)),
            )

    def day(self, moment: datetime | None) -> date | None:
        return None if moment is None else moment.astimezone(self.zone).date()


# --- the model ---------------------------------------------------------------------------------


def flow(person: Person, todos: Iterable[Planted], days: set[date]) -> Json:
    counted = [todo for todo in todos if todo.counts]
    return {
        "added": sum(person.day(todo.created_at) in days for todo in counted),
        "completed": sum(person.day(todo.completed_at) in days for todo in counted),
    }


def totals(person: Person, first: date, now: datetime) -> Json:
    days = {first + DAY * n for n in range(7)}
    end = datetime.combine(first + 7 * DAY, time(), person.zone).astimezone(UTC)
    moment = min(end, now)
    overdue = sum(
        todo.due_at is not None
        and todo.due_at < moment
        and todo.created_at < moment
        and (todo.completed_at is None or todo.completed_at >= moment)
        and todo.counts
        and todo.in_list != "Attic"
        for todo in person.todos
    )
    found = flow(person, person.todos, days)
    wanted = found["completed"] + overdue
    return found | {"overdue": overdue, "completion_rate": round(found["completed"] / wanted, 4) if wanted else None}


def busiest(rows: Iterable[Json]) -> list[Json]:
    """Those with anything, in an order that does not depend on ids."""
    return sorted((row for row in rows if row["added"] + row["completed"]), key=lambda row: row["name"])


def expected_report(person: Person, day: date, now: datetime) -> Json:
    first = day
    while first.weekday() != FIRST_DAYS[person.week_start]:
        first -= DAY
    days = [first + DAY * n for n in range(7)]
    week, before = totals(person, first, now), totals(person, first - 7 * DAY, now)
    per_list = [
        {"id": person.lists[name], "name": name} | flow(person, [t for t in person.todos if t.in_list == name], {*days})
        for name in person.lists
    ]
    per_tag = [
        {"name": name} | flow(person, [t for t in person.todos if name in t.tags], {*days}) for name in ("a", "b")
    ]
    per_priority = [
        {"priority": word} | flow(person, [t for t in person.todos if PRIORITIES[t.priority - 1] == word], {*days})
        for word in ("urgent", "high", "medium", "low")
    ]
    return week | {
        "first_day": days[0].isoformat(),
        "last_day": days[6].isoformat(),
        "time_zone": person.zone.key,
        "week_start": person.week_start,
        "is_over": (now.astimezone(person.zone).date()) > days[6],
        "by_day": [
            {"date": one.isoformat(), "weekday": f"{one:%A}"} | flow(person, person.todos, {one}) for one in days
        ],
        "by_list": busiest(per_list),
        "by_tag": busiest(per_tag),
        "by_priority": per_priority,
        "week_before": before,
        "difference": {
            name: None if week[name] is None or before[name] is None else round(week[name] - before[name], 4)
            for name in week
        },
    }


def expected_streak(days: set[date], today: date) -> Json:
    def ending(last: date) -> int:
        length = 0
        while last - DAY * length in days:
            length += 1
        return length

    return {
        "current": ending(today) or ending(today - DAY),
        "longest": max(map(ending, days), default=0),
        "last_day": max(days).isoformat() if days else None,
    }


# --- weeks of many kinds -----------------------------------------------------------------------

WEEKS = {
    "summer time begins in Berlin": ("Europe/Berlin", "monday", "2027-03-31T10:00", "2027-03-28"),
    "summer time begins in Berlin today": ("Europe/Berlin", "sunday", "2027-03-28T20:30", "2027-03-28"),
    "summer time ends in Berlin": ("Europe/Berlin", "sunday", "2026-10-27T23:30", "2026-10-25"),
    "summer time ends in New York": ("America/New_York", "saturday", "2026-11-04T03:00", "2026-11-01"),
    "summer time begins in Auckland": ("Pacific/Auckland", "saturday", "2026-09-29T12:00", "2026-09-27"),
    "already Sunday in Kolkata": ("Asia/Kolkata", "sunday", "2026-11-21T19:00", "2026-11-22"),
    "the first moment of a week in Berlin": ("Europe/Berlin", "monday", "2026-11-15T23:00", "2026-11-15"),
    "clocks change at midnight in Santiago": ("America/Santiago", "monday", "2026-09-09T12:00", "2026-09-06"),
}


def dice_of(kind: str) -> random.Random:
    """The same sample for the same kind of week."""
    return random.Random(kind)  # noqa: S311  # it keeps no secret


def moment_near(dice: random.Random, zone: ZoneInfo, day: date) -> datetime:
    """Often a moment where a day turns, or just before."""
    start = datetime.combine(day + DAY * dice.randrange(-16, 10), time(), zone).astimezone(UTC)
    return start + dice.choice(
        [timedelta(), timedelta(microseconds=-1), timedelta(minutes=dice.randrange(-40, 40)), DAY * dice.random()]
    )


def sample(dice: random.Random, person: Person, now: datetime, day: date) -> Planted:
    def perhaps(chance: float) -> datetime | None:
        return moment_near(dice, person.zone, day) if dice.random() < chance else None

    created = moment_near(dice, person.zone, day)
    completed, deleted, due = perhaps(0.5), perhaps(0.25), perhaps(0.6)
    return Planted(
        created,
        completed,
        deleted,
        now if due and dice.random() < 0.1 else due,
        dice.randrange(1, 5),
        dice.choice(["Inbox", "Work", "Attic"]),
        dice.sample(["a", "b", "gone"], dice.randrange(4)),
    )


@pytest.fixture
async def person(ann: Caller, admin: asyncpg.Connection) -> Person:
    return Person(ann, admin)


@pytest.fixture
async def stranger(bob: Caller, admin: asyncpg.Connection) -> Person:
    return Person(bob, admin)


Ask = Callable[..., Awaitable[Json]]


@pytest.fixture
def ask(person: Person, another_core: CoreOpener) -> Ask:
    """Runs an operation as the person, at a moment."""

    async def answer(operation: Any, now: datetime, *args: Any) -> Json:
        async with another_core(clock=lambda: now) as core:
            found = await replace(person.caller, core=core).perform(operation, *args)
        told: Json = orjson.loads(found.json)
        return told

    return answer


def in_any_order(report: Json) -> Json:
    for name in ("by_list", "by_tag"):
        counts = [row["added"] + row["completed"] for row in report[name]]
        assert counts == sorted(counts, reverse=True)
    return report | {name: busiest(report[name]) for name in ("by_list", "by_tag")}


@pytest.mark.requirement("IN2", "OW1")
@pytest.mark.parametrize("kind", WEEKS)
async def test_a_weekly_report_says_what_happened_in_the_users_week(
    kind: str, person: Person, stranger: Person, ask: Ask
) -> None:
    zone, week_start, at, changing = WEEKS[kind]
    now, day = datetime.fromisoformat(at + "+00:00"), date.fromisoformat(changing)
    dice = dice_of(kind)
    for one in (person, stranger):
        await one.settle(zone, week_start)
        await one.plant(*(sample(dice, one, now, day) for _ in range(120)))

    for asked, wanted in (
        (None, now.astimezone(person.zone).date()),
        (changing, day),
        ("last week", now.astimezone(person.zone).date() - 7 * DAY),
        ("next week", now.astimezone(person.zone).date() + 7 * DAY),
        ((day - 14 * DAY).isoformat(), day - 14 * DAY),
    ):
        report = await ask(analytics.weekly_report, now, asked)

        assert in_any_order(report) == expected_report(person, wanted, now), asked
        WeeklyReport.model_validate_json(orjson.dumps(report))


@pytest.mark.requirement("IN3", "OW1")
@pytest.mark.parametrize("kind", WEEKS)
async def test_the_summary_says_what_waits_and_what_was_done(
    kind: str, person: Person, stranger: Person, ask: Ask
) -> None:
    zone, week_start, at, _ = WEEKS[kind]
    now = datetime.fromisoformat(at + "+00:00")
    dice = dice_of(kind)
    for one in (person, stranger):
        await one.settle(zone, week_start)
        today = one.day(now)
        assert today is not None
        await one.plant(*(sample(dice, one, now, today - DAY * dice.choice([0, 0, 7, 25])) for _ in range(120)))
    waiting = [todo for todo in person.todos if not (todo.completed_at or todo.deleted_at) and todo.in_list != "Attic"]
    # Nothing is completed in the future, but the sample does not know that: nor need the statement.
    since = {n: datetime.combine(today - DAY * (n - 1), time(), person.zone) for n in (7, 30)}
    done = {n: [t for t in person.todos if t.completed_at and t.completed_at >= since[n]] for n in (7, 30)}
    took = [max((t.completed_at - t.created_at).total_seconds(), 0) for t in done[30] if t.completed_at]

    told = await ask(analytics.summary, now)

    assert told.pop("average_seconds_to_complete") == pytest.approx(sum(took) / len(took), abs=0.51)
    assert told == {
        "open": len(waiting),
        "due_today": sum(person.day(todo.due_at) == today for todo in waiting),
        "overdue": sum(todo.due_at is not None and todo.due_at < now for todo in waiting),
        "completed_7_days": len(done[7]),
        "completed_30_days": len(done[30]),
    }


@pytest.mark.requirement("IN1", "OW1")
@pytest.mark.parametrize("kind", WEEKS)
async def test_streaks_are_days_in_a_row_where_the_user_is(
    kind: str, person: Person, stranger: Person, ask: Ask
) -> None:
    zone, week_start, at, _ = WEEKS[kind]
    now = datetime.fromisoformat(at + "+00:00")
    dice = dice_of(kind)
    here: set[date] = set()
    for one in (stranger, person):
        await one.settle(zone, week_start)
        today = one.day(now)
        assert today is not None
        here = {today - DAY * n for n in range(1, 60) if dice.random() < 0.8}
        await one.admin.executemany("INSERT INTO activity_days VALUES ($1, $2)", [(one.id, day) for day in here])
        for n in range(60):
            if dice.random() < 0.8:
                start = datetime.combine(today - DAY * n, time(), one.zone).astimezone(UTC)
                done = min(start + dice.choice([timedelta(), timedelta(hours=22.9), DAY * dice.random()]), now)
                await one.plant(Planted(done - DAY, done, done if dice.random() < 0.3 else None))
    completed = {day for todo in person.todos if (day := person.day(todo.completed_at))}

    told = await ask(analytics.streaks, now)

    assert told["completions"] == expected_streak(completed, today)
    assert told["logins"] == expected_streak(here | {today}, today)
    Streaks.model_validate_json(orjson.dumps(told))


# --- single cases ------------------------------------------------------------------------------

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.mark.requirement("IN1")
@pytest.mark.parametrize(
    ("ago", "current", "longest"),
    [
        ([], 0, 0),
        ([0], 1, 1),
        ([1], 1, 1),
        ([2], 0, 1),
        ([0, 1, 2], 3, 3),
        ([1, 2, 3], 3, 3),
        ([2, 3, 4], 0, 3),
        ([0, 2, 3, 4], 1, 3),
        ([0, 1, 3, 4, 5, 9], 2, 3),
        ([0, 0, 0], 1, 1),
        ([0, 1, 1, 2], 3, 3),
    ],
)
async def test_a_streak_lives_until_yesterday_is_missing(
    ago: list[int], current: int, longest: int, person: Person, ask: Ask
) -> None:
    await person.plant(*(Planted(NOON - DAY * 30, NOON - DAY * n) for n in ago))

    streak = (await ask(analytics.streaks, NOON))["completions"]

    assert (streak["current"], streak["longest"]) == (current, longest)


@pytest.mark.requirement("IN1")
async def test_whoever_asks_is_here_today(person: Person, ask: Ask) -> None:
    await person.admin.execute("INSERT INTO activity_days VALUES ($1, $2)", person.id, date(2026, 11, 20))

    told = await ask(analytics.streaks, NOON)

    assert told["logins"] == {"current": 2, "longest": 2, "last_day": "2026-11-21"}


@pytest.mark.requirement("IN1")
async def test_days_are_those_of_the_zone_where_the_user_is_now(person: Person, ask: Ask) -> None:
    """23:30 and 00:30 in London are one day in New York, and in Berlin, too, but another one."""
    late = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)
    await person.plant(Planted(late - DAY, late), Planted(late - DAY, late + timedelta(hours=1)))

    found = {}
    for zone in ("Europe/London", "America/New_York", "Europe/Berlin"):
        await person.admin.execute("UPDATE users SET time_zone = $2 WHERE id = $1", person.id, zone)
        found[zone] = (await ask(analytics.streaks, NOON))["completions"]

    assert [(streak["current"], streak["last_day"]) for streak in found.values()] == [
        (2, "2026-11-21"),
        (1, "2026-11-20"),
        (1, "2026-11-21"),
    ]


@pytest.mark.requirement("IN1")
async def test_a_day_that_was_written_where_it_was_tomorrow_breaks_no_streak(person: Person, ask: Ask) -> None:
    """Whoever flies from Auckland to Honolulu has the same day twice."""
    days = [(person.id, date(2026, 11, day)) for day in (20, 21, 22)]
    await person.admin.executemany("INSERT INTO activity_days VALUES ($1, $2)", days)

    assert (await ask(analytics.streaks, NOON))["logins"]["current"] == 3


@pytest.mark.requirement("IN1", "IN2", "IN3")
async def test_a_new_user_has_zeros_and_no_rate(ask: Ask) -> None:
    report = await ask(analytics.report, NOON)

    Report.model_validate_json(orjson.dumps(report))
    assert report["summary"] == dict.fromkeys(Summary.model_fields, 0) | {"average_seconds_to_complete": None}
    assert report["week"]["completion_rate"] is report["week"]["difference"]["completion_rate"] is None
    assert len(report["week"]["by_day"]) == 7
    assert report["week"]["by_list"] == report["week"]["by_tag"] == []


@pytest.mark.requirement("IN2")
async def test_tidying_up_takes_no_achievement_away_and_a_mistake_never_was(person: Person, ask: Ask) -> None:
    hour = timedelta(hours=1)
    await person.plant(
        Planted(NOON - 3 * hour, NOON - 2 * hour, NOON - hour), Planted(NOON - 3 * hour, None, NOON - hour)
    )

    report = await ask(analytics.weekly_report, NOON)

    assert (report["added"], report["completed"], report["overdue"]) == (1, 1, 0)
    assert (await ask(analytics.streaks, NOON))["completions"]["current"] == 1


@pytest.mark.requirement("IN2")
async def test_what_was_overdue_last_week_and_is_done_since_was_overdue_last_week(person: Person, ask: Ask) -> None:
    await person.plant(Planted(NOON - 20 * DAY, NOON - DAY, due_at=NOON - 10 * DAY))

    report = await ask(analytics.weekly_report, NOON)

    assert (report["overdue"], report["week_before"]["overdue"], report["difference"]["overdue"]) == (0, 1, -1)
    assert (report["completion_rate"], report["week_before"]["completion_rate"]) == (1.0, 0.0)


SUNDAY_MIDNIGHT = datetime(2026, 11, 16, tzinfo=UTC)
TICK = timedelta(microseconds=1)


@pytest.mark.requirement("IN2")
@pytest.mark.parametrize(
    ("moments", "overdue"),
    [
        ((-DAY, -TICK, None), 1),
        ((-DAY, timedelta(), None), 0),
        ((-DAY, -TICK, timedelta()), 1),
        ((-DAY, -TICK, -TICK), 0),
        ((-TICK, -DAY, None), 1),
        ((timedelta(), -DAY, None), 0),
    ],
)
async def test_overdue_is_what_it_was_in_the_moment_the_week_ended(
    moments: tuple[timedelta, timedelta, timedelta | None], overdue: int, person: Person, ask: Ask
) -> None:
    """A todo was added, due and completed that long after."""
    created, due, completed = moments
    end = SUNDAY_MIDNIGHT
    await person.plant(Planted(end + created, None if completed is None else end + completed, due_at=end + due))

    assert (await ask(analytics.weekly_report, NOON))["week_before"]["overdue"] == overdue


@pytest.mark.requirement("IN2")
@pytest.mark.parametrize(
    ("asked", "week_start", "first_day"),
    [
        (None, "monday", "2026-11-16"),
        ("This  Week", "monday", "2026-11-16"),
        ("last week", "sunday", "2026-11-08"),
        ("last week", "saturday", "2026-11-14"),
        ("next week", "monday", "2026-11-23"),
        ("today", "saturday", "2026-11-21"),
        ("yesterday", "saturday", "2026-11-14"),
        ("2026-11-15", "sunday", "2026-11-15"),
        ("2026-11-15", "monday", "2026-11-09"),
        ("2026-11-15T23:30:00Z", "monday", "2026-11-16"),
        ("2026-W46", "monday", "2026-11-09"),
        ("2 weeks ago", "monday", "2026-11-02"),
        ("1970-01-01", "monday", "1969-12-29"),
        ("2199-12-31", "monday", "2199-12-30"),
    ],
)
async def test_any_day_names_its_week(
    asked: str | None, week_start: str, first_day: str, person: Person, ask: Ask
) -> None:
    await person.settle("Europe/Berlin", week_start)

    assert (await ask(analytics.weekly_report, NOON, asked))["first_day"] == first_day


@pytest.mark.requirement("IN2")
@pytest.mark.parametrize("asked", ["2026-W46", "november", "someday", "last monday", "2026-02-30", "2200-01-01"])
async def test_what_may_be_two_weeks_or_none_is_refused(asked: str, person: Person, ask: Ask) -> None:
    await person.settle("Europe/Berlin", "sunday")

    with pytest.raises(InvalidInput) as refused:
        await ask(analytics.weekly_report, NOON, asked)

    assert [problem.field for problem in refused.value.errors] == ["week"]


@pytest.mark.requirement("DB4")
@pytest.mark.parametrize(
    ("operation", "most"), [(analytics.weekly_report, 2), (analytics.streaks, 2), (analytics.summary, 2)]
)
async def test_each_costs_two_statements(operation: Any, most: int, ann: Caller) -> None:
    await ann.perform(operation)
    with on_the_wire() as wire:
        await ann.perform(operation)

    assert len(wire.sent) == most
