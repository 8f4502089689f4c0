"""Each contestant's server: one process, one worker, its own port on 127.0.0.1."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final
from urllib.error import HTTPError, URLError

from bench import fastify, keys
from bench.plan import AUDIENCE, ISSUER, POOL_SIZE
from todo_app.embedded import free_port

ROOT: Final = Path(__file__).parents[1]
_START_SECONDS: Final = 120
"""How long a server may take that runs but does not answer yet: a busy machine takes longer than thirty."""


@dataclass(frozen=True, slots=True)
class Servers:
    """Ports of the contestants."""

    floor: int
    statements: int
    tutorial: int
    fastify: int | None
    """None where there is no npm."""
    ours: int
    echo: int
    fastmcp: int | None
    """None where fastmcp is not installed."""


@contextmanager
def running(database_url: str, folder: Path) -> Iterator[Servers]:
    """All contestants, started and answering."""
    with ExitStack() as stack:
        key_set = stack.enter_context(keys.served())

        def start(name: str, command: list[str], port: int, probe: str, **more: str) -> int:
            log = stack.enter_context((folder / f"{name}.log").open("wb"))
            env = environment(database_url) | {"TODO_JWKS_URL": key_set} | more
            process = stack.enter_context(running_process(command, env, folder, log.fileno()))
            until_answering(process, f"http://127.0.0.1:{port}{probe}", Path(log.name))
            return port

        def theirs(name: str) -> int:
            port = free_port()
            options = ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"]
            server = ["-m", "uvicorn", f"bench.apps.{name}:app", "--host", "127.0.0.1", "--port", str(port)]
            return start(name, [sys.executable, *server, *options], port, "/none")

        def in_node() -> int | None:
            if not fastify.is_there():
                return None
            port = free_port()
            return start("fastify", fastify.install(folder), port, "/none", **fastify.environment(database_url, port))

        port = free_port()
        serve = [sys.executable, "-m", "todo_app", "serve", "--port", str(port)]
        yield Servers(
            floor=theirs("floor"),
            statements=theirs("statements"),
            tutorial=theirs("tutorial"),
            fastify=in_node(),
            ours=start("ours", serve, port, "/readyz"),
            echo=theirs("echo"),
            fastmcp=theirs("fastmcp_echo") if find_spec("fastmcp") else None,
        )


def environment(database_url: str | None = None, code: Path = ROOT) -> dict[str, str]:
    """What a contestant's process is given; a person's own settings are kept out.

    So is what keeps Python from writing bytecode: a checkout would be compiled at each start, and nothing that is
    installed is.
    """
    others = ("TODO_", "DATABASE_URL", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(others)}
    kept["PYTHONPATH"] = str(code)
    if database_url is not None:
        kept |= {
            "BENCH_URL": database_url,
            "TODO_DATABASE_URL": database_url,
            "TODO_DATABASE_POOL_SIZE": str(POOL_SIZE),
            "TODO_JWT_ISSUER": ISSUER,
            "TODO_JWT_AUDIENCE": AUDIENCE,
            "TODO_RATE_LIMIT": "1000000000/hour",  # counted, and never reached
            "TODO_TRASH_DAYS": "3650",  # the seed's trash stays
        }
    return kept


@contextmanager
def running_process(
    command: list[str], env: dict[str, str], folder: Path, log: int
) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is ended with this block."""
    process = subprocess.Popen(command, env=env, cwd=folder, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def until_answering(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    """Wait until a server answers.

    Raises:
        SystemExit: It ended, or took too long.
    """
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            urllib.request.urlopen(url, timeout=1).close()  # noqa: S310  # our own http address
        except HTTPError as error:
            if error.code < 500:
                return
        except (URLError, OSError):
            pass
        else:
            return
        time.sleep(0.05)
    raise SystemExit(f"A server did not start; its output is in {log}")
