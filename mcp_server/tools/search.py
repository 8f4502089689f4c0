"""Search todos and fetch one, with the tools that ChatGPT's connectors and deep research require.

Each answers with one text item of JSON in a fixed form
(https://platform.openai.com/docs/mcp, "Build a remote MCP server").
"""

from __future__ import annotations

from typing import Annotated, Any, Final

import orjson
from mcp_types import CallToolResult
from pydantic import BeforeValidator, Field

from mcp_server import bounds, tool_results
from mcp_server.caller import Me
from mcp_server.resources import id_in
from mcp_server.spelling import digits
from mcp_server.toolbox import Toolbox
from todo_core.errors import FieldError, InvalidInput
from todo_core.models.todos import SearchText, TodoFilter
from todo_core.operations import search as operations
from todo_core.operations import todos

tools = Toolbox()

_TodoId = Annotated[str, BeforeValidator(digits), Field(description="An `id` of `search`.")]
SEARCH_SCHEMA: Final = {
    "type": "object",
    "properties": {"results": {"type": "array", "items": {"type": "object"}}},
    "required": ["results"],
}
FETCH_SCHEMA: Final = {
    "type": "object",
    "properties": {name: {"type": "string"} for name in ("id", "title", "text", "url")}
    | {"metadata": {"type": "object"}},
    "required": ["id", "title", "text", "url", "metadata"],
}


@tools.expose(
    operations.find,
    title="Search",
    answer=SEARCH_SCHEMA,
    words="""
    Find or look for one with its words, completed or not: "Find something about passports. Where did I write that?
    Did I already mention a book? Have I anything with Anna? Which task had the number?" `list_todos` has filters.
    """,
)
async def search(me: Me, query: SearchText) -> CallToolResult:
    page = await me.perform(operations.find, TodoFilter(text=query, status="all", archived="include", limit=20))
    rows = orjson.loads(page.json if page.near is None else page.near.json)
    results = [{"id": str(row["id"]), "title": row["title"], "url": _url(me, row["id"])} for row in rows]
    return tool_results.payload({"results": results})


@tools.expose(
    todos.get,
    title="Fetch",
    answer=FETCH_SCHEMA,
    words="""
    Open one that `search` found: "Read me the first result in full. Does the second one say more? Show everything."
    """,
)
async def fetch(me: Me, id: _TodoId) -> CallToolResult:  # noqa: A002
    todo_id = id_in(id)
    if todo_id is None:
        raise InvalidInput(errors=[FieldError("id", "is no id of a todo; search for it first", code="not_found")])
    row = orjson.loads((await me.perform(todos.get, todo_id)).json)
    todo = tool_results.todo(row, "full")
    metadata: dict[str, Any] = {name: todo[name] for name in todo if name not in ("id", "title", "description")}
    text = row["description"] or row["title"]
    content = {"id": str(todo_id), "title": row["title"], "text": text, "url": _url(me, todo_id), "metadata": metadata}
    return tool_results.payload(bounds.within(content))


def _url(me: Me, todo_id: int) -> str:
    """Return the address of a todo in the REST API; without a public URL, its path."""
    return f"{me.core.settings.public_url or ''}/api/v1/todos/{todo_id}"
