"""Go through many items without keeping other requests waiting."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from time import perf_counter
from typing import Final, TypeVar

Item = TypeVar("Item")

SLICE: Final = 0.01
"""Seconds of work after which the other requests of the process have a turn."""


async def in_turns(items: Iterable[Item]) -> AsyncIterator[Item]:
    """Yield the items in their order, and let other requests go on whenever the work on them took `SLICE`.

    Whatever a caller may make long goes through it: the items of a batch, the rows of a change.
    """
    began = perf_counter()
    for item in items:
        yield item
        if perf_counter() - began > SLICE:
            await asyncio.sleep(0)
            began = perf_counter()
