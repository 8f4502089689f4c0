"""The rows of the model, and the record of what changed them. Rows are immutable: a state is copied with ease."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any, Literal

from tests.model.dates import Due, Repeat

Entity = Literal["todo", "list", "tag", "note", "user", "change"]
Moment = int
"""When something happened: later moments are greater."""
Target = tuple[str, Any]
"""Where a todo goes: before or after another one, or to a place, the first or the last."""
Siblings = tuple[int | None, int | None]
"""A list, or a parent; the other one is None."""


@dataclass(frozen=True, slots=True)
class Todo:
    id: int
    title: str
    list_id: int
    created: Moment
    updated: Moment
    description: str | None = None
    priority: str = "medium"
    parent_id: int | None = None
    start: date | None = None
    due: Due | None = None
    repeat: Repeat | None = None
    completed: Moment | None = None
    deleted: Moment | None = None
    version: int = 1
    place: Fraction = Fraction()
    """Its place among its siblings, as the record of changes has it where it was moved."""
    chosen: Fraction = Fraction()
    """The place as it was chosen: another only where an undo found it taken."""
    follows: int | None = None
    """The occurrence that this one came after."""
    key: str | None = None
    source: str | None = None

    @property
    def siblings(self) -> Siblings:
        """Among whom it has its place."""
        return (self.list_id, None) if self.parent_id is None else (None, self.parent_id)

    @property
    def is_live(self) -> bool:
        return self.deleted is None

    @property
    def is_open(self) -> bool:
        return self.deleted is None and self.completed is None


@dataclass(frozen=True, slots=True)
class TodoList:
    id: int
    name: str
    position: Fraction
    """As the record of changes has it. The model makes none: it compares them where undo puts a list back."""
    color: str = "grey"
    is_inbox: bool = False
    is_archived: bool = False
    is_deleted: bool = False
    version: int = 1


@dataclass(frozen=True, slots=True)
class Tag:
    id: int
    name: str
    is_deleted: bool = False
    version: int = 1


@dataclass(frozen=True, slots=True)
class Note:
    id: int
    todo_id: int
    text: str
    is_deleted: bool = False


@dataclass(frozen=True, slots=True)
class Profile:
    id: int
    display_name: str | None
    time_zone: str
    locale: str
    week_start: str
    default_list_id: int | None
    new_todos: str
    version: int


Row = Todo | TodoList | Tag | Note | Profile
CHOSEN = ("display_name", "time_zone", "locale", "week_start", "default_list_id", "new_todos")


@dataclass(frozen=True, slots=True)
class Entry:
    """One row that a change touched."""

    entity: Entity
    before: Row | None
    after: Row
    tags: tuple[str, ...] | None = None
    """The names of the tags that a todo had before, if they changed."""
    tags_after: tuple[str, ...] = ()
    """And those it had then."""
    beside: tuple[Todo | None, Todo | None, Todo | None] | None = None
    """The two between which a todo was that moved, and the one that shared its place; None where a whole list moved,
    and nobody looked."""
    is_partial: bool = False
    """Whether it is only about the list of a todo and whether that is deleted."""
    merged: tuple[int, frozenset[int]] | None = None
    """Of a tag that was merged: into which other one, and which todos got that."""
    unmerged: tuple[int, frozenset[int]] | None = None
    """Of a tag the merge of which was undone: into which other one that was, and which todos had not that by then."""


@dataclass(slots=True)
class Change:
    id: int
    operation: str
    entries: list[Entry]
    undone_by: int | None = None
