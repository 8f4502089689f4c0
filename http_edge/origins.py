"""Let pages of other origins in (CORS), where the configuration names them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

_SENT: Final = (
    *("Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match", "X-Request-Id", "Dry-Run"),
    *("Proposal-Reason", "Last-Event-ID", "Mcp-Protocol-Version", "Mcp-Method", "Mcp-Name"),
    *("Prefer", "traceparent", "tracestate", "baggage"),  # which a page's tracing adds to every request (W3C)
    *("b3", "X-B3-TraceId", "X-B3-SpanId", "X-B3-ParentSpanId", "X-B3-Sampled", "X-B3-Flags"),  # as do others: Zipkin,
    *("sentry-trace", "newrelic", "uber-trace-id", "elastic-apm-traceparent"),  # Sentry, New Relic, Jaeger, Elastic,
    *("x-datadog-trace-id", "x-datadog-parent-id", "x-datadog-origin", "x-datadog-sampling-priority"),  # Datadog,
    *("X-Amzn-Trace-Id", "X-Cloud-Trace-Context", "Request-Id", "Request-Context"),  # AWS, Google, Application Insights
    *("Cache-Control", "Pragma", "X-Requested-With"),  # which libraries send
)
"""Headers that a page of an allowed origin may send. Those that mean nothing here are let in because the whole request
would fail otherwise, and whoever adds them is often no part of the page."""
_READ: Final = (
    *("ETag", "Location", "Change-Id", "Idempotent-Replayed", "Dry-Run", "Retry-After", "X-Request-Id", "Link"),
    *("RateLimit", "RateLimit-Policy", "WWW-Authenticate", "Proposal-Id", "Proposal-Expires", "Content-Disposition"),
)
"""Headers that it may read."""
_LABEL: Final = "[a-z0-9-]+"


class Origins:
    """The origins of a configuration: `https://*.preview.example.com` is each one below that host."""

    def __init__(self, names: Sequence[str] = ()) -> None:
        """Take the names, which `Settings` has checked."""
        self.exact: Final = tuple(name for name in names if "*" not in name)
        wild = [re.escape(name).replace(r"\*", _LABEL) for name in names if "*" in name]
        self.pattern: Final = "|".join(wild) or None
        """A regular expression that the whole of an origin has to match, for those with a wildcard."""

    def __bool__(self) -> bool:
        return bool(self.exact or self.pattern)

    def __contains__(self, origin: str) -> bool:
        """Return whether pages of an origin may call."""
        return origin in self.exact or (self.pattern is not None and re.fullmatch(self.pattern, origin) is not None)


def let_in(origins: Origins, app: ASGIApp) -> ASGIApp:
    """Wrap `app`, so that pages of these origins may call it and nobody else's may read an answer."""
    return CORSMiddleware(
        app,
        allow_origins=origins.exact,
        allow_origin_regex=origins.pattern,
        allow_methods=["GET", "HEAD", "POST", "PATCH", "DELETE"],
        allow_headers=_SENT,
        expose_headers=_READ,
        # A page of theirs may call a server on the person's own machine, for which some browsers ask
        # (Access-Control-Request-Private-Network).
        allow_private_network=True,
        # No cookie means anything here, so no browser need send one (`allow_credentials` stays off).
        max_age=600,
    )


def readable_by(origin: str) -> dict[str, str]:
    """Return the headers by which a page of an allowed origin may read an answer that passes no layer of ours."""
    return {"access-control-allow-origin": origin, "access-control-expose-headers": ", ".join(_READ), "vary": "Origin"}
