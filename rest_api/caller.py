"""Who sends a request, as routes receive it."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Final, Literal
from urllib.parse import unquote

from fastapi import Depends, Header, Request
from pydantic import StringConstraints, TypeAdapter, ValidationError

from http_edge.credentials import authenticate
from rest_api.conditions import IfNoneMatch
from todo_core.boundary.caller import Caller
from todo_core.errors import FieldError, InvalidInput
from todo_core.models.proposals import Reason
from todo_core.validation import refuse

_REASON: Final[TypeAdapter[str]] = TypeAdapter(Reason)


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
    proposal_reason: Annotated[
        Annotated[str, StringConstraints(max_length=6000)] | None,
        Header(description="Of an agent that proposes: why, up to 500 characters; percent-encoded where not ASCII."),
    ] = None,
) -> Caller:
    """Return the caller of a request that changes something, at most once under its key."""
    once = me.once(idempotency_key, dry_run=dry_run == "true")
    if me.agent_key is None or proposal_reason is None:  # of a person, it is nobody's reason
        return once
    return replace(once, reason=_said(proposal_reason))


def _said(header: str) -> str:
    """Return the text in a header.

    Raises:
        InvalidInput: It is too long, or no text.
    """
    try:
        return _REASON.validate_python(unquote(header, errors="strict"))
    except (ValidationError, UnicodeDecodeError) as error:
        if isinstance(error, ValidationError):
            raise refuse(error, whole="proposal-reason") from None
        message = "must be UTF-8, percent-encoded"
        raise InvalidInput(errors=[FieldError("proposal-reason", message)]) from None


MeOnce = Annotated[Caller, Depends(caller_once)]
"""The caller of a request that changes something."""
