"""Two servers with two workers each behind HAProxy, over PgBouncer, PostgreSQL and Redis: all of them may be killed."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx2
import psutil
import pytest

from tests.app import program as program_module
from tests.app.postgres import OwnPostgres, own_postgres
from tests.app.program import Program, Serving, free_port, until
from tests.interop.pooler import PGBOUNCER, Pooler, make_database
from tests.redis import RedisServer, running_redis

WORKERS: Final = 2
PATIENCE: Final = 120.0
"""Seconds in which a server must have started."""
HAPROXY: Final = shutil.which("haproxy", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
_PROBLEM: Final = '{"status": 503, "retryable": true}'
_AWAY: Final = "\r\n".join(
    [
        "HTTP/1.1 503 Service Unavailable",
        "Content-Type: application/problem+json",
        "Retry-After: 1",
        "Cache-Control: no-store",
        f"Content-Length: {len(_PROBLEM)}",
        "",
        _PROBLEM,
    ]
)
"""What the proxy answers where a server is gone, also in the middle of a request: it may have been done, so whoever
sends it again does so under its key."""
_CONFIGURATION: Final = """
global
    maxconn 500
defaults
    mode http
    timeout connect 1s
    timeout client 60s
    timeout server 60s
    option redispatch
    retries 3
    option forwardfor
    errorfile 502 {folder}/away.http
    errorfile 503 {folder}/away.http
    errorfile 504 {folder}/away.http
frontend clients
    bind 127.0.0.1:{port}
    default_backend todo
backend todo
    balance roundrobin
    option httpchk GET /readyz
    default-server check inter 500ms fall 1 rise 1 observe layer4 error-limit 1 on-error mark-down
{servers}
"""


@dataclass
class Server:
    """One of the servers."""

    program: Program
    port: int
    serving: Serving | None = None
    stack: ExitStack = field(default_factory=ExitStack)

    def start(self) -> None:
        """Start it, and wait until each of its workers serves."""
        self.serving = self.stack.enter_context(self.program.serve("--workers", str(WORKERS), port=self.port))
        until(lambda: self.log.count("worker_serves") >= WORKERS, PATIENCE, "each worker serves")

    def kill(self) -> None:
        """End it and its workers at once."""
        assert self.serving is not None
        os.killpg(self.serving.process.pid, signal.SIGKILL)
        self.stack.close()

    @property
    def log(self) -> str:
        assert self.serving is not None
        return self.serving.stderr

    def processor_seconds(self) -> float:
        """Return the processor time of it and of its workers."""
        assert self.serving is not None
        parent = psutil.Process(self.serving.process.pid)
        times = [process.cpu_times() for process in (parent, *parent.children(recursive=True))]
        return sum(time.user + time.system for time in times)


@dataclass
class Cluster:
    """All of it."""

    url: str
    """Of the proxy."""
    direct: str
    """Of PostgreSQL."""
    postgres: OwnPostgres
    pooler: Pooler
    redis: RedisServer
    servers: list[Server]

    def tokens(self, *people: str) -> list[str]:
        """Return an API token of each person."""
        program = self.servers[0].program
        return [program.answer("token", "create", "--user", person).strip() for person in people]

    def client(self, token: str) -> httpx2.AsyncClient:
        """Return a client of the proxy."""
        return httpx2.AsyncClient(base_url=self.url, headers={"Authorization": f"Bearer {token}"}, timeout=60)


@contextmanager
def running_cluster(folder: Path, **settings: str) -> Iterator[Cluster]:
    """Run everything until the block ends.

    Args:
        folder: Where the files of the servers and of the proxy are.
        settings: Of both servers, besides what they need.
    """
    if PGBOUNCER is None or HAPROXY is None:
        pytest.skip("pgbouncer or haproxy is not installed (Debian: apt-get install pgbouncer haproxy)")
    port = free_port()
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        for name in ("START_SECONDS", "STOP_SECONDS"):  # of several processes at once
            patch.setattr(program_module, name, PATIENCE)
        postgres = stack.enter_context(own_postgres())
        direct = asyncio.run(make_database(postgres))
        pooler = Pooler(Path(postgres.url.rpartition("host=")[2]).parent, postgres.url, size=8)
        pooler.start()
        stack.callback(pooler.kill)
        redis = stack.enter_context(running_redis(over_tcp=True))
        Program(folder / "migrate", {"TODO_DATABASE_URL": direct}).answer("migrate")
        common = {
            "TODO_DATABASE_URL": pooler.url,
            "TODO_DATABASE_POOLER": "on",
            "TODO_DATABASE_LISTEN_URL": direct,
            "TODO_REDIS_URL": redis.url,
            "TODO_ALLOWED_HOSTS": f"127.0.0.1:{port}",
            "TODO_TRUSTED_PROXIES": "127.0.0.1",
        }
        servers = [Server(Program(folder / name, common | settings), free_port()) for name in ("one", "two")]
        for server in servers:
            server.start()
            stack.callback(server.stack.close)
        stack.enter_context(_haproxy(folder, port, servers))
        yield Cluster(f"http://127.0.0.1:{port}", direct, postgres, pooler, redis, servers)


@contextmanager
def _haproxy(folder: Path, port: int, servers: list[Server]) -> Iterator[None]:
    assert HAPROXY is not None
    (folder / "away.http").write_text(_AWAY, newline="")
    lines = "\n".join(f"    server s{server.port} 127.0.0.1:{server.port}" for server in servers)
    configuration = folder / "haproxy.cfg"
    configuration.write_text(_CONFIGURATION.format(folder=folder, port=port, servers=lines))
    with (folder / "haproxy.log").open("wb") as log:
        process = subprocess.Popen([HAPROXY, "-db", "-f", str(configuration)], stdout=log, stderr=subprocess.STDOUT)
    try:
        assert process.poll() is None, (folder / "haproxy.log").read_text()
        until(lambda: _is_ready(f"http://127.0.0.1:{port}/readyz"), 15, "HAProxy has a server that is ready")
        yield
    finally:
        process.terminate()
        process.wait(timeout=15)


def _is_ready(url: str) -> bool:
    try:
        return httpx2.get(url, timeout=5).status_code == 200
    except httpx2.TransportError:
        return False
