"""`todo-mcp` in processes forked from one that has imported it: the same program, without its two seconds of imports.

This file as a program is that process: it forks for each request (`forked.py`), and what it forked waits for the
program, which is forked once more, to tell its exit code.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from runpy import run_path
from typing import Final

from tests.app.forked import NUMBER, STREAMS

_ROOT: Final = Path(__file__).resolve().parents[2]
_IMPORTED: Final = (
    *("todo_app.application", "todo_app.cli", "todo_app.doctor", "todo_app.serve", "todo_app.stdio", "todo_app.worker"),
    *("todo_app.migrating", "todo_core.schema.migrate", "todo_core.schema.state"),
    *("limits.aio", "rich.live", "rich.table"),  # as late as commands need them
    *("uvicorn.lifespan.on", "uvicorn.loops.uvloop", "uvicorn.protocols.http.httptools_impl"),
)


@cache
def warm() -> str:
    """Start the process that has imported everything, which ends with this one; return where it takes requests."""
    folder = tempfile.mkdtemp(prefix="todo-warm-")
    where = f"{folder}/socket"
    lives, ended = socket.socketpair()
    with ended, socket.socket(socket.AF_UNIX) as requests:
        requests.bind(where)
        requests.listen()
        inherited = (requests.fileno(), ended.fileno())
        process = subprocess.Popen(
            [sys.executable, "-m", __name__, *map(str, inherited)], pass_fds=inherited, cwd=_ROOT
        )

    def end() -> None:
        lives.close()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(end)
    return where


# --- the process that has imported everything ----------------------------------------------------


def _next_program(requests: socket.socket, ended: socket.socket) -> socket.socket:
    """Return in a new process for each request, with the socket of who asked."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those who wait
    while True:
        if ended in select.select([requests, ended], [], [])[0]:
            os._exit(0)
        wire, _ = requests.accept()
        if os.fork() == 0:
            requests.close()
            ended.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            return wire
        wire.close()


def _become(wire: socket.socket) -> None:
    """Return in the program, which has all that it was asked to have."""
    _, streams, _, _ = socket.recv_fds(wire, 1, STREAMS)
    with wire.makefile() as request:
        argv, environment, folder = json.loads(request.readline())
    pid = os.fork()
    if pid:
        for stream in streams:
            os.close(stream)
        wire.send(NUMBER.pack(pid))
        _, status = os.waitpid(pid, 0)
        wire.send(NUMBER.pack(os.waitstatus_to_exitcode(status)))
        os._exit(0)
    wire.close()
    os.setsid()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv[:] = argv
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)


def _run() -> None:
    """Run the program to its end, but for taking apart what was imported, which takes longer than most commands."""
    code: object = 0
    try:
        run_path(sys.argv[0], run_name="__main__")
    except SystemExit as end:
        code = end.code
    except Exception:
        sys.excepthook(*sys.exc_info())
        code = 1
    if code is not None and not isinstance(code, int):
        print(code, file=sys.stderr)
        code = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code or 0)


if __name__ == "__main__":
    for name in _IMPORTED:
        import_module(name)
    import_module("rest_api.app").create_app()  # its routes are made once a process
    gc.freeze()  # what is shared stays shared: a collection would copy its pages
    _become(_next_program(*(socket.socket(fileno=int(number)) for number in sys.argv[1:])))
    _run()
