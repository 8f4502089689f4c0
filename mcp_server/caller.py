"""Who calls, as tools receive it."""

from __future__ import annotations

from dataclasses import replace

from mcp.server import ServerRequestContext
from starlette.requests import Request

from http_edge.credentials import client_name
from todo_core.boundary.operation import Caller

Context = ServerRequestContext[object, Request]
"""A request to the server; over HTTP it has the HTTP request, over a pipe none."""

Me = Caller
"""The caller of a tool, with what the arguments that all writing tools share say (`mcp_server.arguments`)."""


def through(tool: str, caller: Caller, context: Context) -> Caller:
    """Return the caller of a tool, with the tool and the client's own name for the record of changes (SA2)."""
    session = context.session.client_params
    client = client_name(session.client_info.name) if session is not None else caller.client
    return replace(caller, via=f"mcp:{tool}", client=client)
