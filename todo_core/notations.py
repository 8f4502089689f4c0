"""Read what settings and profiles write as text: rate limits, networks, time zones."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Final
from zoneinfo import available_timezones

if TYPE_CHECKING:
    from limits import RateLimitItem

OFF: Final = "off"
LARGEST_COST: Final = 50
"""What the largest batch costs; a smaller limit could never let it pass."""


def parse_limit(text: str, *, at_least: int = 1) -> RateLimitItem | None:
    """A limit such as `1200/minute`; None for `off`.

    Raises:
        ValueError: It is not one.
    """
    from limits import parse_many

    if text == OFF:
        return None
    try:
        (item,) = parse_many(text)
    except ValueError:
        raise ValueError("must be a limit such as 1200/minute, or off") from None
    if item.amount < at_least:
        raise ValueError(f"must be at least {at_least}")
    return item


def parse_networks(names: Iterable[str]) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """Addresses and networks; those of IPv4 also as a dual-stack socket sees them (RFC 4291 §2.5.5.2).

    Raises:
        ValueError: One of them is neither.
    """
    try:
        networks = [ipaddress.ip_network(name) for name in names]
    except ValueError:
        raise ValueError("takes addresses or networks such as 10.0.0.0/8") from None
    mapped = [
        ipaddress.ip_network(f"::ffff:{network.network_address}/{96 + network.prefixlen}")
        for network in networks
        if network.version == 4
    ]
    return [*networks, *mapped]


@cache
def _time_zones() -> frozenset[str]:
    """Every zone that PostgreSQL knows, too; `localtime` is the machine's own."""
    return frozenset(available_timezones() - {"localtime"})


def known_time_zone(name: str) -> str:
    if name not in _time_zones():
        raise ValueError("is not an IANA time zone, such as Europe/Berlin")
    return name
