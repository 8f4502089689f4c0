"""MCP over Streamable HTTP: who calls is settled before the SDK sees the request."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from http import HTTPStatus
from typing import Final

import orjson
from mcp.server.transport_security import TransportSecuritySettings
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mcp_server.caller import CALLER, REFUSALS
from mcp_server.server import TodoServer
from todo_core.errors import TodoError, Unauthenticated
from todo_core.operation import Caller

PATH: Final = "/mcp"

Authenticate = Callable[[Mapping[str, str]], Awaitable[Caller]]
"""From a request's headers to its caller."""

_QUOTES_INPUT: Final = b"input_value="
"""What gives pydantic's texts away."""
_MALFORMED: Final = orjson.dumps(
    {
        "jsonrpc": "2.0",
        "id": None,
        "error": {"code": -32600, "message": "The body must be a single JSON-RPC request or notification object"},
    }
)


class McpEndpoint:
    """The MCP endpoint as an ASGI application for `PATH`, to be mounted at the root."""

    def __init__(
        self,
        server: TodoServer,
        authenticate: Authenticate,
        *,
        allowed_hosts: list[str],
        allowed_origins: list[str],
        max_body_bytes: int,
    ) -> None:
        """Serve `server`.

        Args:
            server: The tools.
            authenticate: Who a request is from.
            allowed_hosts: Exact Host values; a pattern would match by prefix.
            allowed_origins: Exact Origin values.
            max_body_bytes: The largest request.
        """
        self._app: ASGIApp = server.streamable_http_app(
            streamable_http_path=PATH,
            json_response=True,
            stateless_http=True,
            max_request_body_size=max_body_bytes,
            transport_security=TransportSecuritySettings(allowed_hosts=allowed_hosts, allowed_origins=allowed_origins),
        )
        self._server = server
        self._authenticate = authenticate

    def run(self) -> AbstractAsyncContextManager[None]:
        """What must be entered before the first request and left after the last."""
        return self._server.session_manager.run()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Without sessions a GET would stay open for ever and a DELETE has nothing to end.
        if scope["method"] != "POST":
            await Response(status_code=405, headers={"Allow": "POST"})(scope, receive, send)
            return
        try:
            caller = await self._authenticate(Request(scope).headers)
        except TodoError as error:
            await _refuse(error)(scope, receive, send)
            return
        CALLER.set(caller)
        refusals: list[TodoError] = []
        REFUSALS.set(refusals)
        answer = _Answer(scope, receive, send, refusals)
        await self._app(scope, receive, answer.send)


class _Answer:
    """Passes the SDK's answer on, except what must not leave as it is.

    A token that the database refused in mid-call is an HTTP 401, and the SDK's texts on a malformed
    message of the older generation quote the message.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send, refusals: list[TodoError]) -> None:
        self._scope, self._receive, self._send = scope, receive, send
        self._refusals = refusals
        self._start: Message | None = None
        self._replaced = False

    async def send(self, message: Message) -> None:
        if self._replaced:
            return
        if message["type"] == "http.response.start" and (self._refusals or message["status"] == HTTPStatus.BAD_REQUEST):
            self._start = message
            return
        if self._start is None:
            await self._send(message)
            return
        start, self._start = self._start, None
        if self._refusals:
            await self._replace(_refuse(self._refusals[0]))
        elif _QUOTES_INPUT in message.get("body", b""):
            await self._replace(Response(_MALFORMED, HTTPStatus.BAD_REQUEST, media_type="application/json"))
        else:
            await self._send(start)
            await self._send(message)

    async def _replace(self, response: Response) -> None:
        self._replaced = True
        await response(self._scope, self._receive, self._send)


def _refuse(error: TodoError) -> Response:
    headers = {"WWW-Authenticate": "Bearer"} if isinstance(error, Unauthenticated) else {}
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    return Response(orjson.dumps(error.as_dict()), error.status, headers, "application/json")
