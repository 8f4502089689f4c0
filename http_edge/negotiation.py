"""Let a request's Accept headers decide on the media type of the answer (RFC 9110 §12.5.1)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from starlette.exceptions import HTTPException

_ZERO: Final = re.compile(r"q=0(?:\.0*)?", re.ASCII)


def require_acceptable(given: list[bytes], offered: Sequence[str]) -> None:
    """Refuse an answer that the client accepts in none of its media types: for each, the most specific range decides.

    Args:
        given: The values of the Accept headers.
        offered: The media types that the answer may have; the first is the usual one.

    Raises:
        HTTPException: It accepts none of them (406).
    """
    if not any(given) or given in ([b"*/*"], [offered[0].encode()]):
        return
    accept = b",".join(given).decode("latin1")
    allowed: dict[str, bool] = {}
    for part in accept.split(","):
        kind, *options = (option.strip().lower() for option in part.split(";"))
        allowed[kind] = not any(_ZERO.fullmatch(option) for option in options)
    for media_type in offered:
        ranges = (media_type, f"{media_type.partition('/')[0]}/*", "*/*")
        if next((allowed[kind] for kind in ranges if kind in allowed), False):
            return
    raise HTTPException(406)
