"""The application on a port of this machine, in this process: for other programs, at a moment that a test chooses."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

import uvicorn
from starlette.types import ASGIApp

from todo_app.address import Address
from todo_app.application import Application, build
from todo_core.core import utc_now
from todo_core.settings import Settings


@asynccontextmanager
async def served(
    settings: Settings,
    database_url: str,
    *,
    clock: Callable[[], datetime] = utc_now,
    through: Callable[[Application], ASGIApp] = lambda app: app,
) -> AsyncIterator[tuple[Application, str]]:
    """Serve MCP until the block ends; the application, and the URL of its endpoint.

    Args:
        settings: Those of the application.
        database_url: Its database.
        clock: Returns the present moment.
        through: What stands before the application, for clients that need something of it.
    """
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = Address("127.0.0.1", listening.getsockname()[1])
        app = build(settings, database_url, address, clock=clock)
        server = uvicorn.Server(uvicorn.Config(through(app), lifespan="off", log_level="warning"))
        async with app.running():
            serving = asyncio.create_task(server.serve([listening]))
            try:
                yield app, address.url("/mcp")
            finally:
                server.should_exit = True
                await serving
