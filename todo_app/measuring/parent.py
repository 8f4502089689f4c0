"""The metrics of the process that starts the others; `metrics.py` has those of the processes that serve."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry


class ParentMetrics:
    """The numbers of the process that starts the others, and migrates before that."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        """Count nothing yet."""
        from prometheus_client import Counter, Gauge

        self._rows = Counter("todo_backfill_rows_total", "Rows that got a new form.", ("table",), registry=registry)
        self._seen = Gauge(
            "todo_backfill_seen_ratio",
            "How much of a table the latest backfill has behind it, 0 to 1.",
            ("table",),
            registry=registry,
            multiprocess_mode="livemax",
        )
        self._ends = Counter(
            "todo_worker_ends_total", "Workers that ended unasked and were replaced.", registry=registry
        )

    def backfilled(self, table: str, rows: int, share: float) -> None:
        """Count a chunk of a backfill."""
        self._rows.labels(table).inc(rows)
        self._seen.labels(table).set(share)

    def worker_ended(self) -> None:
        """Count a worker that ended unasked."""
        self._ends.inc()
