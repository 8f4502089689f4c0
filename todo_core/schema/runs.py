"""Keep what the steps of one migration share: how far it is, and how long they may wait."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

STATEMENT_TIMEOUT: Final = "60s"
"""How long a chunk may take, or a policy."""
LOCK_TIMEOUT: Final = "500ms"
"""How long to wait for a lock: so long do readers and writers wait that come behind. A writer looks for deadlocks after
a second, and so never finds one with a chunk, for which it would be chosen to die."""
_TELL_SECONDS: Final = 2
"""Seconds between two lines of progress."""


class Run:
    """What the steps of one migration share: how far it is, and how long they may wait."""

    def __init__(
        self, tell: Callable[[str], None], tell_rows: Callable[[str, int, float], None] = lambda *_: None
    ) -> None:
        """Begin with nothing done."""
        self._tell_rows = tell_rows
        """Takes the table, the number of rows that a chunk changed, and the share of the table that is behind us."""
        self.step = ""
        """The revision whose step runs."""
        self.is_up = True
        """Whether the step runs up."""
        self.rows = 0
        """Rows that chunks have changed, of all steps."""
        self.lock_timeout = LOCK_TIMEOUT
        """How long the next statement waits for a lock."""
        self.statement_timeout = STATEMENT_TIMEOUT
        """How long a statement of the step's own transaction may take."""
        self.tell = tell
        """Takes a line for people."""
        self._told = time.monotonic()

    def bounds(self, statement_timeout: str) -> str:
        """Return the SQL that bounds the waits of a transaction.

        Who may, looks for deadlocks soon: autovacuum gives way to whoever looks and finds that it is in the way.
        """
        return (
            f"SELECT set_config('lock_timeout', '{self.lock_timeout}', true),"
            f" set_config('statement_timeout', '{statement_timeout}', true),"
            " CASE WHEN has_parameter_privilege('deadlock_timeout', 'SET')"
            " THEN set_config('deadlock_timeout', '200ms', true) END"
        )

    def changed(self, table: str, rows: int, share: float) -> None:
        """Count the rows of a chunk; now and then tell of them, and of the share of the table that is behind us."""
        self.rows += rows
        self._tell_rows(table, rows, share)
        if time.monotonic() - self._told >= _TELL_SECONDS:
            self._told = time.monotonic()
            self.tell(f"{self.step}: {self.rows:,} rows changed, {share:.0%} of {table} seen.")
