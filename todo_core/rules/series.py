"""Subtasks that repeat: which of their occurrences belong to the present round of their parents, and which go on.

`specs/domain/todos.md` has these rules in words, and `docs/decisions/0036-series-of-subtasks.md` the reasons.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from todo_core.rules.families import Family, Member


def occurrences_ahead(family: Family, todo_id: int, today: date) -> frozenset[int]:
    """Return the ids of the open occurrences below a todo, at every depth, that stay open when it is completed."""
    return frozenset(_ahead(family, todo_id, family.day(todo_id), today))


def _ahead(family: Family, parent_id: int, round_day: date | None, today: date) -> Iterator[int]:
    """Yield the ids of the occurrences below a parent that are still to come.

    Args:
        family: The todos.
        parent_id: The parent.
        round_day: The due day of the nearest repeating todo above them, or else of the todo that is completed.
        today: The date where the user is.
    """
    for subtask in family.children(parent_id):
        if not subtask.is_open:
            continue
        if subtask.repeats and _is_ahead(family, subtask, round_day, today):
            yield subtask.id
        else:
            below = family.day(subtask.id) if subtask.repeats else round_day
            yield from _ahead(family, subtask.id, below, today)


def _is_ahead(family: Family, occurrence: Member, round_day: date | None, today: date) -> bool:
    """Return whether an occurrence is still to come: due after today, and outside of the present round.

    It is outside if it is due after the day of the round, or follows another occurrence below the same parent.
    """
    day = family.day(occurrence.id)
    if day is None or day <= today:
        return False
    before = family.before(occurrence)
    is_first = before is None or before.parent_id != occurrence.parent_id
    return not is_first or (round_day is not None and day > round_day)


def series_to_go_on(family: Family, todo_id: int) -> Iterator[int]:
    """Yield the id of the last occurrence of each series of subtasks that is to go on below a todo's next occurrence.

    A series may have gone on outside of the family already: `queries.occurrences.FOLLOWING` tells.
    """
    for subtask in family.below(todo_id):
        if subtask.repeats and subtask.completed_at is not None and subtask.deleted_at is None:
            later = family.after(subtask.id)
            if all(occurrence.deleted_at for occurrence in later) and not _was_ended(family, subtask):
                yield subtask.id


def _was_ended(family: Family, occurrence: Member) -> bool:
    """Return whether a person ended a series: deleted the occurrence after a done one, while their parent was open."""
    beside = [later.deleted_at for later in family.after(occurrence.id) if later.parent_id == occurrence.parent_id]
    if not beside or beside[-1] is None or occurrence.parent_id is None or family.was_open(occurrence.id):
        return False
    parent = family.member(occurrence.parent_id)
    return parent.completed_at is None or beside[-1] < parent.completed_at
