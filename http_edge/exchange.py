"""Keep what the layers find out about one HTTP request and its answer, beside the ASGI messages."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Scope

from http_edge import problems
from http_edge.repeated import Fields
from todo_core.boundary.caller import Caller
from todo_core.boundary.counters import Budget
from todo_core.errors import TodoError, TooManyRequests, Unauthenticated

Refusal = TypeVar("Refusal", bound=Exception)

BYTES_OF_ONE: Final = 8_192
"""Bytes of a body that cost as much of the rate limit as one request: reading them takes as long as a small one."""

_KEY: Final = "exchange"
_NO_FIELDS: Final = Fields(())


@dataclass(slots=True)
class Exchange:
    """The facts about a request that one layer finds out and another needs.

    `RequestContext` begins one for each request and keeps it in the ASGI scope, where a face finds it. It is the only
    thing that travels beside arguments and ASGI messages.
    """

    fields: Fields = _NO_FIELDS
    """The headers of the request; none over a pipe."""
    request_id: str | None = None
    """The request's id, as the answer and the log have it; None over a pipe."""
    budget: Budget | None = None
    """What is left of the caller's rate limit, once something was taken from it; for the answer's headers."""
    caller: Caller | None = None
    """Who calls, once the token was accepted. The handlers of MCP learn it here: only the SDK can call them."""
    is_known: bool = False
    """Whether a token, or the secret of a calendar address, was accepted."""
    is_inside: bool = False
    """Whether the request has one of its caller's places (`http_edge.entrance`)."""
    body_size: int = 0
    """Bytes of the request's body that were read."""
    is_head: bool = False
    """Whether the client takes the headers of the answer alone."""
    status: int | None = None
    """The status of the answer, once that has begun."""
    waited: float = 0.0
    """Seconds that are no work: the client asked to wait for changes, or the request waited at a turnstile."""
    refusal: TodoError | None = None
    """The refusal of an MCP handler's caller, which the HTTP layer answers with a status of its own (401 or 403)."""
    asked: str | None = None
    """The tool that an MCP message calls, or its method if it calls none; None if there is no such tool or method."""
    operation: str | None = None
    """The operation that the request runs; the first, if it runs several."""
    change_id: int | None = None
    """The change that the request made; the first, if it made several."""
    agent_id: int | None = None
    """The agent that acts, if it is one, and was found."""
    refused: str | None = None
    """The code of the error that it is answered with."""
    refused_as: int | None = None
    """The status of that error, which the result of a tool brings under HTTP's 200."""

    @classmethod
    def begin(cls, scope: Scope) -> Exchange:
        """Make the exchange of a request and keep it in its scope."""
        exchange = cls(Fields(scope.get("headers", ())))
        scope.setdefault("state", {})[_KEY] = exchange
        return exchange

    @classmethod
    def of(cls, scope: Scope) -> Exchange:
        """Return the exchange of a request."""
        exchange: Exchange = scope["state"][_KEY]
        return exchange

    def require_caller(self) -> Caller:
        """Return the caller.

        Raises:
            Unauthenticated: No token was accepted.
        """
        if self.caller is None:
            raise Unauthenticated
        return self.caller

    def spent(self, budget: Budget) -> None:
        """Keep what an operation left of the rate limit."""
        self.budget = budget

    def began(self, operation: str) -> None:
        """Keep the name of an operation that begins."""
        if self.operation is None:
            self.operation = operation

    def acts(self, agent_id: int) -> None:
        """Keep the id of the agent that acts."""
        self.agent_id = agent_id

    def changed(self, change_id: int) -> None:
        """Keep the id of a change that was committed."""
        if self.change_id is None:
            self.change_id = change_id

    async def counted(self, refusal: Refusal) -> Refusal | TooManyRequests:
        """Count a refused request for the rate limit; return `refusal`, or `TooManyRequests` where it is reached."""
        try:
            await self.count()
        except TooManyRequests as spent:
            self.note(spent)
            return spent
        self.note(refusal)
        return refusal

    def note(self, error: Exception) -> None:
        """Keep the code and the status of an error for the log: that of a crash for an unknown one, none if the client
        went."""
        if isinstance(error, TodoError | HTTPException):
            self.refused, self.refused_as = problems.code_of(error)
        elif not isinstance(error, ClientDisconnect):
            self.refused, self.refused_as = problems.CRASH["error_code"], problems.CRASH["status"]

    async def count(self) -> None:
        """Take from the caller's budget what this request costs, unless an operation took it already.

        Raises:
            TooManyRequests: The rate limit is reached.
        """
        if self.caller is not None and self.budget is None:
            await self.caller.count()

    def weigh(self) -> int:
        """Return what the request costs at least: one for each started `BYTES_OF_ONE` of its body."""
        return -(-self.body_size // BYTES_OF_ONE)

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Return `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers), where there is a limit."""
        if self.budget is None:
            return []
        policy, quota, window, remaining, reset = self.budget
        return [
            _policy_header(policy, quota, window),
            (b"ratelimit", f'"{policy}";r={remaining};t={reset}'.encode()),
        ]


@lru_cache(maxsize=16)  # there are two policies
def _policy_header(policy: str, quota: int, window: int) -> tuple[bytes, bytes]:
    return b"ratelimit-policy", f'"{policy}";q={quota};w={window}'.encode()
