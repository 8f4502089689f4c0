"""Report a summary, streaks and a week."""

from __future__ import annotations

from typing import Any, Final

import orjson
from mcp_types import CallToolResult

from mcp_server import tool_results
from mcp_server.caller import Me
from mcp_server.tool_results import OBJECT_SCHEMA
from mcp_server.toolbox import Toolbox
from todo_core.models.analytics import Week
from todo_core.operations import analytics as operations

tools = Toolbox()

BUSIEST: Final = 5
"""Lists and tags in an answer. If there are more, these are the busiest, and their number is beside them."""


@tools.expose(
    operations.report,
    title="Get report",
    answer=OBJECT_SCHEMA,
    words="""
    Weekly report: "How did my week go? How productive am I, compared with last week? Am I better than before? How
    long is my streak of days in a row? On which day do I get most done?" Productivity stats, without zeros.
    """,
)
async def get_report(me: Me, week: Week = None) -> CallToolResult:
    report = orjson.loads((await me.perform(operations.report, week)).json)
    of_week = report["week"]
    del of_week["difference"], of_week["time_zone"], of_week["week_start"]
    for name in ("by_list", "by_tag"):
        if len(of_week[name]) > BUSIEST:
            of_week[f"{name}_total"] = len(of_week[name])
            del of_week[name][BUSIEST:]
    of_week["by_day"] = {day["weekday"]: _counts(day) for day in of_week["by_day"]}
    of_week["by_priority"] = {row["priority"]: _counts(row) for row in of_week["by_priority"]}
    return tool_results.payload(_without_zeros(report))


def _counts(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("added", "completed")}


def _without_zeros(value: Any) -> Any:
    """Drop zeros, nulls and what is empty, to save tokens: a model takes them for granted."""
    if isinstance(value, list):
        return [_without_zeros(item) for item in value]
    if not isinstance(value, dict):
        return value
    smaller = {name: _without_zeros(item) for name, item in value.items()}
    return {name: item for name, item in smaller.items() if item}
