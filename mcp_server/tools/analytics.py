"""How it goes: a summary, streaks, and the report of a week."""

from __future__ import annotations

from typing import Any, Final

import orjson
from mcp_types import CallToolResult

from mcp_server import answers
from mcp_server.answers import OBJECT_SCHEMA
from mcp_server.caller import Me
from mcp_server.toolbox import Toolbox
from todo_core.models.analytics import Week
from todo_core.operations import analytics as operations

tools = Toolbox()

MOST: Final = 5
"""The busiest lists and tags are told, and how many there are in all."""


@tools.expose(operations.report, title="Get report", answer=OBJECT_SCHEMA)
async def get_report(me: Me, week: Week = None) -> CallToolResult:
    told = orjson.loads((await me.perform(operations.report, week)).json)
    report = told["week"]
    del report["difference"], report["time_zone"], report["week_start"]
    for name in ("by_list", "by_tag"):
        if len(report[name]) > MOST:
            report[f"{name}_total"] = len(report[name])
            del report[name][MOST:]
    report["by_day"] = {day["weekday"]: _flow(day) for day in report["by_day"]}
    report["by_priority"] = {row["priority"]: _flow(row) for row in report["by_priority"]}
    return answers.payload(_without_zeros(told))


def _flow(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("added", "completed")}


def _without_zeros(value: Any) -> Any:
    """A model takes for granted that what is not there is zero, or nothing."""
    if isinstance(value, list):
        return [_without_zeros(one) for one in value]
    if not isinstance(value, dict):
        return value
    smaller = {name: _without_zeros(one) for name, one in value.items()}
    return {name: one for name, one in smaller.items() if one}
