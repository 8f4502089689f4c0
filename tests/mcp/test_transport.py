"""What goes back over HTTP is what the SDK's own transport sends, byte for byte."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any, Final

import httpx2
import pytest
from mcp import MCPError
from mcp.server import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp_types import CallToolRequestParams, CallToolResult, ListToolsResult, TextContent, Tool
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from mcp_server import tool_results
from mcp_server.transport import Transport
from tests.tables import each

_VERSION: Final = "2026-07-28"
_PREFIX: Final = "io.modelcontextprotocol/"
_META: Final[dict[str, Any]] = {
    f"{_PREFIX}protocolVersion": _VERSION,
    f"{_PREFIX}clientCapabilities": {},
    f"{_PREFIX}clientInfo": {"name": "probe", "version": "1"},
}
_ADDRESS: Final = "http://127.0.0.1:8000"


async def _call(_: object, params: CallToolRequestParams) -> CallToolResult:
    """Answer with the arguments, or fail as they say."""
    arguments = params.arguments or {}
    if "code" in arguments:
        raise MCPError(arguments["code"], "Refused: ünd", arguments.get("data"))
    if "crash" in arguments:
        raise RuntimeError
    text = TextContent(type="text", text=json.dumps(arguments))
    return CallToolResult(content=[text], structured_content=arguments, is_error="error" in arguments)


async def _list(*_: object) -> ListToolsResult:
    return ListToolsResult(tools=[Tool(name="say", description="Sagt's: ü ☃", input_schema={"type": "object"})])


def _transport_of_ours(server: Server[Any]) -> tuple[Transport, ASGIApp]:
    transport = Transport(server)

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        body = await Request(scope, receive).body()
        await transport.serve(scope, body, receive, send, lambda: None, as_event=False)

    return transport, serve


@pytest.fixture
async def both() -> AsyncIterator[tuple[httpx2.AsyncClient, httpx2.AsyncClient]]:
    """Clients of one server: over our transport, and over the SDK's."""
    server = Server("probe", on_call_tool=_call, on_list_tools=_list)
    ours, ours_app = _transport_of_ours(server)
    theirs = StreamableHTTPSessionManager(server, json_response=True, stateless=True)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(ours.run())
        await stack.enter_async_context(theirs.run())
        clients = [
            await stack.enter_async_context(
                httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url=_ADDRESS)
            )
            for app in (ours_app, theirs.handle_request)
        ]
        yield clients[0], clients[1]


def _headers(method: str, name: str | None) -> dict[str, str]:
    named = {} if name is None else {"mcp-name": name}
    return {
        "accept": "application/json, text/event-stream",
        "content-type": "application/json",
        "mcp-protocol-version": _VERSION,
        "mcp-method": method,
    } | named


def _request(method: str, params: dict[str, Any], request_id: Any = 1, meta: Any = _META) -> bytes:
    envelope = {"jsonrpc": "2.0", "id": request_id, "method": method, "params": {**params, "_meta": meta}}
    return json.dumps(envelope).encode()


def _said(arguments: dict[str, Any], request_id: Any = 1, meta: Any = _META) -> bytes:
    return _request("tools/call", {"name": "say", "arguments": arguments}, request_id, meta)


async def _answered(returned: CallToolResult | dict[str, Any], headers: dict[str, str], body: bytes) -> bytes:
    """What the SDK's server and transport send for a result."""

    async def call(*_: object) -> CallToolResult | dict[str, Any]:
        return returned

    server = Server("probe")
    server.add_request_handler("tools/call", CallToolRequestParams, call)
    sessions = StreamableHTTPSessionManager(server, json_response=True, stateless=True)
    transport = httpx2.ASGITransport(app=sessions.handle_request)
    async with sessions.run(), httpx2.AsyncClient(transport=transport, base_url=_ADDRESS) as client:
        answer = await client.post("/mcp", content=body, headers=headers)
    assert answer.status_code == 200, answer.content
    return answer.content


async def _answers(
    both: tuple[httpx2.AsyncClient, httpx2.AsyncClient], body: bytes, headers: dict[str, str]
) -> list[tuple[int, dict[str, str], bytes]]:
    found = [await client.post("/mcp", content=body, headers=headers) for client in both]
    return [(one.status_code, dict(one.headers), one.content) for one in found]


@pytest.mark.requirement("MC2")
@each(
    "body",
    [
        _said({"text": "plain"}),
        _said({"text": 'Ünï ☃ 😀 \x00\x1f\x7f\u2028 "\\/'}),
        _said({"number": 1.5, "large": 2**63, "nothing": None, "rows": [{"a": []}, {}]}),
        _said({"error": True}),
        *(_said({"code": code, "data": {"a": None}}) for code in (-32602, -32601, -32600, -32603, -32021, -1)),
        _said({"code": -32602}),
        _said({"crash": True}),
        *(_said({}, request_id) for request_id in (0, -1, 2**70, "", "ü", "\x7f", "\ud800", True, 1.0, 1.5, None, [1])),
        *(_said({}, meta=meta) for meta in ({}, None, 5, _META | {"progressToken": 1}, _META | {"progressToken": []})),
        _said({}, meta=_META | {f"{_PREFIX}clientCapabilities": 5}),
        _request("tools/call", {"name": "say", "arguments": 5}),
        _request("tools/call", {"arguments": {}}),
        b"",
        b"{",
        b"[" * 100_000,
        b"[]",
        b'{"jsonrpc":"2.0","id":1,"result":{}}',
        b'{"jsonrpc":"2.0","method":"notifications/cancelled"}',
    ],
)
async def test_a_call_is_answered_as_the_sdk_answers_it(
    both: tuple[httpx2.AsyncClient, httpx2.AsyncClient], body: bytes
) -> None:
    ours, theirs = await _answers(both, body, _headers("tools/call", "say"))

    assert ours == theirs


@pytest.mark.requirement("MC2")
@each("method", ["tools/list", "server/discover", "prompts/list", "ping", "initialize", "no/such"])
async def test_any_method_is_answered_as_the_sdk_answers_it(
    both: tuple[httpx2.AsyncClient, httpx2.AsyncClient], method: str
) -> None:
    ours, theirs = await _answers(both, _request(method, {}), _headers(method, None))

    assert ours == theirs


@pytest.mark.requirement("MC2")
@each(
    "header",
    [
        {"mcp-protocol-version": "2025-11-25"},
        {"mcp-protocol-version": "2099-01-01"},
        {"mcp-method": "tools/list"},
        {"mcp-name": "other"},
        {"mcp-name": "=?base64?c2F5?="},
        {"mcp-name": "=?base64?!?="},
        {"mcp-param-text": "other"},
    ],
)
async def test_headers_that_say_something_else_are_refused_as_by_the_sdk(
    both: tuple[httpx2.AsyncClient, httpx2.AsyncClient], header: dict[str, str]
) -> None:
    ours, theirs = await _answers(both, _said({"text": "a"}), _headers("tools/call", "say") | header)

    assert ours == theirs


@pytest.mark.requirement("MC2")
@each(
    "result",
    [
        tool_results.payload({"rows": [{"a": None, "n": 1.5}, None], "large": 2**63, "text": "ü\x7f", "nothing": None}),
        tool_results.payload({}),
        tool_results.crash(),
    ],
)
async def test_a_result_as_it_is_on_the_wire_is_sent_as_the_model_is(result: CallToolResult) -> None:
    older = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "say", "arguments": {}}}
    headers = _headers("tools/call", "say")
    for more, body in (({}, _said({})), ({"mcp-protocol-version": "2025-11-25"}, json.dumps(older).encode())):
        of_model = await _answered(result, headers | more, body)
        assert await _answered(tool_results.on_the_wire(result), headers | more, body) == of_model
