"""Go through many items without keeping other requests waiting."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextvars import ContextVar
from dataclasses import dataclass
from time import perf_counter
from typing import Final, TypeVar

Item = TypeVar("Item")

SLICE: Final = 0.002
"""Seconds of work after which the other requests of the process have a turn."""

_pausing = 0
"""How many pauses last at this moment."""


@dataclass(frozen=True, slots=True)
class _Slice:
    """Some work of a request, between two turns of others."""

    began: float
    others: asyncio.Future[None]
    """Is done once the event loop has gone round."""

    @classmethod
    def begun(cls) -> _Slice:
        """Return a slice that begins now."""
        loop = asyncio.get_running_loop()
        turn = loop.create_future()
        loop.call_soon(_had, turn)
        return cls(perf_counter(), turn)


_slice: Final[ContextVar[_Slice | None]] = ContextVar("slice", default=None)
"""The slice of this request: what it does one after another, without waiting in between, is one slice."""


async def in_turns(items: Iterable[Item]) -> AsyncIterator[Item]:
    """Yield the items in their order, and let other requests go on whenever the work on them took `SLICE`.

    Whatever a caller may make long goes through it: the items of a batch, the rows of a change. Work that waits for
    something, such as the database, lets the others go on by itself: its slice begins anew.
    """
    for item in items:
        present = _slice.get()
        if present is None or present.others.done():
            _slice.set(_Slice.begun())
        elif perf_counter() - present.began > SLICE:
            await _pause()
            _slice.set(_Slice.begun())
        yield item


def _had(turn: asyncio.Future[None]) -> None:
    """Say that others had a turn."""
    if not turn.done():
        turn.set_result(None)


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
