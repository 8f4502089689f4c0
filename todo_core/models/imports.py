"""Imports: what a person brings along, and what becomes of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from todo_core.models.fields import Input, Output
from todo_core.models.lists import ListName

ImportFormat = Literal["json", "ics", "todoist", "microsoft", "google", "ticktick"]

MAX_BYTES: Final = 5 * 1024 * 1024
"""Bytes of a file over HTTP."""
MAX_ITEMS: Final = 5_000
"""Todos of such a file, with those that are left out."""
MOST_REMARKS: Final = 200
"""Remarks that an answer lists."""


class ImportQuery(Input):
    """How a file is read."""

    format: Annotated[
        ImportFormat | None,
        Field(
            description="json: an export of this program; ics: iCalendar; todoist: a template (CSV); microsoft: To Do "
            "as Graph answers (JSON); google: Tasks of Takeout (JSON); ticktick: a backup (CSV). Left out: it is found."
        ),
    ] = None
    list: Annotated[
        ListName | None,
        Field(
            description="The list of todos whose file names none; made if there is none. Left out: the default list."
        ),
    ] = None


class ImportFile:
    """A file that is sent, with its bounds."""

    __slots__ = ("content", "digest", "most_items", "parts", "tell")

    def __init__(
        self,
        content: bytes,
        *,
        most_items: int = MAX_ITEMS,
        tell: Callable[[int, int], None] = lambda _, __: None,
    ) -> None:
        """Take what is sent.

        Args:
            content: Its bytes.
            most_items: How many todos it may have.
            tell: Is told how many todos are written, and of how many.
        """
        self.content = content
        self.digest = hashlib.sha256(content).hexdigest()
        """Stands for the content in the fingerprint of a request."""
        self.most_items = most_items
        self.tell = tell
        self.parts: tuple[ImportFormat, list[Any]] | None = None
        """Its format and what it has (`rules.importing.items`), once it is read."""


class ImportRemark(Output):
    """A part of a file that does not come in as it is."""

    at: Annotated[str, Field(description="Where: `line 12`, or a path in JSON, `todos.5`; `file` for all of it.")]
    kind: Annotated[
        Literal["changed", "lost", "left_out"],
        Field(description="changed: otherwise; lost: not, while its todo is; left_out: the item is not."),
    ]
    field: Annotated[str, Field(description="Of the file, or of the todo.")]
    message: Annotated[str, Field(description="Why.")]


class ImportRemarks(Output):
    """How often there is the same to say of a file."""

    kind: Annotated[Literal["changed", "lost", "left_out"], Field(description="As in a remark.")]
    field: Annotated[str, Field(description="As in a remark.")]
    message: Annotated[str, Field(description="Why.")]
    count: Annotated[int, Field(description="How often.")]


class ImportRead(Output):
    """What an import did, or would do: it is one change."""

    format: ImportFormat
    todos: Annotated[int, Field(description="Todos that are new.")]
    done: Annotated[int, Field(description="Of these, done ones that are not in the trash.")]
    trashed: Annotated[int, Field(description="Of these, in the trash.")]
    notes: Annotated[int, Field(description="Notes that are new.")]
    lists: Annotated[int, Field(description="Lists that are new.")]
    tags: Annotated[int, Field(description="Tags that are new.")]
    profile: Annotated[bool, Field(description="Whether the profile is that of the file now.")]
    existing: Annotated[int, Field(description="Items whose todo was here already, by its key: it stays as it is.")]
    existing_in_trash: Annotated[
        int, Field(description="Of these, in the trash: restore them, or undo what put them there.")
    ]
    left_out: Annotated[int, Field(description="Items that are not imported.")]
    summary: Annotated[list[ImportRemarks], Field(description="What there is to say, the most frequent first.")]
    remarks: Annotated[
        list[ImportRemark], Field(description=f"The first {MOST_REMARKS} remarks, in the order of the file.")
    ]
    more_remarks: Annotated[int, Field(description="How many more there are.")]


class ImportWritten(ImportRead):
    """What an import did, or would do, with its change."""

    change_id: Annotated[int | None, Field(description="Names the change for undo; null when nothing changed.")]
