"""Read the body of a request, up to a size that is the same for both faces."""

from __future__ import annotations

from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request

from http_edge.entrance import Entrance
from http_edge.exchange import BYTES_OF_ONE, Exchange
from http_edge.problems import CodedBody, FileRefused

MAX_BODY_BYTES: Final = 256 * 1024
"""Most bytes of a body that is JSON."""
MOST_OF_A_FILE: Final = 5 * 1024 * 1024
"""Most bytes of a body that is a file, its multipart framing included."""
_SHARE_OF_A_FILE: Final = 8
"""For how many requests the body of a file counts while it is on its way: a person has eight files on their way."""
_WEIGHED: Final = 50
"""The most that reading a file costs of the rate limit, however large it is: as much as the largest batch."""


async def read_file(request: Request) -> bytes:
    """Return the whole body of a request that sends a file, up to `MOST_OF_A_FILE`.

    Raises:
        CodedBody, FileRefused, TooManyRequests, ClientDisconnect: As `read_body`.
    """
    _require_plain(request)
    exchange, entrance, received = Exchange.of(request.scope), _entrance_of(request), bytearray()
    async with entrance.until_body_is_here(exchange, _SHARE_OF_A_FILE):
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
    codings = Exchange.of(request.scope).fields.lines(b"content-encoding")
    if any(coding.strip().lower() != b"identity" for coding in codings):
        raise CodedBody


async def read_body(request: Request) -> bytes:
    """Return the whole body of a request whose caller is known.

    The bytes read count for the rate limit (`Exchange.weigh`), also if the body is refused or breaks off. The request
    has no place inside until its body is here. A large body then waits for its turn, for parsing it is long work.

    Raises:
        CodedBody: It is compressed (415).
        HTTPException: It is larger than `MAX_BODY_BYTES` (413).
        ClientDisconnect: The client went before the body was complete.
        TooManyRequests: As `Entrance.until_body_is_here` and `Entrance.bring`.
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
