"""Run several processes that serve, and keep them as many (`docs/decisions/0042-processes-that-live.md`)."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from multiprocessing import parent_process
from socket import socket
from threading import Thread
from typing import Final

from uvicorn.config import STARTUP_FAILURE, Config
from uvicorn.supervisors.multiprocess import Multiprocess, Process

from todo_core.log import structlog

_PAUSES: Final = (1, 2, 4, 8)
"""Seconds before a worker that could not start is tried again; the last for all further tries."""
_START_SECONDS: Final = 60
"""How long a new worker may be silent: to import everything takes a busy machine longer than uvicorn's five seconds."""
_log = structlog.get_logger()


class Workers(Multiprocess):
    """The parent of the workers. It starts a worker again that has ended, whatever ended it.

    When a worker fails to start, uvicorn ends the others, and then itself with exit code 0. Here that ends all only as
    long as no worker has ever served: then the configuration is wrong. Later it is the database that is away.
    """

    def __init__(self, config: Config, sockets: list[socket], tell_ended: Callable[[], None]) -> None:
        """Start no worker yet.

        Args:
            config: uvicorn's.
            sockets: Those that all workers accept connections from.
            tell_ended: Is called for each worker that has ended and is started again.
        """
        super().__init__(config, sockets)
        self._tell_ended = tell_ended
        self.has_failed = False
        """Whether the parent ends because no worker could start."""
        self._has_served = False
        self._serving: set[Process] = set()
        self._failed = 0
        """How many workers in a row could not start."""
        self._not_before: dict[int, float] = {}
        """By the place of a worker that has ended, when to start it again, on the monotonic clock."""
        self._silent_until: dict[Process, float] = {}
        """Of each worker that has not answered yet, until when it may be silent, on the monotonic clock."""

    def init_processes(self) -> None:
        """Start the workers."""
        super().init_processes()
        self._silent_until = dict.fromkeys(self.processes, time.monotonic() + _START_SECONDS)

    def keep_subprocess_alive(self) -> None:
        """Start workers that have ended, each in its time."""
        for place, process in enumerate(self.processes):
            if self.should_exit.is_set():
                return
            if place in self._not_before:
                self._start_in_time(place)
            elif not self._lives(process):
                process.kill()  # it may hang
                process.join()
                self._has_ended(place, process)

    def _lives(self, process: Process) -> bool:
        """Return whether a worker runs and answers; one that is new need not answer yet."""
        is_new = process in self._silent_until
        has_started = _answer(process, 0.1 if is_new else self.config.timeout_worker_healthcheck)
        if has_started is None:
            return process.process.is_alive() and time.monotonic() < self._silent_until.get(process, 0)
        self._silent_until.pop(process, None)
        if has_started and process not in self._serving:
            _log.info("worker_serves", pid=process.pid)
            self._serving.add(process)
            self._has_served, self._failed = True, 0
        return True

    def _has_ended(self, place: int, process: Process) -> None:
        """Start a worker again that has ended, now or after a pause; end all if none has ever served."""
        self._silent_until.pop(process, None)
        self._serving.discard(process)
        if process.exitcode != STARTUP_FAILURE:
            pause = 0
        elif self._has_served:
            pause = _PAUSES[min(self._failed, len(_PAUSES) - 1)]
            self._failed += 1
        else:
            self.has_failed = True
            self.should_exit.set()
            return
        _log.warning("worker_ended", pid=process.pid, exit_code=process.exitcode, started_again_in=pause)
        self._tell_ended()
        self._not_before[place] = time.monotonic() + pause
        self._start_in_time(place)

    def _start_in_time(self, place: int) -> None:
        """Start a worker in the place of one that has ended, if its pause is over."""
        if time.monotonic() >= self._not_before[place]:
            del self._not_before[place]
            process = self.processes[place] = Process(self.config, self.sockets)
            process.start()
            self._silent_until[process] = time.monotonic() + _START_SECONDS


def _answer(process: Process, timeout: float) -> bool | None:
    """Ask a worker, and return whether it has started to serve; None if it does not answer within `timeout` seconds.

    The last of several answers counts: it may have been asked before, when it was too busy.
    """
    answer: bool | None = None
    try:
        process.parent_conn.send(b"ping")
        while process.parent_conn.poll(timeout if answer is None else 0):
            answer = bool(process.parent_conn.recv())
    except (OSError, EOFError):
        return None
    return answer


def end_with_parent() -> None:
    """Have this worker end, as on SIGTERM, when its parent has ended, however that was; elsewhere do nothing."""
    parent = parent_process()
    if parent is None:
        return

    def wait() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)

    Thread(target=wait, daemon=True, name="end with the parent").start()
