"""Due dates and repeats as the model has them: a few rules, reckoned day by day."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)
Local = datetime | date
"""A wall-clock time where the user is; a date where only the day counts."""
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Due:
    """A day, a wall-clock time of a day, or a moment: the first two are where the user is, wherever that is."""

    on: date | None = None
    wall: time | None = None
    moment: datetime | None = None

    @staticmethod
    def of(local: Local) -> Due:
        return Due(local.date(), local.time()) if isinstance(local, datetime) else Due(local)

    @staticmethod
    def fixed(local: datetime, zone: ZoneInfo) -> Due:
        return Due(moment=local.replace(tzinfo=zone).astimezone(UTC))

    def local(self, zone: ZoneInfo) -> Local:
        if self.moment is not None:
            return self.moment.astimezone(zone).replace(tzinfo=None)
        assert self.on is not None
        return self.on if self.wall is None else datetime.combine(self.on, self.wall)

    def at(self, zone: ZoneInfo) -> datetime:
        """The deadline: of a day, its last microsecond where the user is (TD10)."""
        if self.moment is not None:
            return self.moment
        local = self.local(zone)
        if isinstance(local, datetime):
            return local.replace(tzinfo=zone).astimezone(UTC)
        return start_of(local + DAY, zone) - timedelta(microseconds=1)

    def read(self, zone: ZoneInfo) -> Json:
        local = self.local(zone)
        return {
            "date": day_of(local).isoformat(),
            "time": f"{local:%H:%M}" if isinstance(local, datetime) else None,
            "weekday": f"{local:%A}",
            "time_zone": zone.key,
            "at": self.at(zone),
            "kind": "moment" if self.moment else "time" if self.wall else "day",
        }

    # --- what is not said stays -------------------------------------------------------------------

    def on_day(self, day: date, zone: ZoneInfo) -> Due:
        """The same on another day: a moment stays one."""
        local = self.local(zone)
        if self.moment is None:
            return replace(self, on=day)
        assert isinstance(local, datetime)
        return Due.fixed(datetime.combine(day, local.time()), zone)

    def at_time(self, wall: time, zone: ZoneInfo) -> Due:
        """Its day, at a wall-clock time."""
        return Due(day_of(self.local(zone)), wall)

    def all_day(self, zone: ZoneInfo) -> Due:
        """Its day."""
        return Due(day_of(self.local(zone)))


def start_of(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


def day_of(local: Local) -> date:
    return local.date() if isinstance(local, datetime) else local


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that the machine uses: what people write, and what is read back."""

    text: str
    rule: str
    words: str
    is_day: Callable[[date, date], bool]
    """Whether a day is one of the series that has the other."""
    after_completion: int = 0
    """Days from the completion to the next, for a rule that counts from there."""
    names_days: bool = False
    """Whether such a rule goes on from there to the first of its days."""


_MONDAY, _SATURDAY = 0, 5
RULES = (
    Rule("daily", "FREQ=DAILY", "every day", lambda *_: True),
    Rule("every 3 days", "FREQ=DAILY;INTERVAL=3", "every 3 days", lambda day, of: (day - of).days % 3 == 0),
    Rule("every monday", "FREQ=WEEKLY;BYDAY=MO", "every week on Mon", lambda day, _: day.weekday() == _MONDAY),
    Rule(
        "every weekday", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", "every weekday", lambda day, _: day.weekday() < _SATURDAY
    ),
    Rule("monthly on the 15th", "FREQ=MONTHLY;BYMONTHDAY=15", "every month on the 15th", lambda day, _: day.day == 15),
    Rule("every 2 days after completion", "FREQ=DAILY;INTERVAL=2", "every 2 days after completion", lambda *_: True, 2),
    Rule(
        "every! 2 weeks on mon",
        "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO",
        "every 2 weeks on Mon after completion",
        lambda day, _: day.weekday() == _MONDAY,
        14,
        names_days=True,
    ),
)


@dataclass(frozen=True, slots=True)
class Repeat:
    """A rule, as seen from one occurrence."""

    rule: Rule
    scheduled: Local
    left: int | None = None
    """Occurrences from this one on, if the series ends."""

    @staticmethod
    def first(rule: Rule, left: int | None, start: Local) -> Repeat:
        """The first occurrence: on the first day of the rule from `start` on."""
        day = next(one for one in _days(day_of(start)) if rule.is_day(one, day_of(start)))
        return Repeat(rule, _like(start, day), left)

    def next(self, due: Local, now: datetime) -> Repeat | None:
        """The occurrence after one that was due then; None after the last (`todo_core.recurrence.following`)."""
        if self.rule.after_completion:
            used, day = 1, now.date() + self.rule.after_completion * DAY
            if self.rule.names_days:
                first = max(day, day_of(self.scheduled) + DAY)
                day = next(one for one in _days(first) if self.rule.is_day(one, first))
        else:
            hour = self.scheduled.time() if isinstance(self.scheduled, datetime) else None
            is_past = hour is None or hour <= now.time()
            scheduled = day_of(self.scheduled)
            after = max(scheduled, day_of(due), now.date() if is_past else now.date() - DAY)
            series = (one for one in _days(scheduled + DAY) if self.rule.is_day(one, scheduled))
            used, day = next((n, one) for n, one in enumerate(series, 1) if one > after)
        if self.left is not None and self.left <= used:
            return None
        return replace(self, scheduled=_like(self.scheduled, day), left=None if self.left is None else self.left - used)

    def read(self) -> Json:
        rule, words = self.rule.rule, self.rule.words
        if self.left is not None:
            rule, words = f"{rule};COUNT={self.left}", f"{words}, {self.left} time{'s' if self.left > 1 else ''}"
        counts_from = "completion" if self.rule.after_completion else "due"
        return {"rule": rule, "words": words, "scheduled": self.scheduled.isoformat(), "counts_from": counts_from}


def _days(first: date) -> Any:
    while True:
        yield first
        first += DAY


def _like(local: Local, day: date) -> Local:
    """That day, at the time of day that the other has, if it has one."""
    return datetime.combine(day, local.time()) if isinstance(local, datetime) else day


@dataclass(frozen=True, slots=True)
class When:
    """A phrase, and what it means."""

    text: str
    due: Callable[[datetime, ZoneInfo, Due | None], Due | None] = field(repr=False)
    """Given the wall-clock time where the user is, the zone, and the due that is there; None: it is not clear."""
    exact: Json | None = field(default=None, repr=False)
    """An object that means the same, which REST takes."""


@dataclass(frozen=True, slots=True)
class Often:
    """A phrase, and what it means."""

    text: str
    rule: Rule | None = field(repr=False)
    count: int | None = field(default=None, repr=False)
    at: time | None = field(default=None, repr=False)
    """The hour that it names."""

    def first(self, start: Local, now: datetime, before: Local | None, *, is_said: bool) -> Repeat | None:
        """The first occurrence; None if a due that was given with it says another hour, and not just keeps it.

        An hour that has passed is that of the next day, but for a day in the past that was given.
        """
        assert self.rule is not None
        if self.at is None:
            return Repeat.first(self.rule, self.count, start)
        hour, kept = (one.time() if isinstance(one, datetime) else None for one in (start, before))
        if is_said and hour not in (None, kept, self.at):
            return None
        when = datetime.combine(start, self.at)
        while when <= now and not (is_said and day_of(start) < now.date()):
            when += DAY
        return Repeat.first(self.rule, self.count, when)
