"""Read date-times of ISO 8601, also with what RFC 9557 appends in brackets, as `Temporal` of JavaScript writes them.

    2026-12-01T10:00:00+01:00[Europe/Berlin][u-ca=iso8601]

The zone names a moment together with the wall clock, and the offset does so by itself: where they differ, both are
returned, and the caller refuses. Any other suffix says nothing of the moment, and is left out unless it must be
understood (`!`).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta, timezone, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from todo_core.dates.when import When, at_moment, moments
from todo_core.dates.written import UnclearDate, require_year

_MOMENT = re.compile(
    r"(?P<wall>\d{4}-\d\d-\d\d[t ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?|\d{8}t\d{4}(?:\d\d)?) ?"
    r"(?P<offset>z|[+-]\d\d(?::?\d\d)?)?(?:\[(?P<must>!?)(?P<zone>[a-z._][\w.+/-]*|[+-]\d\d:\d\d)\])?",
    re.ASCII,
)
_TAG = r"\[!?[a-z_][a-z0-9_-]*=[a-z0-9]+(?:-[a-z0-9]+)*\]"
_TAGGED = re.compile(rf"(?P<date>\d{{4}}.*?)(?P<tags>(?:{_TAG})+)", re.ASCII)
_UNDERSTOOD = "[!u-ca=iso8601]"
_UNSAID = ("z", "-00:00")
_NO_SUCH_TIME = 'There is no such date or time. Check day, time and offset, as in "2027-01-31T17:00+01:00".'
_NO_SUCH_ZONE = 'There is no such time zone. Send the offset instead, as in "2027-01-31T17:00+01:00".'
_MUST_BE_UNDERSTOOD = (
    'A suffix in brackets must be understood, by its own word, and is not. Send it without, as in "2027-01-31T17:00".'
)


def without_tags(phrase: str) -> str:
    """Leave out what follows a date in brackets with a key, such as `[u-ca=iso8601]` (RFC 9557, section 3.2).

    Raises:
        UnclearDate: It must be understood, and is not.
    """
    match = _TAGGED.fullmatch(phrase)
    if match is None:
        return phrase
    if "[!" in match["tags"].replace(_UNDERSTOOD, ""):
        raise UnclearDate(_MUST_BE_UNDERSTOOD)
    return match["date"]


def iso_moments(phrase: str, zone: ZoneInfo) -> list[When]:
    """Return what a date-time may mean, with or without an offset and a zone; empty if the phrase is none.

    Args:
        phrase: In lower case, without tags.
        zone: The user's, for a date-time that has neither.

    Raises:
        UnclearDate: There is no such date, time or zone.
    """
    match = _MOMENT.fullmatch(phrase)
    if match is None:
        return []
    require_year(int(phrase[:4]))
    offset, there = match["offset"], None if match["zone"] is None else _zone(match["zone"])
    if there is None and match["zone"] is not None and (match["must"] or offset is None):
        raise UnclearDate(_NO_SUCH_ZONE)
    try:
        wall = datetime.fromisoformat(match["wall"].upper().replace(" ", "T"))
        moment = None if offset is None else datetime.fromisoformat(f"{wall.isoformat()}{offset.upper()}")
    except ValueError:
        raise UnclearDate(_NO_SUCH_TIME) from None
    if moment is None and there is None:
        return moments(wall.date(), wall - datetime.combine(wall.date(), time()), zone)
    meant = [] if moment is None else [moment]
    # What says a moment, and nothing of its offset, contradicts no zone (RFC 9557, section 2.2).
    if there is not None and (moment is None or (offset not in _UNSAID and not _agrees(moment, there))):
        meant += _at_clocks_of(there, wall)
    return [at_moment(one, zone) for one in meant]


def _agrees(moment: datetime, there: tzinfo) -> bool:
    """Return whether a moment has the offset that a zone has at it."""
    return moment.utcoffset() == moment.astimezone(there).utcoffset()


def _at_clocks_of(there: tzinfo, wall: datetime) -> list[datetime]:
    """Return when the clocks of a zone show a time: twice, if a clock change repeats it.

    One that is skipped is later by what is skipped (RFC 5545, section 3.3.5).
    """
    first, second = (wall.replace(tzinfo=there, fold=fold).astimezone(UTC) for fold in (0, 1))
    return [first, second] if first < second else [first]


def _zone(name: str) -> tzinfo | None:
    """Return the zone of an IANA name in lower case, or of an offset; None if there is none."""
    if name[0] in "+-":
        hours, minutes = (int(part) for part in name[1:].split(":"))
        ahead = timedelta(hours=hours, minutes=minutes)
        return timezone(-ahead if name[0] == "-" else ahead) if hours < 24 and minutes < 60 else None
    known = _zones().get(name)
    return None if known is None else ZoneInfo(known)


@cache
def _zones() -> dict[str, str]:
    """Return the IANA names of zones, by these in lower case; `localtime` is that of the machine."""
    return {name.lower(): name for name in available_timezones() - {"localtime"}}
