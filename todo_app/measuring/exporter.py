"""The process that answers scrapes: it reads from files what the serving processes count, so it costs them nothing.

Started by `exporting`, as `python -m todo_app.measuring.exporter HOST PORT FOLDER`; it imports nothing else of ours. It
writes `ready` once it listens, or ends with exit code 1 or 2. Then it ends when its standard input does: with whoever
started it, however that ended.
"""

from __future__ import annotations

import errno
import os
import signal
import socket
import struct
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from http.server import ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Final

from prometheus_client import CollectorRegistry, Metric, MetricsHandler
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

_IS_TAKEN: Final = 1
_IS_WRONG: Final = 2
"""Exit codes: another program has the port, or the address cannot be listened on at all."""
_TRIES: Final = 100
_PAUSE: Final = 0.01
"""How often, and after how many seconds, files are read again that are not whole yet."""
_CLIENT_SECONDS: Final = 10
"""How long a scraper may be silent."""


class LivingProcesses(Collector):
    """Reads the numbers of all processes; gauges only of those that live."""

    def __init__(self, folder: Path) -> None:
        """Read from a folder."""
        self._folder = folder

    def collect(self) -> Iterable[Metric]:
        """Yield each metric."""
        for file in self._folder.glob("gauge_live*_*.db"):
            pid = int(file.stem.rpartition("_")[2])
            if not _lives(pid):
                mark_process_dead(pid, str(self._folder))  # type: ignore[no-untyped-call]
        yield from self._read()

    def _read(self) -> Iterable[Metric]:
        """Return each metric of all files.

        A process that has just begun makes its files empty and fills them then: they are read again.
        """
        collector = MultiProcessCollector(None, str(self._folder))  # type: ignore[no-untyped-call]
        for _ in range(_TRIES):
            with suppress(struct.error):
                return collector.collect()  # type: ignore[no-untyped-call, no-any-return]
            time.sleep(_PAUSE)
        return collector.collect()  # type: ignore[no-untyped-call, no-any-return]


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Say nothing of a scraper that went away."""


def main(host: str, port: int, folder: Path) -> None:
    """Answer scrapes until standard input ends."""
    # Whoever ends the group of processes lets the others finish their requests: until then there is something to see.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    registry = CollectorRegistry()
    registry.register(LivingProcesses(folder))
    handler = type("Scrape", (MetricsHandler.factory(registry),), {"timeout": _CLIENT_SECONDS})
    _Server.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        server = _Server((host, port), handler)
    except OSError as error:
        sys.exit(_IS_TAKEN if error.errno == errno.EADDRINUSE else _IS_WRONG)
    Thread(target=server.serve_forever, daemon=True).start()
    print("ready", flush=True)
    sys.stdin.buffer.read()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
