"""`todo-mcp stdio`: serve MCP to a desktop agent. Standard output belongs to the protocol."""

from __future__ import annotations

from typing import Final

import anyio

from mcp_server.server import TodoServer
from todo_app.local import acting_for
from todo_core import __version__
from todo_core.settings import Settings

PURGE_SECONDS: Final = 5
"""Most seconds until the first purge: an agent may run for less than a minute, and no `serve` may run beside it."""


async def serve_stdio(settings: Settings, database_url: str) -> None:
    """Serve until standard input ends, as the configured local user (ID6), and purge meanwhile."""
    async with acting_for(settings, database_url, settings.user) as me:
        server = TodoServer(__version__, me, without=settings.mcp_without)  # what it refuses is no crash of a task
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: me.core.purges.run(within=PURGE_SECONDS))
            await server.run_stdio()
            tasks.cancel_scope.cancel()
