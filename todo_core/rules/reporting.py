"""Streaks, a summary, and the report of a week, in the user's days and weeks.

A todo in the trash counts as added and as completed if it was completed before it went there, and otherwise not at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import orjson

from todo_core import dates
from todo_core.boundary.operation import Tx
from todo_core.dates import UnclearDate, start_of_day
from todo_core.errors import FieldError, InvalidInput
from todo_core.models.analytics import Streaks
from todo_core.models.todos import PRIORITIES
from todo_core.queries import analytics as queries
from todo_core.rules.counting import counted
from todo_core.rules.schedules import FIRST_DAYS, Calendar

_DAY: Final = timedelta(days=1)
_WEEK: Final = timedelta(days=7)
"""As `date.weekday` counts them."""
_WEEKS: Final = {"last week": -_WEEK, "this week": timedelta(), "next week": _WEEK}
"""Weeks that begin on the user's first day; as a date they would begin on a Monday."""
_NEVER: Final = {"current": 0, "longest": 0, "last_day": None}

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class UserWeeks:
    """The present moment, the time zone, and the first day of the week of the user."""

    calendar: Calendar
    week_start: str

    @classmethod
    async def of(cls, tx: Tx) -> UserWeeks:
        """Read the user's."""
        row = await tx.one(queries.CALENDAR)
        return cls(Calendar(tx.core.clock(), ZoneInfo(row["time_zone"]), row["week_start"]), row["week_start"])

    def week(self, text: str | None) -> date:
        """Return the first day of the week that a text names, or of this one.

        Raises:
            InvalidInput: It is not clear which week that is.
        """
        phrase = " ".join((text or "this week").lower().split())
        if phrase in _WEEKS:
            return self.first_day(self.calendar.today + _WEEKS[phrase])
        try:
            when = dates.read(phrase, self.calendar.now, self.calendar.zone)
            return self.first_day(when.on or when.at.astimezone(self.calendar.zone).date())
        except UnclearDate as error:
            # Where all readings are days of one week, it is clear which week is meant.
            weeks = {self.first_day(date.fromisoformat(reading[:10])) for reading in error.readings}
            if len(weeks) == 1:
                return weeks.pop()
            raise InvalidInput(errors=[FieldError("week", str(error), error.readings, "unclear")]) from None

    def first_day(self, day: date) -> date:
        """Return the first day of the week that a day is in."""
        return day - _DAY * ((day.weekday() - FIRST_DAYS[self.week_start]) % 7)

    def start(self, day: date) -> datetime:
        """Return the moment at which a day begins."""
        return start_of_day(day, self.calendar.zone)


async def streaks(tx: Tx, weeks: UserWeeks) -> Json:
    """Return the shape of `Streaks`."""
    rows = await tx.rows(queries.STREAKS, today=weeks.calendar.today, time_zone=weeks.calendar.zone.key)
    by_kind = {row["kind"]: {name: row[name] for name in _NEVER} for row in rows}
    return {kind: by_kind.get(kind, _NEVER) for kind in Streaks.model_fields}


async def summary(tx: Tx, weeks: UserWeeks) -> Json:
    """Return the shape of `Summary`."""
    today = weeks.calendar.today
    row = await tx.one(
        queries.SUMMARY,
        now=weeks.calendar.now,
        today_begins=weeks.start(today),
        today_ends=weeks.start(today + _DAY),
        days_7=weeks.start(today - 6 * _DAY),
        days_30=weeks.start(today - 29 * _DAY),
    )
    return dict(row)


async def weekly_report(tx: Tx, weeks: UserWeeks, first_day: date) -> Json:
    """Return the shape of `WeeklyReport` of the week that begins on a day, against the week before."""
    days = [first_day + _DAY * n for n in range(-7, 8)]
    bounds = [weeks.start(day) for day in days]
    now, middle, end = weeks.calendar.now, bounds[7], bounds[14]
    row = await counted(
        tx,
        queries.WEEKS,
        ("week", weeks.calendar.zone.key, first_day.isoformat(), weeks.calendar.today.isoformat()),
        now,
        bounds=bounds,
        since=bounds[0],
        until=end,
        moment=min(end, now),
        moment_before=min(middle, now),
    )
    flows = _by_day(orjson.loads(row["days"]))
    totals, before = _totals(flows[7:], row["overdue"]), _totals(flows[:7], row["overdue_before"])
    return {
        "first_day": first_day,
        "last_day": days[13],
        "time_zone": weeks.calendar.zone.key,
        "week_start": weeks.week_start,
        "is_over": end <= now,
        **totals,
        "by_day": [
            {"date": day, "weekday": f"{day:%A}"} | flow for day, flow in zip(days[7:14], flows[7:], strict=True)
        ],
        "by_list": orjson.loads(row["lists"]),
        "by_tag": orjson.loads(row["tags"]),
        "by_priority": _by_priority(orjson.loads(row["priorities"])),
        "week_before": before,
        "difference": {name: _minus(totals[name], before[name]) for name in totals},
    }


def _by_day(rows: Iterable[Mapping[str, Any]]) -> list[Json]:
    """Return what was added and completed on each of the 14 days, zeros where nothing was."""
    by_number = {row["day"]: row for row in rows}
    return [_flow(by_number.get(number)) for number in range(1, 15)]


def _by_priority(rows: Iterable[Mapping[str, Any]]) -> list[Json]:
    """Return what was added and completed of each priority, the highest first, zeros where nothing was."""
    by_rank = {row["priority"]: row for row in rows}
    return [{"priority": word} | _flow(by_rank.get(rank)) for rank, word in reversed([*enumerate(PRIORITIES, 1)])]


def _flow(row: Mapping[str, Any] | None) -> Json:
    return {name: row[name] if row else 0 for name in ("added", "completed")}


def _totals(days: Sequence[Mapping[str, Any]], overdue: int) -> Json:
    """Return the totals of a week; the rate is the part that was completed of what was completed or overdue."""
    added, completed = (sum(day[name] for day in days) for name in ("added", "completed"))
    due = completed + overdue
    rate = round(completed / due, 4) if due else None
    return {"added": added, "completed": completed, "overdue": overdue, "completion_rate": rate}


def _minus(number: float | None, before: float | None) -> float | None:
    return None if number is None or before is None else round(number - before, 4)
