"""Where a user stands right now."""

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


class Overview(Output):
    """The date where the user is, and how many todos wait."""

    now: Annotated[datetime, Field(description="This moment, in the user's time zone.")]
    today: Annotated[date, Field(description="The date there.")]
    weekday: Annotated[str, Field(description="The weekday there, in English.")]
    time_zone: Annotated[str, Field(description="The user's IANA time zone.")]
    display_name: Annotated[str | None, Field(description="What to call the person.")]
    locale: Annotated[str, Field(description="The user's language tag.")]
    week_start: Annotated[WeekStart, Field(description="The user's first day of the week.")]
    open: Annotated[int, Field(description="Open todos.")]
    open_by_priority: Annotated[OpenByPriority, Field(description="Open todos of each priority.")]
    completed_today: Annotated[int, Field(description="Todos completed today.")]
    done: Annotated[int, Field(description="Completed todos.")]
    trashed: Annotated[int, Field(description="Todos in the trash.")]
    last_change_id: Annotated[int | None, Field(description="The latest change; `since` for the next list of changes.")]
