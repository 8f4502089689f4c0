"""MCP over Streamable HTTP, for requests whose body is here and whose caller is known.

A request of the newer generation is one exchange: read here by the SDK's models, checked by its ladder, handled by its
server, and answered. All else is the SDK's own transport's: the older generation, streams, notifications, and what is
refused before anything runs. Like `mcp_server.sdk`, this imports what the SDK has below `mcp.server`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from http import HTTPStatus
from typing import Any, Final

import anyio
import orjson
from mcp.server import Server
from mcp.server.runner import modern_error_data, modern_on_request
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from mcp.shared.exceptions import NoBackChannelError
from mcp.shared.inbound import (
    ERROR_CODE_HTTP_STATUS,
    MCP_PROTOCOL_VERSION_HEADER,
    InboundModernRoute,
    classify_inbound_request,
)
from mcp.shared.message import ServerMessageMetadata
from mcp.shared.transport_context import TransportContext
from mcp_types import INVALID_REQUEST, JSONRPCRequest, RequestId
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from http_edge.bodies import MAX_BODY_BYTES
from mcp_server.sdk import has_no_id

JSON: Final = "application/json"
EVENTS: Final = "text/event-stream"
_QUOTES_INPUT: Final = b"input_value="
"""What gives pydantic's texts away."""
_STREAMED: Final = "subscriptions/listen"
"""The method whose answer is a stream."""


class Transport:
    """The SDK's Streamable HTTP without sessions."""

    def __init__(self, server: Server[Any]) -> None:
        """Serve `server`."""
        self._answer = modern_on_request(server, {})
        # Its application around this has a router of its own, and layers that serve nobody here.
        self._sessions = StreamableHTTPSessionManager(
            server,
            json_response=True,
            stateless=True,
            max_request_body_size=MAX_BODY_BYTES,
            # The application has looked at Host, in whatever case; the SDK takes exact values and logs what was sent.
            security_settings=TransportSecuritySettings(enable_dns_rebinding_protection=False),
        )

    def run(self) -> AbstractAsyncContextManager[None]:
        """Return what must be entered before the first request and left after the last."""
        return self._sessions.run()

    async def serve(
        self,
        scope: Scope,
        body: bytes,
        receive: Receive,
        send: Send,
        refusal: Callable[[], Response | None],
        *,
        as_event: bool,
    ) -> None:
        """Let the SDK answer a request.

        Args:
            scope: The request, whose origin is known: the SDK takes none. A header that says what is asked for is
                there once.
            body: All of it. Read by the SDK, a client that goes in the middle would be logged as a crash
                (https://github.com/modelcontextprotocol/python-sdk/issues/3469).
            receive: What comes after the body.
            send: Takes the answer.
            refusal: Returns what answers instead, once the request was handled.
            as_event: Whether the client takes the answer as an event alone.
        """
        if (request := _request_in(scope, body)) is not None:
            response = await self._response(request, Request(scope, receive))
            await (refusal() or response)(scope, receive, _as_event(send) if as_event else send)
            return
        headers = [(name, value) for name, value in scope["headers"] if name not in (b"origin", b"accept")]
        # It is settled who takes what. The SDK refuses clients that do not say it, or take events alone (not reported).
        headers.append((b"accept", f"{JSON}, {EVENTS}".encode()))
        answer = _Answer(scope, body, receive, send, refusal, as_event=as_event)
        await self._sessions.handle_request({**scope, "headers": headers}, _replay(body, receive), answer.send)

    async def _response(self, request: JSONRPCRequest, http: Request) -> Response:
        """Return the answer to a request of the newer generation: one JSON object.

        The SDK's own transport makes the same of the same parts. But it copies the result by a model and again by
        another's dump before it writes it, and reads headers and body anew: a sixth of a call's time (decision 80;
        https://github.com/modelcontextprotocol/python-sdk/pull/287 proposes the like for an older transport). May go
        when it does not.
        """
        answer: dict[str, Any] = {"jsonrpc": "2.0", "id": request.id}
        status = HTTPStatus.OK
        try:
            answer["result"] = await self._answer(_OneAnswer(request.id, http), request.method, request.params)
        except Exception as error:
            told = modern_error_data(error)
            answer["error"] = told.model_dump(mode="json", by_alias=True, exclude_none=True)
            status = HTTPStatus(ERROR_CODE_HTTP_STATUS.get(told.code, HTTPStatus.OK))
        return Response(_json(answer), status, media_type=JSON)


def _request_in(scope: Scope, body: bytes) -> JSONRPCRequest | None:
    """Return the request of the newer generation that has one answer, if it is one, and passes the SDK's ladder."""
    headers = {name.decode("latin1"): value.decode("latin1") for name, value in scope["headers"]}
    if headers.get(MCP_PROTOCOL_VERSION_HEADER) not in MODERN_PROTOCOL_VERSIONS:
        return None
    try:
        message = json.loads(body)
        request = JSONRPCRequest.model_validate(message)
    except (ValueError, RecursionError):
        return None
    if request.method == _STREAMED:
        return None
    return request if isinstance(classify_inbound_request(message, headers=headers), InboundModernRoute) else None


def _json(answer: dict[str, Any]) -> bytes:
    """Return JSON in ASCII alone, as the SDK writes it."""
    try:
        body = orjson.dumps(answer)
    except TypeError:  # the client's id is a number of more than 64 bits, or has half of a character
        body = b"\xff"
    is_plain = body.isascii() and b"\x7f" not in body  # which the SDK escapes, too
    return body if is_plain else json.dumps(answer, separators=(",", ":")).encode()


class _OneAnswer:
    """What the SDK's server is told of a request to which one answer goes back, and nothing before it."""

    can_send_request: Final = False

    def __init__(self, request_id: RequestId, http: Request) -> None:
        self.request_id = request_id
        self.message_metadata = ServerMessageMetadata(request_context=http)
        self.transport = TransportContext(kind="streamable-http", can_send_request=False)

    @property
    def cancel_requested(self) -> anyio.Event:
        """Return an event that never happens: a client cancels by hanging up."""
        return anyio.Event()

    async def send_raw_request(self, method: str, *_: object) -> dict[str, Any]:
        raise NoBackChannelError(method)

    async def notify(self, *_: object) -> None:
        """Send nothing."""

    async def progress(self, *_: object) -> None:
        """Send nothing."""


def rpc_error(message: str, status: int, headers: dict[str, str] | None = None, **more: Any) -> Response:
    """Return a JSON-RPC error: clients show its message to a person whatever the status, and nothing of a problem."""
    error = {"code": INVALID_REQUEST, "message": message, **more}
    body = orjson.dumps({"jsonrpc": "2.0", "id": None, "error": error})
    return Response(body, status, headers, media_type="application/json")


class _Answer:
    """Pass the SDK's answer on, except what must not leave as it is.

    - A caller whom the database refused in mid-call gets an HTTP 401 or 403. The SDK lets no handler decide on the
      status (not reported yet); may go when it does.
    - A client that takes events alone gets the answer as one. It stays: the SDK's own events cost half of the speed.
    - A request whose id is none was taken for a notification (`has_no_id`).
    - The texts on a malformed message of the older generation quote the message (not reported yet; the same texts are
      the subject of https://github.com/modelcontextprotocol/python-sdk/issues/2848). May go with that generation.
    """

    def __init__(
        self,
        scope: Scope,
        body: bytes,
        receive: Receive,
        send: Send,
        refusal: Callable[[], Response | None],
        *,
        as_event: bool,
    ) -> None:
        self._scope, self._body, self._receive = scope, body, receive
        self._send = _as_event(send) if as_event else send
        self._refusal = refusal
        self._start: Message | None = None
        self._replaced = False

    async def send(self, message: Message) -> None:
        if self._replaced:
            return
        if message["type"] == "http.response.start":
            status = message["status"]
            instead = self._refusal()
            if instead is None and status == HTTPStatus.ACCEPTED and has_no_id(json.loads(self._body)):
                instead = rpc_error("The id of a request is a text or a whole number", HTTPStatus.BAD_REQUEST)
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
            await self._replace(rpc_error(text, HTTPStatus.BAD_REQUEST))
        else:
            start, self._start = self._start, None
            await self._send(start)
            await self._send(message)

    async def _replace(self, response: Response) -> None:
        self._replaced = True
        await response(self._scope, self._receive, self._send)


def _as_event(send: Send) -> Send:
    """Return what sends an answer in JSON as one server-sent event, and any other as it is."""
    start: Message | None = None

    async def sent(message: Message) -> None:
        nonlocal start
        if message["type"] == "http.response.start" and (b"content-type", JSON.encode()) in message["headers"]:
            start = message
            return
        if start is not None:  # each answer comes in one piece, and has no line break in it
            body = b"event: message\ndata: " + message.get("body", b"") + b"\n\n"
            replaced = {b"content-type": EVENTS.encode(), b"content-length": str(len(body)).encode()}
            headers = [(name, replaced.get(name, value)) for name, value in start["headers"]]
            await send({**start, "headers": headers})
            start, message = None, {**message, "body": body}
        await send(message)

    return sent


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
