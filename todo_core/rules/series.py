"""Subtasks that repeat: which of their occurrences belong to the present round of their parents, and which go on.

`specs/domain/todos.md` has these rules in words, and `docs/decisions/0036-series-of-subtasks.md` the reasons.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from todo_core.rules.families import Family, Member


def occurrences_ahead(family: Family, todo_id: int, today: date) -> frozenset[int]:
    """Return the open occurrences below a todo, at every depth, that are not done with it: they are still to come."""
    return frozenset(_ahead(family, todo_id, family.day(todo_id), today))


def _ahead(family: Family, parent_id: int, round_day: date | None, today: date) -> Iterator[int]:
    """Yield the occurrences that are still to come below a parent.

    Args:
        family: The todos.
        parent_id: The parent.
        round_day: The day of the nearest todo above them that repeats, or else of the one that is completed.
        today: Where the user is.
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
    """Return whether an occurrence is still to come.

    Its day is: later than today, and either later than the day of the round, or not the first below its parent.
    """
    day = family.day(occurrence.id)
    if day is None or day <= today:
        return False
    before = family.before(occurrence)
    is_first = before is None or before.parent_id != occurrence.parent_id
    return not is_first or (round_day is not None and day > round_day)


def series_to_go_on(family: Family, todo_id: int) -> Iterator[int]:
    """Yield the last occurrence of each series of subtasks that goes on below the next occurrence of a todo.

    It may have gone on outside of the family already (`queries.occurrences.FOLLOWING`).
    """
    for subtask in family.below(todo_id):
        if subtask.repeats and subtask.completed_at is not None and subtask.deleted_at is None:
            later = family.after(subtask.id)
            if all(occurrence.deleted_at for occurrence in later) and not _was_ended(family, subtask):
                yield subtask.id


def _was_ended(family: Family, occurrence: Member) -> bool:
    """Return whether a person ended a series: the occurrence after a done one went to the trash from an open parent."""
    beside = [later.deleted_at for later in family.after(occurrence.id) if later.parent_id == occurrence.parent_id]
    if not beside or beside[-1] is None or occurrence.parent_id is None or family.was_open(occurrence.id):
        return False
    parent = family.member(occurrence.parent_id)
    return parent.completed_at is None or beside[-1] < parent.completed_at
