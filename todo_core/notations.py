"""Read rate limits, networks, time zones and locales, which settings and profiles write as text."""

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

# Which locales have the 12-hour clock: languages, and countries that differ from their language (CLDR 48, short times).
_TWELVE_HOUR_LANGUAGES: Final = """
aa ak am ar as bal bgc bho bn brx byn cad ccp ceb chr cic ckb cop csw doi dz ee el en fil gaa gez gu haw hi iu kab
km kn ko kok kpe ks kxv lkt mai mi mic ml mni moh mr ms mus naq nus ny om or osa pa qu raj sa sat sd sid so sq ssy
syr ta te ti tig to tpi trv trw ur vai wal xnr yue
""".split()  # noqa: SIM905  # one to a line would be two pages
_OTHER_CLOCK_THAN_THE_LANGUAGE: Final = """
af-NA ar-IL ar-KM ar-MA bo-IN ckb-IR ee-TG en-150 en-AI en-AT en-BE en-BI en-BW en-BZ en-CC en-CH en-CK en-CM en-CX
en-CZ en-DE en-DG en-DK en-EE en-ES en-FI en-FK en-FR en-GB en-GE en-GG en-GI en-GS en-HU en-ID en-IE en-IL en-IM
en-IO en-IT en-JE en-JP en-KE en-LT en-LV en-MG en-MS en-MT en-MU en-MV en-NF en-NG en-NL en-NO en-NR en-NU en-PL
en-PN en-PT en-RO en-RW en-SC en-SE en-SH en-SI en-SK en-SX en-TK en-TV en-TZ en-UA en-UG en-ZA en-ZM en-ZW es-419
es-BO es-CO es-CR es-CU es-DO es-EC es-GT es-HN es-MX es-NI es-PA es-PE es-PH es-PR es-SV es-US es-VE ff-GH ff-GM
ff-LR ff-MR ff-SL fr-DJ fr-DZ fr-MR fr-SY fr-TD fr-TN fr-VU ha-GH ko-CN kpe-GN lrc-IQ ms-ID ne-IN om-KE ps-PK pt-MO
rhg-BD so-KE sq-MK sq-XK ss-SZ st-LS ta-LK tr-CY yrl-CO yrl-VE yue-CN zh-HK zh-Hant zh-MO zh-MY zh-SG zh-TW
""".split()  # noqa: SIM905  # one to a line would be two pages


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


def uses_24_hours(locale: str) -> bool:
    """Return whether people with this BCP 47 language tag write 17:30 rather than 5:30 pm."""
    language, *rest = locale.split("-")
    differs = bool(rest) and f"{language}-{rest[-1]}" in _OTHER_CLOCK_THAN_THE_LANGUAGE
    return (language in _TWELVE_HOUR_LANGUAGES) == differs
