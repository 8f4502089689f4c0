"""Remember pages of todos that are asked for again, for as long as their person has changed nothing.

To read 50 rows takes PostgreSQL ten times as long as to say that nothing has changed, and most looks at a list find it
as it was: those of pages that ask again and again, and of agents, which look before each step. What holds of a total
(`rules.totals`) holds of rows: whatever they show is their person's and is recorded when it changes, so they are the
same while the newest change is. A page is read with that change in one snapshot, and told again only after the
database has said, to whoever may still act, that it still is the newest.

A page is remembered the second time that it is asked for, so that whoever reads a long list to its end, or asks for
something once, takes the place of a key for each page and not that of its rows. After a change it is so again, once
two looks found the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from sys import getsizeof
from typing import Any, Final, NamedTuple

from todo_core.boundary.operation import Tx
from todo_core.core import PAGE_BYTES
from todo_core.models.todos import Sort
from todo_core.queries import standing
from todo_core.rules import totals

_MOST: Final = PAGE_BYTES // 16
"""Bytes of the largest page that is kept, so that few large ones do not take the places of all others."""
_BESIDE: Final = 600
"""Bytes that go with each page, about: its moments, its change, and its place among the others."""

Key = tuple[Any, ...]
"""The user id; then which todos, in which order, from where, and how many."""


class Rows(NamedTuple):
    """What a page has, by whichever filter it was asked for. A cursor names that, too, so it is one of the `forms`."""

    json: str
    """The rows, as a JSON array."""
    total: int
    end: list[Any] | None
    """Where the next page begins, for its cursor; None on the last page."""
    forms: dict[str, Any]
    """What was made of the rows (`Page.forms`), less than the rows themselves."""


@dataclass(frozen=True, slots=True)
class Known:
    """A page as it was, or only that somebody has asked for it."""

    rows: Rows | None
    change: str | None
    """The person's newest change when it was read (`standing.NEWEST`); None where that was not read with it."""
    since: datetime
    until: datetime
    """From when to when it holds at the latest, though nobody changes anything."""
    size: int
    """About how many bytes it takes with its key, in which a caller may have written much."""


def key_of(total: totals.Key | None, order: tuple[Sort, bool], place: Mapping[str, Any]) -> Key | None:
    """Return the key of a page in the cache; None if it may not be cached.

    Args:
        total: The key of the list's total.
        order: What to sort by, and whether it descends.
        place: Where the page begins, and its size.
    """
    if total is None:
        return None
    return (*total, *order, *(item for item in place.items() if item[0] != "now"))


async def unchanged(tx: Tx, key: Key | None, now: datetime) -> Rows | None:
    """Return the rows of a page that is still as it was; None if it is not known, or something has changed."""
    if key is None:
        return None
    known: Known | None = tx.core.pages.get(key)
    if known is None or known.rows is None:
        return None
    if known.since <= now < known.until and await _newest_change(tx) == known.change:
        return known.rows
    tx.core.pages[key] = replace(known, rows=None)
    return None


async def _newest_change(tx: Tx) -> str:
    """Return the person's newest change (`standing.NEWEST`), by a second look if none is left.

    What is written between the two looks came after the first, which the page is as old as. And none is deleted between
    them that was not there at the first: a purge leaves the changes of a day.
    """
    newest: str = await tx.value(standing.LATEST) or await tx.value(standing.DELETED)
    return newest


def is_asked_again(tx: Tx, key: Key | None) -> bool:
    """Return whether a page was asked for before, so that it is to be read with its person's newest change."""
    return key is not None and key in tx.core.pages


def remember(tx: Tx, key: Key | None, rows: Rows, change: str | None, span: tuple[datetime, datetime]) -> None:
    """Cache a page if two looks at it have found the same newest change, or the first did not read it.

    Args:
        tx: The transaction.
        key: Its key.
        rows: What it has.
        change: The person's newest change, if it was read with the page.
        span: From when to when the page holds at the latest.
    """
    if key is None:
        return
    earlier: Known | None = tx.core.pages.get(key)
    is_settled = change is not None and earlier is not None and earlier.change in (None, change)
    known = Known(None, change, *span, _BESIDE + getsizeof(str(key)))
    size = known.size + getsizeof(rows.json)
    tx.core.pages[key] = replace(known, rows=rows, size=size) if is_settled and size <= _MOST else known
