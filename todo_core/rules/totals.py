"""Remember how many todos a long list has, for as long as nothing of its person has changed.

To count 100,000 todos takes longer than all else that a page needs. Whatever a person changes is recorded in the
transaction that does it, and changes of a person commit in the order of their ids: while the newest is the same,
so is the total. After a restore to a moment of the past the same id may come again, so a change is the same if it was
made at the same moment, too. A page asks for both in one statement, so in one snapshot (`queries.todos.page`). Not so
in the trash, which a purge empties without a record, and not where a total follows from the present moment; what has
started changes at midnight. Nor is a backfill of the schema recorded (docs/changing-the-schema.md).
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
"""Todos of a list from which on its total is remembered: fewer are counted in no time."""
_OF_A_DAY: Final = frozenset({"started", "not_started"})
"""Conditions that depend on which day it is."""
_OF_A_MOMENT: Final = "overdue"
"""The condition that depends on the moment."""
_NEVER: Final = datetime.max.replace(tzinfo=UTC)

Key = tuple[int, str, str]
"""Whose todos; with which status; under which conditions, with their values."""


@dataclass(frozen=True, slots=True)
class Total:
    """What was counted, and until when it holds at most."""

    number: int
    change: str
    """The newest change of the person at that time (`standing.NEWEST`); empty where nobody has asked for it yet."""
    since: datetime
    until: datetime


def key_of(tx: Tx, status: str, conditions: Mapping[str, Any]) -> Key | None:
    """Return what the total of a list is remembered by; None of a list of which it is not."""
    agent = tx.caller.agent
    sees_all = agent is None or not agent.is_bounded
    if status == "trashed" or not sees_all or _OF_A_MOMENT in conditions:
        return None
    return tx.caller.principal.user_id, status, repr(sorted(conditions.items()))


def known(tx: Tx, key: Key | None, now: datetime) -> dict[str, int]:
    """Return the parameters of `queries.todos.page` that say what is known; none of a list that is not a long one."""
    total = None if key is None else tx.core.totals.get(key)
    if total is None:
        return {}
    is_present = total.since <= now < total.until
    return {"known_change": total.change if is_present else "", "known_total": total.number}


def remember(tx: Tx, key: Key | None, conditions: Mapping[str, Any], row: Row, now: datetime) -> None:
    """Remember the total of a page, if its list is a long one.

    The newest change is asked for from the second page on: whoever has no long lists pays nothing.
    """
    if key is None:
        return
    if row["total"] < LEAST:
        tx.core.totals.pop(key, None)
        return
    until = _NEVER
    if conditions.keys() & _OF_A_DAY:
        zone = ZoneInfo(row["time_zone"])
        until = start_of_day(now.astimezone(zone).date() + timedelta(days=1), zone)
    tx.core.totals[key] = Total(row["total"], row.get("newest_change") or "", now, until)
