"""Pauses: how long the event loop keeps everybody waiting, and how a test waits for what no event tells of."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable
from contextlib import suppress
from time import process_time, thread_time
from typing import Any

_STEP = 0.001


async def moment() -> None:
    """Let everything else go on before one looks again: a loop that only gives way takes a whole core from others."""
    await asyncio.sleep(0.002)


def fastest(call: Callable[[], Any]) -> float:
    """Return the processor time in seconds of the best of three calls: garbage may be collected in one of them."""
    taken = []
    for _ in range(3):
        began = process_time()
        call()
        taken.append(process_time() - began)
    return min(taken)


async def longest_pause(work: Callable[[], Awaitable[Any]], *, below: float, tries: int = 3) -> float:
    """Return the longest processor time in seconds that all threads took while nobody else had a turn and `work` ran,
    of the best of the tries.

    A thread that computes keeps the event loop waiting, too. Other programs, which may take any turn and time, do not
    count; but they slow down what runs beside them, and the best of several tries had the fewest of these. The first
    that is below what is asked for is good enough.
    """
    best = float("inf")
    for _ in range(tries):
        best = min(best, await _longest(work, process_time))
        if best < below:
            break
    return best


async def longest_work(work: Callable[[], Awaitable[Any]]) -> float:
    """Return the longest processor time in seconds for which nobody else had a turn while `work` ran.

    Other programs take none of it, so a short time can be told from a shorter one. Time spent waiting does not show.
    """
    return await _longest(work, thread_time)


async def _longest(work: Callable[[], Awaitable[Any]], clock: Callable[[], float]) -> float:
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            before = clock()
            await asyncio.sleep(_STEP)
            longest = max(longest, clock() - before)

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
