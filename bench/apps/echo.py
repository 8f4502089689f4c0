"""The SDK's bare server with tools that do nothing: what MCP itself costs, with a short answer and with a page.

One of them adds a todo by the floor's statement: what a tool that adds cannot be faster than.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any, Final

import asyncpg
from mcp.server import MCPServer

from bench import sql
from bench.plan import POOL_SIZE

server = MCPServer("echo")

_PAGE: Final[dict[str, Any]] = {
    "todos": [
        {"id": number, "title": f"Buy milk and bread {number}", "due": "2026-11-27 Fri 17:00", "tags": ["home"]}
        for number in range(25)
    ],
    "showing": "25 of 60",
}


@server.tool()
def echo(text: str = "hello") -> str:
    """Say it again."""
    return text


@server.tool()
def rows() -> dict[str, Any]:
    """Say as many rows as a page of todos has, the same ones each time."""
    return _PAGE


_ADD, _NAMES = sql.numbered(sql.ADD)
_pool: asyncio.Task[asyncpg.Pool] | None = None
"""Opens the connections, once the first call needs them."""


async def _connect() -> asyncpg.Pool:
    return await asyncpg.create_pool(os.environ["BENCH_URL"], min_size=POOL_SIZE, max_size=POOL_SIZE)


@server.tool()
async def add(user: int, title: str, description: str) -> dict[str, Any]:
    """Add a todo, with no login, no checks and no record."""
    global _pool  # noqa: PLW0603
    _pool = _pool or asyncio.create_task(_connect())
    values = {"user": user, "title": title, "description": description, "priority": 2}
    (row,) = await (await _pool).fetch(_ADD, *(values[name] for name in _NAMES))
    return {"id": row["id"]}


app = server.streamable_http_app(json_response=True, stateless_http=True)
