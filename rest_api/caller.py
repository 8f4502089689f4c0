"""Who sends a request, as routes receive it."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Depends, Header, Request
from pydantic import StringConstraints

from http_edge.credentials import authenticate
from rest_api.conditions import IfNoneMatch
from todo_core.boundary.operation import Caller


async def current_caller(request: Request) -> Caller:
    """Whoever the bearer token names."""
    return await authenticate(request, request.app.state.core, "rest")


Anybody = Annotated[Caller, Depends(current_caller)]
"""The caller of a request."""


async def reading_caller(me: Anybody, if_none_match: IfNoneMatch = None) -> Caller:  # noqa: ARG001  # see `running`
    """Return the caller of a request that reads, who may have the answer already."""
    return me


Me = Annotated[Caller, Depends(reading_caller)]
"""The caller of a request that reads."""


async def caller_once(
    me: Anybody,
    idempotency_key: Annotated[
        Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[\x21-\x7e]+$")] | None,
        Header(description="Repeat a request with the same key and it happens once; kept for 24 hours."),
    ] = None,
    dry_run: Annotated[
        Literal["true", "false"],
        Header(description="true: answer as if it were done, and change nothing."),
    ] = "false",
) -> Caller:
    """Return the caller of a request that changes something, at most once under its key."""
    return me.once(idempotency_key, dry_run=dry_run == "true")


MeOnce = Annotated[Caller, Depends(caller_once)]
"""The caller of a request that changes something."""
