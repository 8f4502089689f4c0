"""Read rate limits, networks and time zones, which settings and profiles write as text."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Final
from zoneinfo import available_timezones

if TYPE_CHECKING:
    from limits import RateLimitItem

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
OFF: Final = "off"
"""Text of a rate limit that limits nothing."""
LARGEST_COST: Final = 50
"""Requests that the largest batch counts as. A smaller limit would refuse it for ever."""


def parse_limit(text: str, *, at_least: int = 1) -> RateLimitItem | None:
    """Read a limit such as `1200/minute`; None for `off`.

    Args:
        text: The limit.
        at_least: Least number of requests in its window.

    Raises:
        ValueError: The text is no limit, or allows fewer requests.
    """
    from limits import parse_many  # imported when it is needed: it slows down the start of the command line

    if text == OFF:
        return None
    try:
        (item,) = parse_many(text)
    except ValueError:
        raise ValueError("must be a limit such as 1200/minute, or off") from None
    if item.amount < at_least:
        raise ValueError(f"must be at least {at_least}")
    return item


def parse_networks(names: Iterable[str]) -> list[Network]:
    """Read addresses and networks. Return each of IPv4 also as a dual-stack socket shows it (RFC 4291 §2.5.5.2).

    Raises:
        ValueError: A text is neither an address nor a network.
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


def network_of(address: str) -> str:
    """Return what counts as one address: an IPv4 address, or the /64 of an IPv6 one, which belongs to one customer.

    Whatever is neither counts as one address, too.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        mapped = parsed.ipv4_mapped
        return str(mapped) if mapped else str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


@cache
def _time_zones() -> frozenset[str]:
    """Return the names of IANA time zones. `localtime`, the machine's zone, means nothing to PostgreSQL."""
    return frozenset(available_timezones() - {"localtime"})


def known_time_zone(name: str) -> str:
    """Return the name of a time zone.

    Raises:
        ValueError: There is no such zone.
    """
    if name not in _time_zones():
        raise ValueError("is not an IANA time zone, such as Europe/Berlin")
    return name
