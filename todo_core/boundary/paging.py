"""Cursors: where a page ended, opaque to clients and sealed against change.

A cursor holds the sort key and the id of the last row (keyset pagination), and a digest of the
filter it belongs to. It is signed (keyed BLAKE2b, RFC 7693), so a changed cursor, or one used with another filter, is
refused in so many words instead of giving a wrong page.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import Any

import orjson

from todo_core.errors import FieldProblem, InvalidInput

_SEAL_BYTES = 12
_NOT_OURS = "is not a cursor of this list; leave it out for the first page, and keep the filters the same"


class Cursors:
    """Makes and opens cursors with one key, which every process of an installation shares."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = key

    def make(self, place: list[Any], scope: str) -> str:
        """Seal `place`, the last row's sort key and id, for the pages of `scope`."""
        body = orjson.dumps(place)
        return base64.urlsafe_b64encode(self._seal(body, scope) + body).rstrip(b"=").decode()

    def open(self, cursor: str, scope: str) -> list[Any]:
        """The place that `make` sealed.

        Raises:
            InvalidInput: The cursor was changed, or belongs to another filter or order.
        """
        try:
            raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raw = b""
        seal, body = raw[:_SEAL_BYTES], raw[_SEAL_BYTES:]
        if not hmac.compare_digest(seal, self._seal(body, scope)) or self.make(orjson.loads(body), scope) != cursor:
            raise InvalidInput(problems=[FieldProblem("cursor", _NOT_OURS)])
        place: list[Any] = orjson.loads(body)
        return place

    def _seal(self, body: bytes, scope: str) -> bytes:
        sealed = scope.encode() + b"\x00" + body
        return hashlib.blake2b(sealed, key=self._key, digest_size=_SEAL_BYTES).digest()
