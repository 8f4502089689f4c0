"""Insight: streaks, a summary, the report of a week, each where the user is."""

from __future__ import annotations

from todo_core.boundary.operation import Tx, operation
from todo_core.boundary.results import Found
from todo_core.errors import InvalidInput
from todo_core.models.analytics import Report, Streaks, Summary, WeeklyReport
from todo_core.rules import reporting
from todo_core.rules.reporting import UserWeeks
from todo_core.text.json_text import json_text


@operation(
    effect="reads",
    scope="todos:read",
    verbs=("read",),
    within_lists=True,
)
async def streaks(tx: Tx) -> Found[Streaks]:
    """Days in a row on which you were here, and on which you completed a todo: up to now, and the most there ever were.

    Days are those of the user's time zone. A streak lives as long as its last day is today or yesterday.
    """
    return Found(json_text(await reporting.streaks(tx, await UserWeeks.of(tx))))


@operation(
    effect="reads",
    scope="todos:read",
    verbs=("read",),
    within_lists=True,
)
async def summary(tx: Tx) -> Found[Summary]:
    """How many todos are open, due today and overdue, how many were completed lately, and how long that took."""
    return Found(json_text(await reporting.summary(tx, await UserWeeks.of(tx))))


@operation(
    effect="reads",
    scope="todos:read",
    raises=(InvalidInput,),
    verbs=("read",),
    within_lists=True,
)
async def weekly_report(tx: Tx, week: str | None = None) -> Found[WeeklyReport]:
    """A week by day, list, tag and priority, against the week before: added, completed, overdue, completion rate.

    Weeks begin on the user's first day of the week, in the user's time zone. Any day names its week; none is this week.
    """
    weeks = await UserWeeks.of(tx)
    return Found(json_text(await reporting.weekly_report(tx, weeks, weeks.week(week))))


@operation(
    effect="reads",
    scope="todos:read",
    raises=(InvalidInput,),
    verbs=("read",),
    within_lists=True,
)
async def report(tx: Tx, week: str | None = None) -> Found[Report]:
    """How it goes: what waits, streaks of days, and a week against the one before. Zeros are left out."""
    weeks = await UserWeeks.of(tx)
    of_week = await reporting.weekly_report(tx, weeks, weeks.week(week))
    content = {
        "summary": await reporting.summary(tx, weeks),
        "streaks": await reporting.streaks(tx, weeks),
        "week": of_week,
    }
    return Found(json_text(content))
