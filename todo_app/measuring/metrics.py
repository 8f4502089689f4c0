"""The metrics: what is counted, under which names and labels.

No label is anything that a caller can choose: routes are templates, tools and methods are those that there are, kinds
are codes of ours. So there are as many series as the program has routes and codes, whatever is sent.

Each process writes its numbers into files of `PROMETHEUS_MULTIPROC_DIR`, from which `exporter` reads; that variable has
to be set before the library is imported, which therefore happens in functions.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import anyio

from http_edge.requests import HEALTH, Answered
from mcp_server.http import PATH as MCP_PATH
from todo_core import __version__
from todo_core.core import Core
from todo_core.hooks import Hooks

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry, Counter, Histogram

SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Upper bounds of the latency histogram. 0.25 is the objective's (`docs/operation/objectives.md`)."""
SAMPLE_SECONDS: Final = 1.0
"""How often the gauges are set."""
_CONVERTOR: Final = re.compile(r":[a-z]+\}")
"""What a template has of Starlette's converters: `{todo_id:member}`."""
_NO_ROUTE: Final = "none"


@dataclass(frozen=True, slots=True)
class Sampled:
    """A gauge that each worker sets now and then; a scrape has the sum of those that live."""

    name: str
    words: str
    read: Callable[[Core], float]


SAMPLED: Final = (
    Sampled(
        "todo_database_connections_in_use",
        "Database connections that requests use.",
        lambda core: core.database.connections.in_use,
    ),
    Sampled(
        "todo_database_connections_idle",
        "Database connections that wait for requests.",
        lambda core: core.database.connections.idle,
    ),
    Sampled(
        "todo_database_connections_max",
        "Database connections that there may be.",
        lambda core: core.database.connections.most,
    ),
    Sampled(
        "todo_database_requests_waiting",
        "Requests that wait for a database connection.",
        lambda core: core.database.connections.waiting,
    ),
    Sampled("todo_followers", "Streams, subscriptions and waiting requests.", lambda core: core.live.followers),
    Sampled("todo_workers", "Processes that serve.", lambda _: 1),
)


class Metrics:
    """The numbers of a process that serves."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        """Count nothing yet.

        Args:
            registry: Where to register; None where files of several processes are read.
        """
        from prometheus_client import Counter, Gauge, Histogram

        def counter(name: str, words: str, *labels: str) -> Counter:
            return Counter(name, words, labels, registry=registry)

        self._requests = counter("todo_requests_total", "Answered requests.", "face", "method", "route", "status")
        self._seconds = Histogram(
            "todo_request_duration_seconds",
            "Seconds from the head of a request to the begin of its answer, without what it was asked to wait.",
            ("face", "method", "route"),
            buckets=SECONDS,
            registry=registry,
        )
        self._refusals = counter("todo_refusals_total", "Refused requests, by the code of the error.", "face", "kind")
        self._changes = counter("todo_changes_total", "Committed changes.", "face", "operation")
        self._purged = counter("todo_purged_rows_total", "Rows that were deleted for good.", "kind")
        self._purge_failures = counter("todo_purge_failures_total", "Turns of the purge that failed.")
        self._gauges = [
            (Gauge(gauge.name, gauge.words, registry=registry, multiprocess_mode="livesum"), gauge.read)
            for gauge in SAMPLED
        ]
        self._build = Gauge(
            "todo_build_info",
            "1; the label has the version.",
            ("version",),
            registry=registry,
            multiprocess_mode="livemax",
        )
        self._build.labels(__version__).set(1)
        self._answers: dict[tuple[str | None, str, int], tuple[Counter, Histogram]] = {}
        """By route or tool, method and status: to look the labels up costs more than to count."""
        self._kinds: dict[tuple[str, str], Counter] = {}

    def answered(self, answered: Answered) -> None:
        """Count a request that has its answer."""
        exchange = answered.exchange
        asked = exchange.asked or answered.route
        key = (asked, answered.method, answered.outcome)
        counted = self._answers.get(key)
        if counted is None:
            face, route = _face(answered), _CONVERTOR.sub("}", asked or _NO_ROUTE)
            counted = self._answers[key] = (
                self._requests.labels(face, answered.method, route, str(answered.outcome)),
                self._seconds.labels(face, answered.method, route),
            )
        counted[0].inc()
        counted[1].observe(answered.seconds)
        if exchange.refused is not None:
            self._refuse(_face(answered), exchange.refused)

    def refused_early(self, kind: str) -> None:
        """Count what was refused before it was a request."""
        self._refuse("edge", kind)

    def _refuse(self, face: str, kind: str) -> None:
        counted = self._kinds.get((face, kind))
        if counted is None:
            counted = self._kinds[face, kind] = self._refusals.labels(face, kind)
        counted.inc()

    def hooks(self) -> Hooks:
        """Return what the core is to call."""
        return Hooks(
            changed=lambda operation, via: self._changes.labels(via.partition(":")[0], operation).inc(),
            purged=lambda kind, number: self._purged.labels(kind).inc(number),
            purge_failed=self._purge_failures.inc,
        )

    async def sample(self, core: Core) -> None:
        """Set the gauges until cancelled."""
        while True:
            for gauge, read in self._gauges:
                gauge.set(read(core))
            await anyio.sleep(SAMPLE_SECONDS)


def _face(answered: Answered) -> str:
    route = answered.route
    if route is None:
        return "other"
    if route.rstrip("/") == MCP_PATH:
        return "mcp"
    return "rest" if route.startswith("/api/") else "health" if route in HEALTH else "other"
