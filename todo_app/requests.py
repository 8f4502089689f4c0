"""The outermost layer: every request has an id, in its log lines and in the answer."""

from __future__ import annotations

import itertools
import os
import re
import time
from typing import Final

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rest_api import problems
from todo_core.errors import TodoError

HEADER: Final = b"x-request-id"
SLOW_SECONDS: Final = 1.0
_SAFE: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_DIRECT: Final = ("/api/", "/mcp")
_PROCESS: Final = os.urandom(8).hex().encode()
_count = itertools.count()
_log = structlog.get_logger("todo_app.requests")


class RequestContext:
    """Takes the caller's `X-Request-Id` if it is a plain one, or makes one.

    A request that failed or was slow is logged at its end; every request is at level debug,
    because an access log costs a tenth of the throughput.

    Our own addresses go to the router directly, past the web framework's layers: they exist for what
    no route here uses (generator dependencies, uploads), and cost a tenth of a look-up.
    """

    def __init__(self, app: ASGIApp, router: ASGIApp, *, debug: bool) -> None:
        """Wrap an application.

        Args:
            app: The whole application, with its layers.
            router: What is inside of them.
            debug: Whether every request is logged.
        """
        self._app = app
        self._router = router
        self._debug = debug

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = next((value for name, value in scope["headers"] if name == HEADER), b"")
        request_id = given if _SAFE.fullmatch(given) else b"%s%016x" % (_PROCESS, next(_count))
        status = 0

        async def tagged(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
                message["headers"] = [*message["headers"], (HEADER, request_id)]
            await send(message)

        began = time.perf_counter()
        structlog.contextvars.bind_contextvars(request_id=request_id.decode())  # a request has a context of its own
        try:
            if scope["path"].startswith(_DIRECT):
                await self._route(scope, receive, tagged)
            else:
                await self._app(scope, receive, tagged)
        except Exception as error:
            if status:  # too late for another answer: the server closes the connection
                raise
            await (await problems.crash(Request(scope), error))(scope, receive, tagged)
        seconds = time.perf_counter() - began
        if self._debug or status >= 500 or seconds > SLOW_SECONDS:
            log = _log.warning if status >= 500 or seconds > SLOW_SECONDS else _log.debug
            log("request", method=scope["method"], path=scope["path"], status=status, ms=round(seconds * 1000))

    async def _route(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._router(scope, receive, send)
        except (HTTPException, TodoError) as error:
            await (await problems.refuse(Request(scope), error))(scope, receive, send)
