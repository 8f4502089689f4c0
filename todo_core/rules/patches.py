"""Read what a patch says of its own todo: plain fields, the description, tags, and the next occurrence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from todo_core.boundary.batches import Patch
from todo_core.errors import FieldError, InvalidInput
from todo_core.models.tags import MAX_TAGS
from todo_core.models.todos import MAX_DESCRIPTION, PRIORITIES
from todo_core.recurrence import Repeat
from todo_core.rules.dues import due_columns, due_of
from todo_core.rules.schedules import Calendar
from todo_core.rules.starts import later_start
from todo_core.text import name_key

PLAIN: Final = frozenset({"id", "if_version", "title", "description", "priority", "source"})
"""Fields that concern no other row, and need nothing but their value."""
TAGS: Final = frozenset({"tags", "add_tags", "remove_tags"})
"""Fields that say which tags a todo has."""


def plain_columns(patch: Patch) -> dict[str, Any]:
    """Return the plain fields of a patch as they are stored."""
    columns = {name: patch[name] for name in PLAIN & patch.keys()}
    if "priority" in columns:
        columns["priority"] = PRIORITIES.index(columns["priority"]) + 1
    if "description" in columns:
        columns["description"] = columns["description"] or None
    return columns


def lengthened(patch: Patch, present: str | None) -> str:
    """Return the description of a todo with what a patch adds to it, on a new line.

    Raises:
        InvalidInput: It would be too long, or the patch gives the description, too.
    """
    if "description" in patch:
        raise InvalidInput(
            errors=[FieldError("append_description", "cannot be given together with description", code="conflicting")]
        )
    text: str = "\n".join(filter(None, (present, patch["append_description"])))
    if len(text) > MAX_DESCRIPTION:
        room = max(MAX_DESCRIPTION - len(present or "") - 1, 0)
        message = f"makes the description too long: there is room for {room} characters; use add_note"
        raise InvalidInput(errors=[FieldError("append_description", message, code="too_long")])
    return text


def skipped(calendar: Calendar, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns that move a todo on to its next occurrence.

    Raises:
        InvalidInput: It does not repeat, is done, or this was the last occurrence.
    """
    due = due_of(row)
    if row["repeat"] is None or due is None or row["is_completed"]:
        raise InvalidInput(errors=[FieldError("id", "is no open todo that repeats", code="not_possible")])
    following = calendar.following(Repeat.from_json(row["repeat"]), due)
    if following is None:
        raise InvalidInput(
            errors=[FieldError("id", "is the last occurrence; complete or delete it instead", code="not_possible")]
        )
    later = later_start(row, calendar.days_between(due, following.scheduled))
    return due_columns(calendar.moment(following.scheduled)) | later | {"repeat": following.as_json()}


def tag_names(patch: Patch, present: Sequence[str]) -> list[str]:
    """Return the names of all tags that a todo has after a patch.

    Args:
        patch: Replaces the tags (`tags`), then takes some away (`remove_tags`), then adds some (`add_tags`).
        present: The names of those that it has.

    Raises:
        InvalidInput: They would be too many.
    """
    names: dict[str, str] = {}
    for name in patch.get("tags", present):
        names.setdefault(name_key(name), name)  # of two spellings the first counts
    for name in patch.get("remove_tags", ()):
        names.pop(name_key(name), None)
    for name in patch.get("add_tags", ()):
        names.setdefault(name_key(name), name)
    if len(names) > MAX_TAGS:
        raise InvalidInput(
            errors=[FieldError("add_tags", f"makes more than {MAX_TAGS} tags on one todo", code="too_long")]
        )
    return list(names.values())
