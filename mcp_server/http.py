"""MCP over Streamable HTTP: who calls is settled before the SDK sees the request."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Final

import orjson
from mcp.server.transport_security import TransportSecuritySettings
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from mcp_server.caller import CALLER
from mcp_server.server import TodoServer
from todo_core.errors import TodoError, Unauthenticated
from todo_core.operation import Caller

PATH: Final = "/mcp"

Authenticate = Callable[[str | None], Awaitable[Caller]]
"""From the value of the Authorization header to its caller."""


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
            caller = await self._authenticate(Request(scope).headers.get("authorization"))
        except TodoError as error:
            await _refuse(error)(scope, receive, send)
            return
        CALLER.set(caller)
        await self._app(scope, receive, send)


def _refuse(error: TodoError) -> Response:
    headers = {"WWW-Authenticate": "Bearer"} if isinstance(error, Unauthenticated) else {}
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    return Response(orjson.dumps(error.as_dict()), error.status, headers, "application/json")
