"""Look up the headers of a request, which may have some once only: what is sent twice, others read differently."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from todo_core.errors import FieldError, InvalidInput

Headers = Sequence[tuple[bytes, bytes]]
"""Those of an ASGI scope, with names in lower case."""

_SINGLE: Final = frozenset(
    {
        *(b"content-type", b"dry-run", b"idempotency-key", b"if-match", b"origin", b"proposal-reason"),
        *(b"last-event-id", b"mcp-method", b"mcp-name", b"mcp-protocol-version", b"mcp-session-id"),
    }
)
"""Headers that decide what is done. `Authorization` and `Host` have refusals of their own; of `Content-Length` and
`Transfer-Encoding` see `http_edge.heads`. Lists, such as `Accept`, go on in the next header (RFC 9110 §5.3)."""


class Fields:
    """The headers of one request by name, so that each layer need not look through all of them."""

    __slots__ = ("_all", "_by_name", "_has_repeated")

    def __init__(self, headers: Headers) -> None:
        self._all = headers
        self._by_name = dict(headers)
        self._has_repeated = len(self._by_name) < len(headers)

    def only(self, name: bytes) -> bytes | None:
        """Return the value of a header; None if it is not there, or is there twice."""
        return only(self._all, name) if self._has_repeated else self._by_name.get(name)

    def lines(self, name: bytes) -> list[bytes]:
        """Return the values of a header, one for each time that it is there."""
        if self._has_repeated:
            return [value for other, value in self._all if other == name]
        return [self._by_name[name]] if name in self._by_name else []

    def those_of(self, names: frozenset[bytes]) -> frozenset[bytes]:
        """Return which of some headers the request has."""
        return names.intersection(self._by_name)

    def require_single(self) -> None:
        """Refuse a request that has a header twice that it may have once; see `require_single`."""
        if self._has_repeated:
            require_single(self._all)


def require_single(headers: Headers) -> None:
    """Refuse a request that has one of these headers twice, whatever they say.

    `If-Match` is a list, too; but a condition that comes in pieces is one of which somebody may see a part.

    Raises:
        InvalidInput: It names each of them.
    """
    counts = Counter(name for name, _ in headers)
    repeated = sorted(name for name, count in counts.items() if count > 1 and name in _SINGLE)
    if repeated:
        raise InvalidInput(
            errors=[FieldError(name.decode(), "must not be sent more than once", code="repeated") for name in repeated]
        )


def only(headers: Headers, name: bytes) -> bytes | None:
    """Return the value of a header; None if it is not there, or is there twice."""
    values = [value for other, value in headers if other == name]
    return values[0] if len(values) == 1 else None
