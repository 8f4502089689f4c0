"""Read headers of which a request may have one each: what is sent twice, proxies and servers read differently."""

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


def require_single(headers: Headers) -> None:
    """Refuse a request that has one of these headers twice, whatever they say.

    `If-Match` is a list, too; but a condition that comes in pieces is one of which somebody may see a part.

    Raises:
        InvalidInput: It names each of them.
    """
    names = [name for name, _ in headers]
    if len({*names}) == len(names):
        return
    repeated = sorted(name for name, count in Counter(names).items() if count > 1 and name in _SINGLE)
    if repeated:
        raise InvalidInput(
            errors=[FieldError(name.decode(), "must not be sent more than once", code="repeated") for name in repeated]
        )


def only(headers: Headers, name: bytes) -> bytes | None:
    """Return the value of a header; None if it is not there, or is there twice."""
    values = [value for other, value in headers if other == name]
    return values[0] if len(values) == 1 else None
