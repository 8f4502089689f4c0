"""Answer with what is the same for everybody: bytes that are made once, however often a stranger asks for them."""

from __future__ import annotations

import gzip

from starlette.requests import Request
from starlette.responses import Response

from http_edge.entity_tags import matches, of_bytes
from http_edge.negotiation import takes_gzip
from http_edge.repeated import Fields


class Document:
    """Bytes with an entity tag (RFC 9110 §8.8.3)."""

    def __init__(self, body: bytes, media_type: str, headers: dict[str, str] | None = None) -> None:
        """Keep what every answer has.

        Args:
            body: The bytes.
            media_type: Their media type.
            headers: More headers.
        """
        tag = of_bytes(body)
        # Nearly all clients take it so: what the others get is not kept beside it, in the memory of each worker.
        self._compressed = gzip.compress(body, mtime=0)
        self._media_type = media_type
        self._headers = {"ETag": tag} | (headers or {})

    async def answer(self, request: Request) -> Response:
        """Return the document, or 304 if the client has it already."""
        if matches(", ".join(request.headers.getlist("if-none-match")), self._headers["ETag"]):
            return Response(status_code=304, headers=self._headers)
        if not takes_gzip(Fields(request.scope["headers"])):
            return Response(gzip.decompress(self._compressed), headers=self._headers, media_type=self._media_type)
        headers = self._headers | {"Content-Encoding": "gzip"}
        return Response(self._compressed, headers=headers, media_type=self._media_type)
