"""Let a request's Accept headers decide on the media type of the answer (RFC 9110 §12.5.1)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from http_edge.problems import NotAcceptable
from http_edge.repeated import Fields

_WEIGHT: Final = re.compile(r"q=([01](?:\.[0-9]{0,3})?)", re.ASCII)
"""How much a client likes what stands before it (RFC 9110 §12.4.2)."""


def require_acceptable(accept: list[bytes], offered: Sequence[str]) -> None:
    """Refuse an answer that the client accepts in none of its media types.

    Args:
        accept: The values of the Accept headers.
        offered: The media types that the answer may have; the first is the usual one.

    Raises:
        NotAcceptable: It accepts none of them (406).
    """
    accepts_all = not any(accept) or accept in ([b"*/*"], [offered[0].encode()])  # most: they need not be parsed
    if not accepts_all and not _weights_of(offered, accept):
        raise NotAcceptable(offered)


def preferred(accept: list[bytes], offered: Sequence[str]) -> str:
    """Return the media type that the client likes best: the first of several, and the first if it says nothing.

    Args:
        accept: The values of the Accept headers.
        offered: The media types that the answer may have.
    """
    weights = _weights_of(offered, accept) if any(accept) else {}
    return max(weights, key=lambda media_type: weights[media_type]) if weights else offered[0]


def takes_gzip(fields: Fields) -> bool:
    """Return whether the client of a request takes a compressed answer (RFC 9110 §12.5.3)."""
    values = fields.lines(b"accept-encoding")
    return bool(values) and _weights(values).get("gzip", 0.0) > 0


def _weights_of(offered: Sequence[str], accept: list[bytes]) -> dict[str, float]:
    """Return the media types that the client accepts, with their weights: for each, the most specific range decides."""
    weights, accepted = _weights(accept), {}
    for media_type in offered:
        ranges = (media_type, f"{media_type.partition('/')[0]}/*", "*/*")
        if weight := next((weights[name] for name in ranges if name in weights), 0.0):
            accepted[media_type] = weight
    return accepted


def _weights(values: list[bytes]) -> dict[str, float]:
    """Return what the values of an Accept or Accept-Encoding header name, with its weight from 0 (refused) to 1."""
    weights = {}
    for part in b",".join(values).decode("latin1").split(","):
        name, *options = (option.strip().lower() for option in part.split(";"))
        matches = [match for option in options if (match := _WEIGHT.fullmatch(option))]
        weights[name] = float(matches[0][1]) if matches else 1.0
    return weights
