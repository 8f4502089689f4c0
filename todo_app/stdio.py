"""`todo-mcp stdio`: serve MCP to a desktop agent. Standard output belongs to the protocol."""

from __future__ import annotations

from mcp_server.server import TodoServer
from todo_app.local import acting_for
from todo_core import __version__
from todo_core.settings import Settings


async def serve_stdio(settings: Settings, database_url: str) -> None:
    """Serve until standard input ends, as the configured local user (ID6)."""
    async with acting_for(settings, database_url, settings.user) as me:
        await TodoServer(__version__, me).run_stdio()
