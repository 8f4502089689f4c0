"""What a time zone is, for calendar programs (RFC 5545, section 3.6.5).

They know most zones by their IANA names, and read this where they do not. The helper of `icalendar` has the begin of
summer an hour late.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

AHEAD: Final = 20
"""Years after the present one whose changes of the clocks are told."""
_STEP: Final = timedelta(days=7)
"""No zone changes its clocks twice within it."""
_SECOND: Final = timedelta(seconds=1)


class _Clocks(NamedTuple):
    """How the clocks of a zone stand."""

    offset: timedelta
    name: str


@lru_cache(maxsize=256)
def vtimezone(key: str, year: int) -> tuple[str, ...]:
    """Return the lines of a VTIMEZONE, from the begin of the year before on; none for UTC, which needs none.

    Args:
        key: The IANA name of the zone.
        year: The present year.
    """
    return () if key == "UTC" else tuple(_lines(ZoneInfo(key), year))


def _lines(zone: ZoneInfo, year: int) -> Iterator[str]:
    begin = datetime(year - 1, 1, 1, tzinfo=UTC)
    first = _clocks(begin, zone)
    onsets: dict[tuple[timedelta, _Clocks], list[datetime]] = {(first.offset, first): [begin]}
    for at, before, after in _changes(zone, begin, datetime(year + AHEAD + 1, 1, 1, tzinfo=UTC)):
        onsets.setdefault((before.offset, after), []).append(at)
    yield from ("BEGIN:VTIMEZONE", f"TZID:{zone.key}")
    for (offset, clocks), moments in onsets.items():
        # By the clocks as they stood before, so none of them is skipped or there twice.
        start, *others = (f"{moment + offset:%Y%m%dT%H%M%S}" for moment in moments)
        # Readers take the later offset for daylight time, also where a law has it the other way round (Dublin).
        kind = "DAYLIGHT" if clocks.offset > offset else "STANDARD"
        yield from (f"BEGIN:{kind}", f"DTSTART:{start}")
        if others:
            yield f"RDATE:{','.join(others)}"
        yield from (f"TZOFFSETFROM:{_offset(offset)}", f"TZOFFSETTO:{_offset(clocks.offset)}")
        yield from (f"TZNAME:{clocks.name}", f"END:{kind}")
    yield "END:VTIMEZONE"


def _changes(zone: ZoneInfo, begin: datetime, end: datetime) -> Iterator[tuple[datetime, _Clocks, _Clocks]]:
    """Yield when the clocks change, to the second, and how they stand before and after."""
    before = _clocks(begin, zone)
    while begin < end:
        begin += _STEP
        after = _clocks(begin, zone)
        if after != before:
            yield _first(zone, begin - _STEP, begin), before, after
            before = after


def _first(zone: ZoneInfo, low: datetime, high: datetime) -> datetime:
    """Return the first moment after `low` at which the clocks stand as they do at `high`."""
    later = _clocks(high, zone)
    while high - low > _SECOND:
        middle = low + (high - low) // (2 * _SECOND) * _SECOND
        low, high = (low, middle) if _clocks(middle, zone) == later else (middle, high)
    return high


def _clocks(moment: datetime, zone: ZoneInfo) -> _Clocks:
    local = moment.astimezone(zone)
    return _Clocks(local.utcoffset() or timedelta(), local.tzname() or zone.key)


def _offset(offset: timedelta) -> str:
    """Return an offset from UTC as section 3.3.14 has it, such as `+0530`."""
    minutes, seconds = divmod(abs(offset) // _SECOND, 60)
    sign = "-" if offset < timedelta() else "+"
    return f"{sign}{minutes // 60:02}{minutes % 60:02}" + (f"{seconds:02}" if seconds else "")
