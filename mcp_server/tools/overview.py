"""Read the overview: the date, and counts of the user's todos."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import orjson
from mcp_types import CallToolResult

from mcp_server import tool_results
from mcp_server.caller import Me
from mcp_server.tool_results import OBJECT_SCHEMA
from mcp_server.toolbox import Toolbox
from todo_core.operations import overview as operations

tools = Toolbox()


@tools.expose(operations.get, title="Get overview", answer=OBJECT_SCHEMA)
async def get_overview(me: Me) -> CallToolResult:
    overview = orjson.loads((await me.perform(operations.get)).json)
    here = ZoneInfo(overview["time_zone"])
    overview["now"] = datetime.fromisoformat(overview["now"]).astimezone(here).isoformat()  # a clock on the wall
    if overview["display_name"] is None:
        del overview["display_name"]
    return tool_results.payload(overview)
