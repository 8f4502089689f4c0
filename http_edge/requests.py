"""The outermost layer: what is true of every answer, whoever gives it."""

from __future__ import annotations

import itertools
import os
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from http_edge.entrance import Entrance
from http_edge.exchange import Exchange
from http_edge.strangers import address_of
from todo_core.log import structlog
from todo_core.settings import Settings

HEADER: Final = b"x-request-id"
HEALTH: Final = frozenset({"/healthz", "/readyz"})
"""Paths for health checks, which may use any `Host` and come as often as they want."""
GONE: Final = 499
"""Stands for the status of a request whose client went before it had an answer."""
_SAFE: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")
Header = tuple[bytes, bytes]

_DOCS: Final = "/docs"
_SECURITY: Final = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-site"),
]
_HTTPS: Final = [(b"strict-transport-security", b"max-age=31536000")]
_LOADS_NOTHING: Final = (b"content-security-policy", b"default-src 'none'; base-uri 'none'; frame-ancestors 'none'")
_PAGE: Final = (
    b"content-security-policy",
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    b" base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
)
"""The page of the API loads its own script and style, and asks its own server."""
_PRIVATE: Final = (b"cache-control", b"private, no-cache")
"""No shared cache may keep an answer, and a browser asks again before it shows its own copy (RFC 9111 §5.2.2)."""
_CODED: Final = b"Accept-Encoding"
"""The header that every answer varies by: large ones are compressed for clients that accept it.

Small answers and 304s say so, too (RFC 9110 §12.5.5, §15.4.5), for which answers are large is known only at the end."""
_DECIDING: Final = frozenset({b"vary", b"cache-control"})
"""Headers by which an answer says what every other is told of itself here."""
_PROCESS: Final = os.urandom(8).hex().encode()
_count = itertools.count()
_METHODS: Final = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
OTHER: Final = "OTHER"


@dataclass(slots=True)
class Answered:
    """A request that was answered, or whose client went."""

    request_id: str
    method: str
    """One of HTTP's, or `OTHER`."""
    route: str | None
    """The template of its address, such as `/api/v1/todos/{todo_id:member}`; None if no route has the address."""
    status: int
    """Of the answer; 499 where the client went before there was one, as nginx has it."""
    seconds: float
    exchange: Exchange

    @property
    def outcome(self) -> int:
        """The status, or that of the refusal inside the result of a tool."""
        return self.exchange.refused_as or self.status


Watcher = Callable[[Answered], None]
"""Is called after each answer. It must not raise."""


class RequestContext:
    """Gives every answer its request id, its security headers, and what is left of the caller's rate limit.

    It takes the caller's `X-Request-Id` if it is a plain one, or makes one. A request to `/api/…` goes on as one to
    `/api/v1/…`. A request gives up its place when its answer begins; an answer to somebody whom nobody knows begins
    when it is its turn. Watchers are told of each request at its end, with the time until its answer began: a stream
    lasts as long as its client wants.
    """

    def __init__(self, app: ASGIApp, settings: Settings, entrance: Entrance, watchers: Sequence[Watcher] = ()) -> None:
        """Wrap an application.

        Args:
            app: The application.
            settings: Whether it is served over https.
            entrance: Where requests come in.
            watchers: Are told of each request that has its answer.
        """
        self._app = app
        self._entrance = entrance
        self._watchers = tuple(watchers)
        is_public = settings.public_url is not None and settings.public_url.startswith("https://")
        everywhere = [*_SECURITY, *(_HTTPS if is_public else [])]
        self._headers = [*everywhere, _LOADS_NOTHING]
        self._page = [*everywhere, _PAGE]
        self._usual = [*self._headers, (b"vary", _CODED), _PRIVATE]
        """What is added to an answer that says neither what it varies by nor who may keep it, as most."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange, path = Exchange.begin(scope), path_below(scope)
        given = exchange.fields.only(HEADER)
        request_id = given if given and _SAFE.fullmatch(given) else b"%s%016x" % (_PROCESS, next(_count))
        seconds: float | None = None
        named = exchange.request_id = request_id.decode()

        async def tagged(message: Message) -> None:
            nonlocal seconds
            if message["type"] == "http.response.start":
                self._entrance.go(exchange)
                stays_open = exchange.is_known or path in HEALTH or await self._until_their_turn(scope, exchange)
                seconds = time.perf_counter() - began - exchange.waited
                exchange.status = int(message["status"])
                headers = message["headers"] = self._dressed(message["headers"], path, exchange)
                headers.append((HEADER, request_id))
                if not stays_open:
                    headers.append((b"connection", b"close"))
            elif is_head:
                message = {**message, "body": b""}
            await send(message)

        routed = _with_version(scope, path)
        is_head = exchange.is_head = scope["method"] == "HEAD"
        if is_head:  # as GET, without the body (RFC 9110 §9.3.2)
            routed = {**routed, "method": "GET"}
        began = time.perf_counter()
        structlog.contextvars.bind_contextvars(request_id=named)  # a request has a context of its own
        try:
            await self._app(routed, receive, tagged)
        except BaseException:
            exchange.status = exchange.status or 500
            raise
        finally:
            self._entrance.go(exchange)
            if self._watchers:
                method = scope["method"] if scope["method"] in _METHODS else OTHER
                seconds = time.perf_counter() - began - exchange.waited if seconds is None else seconds
                answered = Answered(named, method, _route(routed), exchange.status or GONE, seconds, exchange)
                for watcher in self._watchers:
                    watcher(answered)
            exchange.caller = None  # which knows the exchange: else both wait for Python to look for cycles

    async def _until_their_turn(self, scope: Scope, exchange: Exchange) -> bool:
        """Hold an answer back until it is its turn, for nobody knows whom it is for.

        Return False where too many wait already: it leaves at once, and its connection ends.
        """
        came = time.perf_counter()
        has_waited = await self._entrance.refuse(address_of(scope))
        exchange.waited += time.perf_counter() - came
        return has_waited

    def _dressed(self, headers: Sequence[Header], path: str, exchange: Exchange) -> list[Header]:
        """Return the answer's headers, and those that every answer has."""
        names = {name for name, _ in headers}
        if names.isdisjoint(_DECIDING) and path != _DOCS:
            return [*headers, *self._usual, *exchange.headers()]
        dressed, varying, is_private = [], [], True
        for header in headers:
            if header[0] == b"vary":
                varying.append(header[1])
            else:
                dressed.append(header)
                is_private = is_private and header[0] != b"cache-control"
        dressed += self._page if path == _DOCS else self._headers
        dressed.append((b"vary", _varying(varying)))
        if is_private:
            dressed.append(_PRIVATE)
        return dressed + exchange.headers()


def _varying(values: Sequence[bytes]) -> bytes:
    """Return the one value of `Vary` that says what these say, and `_CODED`: some proxies read the first line only."""
    if not values:
        return _CODED
    names = [name.strip() for value in (*values, _CODED) for name in value.split(b",")]
    return b", ".join({name.lower(): name for name in names}.values())


def _route(scope: Scope) -> str | None:
    """Return the template of a request's address. The path itself is the caller's, and may say anything."""
    route: str | None = getattr(scope.get("route"), "path", None)
    return route


def _with_version(scope: Scope, path: str) -> Scope:
    """Return a request to `/api/…` as the same request to `/api/v1/…`, the current version, and any other as it is.

    `raw_path` stays what was received, as ASGI has it.

    Args:
        scope: The request.
        path: Its path, as `path_below` has it.
    """
    if not path.startswith("/api/") or path.startswith("/api/v1/"):
        return scope
    root = scope["path"].removesuffix(path)
    return {**scope, "path": f"{root}/api/v1/{path.removeprefix('/api/')}"}


def path_below(scope: Scope) -> str:
    """Return the path of a request below the prefix under which we are served (`root_path`), if there is one."""
    path: str = scope["path"]
    root = scope.get("root_path", "")
    return path[len(root) :] if root and path.startswith(f"{root}/") else path
