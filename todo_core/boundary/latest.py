"""Remember a bounded number of things, each in little more than its key and its value.

A list of who was used last, as `cachetools` and `OrderedDict` keep it, takes 200 to 300 bytes an entry, which is as
much as what is remembered of a person. Here it is a dictionary, at 60 bytes an entry, that forgets what was set first.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Latest(dict[K, V]):
    """The entries that were set last, by `[]`: at most `most`, and at least seven eighths of them.

    A dictionary keeps the order in which its keys were added, so the oldest are the first. To find the first takes
    longer the more were removed before it, so an eighth goes at once.
    """

    def __init__(self, most: int) -> None:
        """Remember nothing yet.

        Args:
            most: How many entries there may be.
        """
        super().__init__()
        self._most = most

    def __setitem__(self, key: K, value: V) -> None:
        self.pop(key, None)  # it becomes the last
        if len(self) >= self._most:
            for oldest in list(islice(self, max(self._most // 8, 1))):
                del self[oldest]
        super().__setitem__(key, value)


class Passing(Generic[K, V]):
    """The same, and each for some seconds after it was set."""

    __slots__ = ("_entries", "_monotonic", "_seconds")

    def __init__(self, most: int, seconds: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Remember nothing yet.

        Args:
            most: How many entries there may be, those included of which the time is over.
            seconds: How long one is remembered.
            monotonic: Returns seconds of a clock that never goes back.
        """
        self._entries: Latest[K, tuple[float, V]] = Latest(most)
        self._seconds = seconds
        self._monotonic = monotonic

    def __setitem__(self, key: K, value: V) -> None:
        self._entries[key] = self._monotonic() + self._seconds, value

    def get(self, key: K) -> V | None:
        """Return the value of a key; None if it is not remembered."""
        entry = self._entries.get(key)
        return None if entry is None or entry[0] <= self._monotonic() else entry[1]

    def pop(self, key: K) -> None:
        """Forget a key, if it is remembered."""
        self._entries.pop(key, None)

    def items(self) -> Iterator[tuple[K, V]]:
        """Return the entries, those included of which the time is over."""
        return ((key, value) for key, (_, value) in self._entries.items())
