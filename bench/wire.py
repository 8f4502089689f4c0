"""The requests of each case, as the bytes that go over the wire.

Requests go round the users, so that no two of those in flight are one user's.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import jwt
from mcp_types import CLIENT_CAPABILITIES_META_KEY, CLIENT_INFO_META_KEY, PROTOCOL_VERSION_META_KEY

from bench import keys
from bench.database import Actor
from bench.plan import AUDIENCE, ISSUER, JWT_SECRET

PROTOCOL: Final = "2026-07-28"


@dataclass(frozen=True, slots=True)
class Request:
    """A REST request, whoever sends it to whom."""

    method: str
    path: str
    body: Any = None
    rows: int | None = None
    """How many must be on the page that answers it."""


Identify = Callable[[Actor], str]
"""The header line that says who is calling."""


def by_number(actor: Actor) -> str:
    """No login at all: the floor believes it."""
    return f"X-User: {actor.user_id}"


def by_token(actor: Actor) -> str:
    """An API token."""
    return f"Authorization: Bearer {actor.token}"


def by_secret(actor: Actor) -> str:
    """An HS256 JWT, good for a day: what the tutorial checks."""
    return f"Authorization: Bearer {jwt.encode(_claims(actor.user_id), JWT_SECRET, 'HS256')}"


def by_jwt(actor: Actor) -> str:
    """An EdDSA JWT, as Better Auth's are, good for a day."""
    return by_jwt_of(actor.user_id)


def by_jwt_of(user_id: int) -> str:
    """The same for a user of whom no more is known."""
    return f"Authorization: Bearer {keys.sign(_claims(user_id))}"


def _claims(user_id: int) -> dict[str, Any]:
    return {"iss": ISSUER, "aud": AUDIENCE, "sub": str(user_id), "exp": int(time.time()) + 86_400}


def http(method: str, path: str, port: int, headers: Sequence[str], body: Any = None) -> bytes:
    """One HTTP/1.1 request."""
    content = b"" if body is None else json.dumps(body, separators=(",", ":")).encode()
    lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", *headers]
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
    return "\r\n".join([*lines, "", ""]).encode() + content


def rest(asked: Sequence[tuple[Actor, Request]], port: int, identify: Identify) -> list[bytes]:
    """REST requests, each by its user."""
    who = {actor.user_id: identify(actor) for actor, _ in asked}
    return [http(one.method, one.path, port, [who[actor.user_id]], one.body) for actor, one in asked]


def in_turn(actors: Sequence[Actor], asks: Callable[[Actor], Sequence[Request]]) -> list[tuple[Actor, Request]]:
    """Everybody's first request, everybody's second one, and so on; those with fewer begin again."""
    each = [(actor, asks(actor)) for actor in actors]
    turns = max(len(asked) for _, asked in each)
    return [(actor, asked[turn % len(asked)]) for turn in range(turns) for actor, asked in each]


def call(tool: str, arguments: dict[str, Any], port: int, headers: Sequence[str] = ()) -> bytes:
    """One MCP tool call over Streamable HTTP."""
    return mcp("tools/call", {"name": tool, "arguments": arguments}, port, [*headers, f"Mcp-Name: {tool}"])


def mcp(method: str, params: dict[str, Any], port: int, headers: Sequence[str] = ()) -> bytes:
    """One MCP request over Streamable HTTP."""
    meta = {
        PROTOCOL_VERSION_META_KEY: PROTOCOL,
        CLIENT_CAPABILITIES_META_KEY: {},
        CLIENT_INFO_META_KEY: {"name": "bench", "version": "1"},
    }
    lines = [
        f"MCP-Protocol-Version: {PROTOCOL}",
        f"Mcp-Method: {method}",
        "Accept: application/json, text/event-stream",
    ]
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": meta}}
    return http("POST", "/mcp", port, [*headers, *lines], body)


def tool_calls(tool: str, arguments: dict[str, Any], port: int, actors: Sequence[Actor]) -> list[bytes]:
    """The same tool call by each user."""
    return [call(tool, arguments, port, [by_token(actor)]) for actor in actors]
