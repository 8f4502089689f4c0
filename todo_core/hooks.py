"""What the core calls as things happen, for whoever measures and traces them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final

Span = Callable[[str], AbstractContextManager[object]]
"""Takes a name, and returns a block that lasts as long as what has the name."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """Functions that the core calls; None where nobody listens, which costs a comparison. None of them may raise."""

    operation: Span | None = None
    """Around each run of an operation, by its name."""
    statement: Span | None = None
    """Around each statement, by its SQL, which holds no value of a caller's; `BEGIN` and `COMMIT` around several."""
    changed: Callable[[str, str], None] | None = None
    """After the commit of a change: the operation's name, and the transport (with the tool, if there is one)."""
    purged: Callable[[str, int], None] | None = None
    """After each transaction of a purge: the kind of the rows that it deleted, and their number."""
    purge_failed: Callable[[], None] | None = None
    """When a turn of the purge failed."""


NONE: Final = Hooks()
"""Nobody listens."""
