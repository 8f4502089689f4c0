"""Refuse outside of tool results: by JSON-RPC errors, and by what HTTP has to answer itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from mcp import MCPError
from mcp_types import INTERNAL_ERROR, INVALID_PARAMS, INVALID_REQUEST

from http_edge.exchange import Exchange
from mcp_server import tool_results
from todo_core.errors import AgentBlocked, InsufficientScope, Suspended, TodoError, Unauthenticated
from todo_core.log import structlog

Kinds = tuple[type[TodoError], ...]

ABOUT_THE_CALLER: Final[Kinds] = (Unauthenticated, Suspended, AgentBlocked, InsufficientScope)
EVERY: Final[Kinds] = (TodoError,)
_log = structlog.get_logger()


def note(error: TodoError, exchange: Exchange, kinds: Kinds = ABOUT_THE_CALLER) -> None:
    """Let the HTTP layer know of a refusal that it may have to answer itself, if it is one of these kinds."""
    if isinstance(error, kinds):
        exchange.refusal = error


def as_rpc(error: TodoError) -> MCPError:
    """Return a refusal as a JSON-RPC error, for requests that have no `isError` result.

    What does not exist is `INVALID_PARAMS`, as the specification of 2026-07-28 has it (SEP-2164). `data` is what
    a tool's refusal tells.
    """
    is_caller = isinstance(error, ABOUT_THE_CALLER)
    code = INVALID_REQUEST if is_caller else INTERNAL_ERROR if error.retryable else INVALID_PARAMS
    return MCPError(code, error.detail, tool_results.as_shown(tool_results.describe(error))[0])


@asynccontextmanager
async def as_rpc_errors(asked: str, exchange: Exchange, noted: Kinds = ABOUT_THE_CALLER) -> AsyncIterator[None]:
    """Make a JSON-RPC error, which repeats nothing of the request, of whatever goes wrong inside.

    Args:
        asked: The method, for the log of a crash.
        exchange: Learns of refusals that HTTP may have to answer itself.
        noted: Which refusals these are.

    Raises:
        MCPError: Instead of everything else.
    """
    try:
        yield
    except TodoError as error:
        refusal = await exchange.counted(error)
        note(refusal, exchange, noted)
        raise as_rpc(refusal) from None
    except MCPError:
        raise
    except Exception as error:
        exchange.note(error)
        _log.exception("request_crashed", asked=asked)
        raise MCPError(INTERNAL_ERROR, str(tool_results.CRASH["message"]), tool_results.CRASH) from None
