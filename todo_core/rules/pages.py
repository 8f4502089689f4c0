"""Say which pages of todos are remembered, and what of them (`rules.remembering`).

What holds of a total (`rules.totals`) holds of rows: whatever they show is their person's and is recorded when it
changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from todo_core.models.todos import Sort
from todo_core.rules import totals
from todo_core.rules.remembering import Key


class Rows(NamedTuple):
    """What a page has, by whichever filter it was asked for. A cursor names that, too, so it is one of the `forms`."""

    json: str
    """The rows, as a JSON array."""
    total: int
    end: list[Any] | None
    """Where the next page begins, for its cursor; None on the last page."""
    forms: dict[str, Any]
    """What was made of the rows (`Page.forms`), less than the rows themselves."""


def key_of(total: totals.Key | None, order: tuple[Sort, bool], place: Mapping[str, Any]) -> Key | None:
    """Return by what a page is remembered; None if it may not be.

    Args:
        total: The key of the list's total.
        order: What to sort by, and whether it descends.
        place: Where the page begins, and its size.
    """
    if total is None:
        return None
    return (*total, *order, *(item for item in place.items() if item[0] != "now"))
