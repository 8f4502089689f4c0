"""The side of those who ask for a program forked from one that has imported everything (`warm.py`).

This file as a program, `python -IS forked.py SOCKET todo-mcp …`, stands in for `todo-mcp` where something else starts
it: the forked one has its environment, folder and standard streams, and gets its signals; its exit code is that one's.
It imports nothing of the project, and little else.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

NUMBER: Final = struct.Struct("i")
STREAMS: Final = 3


class Forked:
    """A forked program, with what the tests use of `subprocess.Popen`."""

    def __init__(self, wire: socket.socket) -> None:
        self._wire = wire
        self.returncode: int | None = None
        self.pid = self._number()

    def _number(self) -> int:
        (number,) = NUMBER.unpack(self._wire.recv(NUMBER.size))
        return int(number)

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            if not select.select([self._wire], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("todo-mcp", timeout or 0)
            self.returncode = self._number()
            self._wire.close()
        return self.returncode

    def poll(self) -> int | None:
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def send_signal(self, how: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, how)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def fork(
    where: str, argv: Sequence[str], environment: Mapping[str, str], folder: str, streams: Sequence[int]
) -> Forked:
    """Run the program in a session of its own, with the standard streams of three descriptors.

    Args:
        where: The socket where `warm.py` takes requests.
    """
    wire = socket.socket(socket.AF_UNIX)
    wire.connect(where)
    socket.send_fds(wire, [b"."], streams)
    with wire.makefile("w") as request:
        print(json.dumps([[*argv], {**environment}, folder]), file=request)
    return Forked(wire)


def _stand_in() -> None:
    passed_on = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    signal.pthread_sigmask(signal.SIG_BLOCK, passed_on)  # one that comes before they can be is passed on then
    program = fork(sys.argv[1], sys.argv[2:], os.environ, os.getcwd(), range(STREAMS))  # noqa: PTH109  # of a few modules

    def pass_on(how: int, _: Any) -> None:
        program.send_signal(how)

    for how in passed_on:
        signal.signal(how, pass_on)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, passed_on)
    for stream in range(STREAMS):
        os.close(stream)
    code = program.wait()
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


if __name__ == "__main__":
    _stand_in()
