"""Bound what an address may ask without a token."""

from __future__ import annotations

from starlette.types import Scope

from todo_core.boundary.counters import Window
from todo_core.errors import TooManyRequests
from todo_core.notations import network_of, parse_limit


class Strangers:
    """Counts requests without a token by address: in this process, for that is what the limit protects.

    Wrong tokens have a limit of their own (`Limits.require_login`).
    """

    def __init__(self, limit: str) -> None:
        """Count nothing yet.

        Args:
            limit: Such as `600/minute`, or `off`.
        """
        item = parse_limit(limit)
        self._window = None if item is None else Window("address", item)

    def charge(self, scope: Scope) -> None:
        """Count a request without a token, or one whose token nobody looks at.

        Raises:
            TooManyRequests: Its address sent too many.
        """
        if self._window is None:
            return
        passed, budget = self._window.hit(address_of(scope), 1)
        if not passed:
            raise TooManyRequests(budget.reset)


def address_of(scope: Scope) -> str:
    """Return where a request comes from, as it is counted: an IPv4 address or a /64; the same for all who have none."""
    client = scope.get("client")
    return network_of(client[0] if client else "")
