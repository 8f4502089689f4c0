"""Read the body of a request, up to a size that is the same for both faces."""

from __future__ import annotations

from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request

from http_edge.exchange import Exchange
from http_edge.problems import CodedBody

MAX_BODY_BYTES: Final = 256 * 1024


async def read_body(request: Request) -> bytes:
    """Return the whole body. What was read of it costs (`Exchange.weigh`), also where it is refused or never ends.

    Raises:
        CodedBody: It is compressed (415).
        HTTPException: It is larger than `MAX_BODY_BYTES` (413).
        ClientDisconnect: The client went before it was here.
    """
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise CodedBody
    exchange, received = Exchange.of(request.scope), bytearray()
    async for chunk in request.stream():
        received += chunk
        exchange.body_size = len(received)
        if len(received) > MAX_BODY_BYTES:
            raise HTTPException(413)
    return bytes(received)
