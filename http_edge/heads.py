"""Read the head of a request as RFC 9112 has it, where uvicorn's parser takes more or other things."""

from __future__ import annotations

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

from http_edge import problems

_ABSOLUTE: Final = re.compile(rb"https?://([^/?#]+)(.*)", re.IGNORECASE | re.DOTALL)
_CHUNKED: Final = b"chunked"
_ORIGIN: Final = re.compile(rb"\r?\n(origin):[ \t]*([^\r\n]*?)[ \t]*(?=\r?\n)", re.IGNORECASE)


def origin_form(target: bytes, method: bytes, host: bytes | None) -> bytes | None:
    """Return the target of a request as a path and a query; None if it is for a proxy, or names another host than Host.

    A server takes the absolute form, too, and ignores Host then (RFC 9112 §3.2.2). Whoever looks at Host before us does
    not, so both must say the same, as the RFC asks of clients.

    Args:
        target: As it was received.
        method: The method: `*` is for OPTIONS alone (RFC 9112 §3.2.4).
        host: The value of Host, if there is one.
    """
    if target.startswith(b"/") or (target == b"*" and method == b"OPTIONS"):
        return target
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None or host is None or absolute[1].lower() != host.lower():
        return None
    rest = absolute[2]
    return rest if rest.startswith(b"/") else b"/" + rest


def problem_of_codings(values: Sequence[bytes], version: str) -> dict[str, Any] | None:
    """Return what is wrong with the Transfer-Encoding of a request; None if it is chunked, once (RFC 9112 §6.1).

    Args:
        values: Those of each such header; none is fine.
        version: Of HTTP. 1.0 has no such header, and a proxy of that age reads another end of the body.
    """
    codings = [coding.strip(b" \t").lower() for value in values for coding in value.split(b",")]
    if not codings or (codings == [_CHUNKED] and version == "1.1"):
        return None
    *others, last = codings
    if version == "1.1" and last == _CHUNKED and _CHUNKED not in others and all(others):
        return problems.of_status(HTTPStatus.NOT_IMPLEMENTED)  # its end is certain, its content is not
    return problems.MALFORMED_REQUEST


def origins_in(head: bytes) -> list[tuple[bytes, bytes]]:
    """Return the headers Origin in a part of a head that nobody parses any more."""
    return [(name.lower(), value) for name, value in _ORIGIN.findall(head)]
