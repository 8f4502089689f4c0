"""Cache the number of todos in a long list, for as long as its person has changed nothing.

Counting 100,000 todos takes longer than everything else that a page needs. Every change is recorded in its own
transaction, and a person's changes commit in the order of their ids: so while the newest change is the same, the total
is, too. A page reads both in one statement, so in one snapshot (`queries.todos.page`). Changes are compared by id and
moment, because after a restore from a backup an id may be given again.

Not cached are totals that change without a recorded change: those of the trash, which a purge empties, and of overdue
todos, which depend on the moment. Those that depend on the day (`started`) are cached until midnight. A backfill of the
schema is not recorded either (docs/changing-the-schema.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from todo_core.boundary.operation import Tx
from todo_core.dates import start_of_day
from todo_core.storage.transactions import Row

LEAST: Final = 500
"""Fewest todos of which the total is cached: fewer are counted at once."""
LEAST_FOUND: Final = 100
"""The same of a search: each of them is found by its words, ranked and looked up."""
_OF_A_DAY: Final = frozenset({"started", "not_started"})
"""Conditions that depend on which day it is."""
_OF_A_MOMENT: Final = "overdue"
"""The condition that depends on the moment."""
UNKNOWN: Final[dict[str, Any]] = {"known_change": "", "known_total": 0}
"""The parameters of a page of which the total is not known, but the newest change is to be read."""
_NEVER: Final = datetime.max.replace(tzinfo=UTC)

Key = tuple[int, str, str]
"""The user id, the status, and the conditions with their values, as text."""


@dataclass(frozen=True, slots=True)
class Total:
    """A cached total, and when it ends at the latest."""

    number: int
    change: str
    """The person's newest change when it was counted (`standing.NEWEST`); empty if that was not read."""
    since: datetime
    until: datetime


def key_of(tx: Tx, status: str, conditions: Mapping[str, Any]) -> Key | None:
    """Return the key of a list's total in the cache; None if it may not be cached."""
    if status == "trashed" or not tx.caller.sees_all or _OF_A_MOMENT in conditions:
        return None
    return tx.caller.principal.user_id, status, repr(sorted(conditions.items()))


def known(tx: Tx, key: Key | None, now: datetime) -> dict[str, int]:
    """Return the cached total as parameters of `queries.todos.page`; empty if there is none."""
    total = None if key is None else tx.core.totals.get(key)
    if total is None:
        return {}
    is_present = total.since <= now < total.until
    return {"known_change": total.change if is_present else "", "known_total": total.number}


def remember(tx: Tx, key: Key | None, conditions: Mapping[str, Any], row: Row, now: datetime) -> None:
    """Cache the total of a page, if that is long enough; else drop it from the cache.

    The first request for a list does not read the newest change, so that short lists never pay for it. The second
    reads it, and the cached total is used from the third on.
    """
    if key is None:
        return
    if row["total"] < (LEAST_FOUND if "text" in conditions else LEAST):
        tx.core.totals.pop(key, None)
        return
    tx.core.totals[key] = Total(row["total"], row.get("newest_change") or "", now, end_of(conditions, row, now))


def end_of(conditions: Mapping[str, Any], row: Row, now: datetime) -> datetime:
    """Return until when the total and the matches of a page hold at the latest, though nobody changes anything."""
    if not conditions.keys() & _OF_A_DAY:
        return _NEVER
    zone = ZoneInfo(row["time_zone"])
    return start_of_day(now.astimezone(zone).date() + timedelta(days=1), zone)
