"""Exports: all that a person has, in one file."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Final, Literal

from pydantic import Field

from todo_core.models.dues import Due, RepeatRead
from todo_core.models.entries import ChangeEntry
from todo_core.models.fields import Input, Output
from todo_core.models.lists import ChosenColor
from todo_core.models.todos import ChosenPriority
from todo_core.models.users import ProfileRead

FORMAT: Final = "todo-mcp"
VERSION: Final = 1
"""Goes up when a reader of the version before would misread a file; new fields alone do not count."""

ExportFormat = Literal["json", "csv", "ics"]


class ExportQuery(Input):
    """Which file."""

    format: Annotated[
        ExportFormat, Field(description="json has everything; csv is for spreadsheets, ics for calendar programs.")
    ] = "json"
    history: Annotated[bool, Field(description="With the record of changes and the days of activity; json alone.")] = (
        False
    )


class ExportedList(Output):
    """A list, in the order of lists; deleted ones come last."""

    id: Annotated[int, Field(description="Id, which todos refer to.")]
    name: Annotated[str, Field(description="Name.")]
    color: ChosenColor
    is_inbox: Annotated[bool, Field(description="Whether it is the inbox.")]
    archived_at: Annotated[datetime | None, Field(description="When it was archived.")]
    deleted_at: Annotated[datetime | None, Field(description="When it was deleted; the purge has not been there yet.")]
    created_at: Annotated[datetime, Field(description="When it was made.")]
    updated_at: Annotated[datetime, Field(description="When it last changed.")]


class ExportedTag(Output):
    """A tag, which todos name by its name."""

    name: Annotated[str, Field(description="Name.")]
    created_at: Annotated[datetime, Field(description="When it was made.")]
    updated_at: Annotated[datetime, Field(description="When it last changed.")]


class ExportedTodo(Output):
    """A todo: open, done or in the trash. Siblings come in their order by hand."""

    id: Annotated[int, Field(description="Id, which others refer to.")]
    title: Annotated[str, Field(description="What to do.")]
    description: Annotated[str | None, Field(description="Details.")]
    priority: ChosenPriority
    list_id: Annotated[int, Field(description="Its list.")]
    parent_id: Annotated[int | None, Field(description="The todo it is a subtask of.")]
    follows_id: Annotated[int | None, Field(description="The occurrence before it, if a repeat made it.")]
    tags: Annotated[list[str], Field(description="Names of its tags.")]
    start: Annotated[date | None, Field(description="The day before which lists leave it out.")]
    due: Annotated[Due | None, Field(description="When it is due.")]
    repeat: Annotated[RepeatRead | None, Field(description="How it repeats.")]
    completed_at: Annotated[datetime | None, Field(description="When it was completed; null: it is open.")]
    deleted_at: Annotated[datetime | None, Field(description="When it went to the trash; null: it is not there.")]
    created_at: Annotated[datetime, Field(description="When it was made.")]
    updated_at: Annotated[datetime, Field(description="When it last changed.")]
    key: Annotated[str | None, Field(description="Its name elsewhere.")]
    source: Annotated[str | None, Field(description="A link to where it comes from.")]
    version: Annotated[int, Field(description="Counts changes, from 1.")]


class ExportedNote(Output):
    """A note on a todo, the oldest first."""

    todo_id: Annotated[int, Field(description="The todo that it is on.")]
    text: Annotated[str, Field(description="What was noted.")]
    author: Annotated[str | None, Field(description="The agent that added it; null: the person.")]
    created_at: Annotated[datetime, Field(description="When it was added.")]


class ExportedChange(Output):
    """A change, without the rows that it touched."""

    id: Annotated[int, Field(description="Id; later changes have higher ids.")]
    at: Annotated[datetime, Field(description="When it was committed.")]
    operation: Annotated[str, Field(description="What was done.")]
    via: Annotated[str, Field(description="Through which transport or tool.")]
    client: Annotated[str | None, Field(description="Which client, as it named itself.")]
    token_id: Annotated[int | None, Field(description="Which API token, if one was used.")]
    undoes: Annotated[int | None, Field(description="The change that this one reverted, of several the latest.")]
    undoes_also: Annotated[list[int], Field(description="The others that it reverted with it, the latest first.")]


class ExportedEntry(Output):
    """A row that a change touched."""

    change_id: Annotated[int, Field(description="The change.")]
    entry: Annotated[ChangeEntry, Field(description="The row, before and after.")]


class ExportedHistory(Output):
    """The record of changes, as far as it is kept."""

    changes: Annotated[list[ExportedChange], Field(description="Every change, the oldest first.")]
    entries: Annotated[list[ExportedEntry], Field(description="The rows of the changes, in their order.")]
    active_days: Annotated[list[date], Field(description="Days with a request, where the person was then.")]


class Export(Output):
    """All that a person has, as it was at one moment."""

    format: Annotated[Literal["todo-mcp"], Field(description="Tells this kind of file from others.")]
    version: Annotated[Literal[1], Field(description="Goes up when older readers would misread a file.")]
    exported_at: Annotated[datetime, Field(description="When it was made.")]
    origin: Annotated[str, Field(description="Names the server whose ids these are, to whoever imports them.")]
    profile: Annotated[ProfileRead | None, Field(description="The profile; null without the scope `profile`.")]
    lists: Annotated[list[ExportedList], Field(description="Every list.")]
    tags: Annotated[list[ExportedTag], Field(description="Every tag.")]
    todos: Annotated[list[ExportedTodo], Field(description="Every todo.")]
    notes: Annotated[list[ExportedNote], Field(description="Every note.")]
    history: Annotated[ExportedHistory | None, Field(description="The record of changes, if it was asked for.")]
