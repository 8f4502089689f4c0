"""Let event loops stall at random, as on a machine that is busy with something else.

What a test saw in one moment may have changed in the next. Where nothing else runs there is hardly ever another moment
between them, and a test that counts on it passes, until it fails by chance.
"""

from __future__ import annotations

import asyncio
import random
import selectors
import time
from collections.abc import Callable
from typing import Final

_SHARE: Final = 0.1
"""The share of a loop's turns that wait."""
_SECONDS: Final = 0.05
"""The longest wait."""


class _Stalling(selectors.DefaultSelector):
    """What a loop asks in each turn for what has happened, and which takes its time at random."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self._chance = chance

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self._chance.random() < _SHARE:
            time.sleep(self._chance.random() * _SECONDS)
        return super().select(timeout)


def stalling_loops(seed: int) -> Callable[[], asyncio.AbstractEventLoop]:
    """Return what makes event loops that stall; with the same seed they do so in the same turns."""
    chance = random.Random(seed)  # noqa: S311  # no secret
    return lambda: asyncio.SelectorEventLoop(_Stalling(chance))
