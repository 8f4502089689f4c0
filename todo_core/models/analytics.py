"""Insight: streaks, a summary, the report of a week."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Final, Literal

from pydantic import Field
from sqlalchemy import Column, Date
from sqlmodel import Field as TableField
from sqlmodel import SQLModel

from todo_core.models.fields import Input, Line, Output, owner_column
from todo_core.models.todos import Priority
from todo_core.models.users import WeekStart

WEEK_WORDS: Final = "A day in it, or words such as last week; default this week."


class ActivityDay(SQLModel, table=True):
    """A day on which a user sent a request, as the date in the time zone that the user had then."""

    __tablename__ = "activity_days"

    user_id: int = TableField(sa_column=owner_column(primary_key=True))
    day: date = TableField(sa_column=Column(Date, primary_key=True))


Week = Annotated[Annotated[str, Line(min_length=1, max_length=100)] | None, Field(description=WEEK_WORDS)]


class WeekQuery(Input):
    """The week of a report, and its format."""

    week: Week = None
    format: Annotated[
        Literal["json", "svg"] | None, Field(description="json, or svg for a picture; left out: as Accept says.")
    ] = None


class Streak(Output):
    """Days in a row."""

    current: Annotated[int, Field(description="Days in a row up to today or yesterday.")]
    longest: Annotated[int, Field(description="The most days in a row there ever were.")]
    last_day: Annotated[date | None, Field(description="The latest such day.")]


class Streaks(Output):
    """Days in a row, in the user's time zone."""

    logins: Annotated[Streak, Field(description="Days on which the user was here; today is one.")]
    completions: Annotated[Streak, Field(description="Days on which a todo was completed.")]


class Summary(Output):
    """What waits and what was done. Archived lists do not wait; days are the user's."""

    open: Annotated[int, Field(description="Open todos.")]
    due_today: Annotated[int, Field(description="Of these, due today, the time passed or not.")]
    overdue: Annotated[int, Field(description="Of these, past their due.")]
    completed_7_days: Annotated[int, Field(description="Completed today and on the 6 days before.")]
    completed_30_days: Annotated[int, Field(description="Completed today and on the 29 days before.")]
    average_seconds_to_complete: Annotated[
        int | None, Field(description="From added to completed, of those 30 days; null: none was completed.")
    ]


class Flow(Output):
    """Counts of todos added and completed."""

    added: Annotated[int, Field(description="Todos added.")]
    completed: Annotated[int, Field(description="Todos completed.")]


class DayFlow(Flow):
    """What was added and completed on a day."""

    date: Annotated[date, Field(description="The day.")]
    weekday: Annotated[str, Field(description="Its weekday, in English.")]


class ListFlow(Flow):
    """What was added and completed in a list."""

    id: Annotated[int, Field(description="Id of the list.")]
    name: Annotated[str, Field(description="Its name.")]


class TagFlow(Flow):
    """What was added and completed under a tag."""

    name: Annotated[str, Field(description="Its name.")]


class PriorityFlow(Flow):
    """What was added and completed with a priority."""

    priority: Annotated[Priority, Field(description="The priority, as it is now.")]


class Totals(Flow):
    """A week in four numbers."""

    overdue: Annotated[int, Field(description="Open and past their due at its end, or now if it is not over.")]
    completion_rate: Annotated[
        float | None,
        Field(description="completed / (completed + overdue), 0 to 1: done of what was to be done; null: nothing was."),
    ]


class Difference(Output):
    """The week's numbers minus those of the week before."""

    added: Annotated[int, Field(description="Of the todos added.")]
    completed: Annotated[int, Field(description="Of the todos completed.")]
    overdue: Annotated[int, Field(description="Of the todos overdue.")]
    completion_rate: Annotated[float | None, Field(description="Of the rates; null where one of them is.")]


class WeeklyReport(Totals):
    """A week where the user is, against the one before."""

    first_day: Annotated[date, Field(description="Its first day.")]
    last_day: Annotated[date, Field(description="Its last day.")]
    time_zone: Annotated[str, Field(description="The user's IANA time zone.")]
    week_start: Annotated[WeekStart, Field(description="The user's first day of the week.")]
    is_over: Annotated[bool, Field(description="Whether the week has ended.")]
    by_day: Annotated[list[DayFlow], Field(description="Its seven days.")]
    by_list: Annotated[list[ListFlow], Field(description="Lists with anything added or completed, the busiest first.")]
    by_tag: Annotated[list[TagFlow], Field(description="Tags likewise; a todo counts in each of its tags.")]
    by_priority: Annotated[list[PriorityFlow], Field(description="The four priorities, urgent first.")]
    week_before: Annotated[Totals, Field(description="The whole week before.")]
    difference: Annotated[Difference, Field(description="Against the week before.")]


class Report(Output):
    """The summary, the streaks and the report of a week in one answer."""

    summary: Annotated[Summary, Field(description="What waits and what was done.")]
    streaks: Annotated[Streaks, Field(description="Days in a row.")]
    week: Annotated[WeeklyReport, Field(description="The week.")]
