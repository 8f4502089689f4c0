"""Bound the connections of a process, in all and by address, so that it never lacks a descriptor for anything else."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from todo_core.notations import Network, network_of

MOST_DESCRIPTORS: Final = 65_536
"""Most descriptors to count on, also where the system grants more or sets no bound."""
_PROXY: Final = "proxy"
"""Stands for the address of every trusted proxy: its connections carry requests of many addresses."""


def descriptors() -> int:
    """Return how many files and sockets this process may have open at once."""
    try:
        from resource import RLIM_INFINITY, RLIMIT_NOFILE, getrlimit
    except ImportError:  # Windows counts none
        return MOST_DESCRIPTORS
    soft, _ = getrlimit(RLIMIT_NOFILE)
    return MOST_DESCRIPTORS if soft == RLIM_INFINITY else min(soft, MOST_DESCRIPTORS)


def raise_descriptors() -> None:
    """Have this process, and those that it starts, open as many as it may, which is often more than it begins with."""
    try:
        from resource import RLIM_INFINITY, RLIMIT_NOFILE, getrlimit, setrlimit
    except ImportError:  # Windows counts none
        return
    soft, hard = getrlimit(RLIMIT_NOFILE)
    wanted = MOST_DESCRIPTORS if hard == RLIM_INFINITY else min(hard, MOST_DESCRIPTORS)
    if soft != RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):  # a system may have a lower bound of its own (macOS)
            setrlimit(RLIMIT_NOFILE, (wanted, hard))


class Places:
    """The connections of a process.

    Half of its descriptors are for connections, a quarter for those that the system has accepted and nobody has looked
    at, and the rest for the database, Redis and files. One address gets half of the connections at most, and so do
    streams.
    """

    def __init__(self, limit: int, proxies: Sequence[Network] = ()) -> None:
        """Begin without a connection.

        Args:
            limit: Descriptors that the process may have.
            proxies: Networks of trusted proxies, whose connections count in all only.
        """
        self._in_all = limit // 2
        self._by_address = limit // 4
        self._proxies = proxies
        self._count = 0
        self._taken: Counter[str] = Counter()
        self.backlog: Final = limit // 4
        """Connections that may wait to be accepted."""
        self.streams: Final = limit // 4
        """Answers that may last as long as their clients want, so that others find a connection."""

    def take(self, address: str | None) -> str | None:
        """Take a place for a new connection and return its name, for `leave`; None if there is none left.

        Args:
            address: Where the connection comes from, if that is known.
        """
        place = self._place(address or "")
        if self._count >= self._in_all or (place != _PROXY and self._taken[place] >= self._by_address):
            return None
        self._count += 1
        self._taken[place] += 1
        return place

    def leave(self, place: str) -> None:
        """Give back the place of a connection that has ended."""
        self._count -= 1
        self._taken[place] -= 1
        if not self._taken[place]:
            del self._taken[place]

    def _place(self, address: str) -> str:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return network_of(address)
        return _PROXY if any(parsed in network for network in self._proxies) else network_of(address)
