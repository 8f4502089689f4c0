"""Keep the embedded PostgreSQL running while somebody serves with it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from subprocess import SubprocessError
from threading import Event, Thread
from typing import Final

from todo_app.embedded.server import EmbeddedServer
from todo_core.settings import ConfigurationError

_LOOK_SECONDS: Final = 0.5
"""How often to look."""
_TRY_SECONDS: Final = 30
"""How long to try: where PostgreSQL's first process was killed, a new one starts only when the last other has ended."""


@contextmanager
def kept(server: EmbeddedServer, tell: Callable[[str], None], lost: Callable[[], None]) -> Iterator[None]:
    """Start a server again that ends while the block lasts.

    Args:
        server: It runs.
        tell: Takes a line for people, from another thread.
        lost: Called once, from another thread, when the server does not start again, or not where clients look for it.
    """
    done = Event()

    def look() -> None:
        while not done.wait(_LOOK_SECONDS):
            if server.runs():
                continue
            if not _start(server, done):
                lost()
                return
            tell("PostgreSQL had ended; it was started again.")

    thread = Thread(target=look, daemon=True, name="keep PostgreSQL")
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _start(server: EmbeddedServer, done: Event) -> bool:
    """Start a server, and return whether it runs at the address that it had."""
    url, deadline = server.url(), time.monotonic() + _TRY_SECONDS
    while True:
        try:
            server.start_again()
        except (OSError, SubprocessError, ConfigurationError):
            if time.monotonic() > deadline or done.wait(_LOOK_SECONDS):
                return False
        else:
            return server.url() == url
