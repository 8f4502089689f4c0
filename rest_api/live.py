"""Send changes to those who follow them: as server-sent events, or as the answer to a request that waits.

The events are those of https://html.spec.whatwg.org/multipage/server-sent-events.html.
FastAPI's own events leave their generator unfinished when a client goes in the middle of a send, and sse-starlette ends
streams without an end of the body when the server stops (docs/decisions/0051-live.md has what was tried).
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from time import perf_counter
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from http_edge.entrance import Entrance
from http_edge.exchange import Exchange
from todo_core.boundary.caller import Caller
from todo_core.errors import TodoError
from todo_core.operations import events
from todo_core.upkeep.live.follower import Follower, OverError
from todo_core.upkeep.live.view import Form

EVENTS: Final = "text/event-stream"
BEAT: Final = 12.0
"""Seconds of silence after which a comment is sent: proxies and clients take a silent connection for a dead one."""
COMES_BACK: Final = (2_000, 5_000)
"""Milliseconds after which a client is asked to come back, at random: all lose their stream when a server stops."""

_COMMENT: Final = b":\n\n"


def _framed(change: dict[str, Any]) -> bytes:
    """Return a change as an event, made once for everybody who follows it. JSON has no line break in it."""
    return b"id: %d\nevent: change\ndata: %s\n\n" % (change["id"], orjson.dumps(change))


AS_EVENT: Final[Form[bytes]] = Form(rows=False, make=_framed)


class EventStream(Response):
    """Events until the client goes, or nothing more is told. It ends with a regular end of the body."""

    media_type = EVENTS

    def __init__(self, follow: Callable[[], AbstractContextManager[Follower[bytes]]]) -> None:
        """Send nothing yet.

        Args:
            follow: Begins to follow, in the form `AS_EVENT`.
        """
        self.status_code = 200
        self.background = None
        # Nobody keeps any of it, and proxies pass on each event at once (nginx asks for the last).
        self.init_headers({"cache-control": "no-store", "x-accel-buffering": "no"})
        self._follow = follow

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events.

        Raises:
            Unavailable: There is no place for another stream. Nothing was sent yet.
        """
        with self._follow() as follower:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            if not Exchange.of(scope).is_head:
                gone = asyncio.create_task(_end_with_client(receive, follower))
                try:
                    await self._send(follower, send)
                finally:
                    gone.cancel()
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send(self, follower: Follower[bytes], send: Send) -> None:
        """Send where the client stands, then the events, until nothing more is told."""
        # An id without data is no event, but where a client is that loses its stream before the first one.
        piece = b"retry: %d\nid: %d\n\n" % (random.randint(*COMES_BACK), follower.cursor)  # noqa: S311  # no secret
        while True:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            try:
                told = await follower.next(BEAT)
            except OverError:
                return
            except TodoError as error:  # whoever comes back after a while is told by a status
                wait = 1000 * (error.retry_after or 1)
                await send({"type": "http.response.body", "body": b"retry: %d\n\n" % wait, "more_body": True})
                return
            piece = b"".join(event.told for event in told) or _COMMENT


async def wait_for_change(request: Request, caller: Caller, since: int, seconds: int) -> int:
    """Return after which change to read on, once something follows it, after so many seconds, or when the client has
    gone: `since`, or the newest change where that is beyond it.

    Args:
        request: The request, whose body is read or empty.
        caller: Who waits.
        since: The change.
        seconds: How long at most.

    Raises:
        Unavailable: There is no place to wait.
        TodoError: Whatever `events.follow` refuses.
    """
    position = await caller.perform(events.follow, since)
    if position.since < position.newest:
        return position.since
    began, exchange = perf_counter(), Exchange.of(request.scope)
    with caller.core.live.following(caller, position, AS_EVENT) as follower:
        entrance: Entrance = request.app.state.entrance
        entrance.go(exchange)
        gone = asyncio.create_task(_end_with_client(request.receive, follower))
        try:
            with suppress(OverError):
                await follower.next(seconds)
        finally:
            gone.cancel()
            exchange.waited += perf_counter() - began
    return position.since


async def _end_with_client(receive: Receive, follower: Follower[bytes]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    follower.end()
