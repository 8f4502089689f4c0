"""A year of drawn series, day by day, beside a model that counts days: none is lost, none comes twice."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Any, Final
from zoneinfo import ZoneInfo

import orjson
import pytest

from tests.core.support import CoreOpener, told
from todo_core.boundary.caller import Caller
from todo_core.models.todos import TodoCreate, TodoFilter
from todo_core.operations import todos, users

pytestmark = [pytest.mark.requirement("TD11", "TD9", "TD10"), pytest.mark.same_statements]

DAY: Final = timedelta(days=1)
NEW_YEAR: Final = date(2027, 12, 1)
"""The first day of a year with a 29 February."""
ZONES: Final = ("Europe/Berlin", "America/New_York", "Australia/Sydney", "America/Santiago", "UTC")
"""Clocks change in the year in both directions, in some before and in some after the new year."""
HOURS: Final = (None, None, time(9), time(2, 30), time(23, 30))
"""02:30 is skipped in some nights, and comes twice in others."""
Named = Callable[[date, date], bool]
"""Whether a rule names a day; the other is the first day of the series."""


def last_of_month(day: date) -> int:
    return monthrange(day.year, day.month)[1]


def weeks_apart(day: date, other: date) -> int:
    return ((day - day.weekday() * DAY) - (other - other.weekday() * DAY)).days // 7


def months_apart(day: date, other: date) -> int:
    return 12 * (day.year - other.year) + day.month - other.month


def a_month_later(day: date) -> date:
    there = date(day.year + day.month // 12, day.month % 12 + 1, 1)
    return there.replace(day=min(day.day, last_of_month(there)))


@dataclass(frozen=True)
class Rule:
    """What a person writes, and which days that names, told apart from the product's code."""

    text: str
    named: Named
    every: Named = lambda *_: True
    """Whether the interval reaches a day."""
    later: Callable[[date], date] | None = None
    """The earliest day after a completion, of a rule that counts from there."""


EVERY_DAY: Final[Named] = lambda *_: True  # noqa: E731
RULES: Final = (
    Rule("every day", EVERY_DAY),
    Rule("every 3 days", EVERY_DAY, lambda day, first: (day - first).days % 3 == 0),
    Rule("weekly", lambda day, first: day.weekday() == first.weekday()),
    Rule("every weekday", lambda day, _: day.weekday() < 5),
    Rule("every mon, thu and sun", lambda day, _: day.weekday() in (0, 3, 6)),
    Rule(
        "every 2 weeks on tue and sat",
        lambda day, _: day.weekday() in (1, 5),
        lambda day, first: weeks_apart(day, first) % 2 == 0,
    ),
    Rule("monthly on the 15th", lambda day, _: day.day == 15),
    Rule("every 31st", lambda day, _: day.day == last_of_month(day)),
    Rule("every month on the 30th", lambda day, _: day.day == min(30, last_of_month(day))),
    Rule("FREQ=MONTHLY;BYMONTHDAY=31", lambda day, _: day.day == 31),
    Rule("last friday of the month", lambda day, _: day.weekday() == 4 and day.day > last_of_month(day) - 7),
    Rule("second tuesday of the month", lambda day, _: day.weekday() == 1 and 8 <= day.day <= 14),
    Rule(
        "every 2 months on the last day",
        lambda day, _: day.day == last_of_month(day),
        lambda day, first: months_apart(day, first) % 2 == 0,
    ),
    Rule("every feb 29", lambda day, _: day.month == 2 and day.day == last_of_month(day)),
    Rule("FREQ=YEARLY;BYMONTH=3,6,9,12;BYMONTHDAY=1", lambda day, _: day.month % 3 == 0 and day.day == 1),
    Rule("every! 3 days", EVERY_DAY, later=lambda done: done + 3 * DAY),
    Rule("every! month", EVERY_DAY, later=a_month_later),
    Rule("every! 2 weeks on sunday", lambda day, _: day.weekday() == 6, later=lambda done: done + 14 * DAY),
    Rule("every! weekday", lambda day, _: day.weekday() < 5, later=lambda done: done + DAY),
)


@dataclass
class Series:
    """One series, as the model has it."""

    title: str
    rule: Rule
    at: time | None
    scheduled: date
    parent: Series | None = None
    left: int | None = None
    """Occurrences from this one on, if they are counted."""
    until: date = date.max
    todo_id: int = 0
    is_over: bool = False
    is_first: bool = True
    """Whether it is the first occurrence below the parent's present one."""
    due: date = field(init=False)
    """Where this occurrence was moved to."""
    first: date = field(init=False)
    missed: list[date] = field(default_factory=list)
    seen: list[date] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.first = self.due = self.scheduled

    @property
    def text(self) -> str:
        hour = "" if self.at is None or "FREQ" in self.rule.text else f" at {self.at:%H:%M}"
        if self.left is not None:
            return f"{self.rule.text}{hour}, {self.left} times"
        return f"{self.rule.text}{hour}" + ("" if self.until == date.max else f" until {self.until}")

    def go_on(self, now: datetime) -> None:
        """To the next occurrence, after one that is done at this local time."""
        if self.rule.later is not None:
            day = self.rule.later(now.date())
            while not self.rule.named(day, self.first) or (self.rule.named is not EVERY_DAY and day <= self.scheduled):
                day += DAY
            used = [day]
        else:
            used, day = [], self.scheduled
            while not used or day <= self.due or self._is_past(day, now):
                day += DAY
                while not (self.rule.named(day, self.first) and self.rule.every(day, self.first)):
                    day += DAY
                used.append(day)
        self.is_over = day > self.until or (self.left is not None and self.left <= len(used))
        if not self.is_over:
            self.missed += used[:-1]
            self.scheduled = self.due = day
            self.left = None if self.left is None else self.left - len(used)

    def _is_past(self, day: date, now: datetime) -> bool:
        return day < now.date() or (day == now.date() and (self.at is None or self.at <= now.time()))

    def complete(self, now: datetime, below: list[Series]) -> None:
        """Done, with what belongs to this round of those below; what is still to come goes on."""
        round_day = self.due
        self.go_on(now)
        self.is_first = False
        for one in below:
            is_ahead = one.due > now.date() and (one.due > round_day or not one.is_first)
            if self.is_over:
                one.is_over = True
            elif not one.is_over and not is_ahead:
                one.go_on(now)
            one.is_first = True

    @property
    def shown(self) -> tuple[str, str, int | None]:
        scheduled = self.scheduled if self.at is None else datetime.combine(self.scheduled, self.at)
        return scheduled.isoformat(), self.due.isoformat(), self.parent.todo_id if self.parent else None


def drawn(random: Random, count: int) -> list[Series]:
    """So many series; every third is below the one before it."""
    found: list[Series] = []
    for number in range(count):
        rule = random.choice(RULES)
        at = None if "FREQ" in rule.text else random.choice(HOURS)
        parent = found[-1] if number % 3 == 2 else None
        start = NEW_YEAR + random.randint(1, 80) * DAY if parent is None else parent.scheduled
        while not rule.named(start, start):
            start += DAY
        one = Series(f"s{number}", rule, at, start, parent)
        end = random.randint(1, 8)
        if end == 1:
            one.left = random.randint(3, 30)
        elif end == 2 and "FREQ" not in rule.text:
            one.until = start + random.randint(60, 300) * DAY
        found.append(one)
    return found


@dataclass
class Life:
    """A person who does, moves and skips what is due, sometimes late, early or twice."""

    me: Caller
    random: Random
    all: list[Series]
    now: datetime
    zone: ZoneInfo

    @property
    def local(self) -> datetime:
        return self.now.astimezone(self.zone).replace(tzinfo=None)

    def below(self, series: Series) -> list[Series]:
        return [one for one in self.all if one.parent is series]

    async def begin(self) -> None:
        for one in self.all:
            parent_id = one.parent.todo_id if one.parent else None
            new = TodoCreate(title=one.title, due=one.scheduled.isoformat(), repeat=one.text, parent_id=parent_id)
            (row,) = told(await self.me.perform(todos.add, [new]))
            assert "error" not in row, (one.text, row)
            one.todo_id = row["id"]
        await self.compare()

    async def move(self, zone: str) -> None:
        """Go to another time zone: days and hours go along."""
        self.zone = ZoneInfo(zone)
        await self.me.perform(users.update, {"time_zone": zone})

    async def live(self) -> None:
        """One moment: what is done, each in the product and in the model."""
        completed: list[int] = []
        for one in self.all:
            what = self._choice(one)
            if what == "complete":
                await self._write(todos.complete, one.todo_id)
                completed.append(one.todo_id)
                one.complete(self.local, self.below(one))
            elif what == "skip":
                before = one.scheduled, one.due, one.left, len(one.missed)
                one.go_on(self.local)
                if one.is_over:  # the last one cannot be skipped
                    one.is_over = False
                    assert (one.scheduled, one.due, one.left, len(one.missed)) == before
                else:
                    await self._write(todos.skip, one.todo_id)
            elif what == "move":
                one.due += self.random.choice((-2, -1, 1, 3)) * DAY
                due = one.due.isoformat() + ("" if one.at is None else f"T{one.at:%H:%M}")
                await self.me.perform(todos.update, [{"id": one.todo_id, "due": due}])
            if what in ("complete", "skip"):
                await self.compare()
        if completed and self.random.random() < 0.2:
            await self.me.perform(todos.complete, completed)  # once more
            await self.compare()

    async def _write(self, operation: Any, todo_id: int) -> None:
        (row,) = told(await self.me.perform(operation, [todo_id]))
        assert "error" not in row, row

    def _choice(self, one: Series) -> str:
        days = (one.due - self.local.date()).days
        if one.is_over or days > 3:
            return ""
        if days > 0:
            return "complete" if self.random.random() < 0.02 else ""
        return self.random.choices(("complete", "skip", "move", ""), (70, 5, 3, 22))[0]

    async def compare(self) -> None:
        """What is open is what the model has, one occurrence of each series."""
        page = await self.me.perform(todos.list_, TodoFilter(status="open", limit=200))
        rows = {row["title"]: row for row in orjson.loads(page.json)}
        assert page.total == len(rows), "one of a series is open twice"
        assert rows.keys() == {one.title for one in self.all if not one.is_over}
        for one in self.all:
            if not one.is_over:
                row = rows[one.title]
                one.todo_id = row["id"]
        for one in self.all:
            if not one.is_over:
                row = rows[one.title]
                shown = row["repeat"]["scheduled"], row["due"]["date"], row["parent_id"]
                assert shown == one.shown, (one.text, self.local, one.parent and one.parent.text)
                day = date.fromisoformat(shown[0][:10])
                if day not in one.seen[-1:]:
                    one.seen.append(day)


def check_days(series: Series) -> None:
    """Every day of the rule from the first to the last was there once, or had passed when the one before was done."""
    assert sorted(set(series.seen)) == series.seen, "a day came twice"
    if series.rule.later is not None or not series.seen:
        return
    day, last = series.first, series.seen[-1]
    while day <= last:
        if series.rule.named(day, series.first) and series.rule.every(day, series.first):
            assert (day in series.seen) != (day in series.missed), day
        else:
            assert day not in series.seen, day
        day += DAY


@pytest.mark.parametrize(
    ("people", "series", "steps"),
    [(2, 9, (1, 2, 3, 4)), pytest.param(10, 20, (1,), marks=pytest.mark.exhaustive)],
)
async def test_no_day_of_a_year_is_lost_or_doubled(
    ann: Caller, another_core: CoreOpener, people: int, series: int, steps: tuple[int, ...]
) -> None:
    clock = [datetime.combine(NEW_YEAR, time(6), UTC)]
    async with another_core(clock=lambda: clock[0], rate_limit="off") as core:
        for number in range(people):
            random = Random(number)  # noqa: S311  # the same each time
            somebody = await core.identity.local(f"year-{number}-{ann.principal.user_id}")
            clock[0] = datetime.combine(NEW_YEAR, time(6), UTC)
            me = replace(ann, core=core, principal=somebody)
            life = Life(me, random, drawn(random, series), clock[0], ZoneInfo("UTC"))
            for quarter in range(4):
                await life.move(ZONES[(number + quarter) % len(ZONES)])
                if quarter == 0:
                    await life.begin()
                while clock[0].date() < NEW_YEAR + (quarter + 1) * 92 * DAY:
                    await life.live()
                    later = random.choice(steps) * DAY + random.randint(-300, 300) * timedelta(minutes=1)
                    life.now = clock[0] = clock[0] + later
            for one in life.all:
                check_days(one)
            assert sum(len(one.seen) for one in life.all) > 10 * series
