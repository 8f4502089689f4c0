"""Run a command: load the configuration, open the database, and fail with one line."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, nullcontext
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import anyio
import typer

from todo_app.output import say
from todo_core.loading.shapes import building_put_off

if TYPE_CHECKING:
    from todo_core.boundary.caller import Caller
    from todo_core.settings import Settings

T = TypeVar("T")
"""What the work returns."""
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
"""The option of every command that lists or makes something."""
User = Annotated[str | None, typer.Option(help="Local user. Default: TODO_USER.")]
"""The option of every command for what one person has."""


def fail(message: str, code: int) -> NoReturn:
    """Print each line of a message to standard error, and end the process with an exit code."""
    for line in message.splitlines():
        say(f"todo-mcp: {line}", apart=True)
    raise SystemExit(code)


@contextmanager
def loading() -> Iterator[None]:
    """Load modules in this block. Nothing that they make is garbage: to look for some takes a sixth of a start."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


class _Leaving:
    """Ends the process on SIGTERM or SIGINT, past a thread that reads standard input, which nothing ends."""

    def __init__(self, stack: ExitStack) -> None:
        """Take both signals from now on.

        Args:
            stack: Is closed before the process ends.
        """
        self.is_served = False
        """Whether the work has begun, of which this is a usual end."""
        self._stack = stack
        self._is_later = False
        self._told: int | None = None
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._take)

    @contextmanager
    def later(self) -> Iterator[None]:
        """Keep a signal for the end of the block, which opens what the stack has to close."""
        self._is_later = True
        try:
            yield
        finally:
            self._is_later = False
            if self._told is not None:
                self._take(self._told)

    def _take(self, number: int, _: object = None) -> None:
        if self._is_later:
            self._told = number
            return
        for further in (signal.SIGTERM, signal.SIGINT):  # it would end the process before the stack is closed
            signal.signal(further, signal.SIG_IGN)
        self._stack.close()
        os._exit(0 if self.is_served else 128 + number)


def with_database(
    work: Callable[[Settings, str], Coroutine[Any, Any, T]],
    settings: Settings,
    *,
    meanwhile: str | None = None,
    migrated: bool = True,
    leave_at_once: bool = False,
    tell_place: Callable[[str], None] = lambda _: None,
) -> T:
    """Run `work` on the configured or the embedded database, and return its result.

    Args:
        work: Takes the configuration and the connection string: of requests, or of the owner if nothing is migrated.
        settings: The configuration.
        meanwhile: A module that `work` needs, loaded while PostgreSQL starts.
        migrated: Migrate the database first.
        leave_at_once: Let SIGTERM and SIGINT end the process without waiting for a thread that reads standard input.
        tell_place: Takes in words where the database is, once it is migrated.
    """
    with loading():
        from todo_app.embedded import opened

    with ExitStack() as stack:
        leaving = _Leaving(stack) if leave_at_once else None
        with ThreadPoolExecutor(1) as starting, loading(), nullcontext() if leaving is None else leaving.later():
            started = starting.submit(stack.enter_context, opened(settings))
            if meanwhile is not None:
                with building_put_off():
                    import_module(meanwhile)
            from todo_app.migrating import bring_up

            database = started.result()

        async def run() -> T:
            if not migrated:
                return await work(settings, database.url)
            await bring_up(settings, database.url)
            tell_place(database.place)
            url = await database.url_of_requests()
            if leaving is not None:
                leaving.is_served = True
            return await work(settings, url)

        return anyio.run(run)


def as_user(user: str | None, work: Callable[[Caller], Awaitable[T]]) -> T:
    """Run `work` as a local user, and return its result.

    Args:
        user: The user's name, which must be known; None for that of the configuration.
        work: Takes the caller.

    Raises:
        InvalidInput: There is no such user.
    """

    async def run(settings: Settings, url: str) -> T:
        from todo_app.local import acting_for

        async with acting_for(settings, url, user or settings.user, make=False) as me:
            return await work(me)

    return with_database(run, load())


def load() -> Settings:
    """Read the configuration, and set up logging as it says.

    Raises:
        ConfigurationError: A value is wrong.
    """
    with loading():
        from todo_app import logs
        from todo_core.settings import Settings

    settings = Settings.load()
    logs.configure(settings.log_level)
    return settings
