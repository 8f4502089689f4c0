"""Read the overview: the date, and counts of the user's todos; and the names of all lists or tags."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo

import orjson
from mcp_types import CallToolResult
from pydantic import Field

from mcp_server import bounds, tool_results
from mcp_server.caller import Me
from mcp_server.tool_results import OBJECT_SCHEMA
from mcp_server.toolbox import Toolbox
from todo_core.errors import FieldError, InvalidInput
from todo_core.models.lists import ListName, ListQuery
from todo_core.operations import lists, tags
from todo_core.operations import overview as operations
from todo_core.text import name_key

tools = Toolbox()

Named = Literal["lists", "archived_lists", "tags"]
_TOKENS: Final = {"lists": 600, "tags": 450}
"""What lists and tags may cost in the overview, which has some 1,500 tokens in all."""


@tools.expose(
    (operations.get, lists.list_, tags.list_),
    title="Get overview",
    answer=OBJECT_SCHEMA,
    words="""
    Overview or summary of today: "How does my day look, where do I stand? What day, date or time is it? Which lists
    and tags do I have? How many todos are open? Give me an overview." Has your person's profile.
    """,
)
async def get_overview(
    me: Me,
    all: Annotated[Named | None, Field(description="Instead, names of all these.")] = None,  # noqa: A002
    after: Annotated[ListName | None, Field(description="With all: names after this one.")] = None,
) -> CallToolResult:
    if all is not None:
        return tool_results.payload(_page(all, await _rows(me, all), after))
    if after is not None:
        raise InvalidInput(errors=[FieldError("after", "goes with all", code="conflicting")])
    overview = orjson.loads((await me.perform(operations.get)).json)
    here = ZoneInfo(overview["time_zone"])
    overview["now"] = datetime.fromisoformat(overview["now"]).astimezone(here).isoformat()  # a clock on the wall
    for name in ("display_name", "mandate"):
        if overview[name] is None:
            del overview[name]
    totals = {"lists": len(overview["lists"]), "tags": overview.pop("all_tags")}
    for name, most in _TOKENS.items():
        del overview[name][bounds.named(overview[name], most) :]
        if left_out := totals[name] - len(overview[name]):
            overview[f"{name}_left_out"] = left_out
    if not overview["archived_lists"]:
        del overview["archived_lists"]
    return tool_results.payload(overview)


async def _rows(me: Me, kind: Named) -> list[dict[str, Any]]:
    """Read all lists or tags, with their ids and numbers of open todos."""
    if kind == "tags":
        page: Any = await me.perform(tags.list_)
    else:
        page = await me.perform(lists.list_, ListQuery(archived="only" if kind == "archived_lists" else "exclude"))
    return [{"id": row["id"], "name": row["name"], "open_todos": row["open_todos"]} for row in orjson.loads(page.json)]


def _page(kind: Named, rows: Sequence[dict[str, Any]], after: str | None) -> dict[str, Any]:
    """Return a page of names: from the first, or behind the one that is named.

    Raises:
        InvalidInput: Nothing has this name.
    """
    start = 0
    if after is not None:
        keys = [name_key(row["name"]) for row in rows]
        if name_key(after) not in keys:
            raise InvalidInput(
                errors=[FieldError("after", "is no name among these; begin without it", code="not_found")]
            )
        start = keys.index(name_key(after)) + 1
    page = rows[start : start + bounds.fitting(rows[start:])]
    end = start + len(page)
    more = {"after": page[-1]["name"]} if end < len(rows) else {}
    return {kind: page, "showing": f"{len(page)} of {len(rows)}"} | more
