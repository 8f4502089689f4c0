"""Cache the best matches of a search that finds many, for as long as its person has changed nothing.

To find, rank and compare the 8,000 of 100,000 todos that have a word takes 40 times as long as all else that a page
needs. What holds of a total (`rules.totals`) holds of them: which they are depends on the question, the filters, and
what the person has written. Their rows are read each time.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from todo_core.boundary.operation import Tx
from todo_core.models.todos import Sort
from todo_core.queries import found
from todo_core.rules.totals import Key
from todo_core.storage.transactions import Row

_UNKNOWN: Final[dict[str, Any]] = {"known_ids": None, "known_ranks": None}
"""Parameters of a page of which the matches are not known."""


@dataclass(frozen=True, slots=True)
class Matches:
    """The best matches of a search, in their order."""

    ids: array[int]
    ranks: array[float]
    change: str
    """The person's newest change when they were found (`standing.NEWEST`)."""
    since: datetime
    until: datetime
    """From when to when they hold at the latest, as their total did then: other orders may have counted it anew."""

    def from_place(self, place: Mapping[str, Any]) -> dict[str, Any]:
        """Return the matches of a page as parameters of `queries.todos.page`, null if they are not known.

        Args:
            place: Where the page begins, and its size.
        """
        start, number = 0, place["offset"] + place["limit"] + 1  # one after the page
        if "after_id" in place:
            try:
                last = self.ids.index(place["after_id"])
            except ValueError:
                return _UNKNOWN
            if self.ranks[last] != array("f", [float(place["after_key"])])[0]:  # it is in another place since
                return _UNKNOWN
            start = last + 1
        end = start + number
        if end > len(self.ids) == found.KEPT:  # there may be others behind them
            return _UNKNOWN
        return {"known_ids": self.ids[start:end].tolist(), "known_ranks": self.ranks[start:end].tolist()}


def known(
    tx: Tx, key: Key | None, order: tuple[Sort, bool], known_total: Mapping[str, Any], place: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the matches of a page as parameters of `queries.todos.page`, null if they are not known.

    Args:
        tx: The transaction.
        key: The key of the search's total.
        order: What to sort by, and whether it descends.
        known_total: What `totals.known` returned for it.
        place: Where the page begins, and its size.
    """
    matches: Matches | None = None if key is None else tx.core.matches.get((*key, *order))
    if matches is None or matches.change != known_total.get("known_change"):
        return _UNKNOWN
    if not matches.since <= place["now"] < matches.until:
        return _UNKNOWN
    return matches.from_place(place)


def remember(tx: Tx, key: Key | None, order: tuple[Sort, bool], row: Row, span: tuple[datetime, datetime]) -> None:
    """Cache the best matches of a page that has them, for the time from one moment to another at the latest."""
    if key is not None:
        ids, ranks = array("q", row["best_ids"]), array("f", row["best_ranks"])
        tx.core.matches[(*key, *order)] = Matches(ids, ranks, row["newest_change"], *span)
