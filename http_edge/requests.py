"""The outermost layer: what is true of every answer, whoever gives it."""

from __future__ import annotations

import itertools
import os
import re
import time
from collections.abc import Iterable
from typing import Final

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from http_edge.exchange import Exchange
from http_edge.repeated import only
from todo_core.settings import Settings

HEADER: Final = b"x-request-id"
SLOW_SECONDS: Final = 1.0
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
"""What a person's todos are is nobody else's to keep, and is asked anew each time (RFC 9111 §5.2.2)."""
_PROCESS: Final = os.urandom(8).hex().encode()
_count = itertools.count()
_log = structlog.get_logger("http_edge.requests")


class RequestContext:
    """Gives every answer its request id, its security headers, and what is left of the caller's rate limit.

    It takes the caller's `X-Request-Id` if it is a plain one, or makes one. A request to `/api/…` goes on as one to
    `/api/v1/…`. A request that failed or was slow is logged at its end; every request is at level debug, because an
    access log costs a tenth of the throughput. What counts is the time until the answer begins: a stream lasts as long
    as its client wants.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        """Wrap an application.

        Args:
            app: The application.
            settings: Whether it is served over https, and what to log.
        """
        self._app = app
        self._debug = settings.log_level == "debug"
        is_public = settings.public_url is not None and settings.public_url.startswith("https://")
        everywhere = [*_SECURITY, *(_HTTPS if is_public else [])]
        self._headers = [*everywhere, _LOADS_NOTHING]
        self._page = [*everywhere, _PAGE]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = only(scope["headers"], HEADER) or b""
        request_id = given if _SAFE.fullmatch(given) else b"%s%016x" % (_PROCESS, next(_count))
        status, seconds = 0, 0.0
        exchange = Exchange.begin(scope)

        async def tagged(message: Message) -> None:
            nonlocal status, seconds
            if message["type"] == "http.response.start":
                seconds = time.perf_counter() - began - exchange.waited
                status = int(message["status"])
                message["headers"] = self._dressed(message["headers"], path_below(scope), exchange)
                message["headers"].append((HEADER, request_id))
            elif is_head:
                message = {**message, "body": b""}
            await send(message)

        routed = _with_version(scope)
        is_head = exchange.is_head = scope["method"] == "HEAD"
        if is_head:  # as GET, without the body (RFC 9110 §9.3.2)
            routed = {**routed, "method": "GET"}
        began = time.perf_counter()
        structlog.contextvars.bind_contextvars(request_id=request_id.decode())  # a request has a context of its own
        await self._app(routed, receive, tagged)
        if self._debug or status >= 500 or seconds > SLOW_SECONDS:
            log = _log.warning if status >= 500 or seconds > SLOW_SECONDS else _log.debug
            route = getattr(routed.get("route"), "path", None)  # the path itself is the caller's, and may say anything
            log("request", method=scope["method"], route=route, status=status, ms=round(seconds * 1000))

    def _dressed(self, headers: Iterable[Header], path: str, exchange: Exchange) -> list[Header]:
        """Return the answer's headers, and those that every answer has."""
        dressed = [*headers, *(self._page if path == _DOCS else self._headers)]
        for name, _ in headers:
            if name == b"cache-control":
                break
        else:
            dressed.append(_PRIVATE)
        return dressed + exchange.headers()


def _with_version(scope: Scope) -> Scope:
    """Return a request to `/api/…` as the same request to `/api/v1/…`, the current version, and any other as it is.

    `raw_path` stays what was received, as ASGI has it.
    """
    path = path_below(scope)
    if not path.startswith("/api/") or path.startswith("/api/v1/"):
        return scope
    root = scope["path"].removesuffix(path)
    return {**scope, "path": f"{root}/api/v1/{path.removeprefix('/api/')}"}


def path_below(scope: Scope) -> str:
    """Return the path of a request below the prefix under which we are served (`root_path`), if there is one."""
    path: str = scope["path"]
    root = scope.get("root_path", "")
    return path[len(root) :] if root and path.startswith(f"{root}/") else path
