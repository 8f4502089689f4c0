"""Say when statements are compiled. Apart from `statements.py`, which loads SQLAlchemy: a program says it first."""

from __future__ import annotations

is_put_off = False
"""Whether statements are compiled when they are first needed."""


def put_off() -> None:
    """Compile statements that are made from now on when they are first needed.

    It is for programs of one person, who waits for the start: most need few of the statements. In a server the first
    request of each kind would keep all others waiting for some milliseconds.
    """
    global is_put_off  # noqa: PLW0603
    is_put_off = True
