"""Every request has an id: in its log lines, and in the answer."""

from __future__ import annotations

import re
import time
from typing import Final
from uuid import uuid4

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER: Final = b"x-request-id"
SLOW_SECONDS: Final = 1.0
_SAFE: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_log = structlog.get_logger("todo_app.requests")


class RequestContext:
    """Takes the caller's `X-Request-Id` if it is a plain one, or makes one.

    A request that failed or was slow is logged at its end; every request is at level debug,
    because an access log costs a tenth of the throughput.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = next((value for name, value in scope["headers"] if name == HEADER), b"")
        request_id = given.decode() if _SAFE.fullmatch(given) else uuid4().hex
        status = 500

        async def tagged(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
                message["headers"] = [*message["headers"], (HEADER, request_id.encode())]
            await send(message)

        began = time.perf_counter()
        structlog.contextvars.bind_contextvars(request_id=request_id)  # a request has a context of its own
        try:
            await self._app(scope, receive, tagged)
        finally:
            seconds = time.perf_counter() - began
            log = _log.warning if status >= 500 or seconds > SLOW_SECONDS else _log.debug
            log("request", method=scope["method"], path=scope["path"], status=status, ms=round(seconds * 1000))
