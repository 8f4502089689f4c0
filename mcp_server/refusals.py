"""Refusals outside of tool results: JSON-RPC errors, and what HTTP has to answer itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

import structlog
from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR, INVALID_PARAMS, INVALID_REQUEST

from mcp_server import answers
from todo_core.errors import InsufficientScope, Suspended, TodoError, Unauthenticated

REFUSALS: Final[ContextVar[list[TodoError]]] = ContextVar("refusals")
"""What a call met that the HTTP layer may have to answer itself: who calls may not."""

_WHO = (Unauthenticated, Suspended, InsufficientScope)
_log = structlog.get_logger()


def note(error: BaseException | None) -> None:
    """Let the HTTP layer know of a refusal, if it is about who calls."""
    if isinstance(error, _WHO):
        REFUSALS.get([]).append(error)


def as_rpc(error: TodoError) -> MCPError:
    """A refusal as a JSON-RPC error, for requests that have no `isError` result.

    What does not exist is `INVALID_PARAMS`, as the specification of 2026-07-28 has it (SEP-2164). `data` is what
    a tool's refusal tells.
    """
    code = INVALID_REQUEST if isinstance(error, _WHO) else INTERNAL_ERROR if error.retryable else INVALID_PARAMS
    return MCPError(code, error.detail, answers.describe(error))


@contextmanager
def noted() -> Iterator[None]:
    """Let the HTTP layer answer every refusal itself, with its status: before anything was asked of the core."""
    try:
        yield
    except TodoError as error:
        REFUSALS.get([]).append(error)
        raise


@contextmanager
def as_rpc_errors(asked: str) -> Iterator[None]:
    """Whatever goes wrong inside becomes a JSON-RPC error that repeats nothing of the request.

    Args:
        asked: What a crash is logged for.

    Raises:
        MCPError: Instead of everything else.
    """
    try:
        yield
    except TodoError as error:
        note(error)
        raise as_rpc(error) from None
    except MCPError:
        raise
    except Exception:
        _log.exception("request_crashed", asked=asked)
        raise MCPError(INTERNAL_ERROR, str(answers.CRASH["message"]), answers.CRASH) from None
