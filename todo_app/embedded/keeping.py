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
"""How long to try: what a killed server leaves keeps the next one from starting until its last process has noticed."""


@contextmanager
def kept(server: EmbeddedServer, tell: Callable[[str], None], lost: Callable[[], None]) -> Iterator[None]:
    """Start a server again that ends while the block lasts.

    Args:
        server: It runs.
        tell: Takes a line for people, from another thread.
        lost: Called from another thread, once, if it does not start, or where clients would not find it.
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
    """Start a server, and return whether it is where it was."""
    url, deadline = server.url(), time.monotonic() + _TRY_SECONDS
    while True:
        try:
            server.start_again()
        except (OSError, SubprocessError, ConfigurationError):
            if time.monotonic() > deadline or done.wait(_LOOK_SECONDS):
                return False
        else:
            return server.url() == url
