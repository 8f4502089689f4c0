"""Who calls, as tools and everything else receive it."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import replace
from typing import Annotated, Any, Final

from mcp.server.elicitation import AcceptedElicitation
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.resolve import Resolve

from http_edge.credentials import client_name
from todo_core.boundary.operation import Caller

CALLER: Final[ContextVar[Caller]] = ContextVar("caller")
"""The caller of this request: the HTTP gate sets it, and stdio once for the whole process."""


async def current_caller(context: Context[Any, Any]) -> Caller:
    """The caller, with the tool and the client's own name for the record of changes (SA2)."""
    caller = CALLER.get()
    request = context.request_context
    tool = (request.params or {}).get("name", "")
    session = request.session.client_params
    client = client_name(session.client_info.name) if session is not None else caller.client
    return replace(caller, via=f"mcp:{tool}", client=client)


_KEPT: Final = AcceptedElicitation[Any]
"""The SDK asks for this class at every call and pydantic remembers it only weakly: kept here, it is built once."""

Me = Annotated[Caller, Resolve(current_caller)]
"""The caller of a tool, with what the arguments that all writing tools share say (`mcp_server.arguments`)."""
