"""MCP clients of the installed SDK, over both transports and for both protocol generations."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from mcp import Client, StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client

from tests.app.program import Program

GENERATIONS = [pytest.param("2026-07-28", id="mcp-2026"), pytest.param("legacy", id="mcp-2025")]
LATEST_BY_DEFAULT = [GENERATIONS[0], pytest.param("legacy", id="mcp-2025", marks=pytest.mark.exhaustive)]


async def call(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    """Call a tool that must succeed; its answer."""
    result = await client.call_tool(tool, arguments)
    (content,) = result.content
    told: dict[str, Any] = json.loads(content.text)  # type: ignore[union-attr]
    assert not result.is_error, told
    assert result.structured_content == told
    return told


@asynccontextmanager
async def over_http(url: str, token: str, mode: str) -> AsyncIterator[Client]:
    """A client of a running server."""
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=30) as http,
        Client(streamable_http_client(url, http_client=http), mode=mode) as client,
    ):
        yield client


@asynccontextmanager
async def over_stdio(program: Program, mode: str) -> AsyncIterator[Client]:
    """A client that starts `todo-mcp stdio`."""
    command, *words = program.words("stdio")
    server = StdioServerParameters(command=command, args=words, env=program.environment, cwd=program.folder)
    with (program.folder / "stdio.err").open("w") as stderr:
        async with Client(stdio_client(server, errlog=stderr), mode=mode) as client:
            yield client
