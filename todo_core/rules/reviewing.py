"""Tell a person what agents did since the person last looked."""

from __future__ import annotations

from typing import Any

import orjson

from todo_core.boundary.operation import Tx
from todo_core.models.fields import MAX_ID
from todo_core.models.reviews import MOST_AGENTS, MOST_CHANGES
from todo_core.queries import history
from todo_core.queries import reviews as queries
from todo_core.rules.showing import shown_to
from todo_core.storage.transactions import Row
from todo_core.text.json_text import json_text


async def review(tx: Tx) -> str:
    """Return what agents did as JSON of `ReviewRead`."""
    mark = await tx.one(queries.MARK)
    rows = await tx.rows(queries.BY_AGENT, now=tx.core.clock())
    told = {
        "reviewed_through": mark["reviewed_through"],
        "through": max(mark["newest"], mark["reviewed_through"]),
        "agents": [await _agent(tx, row, mark["reviewed_through"]) for row in rows[:MOST_AGENTS]],
        "more_agents": max(len(rows) - MOST_AGENTS, 0),
    }
    return json_text(told)


async def _agent(tx: Tx, row: Row, since: int) -> dict[str, Any]:
    """Return what one agent did, as `AgentReview`, with its latest changes."""
    asked = {"shown": shown_to(tx.caller), "rows": False, "made_from": None, "made_until": None, "client": None}
    page = await tx.one(history.LATEST_OF_AGENT, before=MAX_ID, limit=MOST_CHANGES, agent=row["id"], **asked)
    changes = [change for change in orjson.loads(page["rows"]) if change["id"] > since]
    return {
        "agent_id": row["id"],
        "name": row["name"],
        "waiting": row["waiting"],
        "done": orjson.loads(row["done"]),
        "changes": changes,
        "more_changes": max(row["changes"] - len(changes), 0),
    }
