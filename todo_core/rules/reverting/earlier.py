"""Translate todos that were recorded before decision 35 (three kinds of due) into the form of today.

Until then a due with a time was stored as a moment, and a repeat took its hour from the due. The stored rows were
migrated to wall-clock times and to repeats with an hour of their own. The change record was not: it still has the
earlier form, with moments in `+00:00`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from todo_core.recurrence import Repeat
from todo_core.rules.dues import Local, due_of
from todo_core.rules.reverting.entries import Entry


def is_earlier(row: Mapping[str, Any]) -> bool:
    """Return whether a recorded todo has a due of that form."""
    return bool(row.get("due")) and "kind" not in row["due"]


def as_meant(entry: Entry) -> Entry:
    """Return an entry with the moments and repeats that its todo had, in the form that they have since."""
    before = None if entry.before is None else _with_hour(_in_utc(entry.before))
    return replace(entry, before=before, after=_with_hour(_in_utc(entry.after)))


def _in_utc(row: dict[str, Any]) -> dict[str, Any]:
    """Return a todo whose moments are spelled as they are read now: with `Z`."""
    moments = {name: row[name].replace("+00:00", "Z") for name in ("completed_at", "deleted_at") if row.get(name)}
    return row | moments


def _with_hour(row: dict[str, Any]) -> dict[str, Any]:
    """Return a todo whose series has the hour of its due. One that only a clock change moved counts as not moved."""
    if not is_earlier(row) or not row["repeat"]:
        return row
    due, zone = due_of(row), ZoneInfo(row["due"]["time_zone"])
    assert due is not None
    scheduled, local = Repeat.from_json(row["repeat"]).scheduled, due.local(zone)
    hour: time | None
    if isinstance(scheduled, datetime) and isinstance(local, datetime):
        planned = (scheduled, datetime.combine(local, scheduled.time()))
        hour = scheduled.time() if local in [_shown(wall, zone) for wall in planned] else local.time()
    else:
        hour = local.time() if isinstance(local, datetime) else None
    return row | {"repeat": row["repeat"] | {"scheduled": _at(scheduled, hour).isoformat()}}


def _shown(wall: datetime, zone: ZoneInfo) -> datetime:
    """Return what the clocks show at a local time: later by the gap if they skip it (PEP 495)."""
    return wall.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None, fold=0)


def _at(scheduled: Local, hour: time | None) -> Local:
    day = scheduled.date() if isinstance(scheduled, datetime) else scheduled
    return day if hour is None else datetime.combine(day, hour)
