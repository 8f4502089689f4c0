"""Make and open cursors: where a page ended, opaque to clients and signed.

A cursor holds the sort key and the id of the page's last row (keyset pagination). Its signature (keyed BLAKE2b,
RFC 7693) is over these and the filter of the list: a cursor that was changed, or is used with another filter, is
refused instead of giving a wrong page.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import Any

import orjson

from todo_core.errors import FieldError, InvalidInput

_SIGNATURE_BYTES = 12
"""Bytes of a signature."""
_NOT_OURS = "is not a cursor of this list; leave it out for the first page, and keep the filters the same"


class Cursors:
    """Makes and opens cursors with the key that all processes of an installation share."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        """Take the key, at most 64 bytes."""
        self._key = key

    def make(self, place: list[Any], scope: str) -> str:
        """Return the cursor for the page after a row.

        Args:
            place: The row's sort key and id.
            scope: The list, with its filter and order, of which it is a page.
        """
        body = orjson.dumps(place)
        return base64.urlsafe_b64encode(self._signature(body, scope) + body).rstrip(b"=").decode()

    def open(self, cursor: str, scope: str) -> list[Any]:
        """Return the place from which `make` made the cursor.

        Raises:
            InvalidInput: The cursor was changed, or belongs to another list, filter or order.
        """
        try:
            raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raw = b""
        signature, body = raw[:_SIGNATURE_BYTES], raw[_SIGNATURE_BYTES:]
        if (
            not hmac.compare_digest(signature, self._signature(body, scope))
            or self.make(orjson.loads(body), scope) != cursor
        ):
            raise InvalidInput(errors=[FieldError("cursor", _NOT_OURS)])
        place: list[Any] = orjson.loads(body)
        return place

    def _signature(self, body: bytes, scope: str) -> bytes:
        signed = scope.encode() + b"\x00" + body
        return hashlib.blake2b(signed, key=self._key, digest_size=_SIGNATURE_BYTES).digest()
