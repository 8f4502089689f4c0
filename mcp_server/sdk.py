"""Everything of the MCP SDK (2.3) that is not as this server needs it: what, the issue upstream, when it may go.

The server is the SDK's low-level `Server`: it is public, it tells every handler of its request, and nothing of it is
overridden. `MCPServer` on top of it drops unknown arguments of a tool and takes "5" for 5
(https://github.com/modelcontextprotocol/python-sdk/issues/3067), sends pydantic's texts, with the input in them, to the
model, and does not tell `list_tools` and its like of the request, though what a caller may see follows from its token
(neither is reported yet). See `docs/decisions/0006-tools-for-models.md`.

Only this module and `mcp_server.transport` import from below `mcp.server`; the others take what `mcp`, `mcp.server` and
`mcp_types` export. What there is of HTTP stands in that one, and two workarounds elsewhere, because they come before
the SDK sees a request:

- A GET is 405 (`todo_app.application` routes POST alone). Without sessions the SDK opens a stream that nothing will
  ever be sent on; may go with https://github.com/modelcontextprotocol/python-sdk/issues/2474.
- The token is checked in `mcp_server.http`, and not by the SDK's middleware: that one names no scopes in its
  challenges; may go with https://github.com/modelcontextprotocol/python-sdk/issues/3103.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, Final

import anyio
from mcp import MCPError, stdio_server
from mcp.server import Server
from mcp.server.context import CallNext, HandlerResult, ServerMiddleware, ServerRequestContext
from mcp.server.request_state import RequestStateBoundary, RequestStateSecurity
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler, ResourceUpdated, ServerEvent
from mcp.shared.message import SessionMessage
from mcp_types import (
    INVALID_PARAMS,
    INVALID_REQUEST,
    PARSE_ERROR,
    ErrorData,
    JSONRPCError,
    SubscriptionsListenRequestParams,
    SubscriptionsListenResult,
)
from pydantic import ValidationError

from todo_core.text.json_text import strict_json

_NO_JSON: Final = ""
_NO_MESSAGE: Final = "null"


def refuse_state(audience: str) -> ServerMiddleware[Any]:
    """Refuse a `requestState` of a client, for this server never gives one out.

    `MCPServer` does the same; the low-level server hands it on to handlers. Not a fault of the SDK: it stays.
    """
    return RequestStateBoundary(RequestStateSecurity.ephemeral(), default_audience=audience)


async def arguments_as_an_object(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
    """Take the arguments of a tool also as the JSON text of an object, as a model's API gives them; and as `[]`.

    A list without members is what PHP makes of an object without. Not a fault of the SDK: it stays. What is no object
    all the same is refused by name, which the SDK does not (not reported).

    Raises:
        MCPError: The arguments are no object.
    """
    given = (ctx.params or {}).get("arguments")
    if ctx.method != "tools/call" or given is None or isinstance(given, dict):
        return await call_next(ctx)
    arguments = {} if given == [] else _object_in(given)
    if arguments is None:
        raise MCPError(INVALID_PARAMS, "The `arguments` of a tool are an object, as its `inputSchema` has it.")
    return await call_next(replace(ctx, params={**(ctx.params or {}), "arguments": arguments}))


def _object_in(text: object) -> dict[str, Any] | None:
    """Return the object whose JSON a text is; else None."""
    if not isinstance(text, str):
        return None
    try:
        value = strict_json(text.encode())
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


OpenMessage = Callable[[str, Mapping[str, Any] | None], AbstractContextManager[object]]
"""Takes what a message is and its `_meta`, and returns a block that lasts as long as it is handled."""


def opened(message: OpenMessage, kind: Callable[[str, object], str]) -> ServerMiddleware[Any]:
    """Open `message` around each message.

    Args:
        message: What to open.
        kind: Returns what a message is, by its method and the name that it asks for.
    """

    async def middleware(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        with message(kind(ctx.method, (ctx.params or {}).get("name")), ctx.meta):
            return await call_next(ctx)

    return middleware


def has_no_id(message: object) -> bool:
    """Return whether a message is a request with an id that is none: no text and no whole number (MCP, Requests).

    The SDK takes it for a notification, which nobody answers (not reported yet). May go when it refuses it.
    """
    if not isinstance(message, dict) or not {"method", "id"} <= message.keys():
        return False
    return isinstance(message["id"], bool) or not isinstance(message["id"], str | int)


async def run_stdio(server: Server[Any]) -> None:
    """Serve until standard input ends."""
    async with stdio_server(_input()) as (received, sent):  # type: ignore[arg-type]  # it reads lines, no more
        await server.run(_Lines(received, sent), sent, server.create_initialization_options())


async def _input() -> AsyncIterator[str]:
    """Yield the lines of standard input as the SDK is to read them.

    It puts U+FFFD in place of what is no UTF-8, and that would be stored (not reported yet). May go when it refuses it.
    What it does besides is done here as well: nothing else of this process is left to read from standard input.
    """
    taken = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    # Not closed in the end: a thread may still wait for a line then.
    async for line in anyio.wrap_file(os.fdopen(taken, "rb", closefd=False)):
        yield _readable(line)


def _readable(line: bytes) -> str:
    """Return the text of a line; in place of one that is to be refused, what the SDK refuses for a like reason."""
    try:
        text = line.decode()
    except UnicodeDecodeError:
        return _NO_JSON
    try:
        return _NO_MESSAGE if has_no_id(json.loads(text)) else text
    except (ValueError, RecursionError):
        return text


class _Lines:
    """The messages that come over standard input; a line that is none is answered, and left out.

    The SDK drops such a line, and whoever sent it waits for ever
    (https://github.com/modelcontextprotocol/python-sdk/issues/2751). May go when it answers.
    """

    def __init__(self, received: Any, sent: Any) -> None:
        """Read from one stream of the SDK's transport, and answer on the other."""
        self._received = received
        self._sent = sent

    async def receive(self) -> SessionMessage:
        while isinstance(item := await self._received.receive(), Exception):
            await self._sent.send(SessionMessage(JSONRPCError(jsonrpc="2.0", id=None, error=_explain(item))))
        message: SessionMessage = item
        return message

    async def aclose(self) -> None:
        await self._received.aclose()

    @property
    def last_context(self) -> Any:
        """Return the context in which the latest message was sent; the SDK handles the message in it."""
        return self._received.last_context

    def __aiter__(self) -> _Lines:
        return self

    async def __anext__(self) -> SessionMessage:
        try:
            return await self.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None

    async def __aenter__(self) -> _Lines:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


def _explain(error: Exception) -> ErrorData:
    """Return what is wrong with a line (JSON-RPC 2.0), without repeating any of it."""
    if isinstance(error, ValidationError) and error.errors(include_input=False)[0]["type"] != "json_invalid":
        return ErrorData(code=INVALID_REQUEST, message="The line is no JSON-RPC 2.0 message.")
    return ErrorData(code=PARSE_ERROR, message="The line is not valid JSON in UTF-8. Send one message in each line.")


class Updates:
    """One stream of `subscriptions/listen`.

    The SDK has one bus for all streams, which knows nothing of callers. So each stream has its own.
    """

    def __init__(self) -> None:
        self._bus = _Bus()
        self._handler = ListenHandler(self._bus, max_subscriptions=1)

    async def serve(
        self, context: ServerRequestContext[Any, Any], params: SubscriptionsListenRequestParams
    ) -> SubscriptionsListenResult:
        """Acknowledge what is asked for, and send what `tell` is given, until the client goes or `close`."""
        return await self._handler(context, params)

    async def has_begun(self) -> None:
        """Return once what is told is sent."""
        await self._bus.is_read.wait()

    async def tell(self, uris: Iterable[str]) -> None:
        """Tell the client that what is at these addresses has changed."""
        for uri in uris:
            await self._bus.publish(ResourceUpdated(uri))

    def close(self) -> None:
        """End the stream, with its result as the last message."""
        self._handler.close()


class _Bus(InMemorySubscriptionBus):
    """The bus of one stream."""

    def __init__(self) -> None:
        super().__init__()
        self.is_read = anyio.Event()

    def subscribe(self, listener: Callable[[ServerEvent], None]) -> Callable[[], None]:
        self.is_read.set()
        return super().subscribe(listener)
