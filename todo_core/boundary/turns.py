"""Go through many items without keeping other requests waiting."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from time import perf_counter
from typing import Final, TypeVar

Item = TypeVar("Item")

SLICE: Final = 0.002
"""Seconds of work after which the other requests of the process have a turn."""

_pausing = 0
"""How many pauses last at this moment."""


async def in_turns(items: Iterable[Item]) -> AsyncIterator[Item]:
    """Yield the items in their order, and let other requests go on whenever the work on them took `SLICE`.

    Whatever a caller may make long goes through it: the items of a batch, the rows of a change. Work that waits for
    something, such as the database, lets the others go on by itself: its slice begins anew.
    """
    began, others = perf_counter(), _turn_of_others()
    for item in items:
        is_over = perf_counter() - began > SLICE
        if is_over and not others.done():
            await _pause()
        if is_over:
            began, others = perf_counter(), _turn_of_others()
        yield item


def _turn_of_others() -> asyncio.Future[None]:
    """Return a future that is done once the event loop has gone round."""
    loop = asyncio.get_running_loop()
    turn = loop.create_future()
    loop.call_soon(turn.set_result, None)
    return turn


async def _pause() -> None:
    """Leave the processor to other requests, for as long as a slice of each work that pauses.

    So long works, however many there are, never take all of it, and of these mostly one goes on at a time. Another
    request needs several rounds of the event loop, and would else wait in each for a slice of every long work.
    """
    global _pausing  # noqa: PLW0603
    _pausing += 1
    try:
        await asyncio.sleep(SLICE * _pausing)
    finally:
        _pausing -= 1
