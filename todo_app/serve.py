"""`todo-mcp serve`: serve REST, MCP and API docs on one port, and tell a new user how to connect."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Final, NoReturn

import uvicorn

from http_edge.places import Places, descriptors, raise_descriptors
from http_edge.protocol import LimitedProtocol
from todo_app.address import Address, Only
from todo_app.local import first_token
from todo_app.running import fail
from todo_app.workers import Workers
from todo_core import __version__
from todo_core.log import structlog
from todo_core.settings import Settings

if TYPE_CHECKING:
    from todo_app.measuring.parent import ParentMetrics

ADDRESS: Final = "TODO_SERVE_ADDRESS"
"""Environment variable that gives worker processes host and port, as a JSON array."""
ONLY: Final = "TODO_SERVE_ONLY"
"""Environment variable that gives worker processes the one face to serve, or nothing for both."""
_log = structlog.get_logger()
GRACE_SECONDS: Final = 10
"""Seconds for running requests to finish after SIGTERM."""


def run(
    settings: Settings,
    database_url: str,
    address: Address,
    only: Only | None,
    *,
    workers: int,
    keep: Callable[[Callable[[], None]], AbstractContextManager[None]],
    metrics: ParentMetrics | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, and end with exit code 0 only then. Several workers are a process each.

    Args:
        settings: The configuration.
        database_url: The database, for requests.
        address: Where to listen.
        only: Serve just one face.
        workers: How many processes serve.
        keep: Returns a context that keeps the database running; calls its argument if the database is lost.
        metrics: Counts how workers end; None where nothing is measured.

    Raises:
        ConfigurationError: The address needs `TODO_PUBLIC_URL`.
    """
    address.hosts(settings)
    raise_descriptors()
    # uvicorn finishes its requests and then raises the signal again: exit with 0 then.
    lost = Event()

    def end() -> None:
        lost.set()
        os.kill(os.getpid(), signal.SIGTERM)

    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, lambda *_: _leave(lost))
    _set_environment(database_url, address, only)
    config = _uvicorn_config(settings, address, workers)
    _log.info(
        "serve_started", version=__version__, pid=os.getpid(), workers=workers, host=address.host, port=address.port
    )
    with keep(end):
        if workers == 1:
            server = uvicorn.Server(config)
            server.run()
            has_started = server.started
        else:
            parent = Workers(
                config, [config.bind_socket()], (lambda: None) if metrics is None else metrics.worker_ended
            )
            parent.run()
            has_started = not parent.has_failed
    if not has_started:
        fail("The server could not start; the log above says why.", 1)
    _leave(lost)


def _set_environment(database_url: str, address: Address, only: Only | None) -> None:
    """Set the variables from which each worker process makes its own application (`todo_app.worker`)."""
    os.environ["TODO_DATABASE_URL"] = database_url
    os.environ[ADDRESS] = json.dumps([address.host, address.port])
    os.environ[ONLY] = only or ""
    # A worker gets `sys.path` from this process; before that, Python is not to look into the working directory.
    os.environ["PYTHONSAFEPATH"] = "1"


def _uvicorn_config(settings: Settings, address: Address, workers: int) -> uvicorn.Config:
    return uvicorn.Config(
        "todo_app.worker:application",  # by its name: a parent of workers does not load it
        factory=True,
        host=address.host,
        port=address.port,
        workers=workers,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # the application reads them, from trusted proxies only
        http=LimitedProtocol,
        ws="none",  # else it takes upgrades as soon as somebody has installed a package for them, and nothing here does
        root_path=settings.root_path or "",
        backlog=Places(descriptors()).backlog,
        timeout_graceful_shutdown=GRACE_SECONDS,
        timeout_keep_alive=settings.keep_alive,
    )


def _leave(lost: Event) -> NoReturn:
    """End the process: with a failure if the database was lost, else as one that was asked to."""
    if lost.is_set():
        fail("PostgreSQL ended and could not be started again; its log in TODO_DATA_DIR says why.", 1)
    _log.info("serve_ended", pid=os.getpid())
    sys.exit(0)


async def welcome(settings: Settings, database_url: str, address: Address, only: Only | None) -> str:
    """Return the text for the start: addresses, an API token at the first start, and how to connect clients."""
    lines = ["", "todo-mcp is starting."]
    if only != "mcp":
        lines += [f"  REST API   {address.url('/api/v1')}", f"  API docs   {address.url('/docs')}"]
    if only != "rest":
        lines += [f"  MCP        {address.url('/mcp')}"]
    token = await first_token(settings, database_url)
    if token is not None:
        lines += [
            "",
            f"Your API token, shown only this once (user {settings.user!r}):",
            f"  {token}",
        ]
    shown = token or "$TODO_TOKEN"
    if only != "rest":
        lines += [
            "",
            "Connect Claude Code:",
            f'  claude mcp add --transport http todos {address.url("/mcp")} --header "Authorization: Bearer {shown}"',
        ]
    lines += ["", "Connect Claude Desktop (claude_desktop_config.json):", _indented(desktop_configuration(settings))]
    if token is None:
        lines += ["", "A new token:  todo-mcp token create --user " + settings.user]
    return "\n".join([*lines, ""])


def desktop_configuration(settings: Settings) -> str:
    """Return the JSON by which Claude Desktop starts `todo-mcp stdio`."""
    beside = Path(sys.executable).with_name("todo-mcp")
    command = beside if beside.exists() else Path(shutil.which("todo-mcp") or sys.argv[0])
    environment = {"TODO_USER": settings.user}
    if settings.database_url is None:
        environment["TODO_DATA_DIR"] = str(settings.data_dir)
    else:
        environment["TODO_DATABASE_URL"] = "<your database URL>"
    server = {"command": str(command.absolute()), "args": ["stdio"], "env": environment}
    return json.dumps({"mcpServers": {"todos": server}}, indent=2)


def _indented(text: str) -> str:
    return "\n".join("  " + line for line in text.splitlines())
