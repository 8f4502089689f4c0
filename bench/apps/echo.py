"""The SDK's bare server with tools that do nothing: what MCP itself costs, with a short answer and with a page."""

from __future__ import annotations

from typing import Any, Final

from mcp.server import MCPServer

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


app = server.streamable_http_app(json_response=True, stateless_http=True)
