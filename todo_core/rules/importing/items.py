"""What every format yields: todos, lists, tags and a profile, as the file has them, and what is lost on the way.

Plain values, so that they pass from the process that reads a file as JSON. Nothing here is checked: `adding` does.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

Kind = Literal["changed", "lost", "left_out"]
"""`changed`: a value came in another form; `lost`: it did not come, but its todo did; `left_out`: the todo did not."""

UNTITLED: Final = "Untitled"


@dataclass(slots=True)
class Remark:
    """Tells that a part of a file was not imported as it is."""

    at: str
    """Where: `line 12`, or the path in JSON, `todos.5`; `file` for all of it."""
    kind: Kind
    field: str
    """The name of the field, in the file or of the todo."""
    message: str
    """One of a fixed set of texts; it never quotes the file."""


@dataclass(slots=True)
class Item:
    """A todo of a file."""

    at: str
    """Where, as in `Remark`."""
    id: str | None = None
    """Its id within the file, by which subtasks name their parent."""
    key: str | None = None
    """Its id in the program that it comes from, the same in every file of that program."""
    own_id: int | None = None
    """Its id, where the file was exported by a server of ours; `origin` tells which."""
    origin: str | None = None
    parent: str | None = None
    follows: str | None = None
    """The occurrence before it."""
    list_ref: str | None = None
    """Its list: the `ref` of a `ListItem`, or a name; None for the list of those that have none."""
    title: str = ""
    description: str | None = None
    priority: str = "medium"
    tags: list[str] = field(default_factory=list)
    start: str | None = None
    """A day, in ISO 8601."""
    due: dict[str, Any] | None = None
    """One of: `day`; `local` (a wall-clock time) with its time zone or null in `zone`; `at` (a moment); `words`; `own`
    (an exported due)."""
    repeat: dict[str, Any] | None = None
    """One of: `rule` (RFC 5545); `words`; `own` (an exported repeat)."""
    is_done: bool = False
    completed_at: str | None = None
    is_trashed: bool = False
    deleted_at: str | None = None
    created_at: str | None = None
    source: str | None = None
    order: float | None = None
    """Its place among others by the file; None: where it stands in it."""
    notes: list[dict[str, Any]] = field(default_factory=list)
    """Each with `text`, `author` and `created_at`, the oldest first."""
    remarks: list[Remark] = field(default_factory=list)

    def fresh(self) -> Item:
        """Return the same, to be made ready by itself: a preview and a retry begin with what the file has."""
        return replace(self, tags=[*self.tags], notes=[*self.notes], remarks=[*self.remarks])

    def changed(self, name: str, message: str) -> None:
        """Tell that a field comes in otherwise."""
        self.remarks.append(Remark(self.at, "changed", name, message))

    def lost(self, name: str, message: str = "There is no such thing here.") -> None:
        """Tell that a field does not come in."""
        self.remarks.append(Remark(self.at, "lost", name, message))


@dataclass(slots=True)
class ListItem:
    """A list of a file."""

    ref: str
    """By which todos of the file name it."""
    name: str
    color: str | None = None
    is_inbox: bool = False
    archived_at: str | None = None
    deleted_at: str | None = None
    created_at: str | None = None


@dataclass(slots=True)
class TagItem:
    """A tag of a file, which no todo of it need have."""

    name: str


@dataclass(slots=True)
class ProfileItem:
    """A profile of a file."""

    fields: dict[str, Any]


@dataclass(slots=True)
class LeftOut:
    """A part of a file that does not come in, such as a line that nobody can read."""

    remark: Remark

    @classmethod
    def of(cls, at: str, name: str, message: str) -> LeftOut:
        """Tell why something at a place does not come in."""
        return cls(Remark(at, "left_out", name, message))


Part = Item | ListItem | TagItem | ProfileItem | LeftOut | Remark
PARTS: Final[dict[str, type[Any]]] = {
    kind.__name__: kind for kind in (Item, ListItem, TagItem, ProfileItem, LeftOut, Remark)
}


class UnreadableError(Exception):
    """A file cannot be read at all; its text says what to do, and nothing of the file."""
