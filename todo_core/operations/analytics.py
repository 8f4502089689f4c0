"""Insight: streaks, a summary, the report of a week, each where the user is.

A todo in the trash counts as added and as completed if it was completed before it went there, and otherwise not at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import orjson

from todo_core import dates
from todo_core.boundary.operation import Tx, operation
from todo_core.boundary.results import Found
from todo_core.dates import UnclearDate, start_of_day
from todo_core.errors import FieldProblem, InvalidInput
from todo_core.models.analytics import Report, Streaks, Summary, WeeklyReport
from todo_core.models.todos import PRIORITIES
from todo_core.queries import analytics as queries
from todo_core.rules.schedules import Calendar
from todo_core.text import json_text

_DAY: Final = timedelta(days=1)
_WEEK: Final = timedelta(days=7)
_FIRST_DAYS: Final = {"monday": 0, "saturday": 5, "sunday": 6}
"""As `date.weekday` counts them."""
_WEEKS: Final = {"last week": -_WEEK, "this week": timedelta(), "next week": _WEEK}
"""Weeks that begin on the user's first day; as a date they would begin on a Monday."""
_NEVER: Final = {"current": 0, "longest": 0, "last_day": None}

_Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Here:
    """Now, and how weeks go, where the user is."""

    calendar: Calendar
    week_start: str

    @classmethod
    async def of(cls, tx: Tx) -> _Here:
        row = await tx.one(queries.CALENDAR)
        return cls(Calendar(tx.core.clock(), ZoneInfo(row["time_zone"])), row["week_start"])

    def week(self, text: str | None) -> date:
        """The first day of the week that a text names, or of this one.

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
            # What may mean several days of one week is clear enough.
            weeks = {self.first_day(date.fromisoformat(reading[:10])) for reading in error.readings}
            if len(weeks) == 1:
                return weeks.pop()
            raise InvalidInput(problems=[FieldProblem("week", str(error), error.readings)]) from None

    def first_day(self, day: date) -> date:
        """The first day of the week that a day is in."""
        return day - _DAY * ((day.weekday() - _FIRST_DAYS[self.week_start]) % 7)

    def start(self, day: date) -> datetime:
        return start_of_day(day, self.calendar.zone)


@operation(effect="reads", scope="todos:read")
async def streaks(tx: Tx) -> Found[Streaks]:
    """Days in a row on which you were here, and on which you completed a todo: up to now, and the most there ever were.

    Days are those of the user's time zone. A streak lives as long as its last day is today or yesterday.
    """
    return Found(json_text(await _streaks(tx, await _Here.of(tx))))


@operation(effect="reads", scope="todos:read")
async def summary(tx: Tx) -> Found[Summary]:
    """How many todos are open, due today and overdue, how many were completed lately, and how long that took."""
    return Found(json_text(await _summary(tx, await _Here.of(tx))))


@operation(effect="reads", scope="todos:read", raises=(InvalidInput,))
async def weekly_report(tx: Tx, week: str | None = None) -> Found[WeeklyReport]:
    """A week by day, list, tag and priority, against the week before: added, completed, overdue, completion rate.

    Weeks begin on the user's first day of the week, in the user's time zone. Any day names its week; none is this week.
    """
    here = await _Here.of(tx)
    return Found(json_text(await _weekly_report(tx, here, here.week(week))))


@operation(effect="reads", scope="todos:read", raises=(InvalidInput,))
async def report(tx: Tx, week: str | None = None) -> Found[Report]:
    """How it goes: what waits, streaks of days, and a week against the one before. Zeros are left out."""
    here = await _Here.of(tx)
    told = {"week": await _weekly_report(tx, here, here.week(week))}
    return Found(json_text({"summary": await _summary(tx, here), "streaks": await _streaks(tx, here)} | told))


async def _streaks(tx: Tx, here: _Here) -> _Json:
    found = await tx.rows(queries.STREAKS, today=here.calendar.today, time_zone=here.calendar.zone.key)
    by_kind = {row["kind"]: {name: row[name] for name in _NEVER} for row in found}
    return {kind: by_kind.get(kind, _NEVER) for kind in Streaks.model_fields}


async def _summary(tx: Tx, here: _Here) -> _Json:
    today = here.calendar.today
    row = await tx.one(
        queries.SUMMARY,
        now=here.calendar.now,
        today_begins=here.start(today),
        today_ends=here.start(today + _DAY),
        days_7=here.start(today - 6 * _DAY),
        days_30=here.start(today - 29 * _DAY),
    )
    return dict(row)


async def _weekly_report(tx: Tx, here: _Here, first_day: date) -> _Json:
    days = [first_day + _DAY * n for n in range(-7, 8)]
    bounds = [here.start(day) for day in days]
    now, middle, end = here.calendar.now, bounds[7], bounds[14]
    row = await tx.one(
        queries.WEEKS,
        bounds=bounds,
        since=bounds[0],
        until=end,
        moment=min(end, now),
        moment_before=min(middle, now),
    )
    by_number = {flow["day"]: flow for flow in orjson.loads(row["days"])}
    by_day = [_flow(by_number.get(number)) for number in range(1, 15)]
    by_rank = {flow["priority"]: flow for flow in orjson.loads(row["priorities"])}
    totals, before = _totals(by_day[7:], row["overdue"]), _totals(by_day[:7], row["overdue_before"])
    return {
        "first_day": first_day,
        "last_day": days[13],
        "time_zone": here.calendar.zone.key,
        "week_start": here.week_start,
        "is_over": end <= now,
        **totals,
        "by_day": [
            {"date": day, "weekday": f"{day:%A}"} | flow for day, flow in zip(days[7:14], by_day[7:], strict=True)
        ],
        "by_list": orjson.loads(row["lists"]),
        "by_tag": orjson.loads(row["tags"]),
        "by_priority": [
            {"priority": word} | _flow(by_rank.get(rank)) for rank, word in reversed([*enumerate(PRIORITIES, 1)])
        ],
        "week_before": before,
        "difference": {name: _minus(totals[name], before[name]) for name in totals},
    }


def _flow(found: Mapping[str, Any] | None) -> _Json:
    return {name: found[name] if found else 0 for name in ("added", "completed")}


def _totals(days: Iterable[Mapping[str, Any]], overdue: int) -> _Json:
    flows = [*days]
    added, completed = (sum(flow[name] for flow in flows) for name in ("added", "completed"))
    wanted = completed + overdue
    rate = round(completed / wanted, 4) if wanted else None
    return {"added": added, "completed": completed, "overdue": overdue, "completion_rate": rate}


def _minus(number: float | None, before: float | None) -> float | None:
    return None if number is None or before is None else round(number - before, 4)
