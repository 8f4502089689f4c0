"""MCP over Streamable HTTP: who calls is settled before the SDK sees the request."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from http import HTTPStatus
from typing import Any, Final

import orjson
import structlog
from mcp.server.transport_security import TransportSecuritySettings
from mcp_types import INVALID_REQUEST
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as HttpScope

from http_edge import problems
from http_edge.bodies import MAX_BODY_BYTES, read_body
from http_edge.credentials import authenticate
from mcp_server.caller import CALLER
from mcp_server.refusals import REFUSALS
from mcp_server.server import TodoServer
from todo_core.boundary.operation import Caller
from todo_core.errors import InsufficientScope, TodoError
from todo_core.identity.scopes import ALL_SCOPES, USER_SCOPES, Scope

PATH: Final = "/mcp"

FIRST_SCOPES: Final = tuple(scope for scope in ALL_SCOPES if scope in USER_SCOPES)
"""What a client should ask for to begin with: what every tool needs. Many register for these and can't ask for more."""

_log = structlog.get_logger()

_QUOTES_INPUT: Final = b"input_value="
"""What gives pydantic's texts away."""


class McpEndpoint:
    """The MCP endpoint as an ASGI application for `PATH`; `state.core` of the scope's `app` is the core."""

    def __init__(
        self,
        server: TodoServer,
        *,
        allowed_hosts: list[str],
        allowed_origins: list[str],
        metadata_url: str | None,
    ) -> None:
        """Serve `server`.

        Args:
            server: The tools.
            allowed_hosts: Exact Host values; a pattern would match by prefix.
            allowed_origins: Exact Origin values.
            metadata_url: Where OAuth clients learn how to get a token, if they can (RFC 9728).
        """
        self._app: ASGIApp = server.streamable_http_app(
            streamable_http_path=PATH,
            json_response=True,
            stateless_http=True,
            max_request_body_size=MAX_BODY_BYTES,
            transport_security=TransportSecuritySettings(allowed_hosts=allowed_hosts, allowed_origins=allowed_origins),
        )
        self._server = server
        self._metadata_url = metadata_url
        self._hosts = frozenset(allowed_hosts)
        self._origins = frozenset(allowed_origins)

    def run(self) -> AbstractAsyncContextManager[None]:
        """What must be entered before the first request and left after the last."""
        return self._server.session_manager.run()

    async def __call__(self, scope: HttpScope, receive: Receive, send: Send) -> None:
        # Without sessions a GET would stay open for ever and a DELETE has nothing to end.
        if scope["method"] != "POST":
            await problems.respond(problems.of_status(405), {"Allow": "POST"})(scope, receive, send)
            return
        request = Request(scope, receive)
        if (status := self._refused_place(request)) is not None:
            await problems.respond(problems.of_status(status))(scope, receive, send)
            return
        try:
            caller = await authenticate(request, request.app.state.core, "mcp")
        except TodoError as error:
            await self._refuse(error)(scope, receive, send)
            return
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            await problems.respond(problems.of_status(415))(scope, receive, send)
            return
        try:
            body = await read_body(request)
        except HTTPException as error:
            await problems.respond(problems.of_status(error.status_code))(scope, receive, send)
            return
        except ClientDisconnect:  # before its body was here: the SDK would call that an error
            return
        CALLER.set(caller)
        refusals: list[TodoError] = []
        REFUSALS.set(refusals)

        def refusal() -> Response | None:
            return next((self._refuse(error, caller) for error in refusals if self._is_http(error, caller)), None)

        answer = _Answer(scope, receive, send, refusal)
        await self._app(scope, _replay(body, receive), answer.send)

    def _refused_place(self, request: Request) -> int | None:
        """The status for a Host that is not ours or an Origin that may not call: a page that rebinds its name.

        The SDK checks the same, and would write what the caller sent to the log.
        """
        origin = request.headers.get("origin")
        if request.headers.get("host") not in self._hosts:
            _log.info("host_refused")
            return 421
        if origin is not None and origin not in self._origins:
            _log.info("origin_refused")
            return 403
        return None

    def _is_http(self, error: TodoError, caller: Caller) -> bool:
        """Whether the whole request is refused, rather than the tool call in it.

        A missing scope is, where the client can get one by itself; an API token's bearer reads of it in the result.
        """
        can_step_up = self._metadata_url is not None and caller.principal.token_id is None
        return can_step_up or not isinstance(error, InsufficientScope)

    def _refuse(self, error: TodoError, caller: Caller | None = None) -> Response:
        scopes: list[Scope] = [*FIRST_SCOPES]
        if isinstance(error, InsufficientScope) and caller is not None:
            # A new token replaces the old one: it needs what that one had, too.
            scopes = [scope for scope in ALL_SCOPES if caller.may(scope) or scope == error.scope]
        headers = problems.headers_of(error, metadata=self._metadata_url, scopes=scopes)
        message = f"{error.detail} {error.next_step}".rstrip()
        return _rpc_error(message, error.status, headers, data=error.as_dict())


class _Answer:
    """Passes the SDK's answer on, except what must not leave as it is.

    A caller whom the database refused in mid-call gets an HTTP 401 or 403, an Accept header that
    leaves no answer is a problem like any other, and the SDK's texts
    on a malformed message of the older generation quote the message.
    """

    def __init__(self, scope: HttpScope, receive: Receive, send: Send, refusal: Callable[[], Response | None]) -> None:
        self._scope, self._receive, self._send = scope, receive, send
        self._refusal = refusal
        self._start: Message | None = None
        self._replaced = False

    async def send(self, message: Message) -> None:
        if self._replaced:
            return
        if message["type"] == "http.response.start":
            status = message["status"]
            instead = self._refusal()
            if instead is None and status == HTTPStatus.NOT_ACCEPTABLE:
                instead = problems.respond(problems.of_status(status))
            if instead is not None:
                await self._replace(instead)
            elif status == HTTPStatus.BAD_REQUEST:
                self._start = message
            else:
                await self._send(message)
        elif self._start is None:
            await self._send(message)
        elif _QUOTES_INPUT in message.get("body", b""):
            text = "The body must be a single JSON-RPC request or notification object"
            await self._replace(_rpc_error(text, HTTPStatus.BAD_REQUEST))
        else:
            start, self._start = self._start, None
            await self._send(start)
            await self._send(message)

    async def _replace(self, response: Response) -> None:
        self._replaced = True
        await response(self._scope, self._receive, self._send)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Give the body once more, and then whatever comes."""
    message: Message | None = {"type": "http.request", "body": body, "more_body": False}

    async def again() -> Message:
        nonlocal message
        if message is None:
            return await receive()
        first, message = message, None
        return first

    return again


def _rpc_error(message: str, status: int, headers: dict[str, str] | None = None, **more: Any) -> Response:
    """A JSON-RPC error: clients show its message to a person whatever the status, and nothing of a problem."""
    error = {"code": INVALID_REQUEST, "message": message, **more}
    body = orjson.dumps({"jsonrpc": "2.0", "id": None, "error": error})
    return Response(body, status, headers, media_type="application/json")
