"""How long the event loop keeps everybody waiting."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable
from contextlib import suppress
from time import perf_counter
from typing import Any

_STEP = 0.001


async def longest_pause(work: Callable[[], Awaitable[Any]], *, tries: int = 3) -> float:
    """Return the longest time in seconds for which nobody else had a turn while `work` ran, of the best of the tries.

    On a busy machine other programs have turns, too: the best of several tries had the fewest of these.
    """
    return min([await _pause(work) for _ in range(tries)])


async def _pause(work: Callable[[], Awaitable[Any]]) -> float:
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            before = perf_counter()
            await asyncio.sleep(_STEP)
            longest = max(longest, perf_counter() - before - _STEP)

    gc.collect()
    gc.disable()  # `serve` freezes what the program is made of; here it is looked through, and pytest's with it
    watching = asyncio.create_task(watch())
    try:
        await asyncio.sleep(0)
        await work()
        await asyncio.sleep(0)
    finally:
        gc.enable()
        watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching
    return longest
