"""The program as a person runs it: `todo-mcp` as a process of its own, in a folder of its own.

It is forked from a process that has imported it already (`warm.py`), also where somebody else starts it
(`Program.words`), except where `TODO_TEST_STARTS` says `anew` (with exhaustive cases), for another command, for several
workers, and where a test starts `TODO_MCP` itself.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2

from tests.app import forked
from tests.app.forked import Forked, fork
from tests.app.warm import warm
from tests.contract.project import PACKAGES
from tests.databases import NOT_KEPT

TODO_MCP = str(Path(sys.executable).with_name("todo-mcp"))
_IS_WARM = hasattr(os, "fork") and os.environ.get("TODO_TEST_STARTS") != "anew"
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For clients without TLS: to load the usual certificates takes each 50 ms."""
START_SECONDS = 90.0
STOP_SECONDS = 60.0
"""Limits for what never comes: beside other tests, a server of several workers has taken half a minute to start."""
_LIBRARIES = ("alembic", "limits", "mcp", "sqlalchemy", "typer", "uvicorn")
_STANDARD = ("calendar", "json", "queue", "socket")


def until(done: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait for something, and fail when it does not come."""
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.02)


_RESERVED_PORTS = 100
_reserved: deque[int] = deque()
"""Descriptors that keep the latest free ports for this process."""


def free_port() -> int:
    """A port of the loopback interface that nobody listens on, and that nobody else is given until a server does.

    Otherwise another test's server gets it meanwhile, or a client its own end of a connection. A socket that is bound
    to it keeps it from both; one that may be used again, and does not listen, is in no server's way.
    """
    with socket.socket() as reserved:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.bind(("127.0.0.1", 0))
        port: int = reserved.getsockname()[1]
        _reserved.append(reserved.detach())
    if len(_reserved) > _RESERVED_PORTS:
        os.close(_reserved.popleft())
    return port


@dataclass
class Serving:
    """A running `todo-mcp serve`."""

    process: subprocess.Popen[bytes] | Forked
    url: str
    printed: Path
    logged: Path

    @property
    def stdout(self) -> str:
        return self.printed.read_text()

    @property
    def stderr(self) -> str:
        return self.logged.read_text()

    @property
    def token(self) -> str:
        """The token it showed at its first start."""
        lines = self.stdout.splitlines()
        (where,) = (number for number, line in enumerate(lines) if line.startswith("Your API token"))
        return lines[where + 1].strip()

    @property
    def claude_code(self) -> list[str]:
        """The words of the line that connects Claude Code."""
        (line,) = (line for line in self.stdout.splitlines() if "claude mcp add" in line)
        return shlex.split(line)

    @property
    def claude_desktop(self) -> dict[str, Any]:
        """The configuration that connects Claude Desktop."""
        text = self.stdout.partition("claude_desktop_config.json):\n")[2]
        found: dict[str, Any] = json.JSONDecoder().raw_decode(text.lstrip())[0]
        return found

    def http(self, token: str | None = None, **more: Any) -> httpx2.Client:
        """A client of it, for the bearer of a token (None: the one it showed)."""
        headers = {"Authorization": f"Bearer {token or self.token}"}
        return httpx2.Client(base_url=self.url, headers=headers, timeout=30, verify=_NO_TLS, **more)

    def is_ready(self) -> bool:
        assert self.process.poll() is None, f"serve ended with {self.process.returncode}: {self.stderr}"
        try:
            return httpx2.get(f"{self.url}/readyz", timeout=5, verify=_NO_TLS).status_code == 200
        except httpx2.TransportError:
            return False

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end; its exit code."""
        self.process.send_signal(how)
        return self.process.wait(timeout=STOP_SECONDS)

    def end(self) -> None:
        """Whatever happened, leave nothing running: it, and what it started in its session."""
        if self.process.poll() is None:
            self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=STOP_SECONDS)
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@dataclass
class Program:
    """`todo-mcp` with a configuration."""

    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    command: tuple[str, ...] | None = None
    """What is started; None: `todo-mcp`, forked where that can be."""

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)

    def configured(self, **settings: str) -> Program:
        """The same program, with more settings."""
        return replace(self, settings=self.settings | settings)

    def anew(self, *command: str) -> Program:
        """The same program, started as a person starts it, or as somebody else does."""
        return replace(self, command=command or (TODO_MCP,))

    @property
    def environment(self) -> dict[str, str]:
        """This process's environment, without a person's own settings."""
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("TODO_", "DATABASE_URL"))}
        return ours | {"TODO_DATA_DIR": str(self.folder / "data"), "COLUMNS": "200"} | self.settings

    def run(self, *arguments: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        process, printed, logged = self._start(*arguments)
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        return subprocess.CompletedProcess(arguments, code, printed.read_text(), logged.read_text())

    def _start(self, *arguments: str) -> tuple[subprocess.Popen[bytes] | Forked, Path, Path]:
        """Start a command; where its standard output and its standard error go."""
        output = self.folder / "output"
        output.mkdir(exist_ok=True)
        printed, logged = (output / f"{uuid4().hex}.{kind}" for kind in ("out", "err"))
        command = [*(self.command or (TODO_MCP,)), *arguments]
        with Path(os.devnull).open() as stdin, printed.open("wb") as stdout, logged.open("wb") as stderr:
            if self._is_forked(arguments):
                streams = [stream.fileno() for stream in (stdin, stdout, stderr)]
                return fork(warm(), command, self.environment, str(self.folder), streams), printed, logged
            process = subprocess.Popen(
                command,
                env=self.environment,
                cwd=self.folder,
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )
        return process, printed, logged

    def words(self, *arguments: str) -> list[str]:
        """The words by which somebody else starts a command, in our environment and folder."""
        command = [*(self.command or (TODO_MCP,)), *arguments]
        return [sys.executable, "-IS", forked.__file__, warm(), *command] if self._is_forked(arguments) else command

    def _is_forked(self, arguments: Sequence[str]) -> bool:
        return self.command is None and "--workers" not in arguments and _IS_WARM

    def answer(self, *arguments: str) -> str:
        """What a command that must succeed prints."""
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    @contextmanager
    def serve(self, *arguments: str, port: int | None = None) -> Iterator[Serving]:
        """Serve until the block ends, on a free port."""
        port = port or free_port()
        process, printed, logged = self._start("serve", "--port", str(port), *arguments)
        serving = Serving(process, f"http://127.0.0.1:{port}", printed, logged)
        try:
            until(serving.is_ready, START_SECONDS, "serve is ready")
            yield serving
        finally:
            serving.end()


def another_project(folder: Path) -> Path:
    """Make a folder with names of our packages, our libraries and Python's modules; importing one ends the program."""
    project = folder / "another project"
    project.mkdir()
    for package in {*PACKAGES, "migrations"} - {"todo_app"}:
        (project / package).mkdir()
        (project / package / "__init__.py").write_text(f"raise SystemExit('imported the wrong {package}')\n")
    for module in (*_LIBRARIES, *_STANDARD):
        (project / f"{module}.py").write_text(f"raise SystemExit('imported the wrong {module}')\n")
    # With an `__init__.py` in it, Python would run this one, before any line of ours.
    (project / "todo_app").mkdir()
    return project


def tools_named(printed: str) -> list[str]:
    """Return the tools that `demo` found, in the order of their names."""
    found = re.search(r"^Connected\. (\d+) tools: (.+)$", printed, re.MULTILINE)
    assert found, printed
    names = sorted(found[2].split(", "))
    assert int(found[1]) == len(names)
    return names


def logs(text: str) -> list[dict[str, Any]]:
    """The log lines: each must be one JSON object."""
    found = [json.loads(line) for line in text.splitlines()]
    assert all(isinstance(line, dict) for line in found)
    return found


def healthy(done: subprocess.CompletedProcess[str]) -> bool:
    """Whether `doctor` found no fault but that the tests' shared server does not wait for its disk."""
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAIL")]
    assert done.returncode == bool(failed), done.stderr
    return {line.split(":")[0] for line in failed} == {f"FAIL  setting {name}" for name in NOT_KEPT}


def sentence(done: subprocess.CompletedProcess[str], code: int) -> str:
    """The one line of a command that was refused, which must be all that it says."""
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("todo-mcp: ")
    return line.removeprefix("todo-mcp: ")
