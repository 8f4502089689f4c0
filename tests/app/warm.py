"""`todo-mcp` in processes forked from one that has imported it: the same program, without its two seconds of imports.

`Warm` is the tests' side. This file as a program is the other: it forks for each request, and what it forked waits for
the program, which is forked once more, to tell its exit code.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from runpy import run_path
from typing import Final

_ROOT: Final = Path(__file__).resolve().parents[2]
_NUMBER: Final = struct.Struct("i")
_IMPORTED: Final = (
    *("todo_app.application", "todo_app.cli", "todo_app.doctor", "todo_app.serve"),
    *("todo_core.schema.migrate", "todo_core.schema.state"),
    *("uvicorn.lifespan.on", "uvicorn.loops.uvloop", "uvicorn.protocols.http.httptools_impl"),
)


class Forked:
    """A forked program, with what the tests use of `subprocess.Popen`."""

    def __init__(self, wire: socket.socket) -> None:
        self._wire = wire
        self.returncode: int | None = None
        self.pid = self._number()

    def _number(self) -> int:
        (number,) = _NUMBER.unpack(self._wire.recv(_NUMBER.size))
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


@cache
def _warm() -> socket.socket:
    """Where the process that has imported everything takes requests; it ends with this one."""
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(theirs.fileno())], pass_fds=[theirs.fileno()], cwd=_ROOT
        )

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


def fork(argv: Sequence[str], environment: Mapping[str, str], folder: Path, stdout: Path, stderr: Path) -> Forked:
    """Run the program in a session of its own; its output goes to files."""
    ours, theirs = socket.socketpair()
    with theirs:
        socket.send_fds(_warm(), [b"."], [theirs.fileno()])
    files = [str(stdout), str(stderr)]
    with ours.makefile("w") as request:
        print(json.dumps([[*argv], {**environment}, str(folder), files]), file=request)
    return Forked(ours)


# --- the process that has imported everything ----------------------------------------------------


def _next_program(requests: socket.socket) -> socket.socket:
    """Return in a new process for each request, with the socket of who asked."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those who wait
    while True:
        _, descriptors, _, _ = socket.recv_fds(requests, 1, 1)
        if not descriptors:
            os._exit(0)
        if os.fork() == 0:
            requests.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            return socket.socket(fileno=descriptors[0])
        os.close(descriptors[0])


def _become(wire: socket.socket) -> None:
    """Return in the program, which has all that it was asked to have."""
    with wire.makefile() as request:
        argv, environment, folder, files = json.loads(request.readline())
    pid = os.fork()
    if pid:
        wire.send(_NUMBER.pack(pid))
        _, status = os.waitpid(pid, 0)
        wire.send(_NUMBER.pack(os.waitstatus_to_exitcode(status)))
        os._exit(0)
    wire.close()
    os.setsid()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv[:] = argv
    for descriptor, path in ((0, os.devnull), (1, files[0]), (2, files[1])):
        opened = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(opened, descriptor)
        os.close(opened)


if __name__ == "__main__":
    for name in _IMPORTED:
        import_module(name)
    gc.freeze()  # what is shared stays shared: a collection would copy its pages
    _become(_next_program(socket.socket(fileno=int(sys.argv[1]))))
    run_path(sys.argv[0], run_name="__main__")
