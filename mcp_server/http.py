"""MCP over Streamable HTTP: who calls is settled before the SDK sees the request."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, suppress
from functools import lru_cache
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Send
from starlette.types import Scope as HttpScope

from http_edge import problems
from http_edge.bodies import read_body
from http_edge.credentials import authenticate
from http_edge.exchange import Exchange
from http_edge.negotiation import preferred, require_acceptable
from http_edge.origins import Origins
from http_edge.repeated import Fields
from mcp_server.server import TodoServer
from mcp_server.transport import EVENTS, JSON, Transport, rpc_error
from todo_core.boundary.caller import Caller
from todo_core.errors import InsufficientScope, TodoError, TooManyRequests
from todo_core.identity.scopes import ALL_SCOPES, USER_SCOPES, Scope
from todo_core.log import structlog

PATH: Final = "/mcp"

FIRST_SCOPES: Final = tuple(scope for scope in ALL_SCOPES if scope in USER_SCOPES)
"""What a client should ask for to begin with: what every tool needs. Many register for these and can't ask for more."""

_log = structlog.get_logger()


class McpEndpoint:
    """The MCP endpoint as an ASGI application for POST at `PATH`; `state.core` of the scope's `app` is the core.

    It is for an application that has looked at the Host header.
    """

    def __init__(
        self,
        server: TodoServer,
        *,
        origins: Origins,
        metadata_url: str | None,
    ) -> None:
        """Serve `server`.

        Args:
            server: The tools.
            origins: Those whose pages may call.
            metadata_url: Where OAuth clients learn how to get a token, if they can (RFC 9728).
        """
        self._transport = Transport(server)
        self._metadata_url = metadata_url
        self._origins = origins

    def run(self) -> AbstractAsyncContextManager[None]:
        """Return what must be entered before the first request and left after the last."""
        return self._transport.run()

    async def __call__(self, scope: HttpScope, receive: Receive, send: Send) -> None:
        request, exchange = Request(scope, receive), Exchange.of(scope)
        self._require_origin(exchange.fields.lines(b"origin"))
        try:
            caller = await authenticate(request, request.app.state.core, "mcp")
        except TodoError as error:
            await self._refuse(await exchange.counted(error))(scope, receive, send)
            return
        try:
            as_event = _takes_event(tuple(exchange.fields.lines(b"accept")))
            body = await _json_body(request, exchange.fields)
        except HTTPException as error:
            refused = await exchange.counted(error)
            answer = self._refuse(refused) if isinstance(refused, TodoError) else problems.response_to(refused)
            await answer(scope, receive, send)
            return
        except ClientDisconnect as gone:  # before its body was here: nobody waits for an answer
            await exchange.counted(gone)
            return

        def refusal() -> Response | None:
            error = exchange.refusal
            return self._refuse(error, caller) if error is not None and self._is_http(error, caller) else None

        await self._transport.serve(scope, body, receive, send, refusal, as_event=as_event)
        with suppress(TooManyRequests):  # it is answered; reading one that runs nothing, such as `ping`, was work, too
            await exchange.count()

    def _require_origin(self, origin: Sequence[bytes]) -> None:
        """Refuse a page of another origin, such as one that rebinds its name.

        The SDK is not asked: it takes exact names alone, and writes what the caller sent to the log.

        Raises:
            HTTPException: Pages of this origin may not call (403).
        """
        if origin and origin[0].decode("latin1") not in self._origins:
            _log.info("origin_refused")
            raise HTTPException(403)

    def _is_http(self, error: TodoError, caller: Caller) -> bool:
        """Tell whether the whole request is refused, rather than the tool call in it.

        A missing scope is, where the client can get one by itself; an API token's bearer reads of it in the result.
        """
        can_step_up = self._metadata_url is not None and caller.principal.token_id is None
        return can_step_up or not isinstance(error, InsufficientScope)

    def _refuse(self, error: TodoError, caller: Caller | None = None) -> Response:
        scopes: list[Scope] = [*FIRST_SCOPES]
        if isinstance(error, InsufficientScope) and caller is not None:
            # A new token replaces the old one: it needs what that one had, too.
            scopes = [scope for scope in ALL_SCOPES if scope in caller.principal.scopes or scope == error.scope]
        headers = problems.headers_of(error, metadata=self._metadata_url, scopes=scopes)
        message = f"{error.detail} {error.next_step}".rstrip()
        return rpc_error(message, error.status, headers, data=error.as_dict())


@lru_cache(maxsize=64)  # programs send the same with each request
def _takes_event(accept: tuple[bytes, ...]) -> bool:
    """Return whether the answer is to be a server-sent event: for a client that takes these, by name, and no JSON.

    Args:
        accept: The values of the Accept headers.

    Raises:
        HTTPException: It takes neither (406).
    """
    accepted = [*accept]
    offered = (JSON, EVENTS) if EVENTS.encode() in b",".join(accepted).lower() else (JSON,)
    require_acceptable(accepted, offered)
    return preferred(accepted, offered) == EVENTS


async def _json_body(request: Request, fields: Fields) -> bytes:
    """Return the body of a request that says that it is JSON.

    Raises:
        HTTPException: It says otherwise (415), or is too large (413).
        ClientDisconnect: The client went before it was here.
    """
    kind = (fields.only(b"content-type") or b"").decode("latin1")
    if kind.partition(";")[0].strip().lower() != "application/json":
        raise HTTPException(415)
    return await read_body(request)
