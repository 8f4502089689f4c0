"""The SDK's bare server with one tool that does nothing: what MCP itself costs."""

from __future__ import annotations

from mcp.server import MCPServer

server = MCPServer("echo")


@server.tool()
def echo(text: str = "hello") -> str:
    """Say it again."""
    return text


app = server.streamable_http_app(json_response=True, stateless_http=True)
