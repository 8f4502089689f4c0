"""Read the body of a request, up to a size that is the same for both faces."""

from __future__ import annotations

from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request

from http_edge.entrance import Entrance
from http_edge.exchange import BYTES_OF_ONE, Exchange
from http_edge.problems import CodedBody, FileRefused

MAX_BODY_BYTES: Final = 256 * 1024


MOST_OF_A_FILE: Final = 5 * 1024 * 1024
"""Bytes of a body that is a file, with what is around it."""
_WEIGHED: Final = 50
"""What reading a file costs at most, however large it is: as much as the largest batch."""


async def read_file(request: Request) -> bytes:
    """Return the whole body of a request that sends a file, up to `MOST_OF_A_FILE`.

    Raises:
        CodedBody, FileRefused, TooManyRequests, ClientDisconnect: As `read_body`.
    """
    _require_plain(request)
    exchange, entrance, received = Exchange.of(request.scope), _entrance_of(request), bytearray()
    async with entrance.until_body_is_here(exchange):
        async for chunk in request.stream():
            received += chunk
            exchange.body_size = min(len(received), _WEIGHED * BYTES_OF_ONE)
            if len(received) > MOST_OF_A_FILE:
                raise FileRefused(413, "The file is larger than 5 MiB.", "Split it, or use `todo-mcp import`.")
    return bytes(received)


def _entrance_of(request: Request) -> Entrance:
    entrance: Entrance = request.app.state.entrance
    return entrance


def _require_plain(request: Request) -> None:
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise CodedBody


async def read_body(request: Request) -> bytes:
    """Return the whole body. What was read of it costs (`Exchange.weigh`), also where it is refused or never ends.

    It is for a request whose caller is known. It has no place inside until its body is here; a large one then waits for
    its turn, for to parse it is long work.

    Raises:
        CodedBody: It is compressed (415).
        HTTPException: It is larger than `MAX_BODY_BYTES` (413).
        TooManyRequests: As `Entrance.until_body_is_here`, and `Entrance.bring`.
        ClientDisconnect: The client went before it was here.
    """
    _require_plain(request)
    exchange, entrance, received = Exchange.of(request.scope), _entrance_of(request), bytearray()
    async with entrance.until_body_is_here(exchange):
        async for chunk in request.stream():
            received += chunk
            exchange.body_size = len(received)
            if len(received) > MAX_BODY_BYTES:
                raise HTTPException(413)
    await entrance.bring(exchange)
    return bytes(received)
