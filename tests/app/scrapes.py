"""What Prometheus would read."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
from prometheus_client.parser import text_string_to_metric_families

from tests.app.program import Program, Serving, free_port

Series = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def series(name: str, **labels: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The key of a series."""
    return name, tuple(sorted(labels.items()))


def scrape(port: int) -> Series:
    """Each series, by name and labels; without the buckets of histograms."""
    text = httpx2.get(f"http://127.0.0.1:{port}/metrics", timeout=10).text
    samples = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
    return {series(s.name, **s.labels): s.value for s in samples if not s.name.endswith("_bucket")}


def scraped(port: int, done: Callable[[Series], Any], seconds: float = 30) -> Series:
    """The first scrape of which something is true."""
    deadline = time.monotonic() + seconds
    while True:
        found = scrape(port)
        if done(found):
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.05)


@contextmanager
def measured(program: Program, *arguments: str, **more: str) -> Iterator[tuple[Serving, int]]:
    """A server, and where it is scraped."""
    port = free_port()
    with program.configured(TODO_METRICS_PORT=str(port), **more).serve(*arguments) as serving:
        yield serving, port
