"""How a command runs: its configuration, its database, and how it fails."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from typing import Annotated, Any, TypeVar

import anyio
import typer

from todo_core.settings import Settings

T = TypeVar("T")
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def fail(message: str, code: int) -> None:
    """Say what is wrong, a line each, and end."""
    for line in message.splitlines():
        print(f"todo-mcp: {line}", file=sys.stderr)
    raise SystemExit(code)


def with_database(
    work: Callable[[Settings, str], Coroutine[Any, Any, T]],
    settings: Settings,
    *,
    migrated: bool = True,
    leave_at_once: bool = False,
) -> T:
    """Run something on the configured or embedded database, migrated first.

    With `leave_at_once` a signal ends the process without waiting for a thread that reads standard input.
    """
    from todo_app.embedded import database_url

    with ExitStack() as stack:
        url = stack.enter_context(database_url(settings))
        if leave_at_once:

            def leave(*_: object) -> None:
                stack.close()
                os._exit(0)

            signal.signal(signal.SIGTERM, leave)
            signal.signal(signal.SIGINT, leave)

        async def run() -> T:
            if migrated:
                await migrate_if_behind(url)
            return await work(settings, url)

        return anyio.run(run)


async def migrate_if_behind(url: str) -> None:
    """Bring a database up to date; one that is costs a single question."""
    from todo_core.schema.state import is_current

    if not await is_current(url):
        from todo_core.schema.migrate import migrate

        await migrate(url)


def load() -> Settings:
    """The configuration, with logging set up as it says."""
    from todo_app import logs

    settings = Settings.load()
    logs.configure(settings.log_level)
    return settings
