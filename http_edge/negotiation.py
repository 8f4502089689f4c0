"""Let a request's Accept headers decide on the media type of the answer (RFC 9110 §12.5.1)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from starlette.types import Scope

from http_edge.problems import NotAcceptable

_WEIGHT: Final = re.compile(r"q=([01](?:\.[0-9]{0,3})?)", re.ASCII)


def require_acceptable(given: list[bytes], offered: Sequence[str]) -> None:
    """Refuse an answer that the client accepts in none of its media types.

    Args:
        given: The values of the Accept headers.
        offered: The media types that the answer may have; the first is the usual one.

    Raises:
        NotAcceptable: It accepts none of them (406).
    """
    if any(given) and given not in ([b"*/*"], [offered[0].encode()]) and not _taken(given, offered):
        raise NotAcceptable(offered)


def preferred(given: list[bytes], offered: Sequence[str]) -> str:
    """Return the media type that the client likes best; the first of several, and where it says nothing."""
    weights = _taken(given, offered) if any(given) else {}
    return max(weights, key=lambda kind: weights[kind]) if weights else offered[0]


def takes_gzip(scope: Scope) -> bool:
    """Return whether the client of a request takes a compressed answer (RFC 9110 §12.5.3)."""
    given = [value for name, value in scope["headers"] if name == b"accept-encoding"]
    return bool(given) and _weights(given).get("gzip", 0.0) > 0


def _taken(given: list[bytes], offered: Sequence[str]) -> dict[str, float]:
    """Return the media types that the client accepts, with their weights: for each, the most specific range decides."""
    weights, taken = _weights(given), {}
    for kind in offered:
        ranges = (kind, f"{kind.partition('/')[0]}/*", "*/*")
        if weight := next((weights[name] for name in ranges if name in weights), 0.0):
            taken[kind] = weight
    return taken


def _weights(given: list[bytes]) -> dict[str, float]:
    """Return what the values of such headers name, with its weight from 0, which refuses it, to 1."""
    weights = {}
    for part in b",".join(given).decode("latin1").split(","):
        kind, *options = (option.strip().lower() for option in part.split(";"))
        found = [weight for option in options if (weight := _WEIGHT.fullmatch(option))]
        weights[kind] = float(found[0][1]) if found else 1.0
    return weights
