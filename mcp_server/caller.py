"""Who calls, as tools receive it."""

from __future__ import annotations

from dataclasses import replace

from mcp.server import ServerRequestContext
from starlette.requests import Request

from http_edge.credentials import client_name
from todo_core.boundary.caller import Caller

Context = ServerRequestContext[object, Request]
"""A request to the server; over HTTP it has the HTTP request, over a pipe none."""

Me = Caller
"""The caller of a tool, with what the arguments that all writing tools share say (`mcp_server.arguments`)."""


def named(caller: Caller, context: Context) -> Caller:
    """Return the caller of a request with the client's own name, for the record of changes and for its agent (SA2)."""
    session = context.session.client_params
    return caller if session is None else replace(caller, client=client_name(session.client_info.name))


def through(tool: str, caller: Caller, confirmed_by: str | None = None) -> Caller:
    """Return the caller of a tool, with the tool, and how a person agreed, for the record of changes."""
    return replace(caller, via=f"mcp:{tool}", confirmed_by=confirmed_by)
