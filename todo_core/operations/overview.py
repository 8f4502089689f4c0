"""Where a user stands right now."""

from __future__ import annotations

from datetime import UTC
from zoneinfo import ZoneInfo

import orjson

from todo_core.boundary.agents import told
from todo_core.boundary.operation import Tx, operation
from todo_core.boundary.results import Found
from todo_core.dates import end_of_day, start_of_day
from todo_core.models.overview import Overview
from todo_core.models.todos import PRIORITIES
from todo_core.queries import overview as queries
from todo_core.rules.counting import counted
from todo_core.text.json_text import json_text


@operation(
    effect="reads",
    scope="todos:read",
    verbs=("read",),
    within_lists=True,
)
async def get(tx: Tx) -> Found[Overview]:
    """Now, today's date and weekday in the user's time zone, the profile, lists and tags, and how many todos wait."""
    user = await tx.one(queries.PROFILE)
    zone = ZoneInfo(user["time_zone"])
    now = tx.core.clock().astimezone(zone)
    start, end = start_of_day(now.date(), zone), end_of_day(now.date(), zone)
    of = ("overview", zone.key, now.date().isoformat())
    counts = await counted(tx, queries.COUNTS, of, now, start=start, end=end)
    return Found(
        json_text(
            {
                "now": f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
                "today": now.date(),
                "weekday": f"{now:%A}",
                **user,
                "open": counts["open"],
                "not_started": counts["not_started"],
                "open_by_priority": {word: counts[word] for word in PRIORITIES},
                **{name: counts[name] for name in ("due_today", "overdue", "completed_today", "done", "trashed")},
                "lists": orjson.Fragment(counts["lists"]),
                "tags": orjson.Fragment(counts["tags"]),
                **{name: counts[name] for name in ("all_tags", "archived_lists")},
                "last_change_id": counts["last_change_id"],
                "mandate": told(tx.caller.agent),
            }
        )
    )
