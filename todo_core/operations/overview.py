"""Where a user stands right now."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from todo_core.database import json_text
from todo_core.models.overview import Overview
from todo_core.models.todos import PRIORITIES
from todo_core.operation import Tx, operation
from todo_core.queries import overview as queries
from todo_core.results import Found


@operation(effect="reads", scope="todos:read")
async def get(tx: Tx) -> Found[Overview]:
    """Now, today's date and weekday in the user's time zone, the user's profile, and how many todos wait."""
    user = await tx.one(queries.PROFILE)
    zone = user["time_zone"]
    now = tx.core.clock().astimezone(ZoneInfo(zone))
    counts = await tx.one(queries.COUNTS, time_zone=zone, now=now)
    return Found(
        json_text(
            {
                "now": now.isoformat(timespec="seconds"),
                "today": now.date(),
                "weekday": f"{now:%A}",
                **user,
                "open": counts["open"],
                "open_by_priority": {word: counts[word] for word in PRIORITIES},
                "completed_today": counts["completed_today"],
                "done": counts["done"],
                "trashed": counts["trashed"],
                "last_change_id": counts["last_change_id"],
            }
        )
    )
