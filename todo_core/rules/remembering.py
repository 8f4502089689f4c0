"""Remember what a person asks for again, for as long as they have changed nothing.

To read 50 rows takes PostgreSQL ten times as long as to say that nothing has changed, one todo three times. Most
looks find what they look at as it was: those of pages that ask again and again, and of agents, which look before each
step. Whatever is remembered here shows nothing but what is its person's and is recorded when it changes, so it is the
same while the newest change is. It is read with that change in one snapshot, and told again only after the database
has said, to whoever may still act, that it still is the newest.

Something is remembered the second time that it is asked for: whoever reads a long list to its end, or asks for
something once, takes a number's place for each look and not that of rows. After a change it is so again, once two looks
found the same.
"""

from __future__ import annotations

from datetime import datetime
from sys import getsizeof
from typing import Any, Final, NamedTuple, Protocol

from todo_core.boundary.operation import Tx
from todo_core.core import REMEMBERED_BYTES
from todo_core.queries import standing

_MOST: Final = REMEMBERED_BYTES // 16
"""Bytes of the largest that is kept, so that few large ones do not take the places of all others."""
_BESIDE: Final = 600
"""Bytes that go with each, about: its moments, its change, and its place among the others."""

Key = tuple[Any, ...]
"""The user id; then what was asked for."""
Span = tuple[datetime, datetime]
"""From when to when something holds at the latest, though nobody changes anything."""


class Shown(Protocol):
    """What was read of a person's rows."""

    @property
    def json(self) -> str:
        """The rows, as JSON; what else there is takes little."""

    @property
    def forms(self) -> dict[str, Any]:
        """What was made of the rows, by names of those who made it (`boundary.results`); its size does not count."""


class Known(NamedTuple):
    """What was read, as it was, or only by which change."""

    shown: Any
    """A `Shown`, of the kind that goes with its key; None where it has changed since the look before,
    or is too large to be kept."""
    change: str
    """The person's newest change when it was read (`standing.NEWEST`)."""
    span: Span | None
    """When it holds; None where nothing but a change ends it."""
    size: int
    """About how many bytes it takes with its key, in which a caller may have written much."""


def key_of(tx: Tx, *asked: Any) -> Key | None:
    """Return by what something is remembered that was asked for so; None for an agent with bounds."""
    return (tx.caller.principal.user_id, *asked) if tx.caller.sees_all else None


async def unchanged(tx: Tx, key: Key | None) -> Any:
    """Return what is still as it was (a `Shown`); None if it is not known, or something has changed.

    Args:
        tx: The transaction.
        key: By what it is remembered; None if it may not be.
    """
    if key is None:
        return None
    known: Known | None = tx.core.remembered.get(key)
    if known is None or known.shown is None:
        return None
    holds = known.span is None or known.span[0] <= tx.core.clock() < known.span[1]
    if holds and await _newest_change(tx) == known.change:
        return known.shown
    tx.core.remembered[key] = known._replace(shown=None)
    return None


async def _newest_change(tx: Tx) -> str:
    """Return the person's newest change (`standing.NEWEST`), by a second look if none is left.

    What is written between the two looks came after the first, which what is remembered is as old as. And none is
    deleted between them that was not there at the first: a purge leaves the changes of a day.
    """
    newest: str = await tx.value(standing.LATEST) or await tx.value(standing.DELETED)
    return newest


def is_asked_again(tx: Tx, key: Key | None) -> bool:
    """Return whether something was asked for before, so that it is to be read with its person's newest change."""
    return key is not None and (hash(key) in tx.core.asked or key in tx.core.remembered)


def remember(tx: Tx, key: Key | None, shown: Shown, change: str | None, span: Span | None = None) -> None:
    """Keep what was read if the look before found the same newest change, or was the first; of a first one note that.

    Args:
        tx: The transaction.
        key: By what it is remembered; None if it may not be.
        shown: What was read.
        change: The person's newest change, if it was read with it, as it is where it is asked for again.
        span: When it holds; None where nothing but a change ends it.
    """
    if key is None:
        return
    if change is None or not is_asked_again(tx, key):
        # By the hash: what has the same one is remembered a look too soon, and no worse.
        tx.core.asked[hash(key)] = None
        return
    earlier: Known | None = tx.core.remembered.get(key)
    is_settled = earlier is None or earlier.change == change
    size = _BESIDE + getsizeof(str(key))
    whole = size + getsizeof(shown.json)
    is_kept = is_settled and whole <= _MOST
    tx.core.remembered[key] = Known(shown, change, span, whole) if is_kept else Known(None, change, span, size)
