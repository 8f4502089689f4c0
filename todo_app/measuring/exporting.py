"""Run the process that answers scrapes, beside `serve`, for as long as that runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import Final

from todo_app.measuring.parent import ParentMetrics
from todo_app.running import fail
from todo_core.log import structlog
from todo_core.settings import ConfigurationError, Settings

FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
"""Environment variable that tells the library of metrics, in every process, where its files are."""
_EXPORTER: Final = "todo_app.measuring.exporter"
"""A program, and not imported here: it would import the library of metrics before `FOLDER` is set."""
_IS_WRONG: Final = 2
"""Its exit code where the address cannot be listened on at all."""
_PAUSE: Final = 1.0
"""Seconds before an exporter that ended is started again."""
_log = structlog.get_logger()


@contextmanager
def exporting(settings: Settings) -> Iterator[ParentMetrics | None]:
    """Answer scrapes while the block lasts, where `TODO_METRICS_PORT` asks for it; yield this process's own metrics."""
    if settings.metrics_port is None:
        yield None
        return
    folder = tempfile.mkdtemp(prefix="todo-mcp-metrics-")
    os.environ[FOLDER] = folder
    command = [
        *(sys.executable, "-P", "-m", _EXPORTER),
        *(settings.metrics_host, str(settings.metrics_port), folder),
    ]
    keeper = _Keeper(command)
    try:
        code = keeper.start()
        if code == _IS_WRONG:
            raise ConfigurationError(
                "TODO_METRICS_HOST must be an address of this machine, and TODO_METRICS_PORT one that it may use"
            )
        if code is not None:
            taken = f"Port {settings.metrics_port} of {settings.metrics_host} is taken"
            fail(f"{taken}; choose another with TODO_METRICS_PORT.", 1)
        _log.info("metrics_served", host=settings.metrics_host, port=settings.metrics_port)
        yield ParentMetrics()
    finally:
        keeper.end()
        del os.environ[FOLDER]
        shutil.rmtree(folder, ignore_errors=True)


class _Keeper:
    """Starts a process, and again when it ends."""

    def __init__(self, command: list[str]) -> None:
        self._command = command
        self._is_ending = Event()
        self._process: subprocess.Popen[bytes]

    def start(self) -> int | None:
        """Start it, and return its exit code if it ends at once; None if it listens."""
        if not self._begin():
            return self._process.wait()
        Thread(target=self._keep, daemon=True, name="keep the exporter").start()
        return None

    def _begin(self) -> bool:
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603
        assert self._process.stdout is not None
        return self._process.stdout.readline() == b"ready\n"

    def _keep(self) -> None:
        while True:
            code = self._process.wait()
            if self._is_ending.wait(_PAUSE):
                return
            _log.warning("metrics_exporter_ended", exit_code=code)
            self._begin()

    def end(self) -> None:
        """End it."""
        self._is_ending.set()
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            self._process.kill()
