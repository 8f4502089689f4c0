"""Let pages of other origins in (CORS), where the configuration names them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

_SENT: Final = (
    *("Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match", "X-Request-Id", "Dry-Run"),
    *("Mcp-Protocol-Version", "Mcp-Method", "Mcp-Name"),
)
"""Headers that a page of an allowed origin may send."""
_READ: Final = (
    *("ETag", "Location", "Change-Id", "Idempotent-Replayed", "Dry-Run", "Retry-After", "X-Request-Id"),
    *("RateLimit", "RateLimit-Policy", "WWW-Authenticate"),
)
"""Headers that it may read."""


def let_in(origins: Sequence[str], app: ASGIApp) -> ASGIApp:
    """Wrap `app`, so that pages of these origins may call it and nobody else's may read an answer."""
    return CORSMiddleware(
        app,
        allow_origins=origins,
        allow_methods=["GET", "POST", "PATCH", "DELETE"],
        allow_headers=_SENT,
        expose_headers=_READ,
        # No cookie means anything here, so no browser need send one (`allow_credentials` stays off).
        max_age=600,
    )
