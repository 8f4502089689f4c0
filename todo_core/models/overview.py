"""The overview: the date in the user's zone, and counts of the user's todos."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from pydantic import Field

from todo_core.models.fields import Output
from todo_core.models.users import WeekStart


class OpenByPriority(Output):
    """Open todos of each priority."""

    low: int
    medium: int
    high: int
    urgent: int


class Counted(Output):
    """A list or a tag, and how many open todos it has."""

    id: int
    name: str
    open: int


class Overview(Output):
    """The date where the user is, and how many todos wait."""

    now: Annotated[datetime, Field(description="This moment.")]
    today: Annotated[date, Field(description="The date there.")]
    weekday: Annotated[str, Field(description="The weekday there, in English.")]
    time_zone: Annotated[str, Field(description="The user's IANA time zone.")]
    display_name: Annotated[str | None, Field(description="What to call the person.")]
    locale: Annotated[str, Field(description="The user's language tag.")]
    week_start: Annotated[WeekStart, Field(description="The user's first day of the week.")]
    open: Annotated[int, Field(description="Open todos that have started.")]
    not_started: Annotated[int, Field(description="Open todos that are hidden until their start.")]
    open_by_priority: Annotated[OpenByPriority, Field(description="Open todos of each priority.")]
    due_today: Annotated[int, Field(description="Open todos due today.")]
    overdue: Annotated[int, Field(description="Open todos past their due.")]
    completed_today: Annotated[int, Field(description="Todos completed today.")]
    done: Annotated[int, Field(description="Completed todos.")]
    trashed: Annotated[int, Field(description="Todos in the trash.")]
    lists: Annotated[list[Counted], Field(description="Lists that are not archived, in their order.")]
    tags: Annotated[list[Counted], Field(description="The 50 tags with the most open todos.")]
    all_tags: Annotated[int, Field(description="How many tags there are.")]
    archived_lists: Annotated[int, Field(description="How many lists are archived.")]
    last_change_id: Annotated[int | None, Field(description="The latest change; `since` for the next list of changes.")]
    mandate: Annotated[
        str | None, Field(description="What you may do, if you are an agent that may not do everything.")
    ]
