"""fastmcp's server with one tool that does nothing: what people often put on top of the SDK."""

from __future__ import annotations

from fastmcp import FastMCP

server = FastMCP("echo")


@server.tool
def echo(text: str = "hello") -> str:
    """Say it again."""
    return text


app = server.http_app(json_response=True, stateless_http=True)
