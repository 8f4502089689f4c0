"""Lines of iCalendar (RFC 5545, section 3.1): a property each, escaped, and folded where it is long.

Written by hand: a library that looks at each character took half a millisecond for a todo.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Final
from zoneinfo import ZoneInfo

_MOST: Final = 75
"""Octets of a line, without its end."""
_ESCAPED: Final = str.maketrans({"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n", "\r": None})


def escaped(text: str) -> str:
    """Return a text as a value of the type TEXT (section 3.3.11)."""
    return text.translate(_ESCAPED)


def value_of(moment: date) -> str:
    """Return a day, a local time without a zone, or a moment in UTC, as DATE or DATE-TIME (section 3.3.4, 3.3.5)."""
    if not isinstance(moment, datetime):
        return f"{moment:%Y%m%d}"
    return f"{moment:%Y%m%dT%H%M%S}" if moment.tzinfo is None else f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def dated(name: str, moment: date) -> str:
    """Return a property whose value is a day or a time, with its parameter.

    A moment in a zone of the IANA is written by the clocks there, which a calendar has to define (`zones.vtimezone`).
    """
    if not isinstance(moment, datetime):
        return f"{name};VALUE=DATE:{value_of(moment)}"
    zone = moment.tzinfo
    # Of an hour that the clocks have twice, the first is meant where only a zone is said (section 3.3.5).
    if not isinstance(zone, ZoneInfo) or zone.key == "UTC" or moment.fold:
        return f"{name}:{value_of(moment)}"
    return f"{name};TZID={zone.key}:{value_of(moment.replace(tzinfo=None))}"


def folded(lines: Iterable[str]) -> bytes:
    """Return lines as octets, long ones cut between characters, each with its end."""
    return b"".join(map(_folded, lines))


def _folded(line: str) -> bytes:
    octets = line.encode()
    if len(octets) <= _MOST:
        return octets + b"\r\n"
    parts, start, end = [], 0, _MOST
    while end < len(octets):
        while octets[end] & 0xC0 == 0x80:  # in the middle of a character
            end -= 1
        parts.append(octets[start:end])
        start, end = end, end + _MOST - 1  # the space that begins a line counts
    parts.append(octets[start:])
    return b"\r\n ".join(parts) + b"\r\n"
