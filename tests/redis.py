"""A real Redis for a test: Debian's `redis-server` in a folder of its own, which keeps nothing.

It is a child of the test and is stopped by its process id. Where the binary is missing the test is skipped.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.app.program import free_port, until

REDIS_SERVER = shutil.which("redis-server")
START_SECONDS = 15.0


@dataclass
class RedisServer:
    """A Redis that a test may kill, hang and start again."""

    folder: Path
    port: int | None = None
    """On the loopback interface; None: a unix socket."""
    password: str = ""
    process: subprocess.Popen[bytes] | None = None

    @property
    def socket(self) -> Path:
        return self.folder / "redis.sock"

    @property
    def url(self) -> str:
        """Where it is, as `TODO_REDIS_URL` takes it."""
        login = f":{self.password}@" if self.password else ""
        return f"unix://{login}{self.socket}" if self.port is None else f"redis://{login}127.0.0.1:{self.port}/0"

    def start(self) -> None:
        assert REDIS_SERVER is not None
        options = {"port": self.port or 0, "dir": self.folder, "save": "", "appendonly": "no", "daemonize": "no"}
        options |= {"bind": "127.0.0.1"} if self.port else {"unixsocket": self.socket}
        options |= {"requirepass": self.password} if self.password else {}
        words = [str(word) for name, value in options.items() for word in (f"--{name}", value)]
        with (self.folder / "redis.log").open("ab") as log:
            self.process = subprocess.Popen([REDIS_SERVER, *words], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        until(self._answers, START_SECONDS, "Redis answers")

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "redis.log").read_text()
        try:
            return bool(self.ask("PING"))
        except redis.ConnectionError:
            return False

    def ask(self, *words: Any) -> Any:
        """One command, on a connection of its own."""
        with redis.Redis.from_url(self.url, decode_responses=True, protocol=2) as client:
            return client.execute_command(*words)

    def calls(self, command: str = "evalsha") -> int:
        """How often it ran a command."""
        found: dict[str, dict[str, int]] = self.ask("INFO", "commandstats")
        return found.get(f"cmdstat_{command}", {"calls": 0})["calls"]

    def clients(self) -> int:
        """How many connections it has, besides the one that asks."""
        return len(self.ask("CLIENT LIST")) - 1

    def age(self, seconds: float) -> None:
        """Let so much time pass for all that it remembers."""
        for key in self.ask("KEYS", "*"):
            left = self.ask("PTTL", key) - round(seconds * 1000)
            self.ask("PEXPIRE", key, left)  # one that is negative deletes

    def hang(self) -> None:
        """It answers nobody from now on, but its address does."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """As with `kill -9`."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        self.process = None


@contextmanager
def running_redis(*, over_tcp: bool = False, password: str = "") -> Iterator[RedisServer]:
    """A Redis until the block ends."""
    if REDIS_SERVER is None:
        pytest.skip("redis-server is not installed (Debian: apt-get install redis-server)")
    # A unix socket's path has at most 107 bytes; pytest's own folders are longer.
    folder = Path(tempfile.mkdtemp(prefix="todo-redis-"))
    server = RedisServer(folder, free_port() if over_tcp else None, password)
    try:
        server.start()
        yield server
    finally:
        if server.process is not None:
            server.kill()
        shutil.rmtree(folder)
