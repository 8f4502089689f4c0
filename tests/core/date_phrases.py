"""What people type for a day, and what it must mean: written before there was a reader, from no reader's behaviour.

Each table has a reference instant, a zone and phrases. What is expected is

- a day, `2026-11-27`: it ends at the end of that day in the zone;
- a moment, `2026-11-27T17:00+01:00`;
- readings, `2026-11-20 | 2026-11-27`: refused as ambiguous, with these to choose from;
- `ERROR`: refused, with nothing to choose from.
"""

from __future__ import annotations

from typing import NamedTuple

ERROR = "error"


class Row(NamedTuple):
    """One phrase, said at `now` by somebody in `zone`."""

    phrase: str
    now: str
    zone: str
    expected: str


def said(now: str, zone: str, table: dict[str, str]) -> list[Row]:
    """The rows of one table."""
    return [Row(phrase, now, zone, expected) for phrase, expected in table.items()]


WEDNESDAY = ("2026-11-18T10:00+01:00", "Europe/Berlin")
FRIDAY = ("2026-11-20T10:00+01:00", "Europe/Berlin")
SATURDAY = ("2026-11-21T10:00+01:00", "Europe/Berlin")
SUNDAY = ("2026-11-22T10:00+01:00", "Europe/Berlin")

DAYS = said(
    *WEDNESDAY,
    {
        "today": "2026-11-18",
        "Today": "2026-11-18",
        "tonight": "2026-11-18",
        "tomorrow": "2026-11-19",
        "TOMORROW": "2026-11-19",
        "  tomorrow ": "2026-11-19",
        "by tomorrow": "2026-11-19",
        "tmrw": "2026-11-19",
        "day after tomorrow": "2026-11-20",
        "the day after tomorrow": "2026-11-20",
        "yesterday": "2026-11-17",
        "the day before yesterday": "2026-11-16",
        "eod": "2026-11-18",
        "end of day": "2026-11-18",
        "by end of day": "2026-11-18",
        "tomorrow eod": "2026-11-19",
        "eod tomorrow": "2026-11-19",
        "end of day friday": "2026-11-20",
    },
)

WEEKDAYS = [
    *said(
        *WEDNESDAY,
        {
            "friday": "2026-11-20",
            "Fri": "2026-11-20",
            "on fri": "2026-11-20",
            "by friday": "2026-11-20",
            "monday": "2026-11-23",
            "tues": "2026-11-24",
            "Thurs.": "2026-11-19",
            "wednesday": "2026-11-18 | 2026-11-25",
            "this friday": "2026-11-20",
            "this sunday": "2026-11-22",
            "this wednesday": "2026-11-18",
            "this monday": "2026-11-16 | 2026-11-23",
            "coming friday": "2026-11-20",
            "this coming monday": "2026-11-23",
            "next friday": "2026-11-20 | 2026-11-27",
            "Next Fri": "2026-11-20 | 2026-11-27",
            "next monday": "2026-11-23",
            "next tuesday": "2026-11-24",
            "next wednesday": "2026-11-25",
            "next sunday": "2026-11-22 | 2026-11-29",
            "friday next week": "2026-11-27",
            "next week friday": "2026-11-27",
            "friday of next week": "2026-11-27",
            "sunday next week": "2026-11-22 | 2026-11-29",
            "friday this week": "2026-11-20",
            "last friday": "2026-11-13",
            "last monday": "2026-11-09 | 2026-11-16",
            "last wednesday": "2026-11-11",
            "this past monday": "2026-11-16",
            "friday last week": "2026-11-13",
            "fridays": ERROR,
            "every friday": ERROR,
            "before friday": ERROR,
        },
    ),
    *said(
        *FRIDAY,
        {
            "friday": "2026-11-20 | 2026-11-27",
            "friday 5pm": "2026-11-20T17:00+01:00 | 2026-11-27T17:00+01:00",
            "eod friday": "2026-11-20 | 2026-11-27",
            "this friday": "2026-11-20",
            "next friday": "2026-11-27",
            "last friday": "2026-11-13",
            "saturday": "2026-11-21",
            "thursday": "2026-11-26",
            "next thursday": "2026-11-26",
            "next saturday": "2026-11-21 | 2026-11-28",
            "a week from friday": "2026-11-27 | 2026-12-04",
        },
    ),
    *said(
        *SATURDAY,
        {
            "friday": "2026-11-27",
            "next friday": "2026-11-27",
            "this friday": "2026-11-20 | 2026-11-27",
            "last friday": "2026-11-13 | 2026-11-20",
            "end of week": "2026-11-22",
        },
    ),
    *said(
        *SUNDAY,
        {
            "friday": "2026-11-27",
            "next friday": "2026-11-27 | 2026-12-04",
            "next monday": "2026-11-23 | 2026-11-30",
            "next sunday": "2026-11-29",
            "friday next week": "2026-11-27 | 2026-12-04",
            "end of week": "2026-11-22 | 2026-11-29",
            "beginning of next week": "2026-11-23 | 2026-11-30",
        },
    ),
]

RELATIVE = [
    *said(
        *WEDNESDAY,
        {
            "in 2 weeks": "2026-12-02",
            "in two weeks": "2026-12-02",
            "In 2 Weeks": "2026-12-02",
            "in a week": "2026-11-25",
            "in 1 week": "2026-11-25",
            "in 3 days": "2026-11-21",
            "in three days": "2026-11-21",
            "in 10d": "2026-11-28",
            "in a fortnight": "2026-12-02",
            "in a month": "2026-12-18",
            "in 6 months": "2027-05-18",
            "in a year": "2027-11-18",
            "in 0 days": "2026-11-18",
            "two weeks from now": "2026-12-02",
            "3 days from now": "2026-11-21",
            "a week from today": "2026-11-25",
            "2 days from tomorrow": "2026-11-21",
            "a week from tuesday": "2026-12-01",
            "2 weeks after friday": "2026-12-04",
            "2 days before dec 24": "2026-12-22",
            "2 weeks ago": "2026-11-04",
            "a month ago": "2026-10-18",
            "in 3 days at 9am": "2026-11-21T09:00+01:00",
            "in 3 days at 9": "2026-11-21T09:00+01:00 | 2026-11-21T21:00+01:00",
            "in 2 weeks 17:00": "2026-12-02T17:00+01:00",
            "in an hour": "2026-11-18T11:00+01:00",
            "in 90 minutes": "2026-11-18T11:30+01:00",
            "in 90 min": "2026-11-18T11:30+01:00",
            "in half an hour": "2026-11-18T10:30+01:00",
            "in an hour and a half": "2026-11-18T11:30+01:00",
            "in 1.5 hours": "2026-11-18T11:30+01:00",
            "in 1h30m": "2026-11-18T11:30+01:00",
            "in 2 hours and 15 minutes": "2026-11-18T12:15+01:00",
            "in 36 hours": "2026-11-19T22:00+01:00",
            "2 hours from now": "2026-11-18T12:00+01:00",
            "an hour ago": "2026-11-18T09:00+01:00",
            "now": "2026-11-18T10:00+01:00",
            "2 weeks": "2026-11-04 | 2026-12-02",
            "fortnight": "2026-11-04 | 2026-12-02",
            "2 hours": "2026-11-18T08:00+01:00 | 2026-11-18T12:00+01:00",
            "in a few days": ERROR,
            "in 2 business days": ERROR,
            "in -2 days": ERROR,
            "in 1.5 weeks": ERROR,
            "in 99999 years": ERROR,
            "in 2 hours at 9": ERROR,
            "soon": ERROR,
        },
    ),
    *said(
        "2027-01-31T10:00-05:00",
        "America/New_York",
        {
            "in a month": "2027-02-28",
            "in 3 months": "2027-04-30",
            "in 13 months": "2028-02-29",
            "tomorrow": "2027-02-01",
            "end of month": "2027-01-31",
            "end of next month": "2027-02-28",
            "30th of next month": ERROR,
        },
    ),
    *said(
        "2028-02-29T08:15Z",
        "UTC",
        {
            "in a year": "2029-02-28",
            "in 4 years": "2032-02-29",
            "a year ago": "2027-02-28",
            "feb 29": "2028-02-29",
            "eom": "2028-02-29",
            "tomorrow": "2028-03-01",
        },
    ),
]

SPANS = said(
    *WEDNESDAY,
    {
        "end of week": "2026-11-22",
        "end of the week": "2026-11-22",
        "eow": "2026-11-22",
        "end of next week": "2026-11-29",
        "end of month": "2026-11-30",
        "end of the month": "2026-11-30",
        "end of this month": "2026-11-30",
        "eom": "2026-11-30",
        "last day of the month": "2026-11-30",
        "end of next month": "2026-12-31",
        "end of november": "2026-11-30",
        "end of february": "2027-02-28",
        "end of feb 2028": "2028-02-29",
        "end of year": "2026-12-31",
        "eoy": "2026-12-31",
        "end of next year": "2027-12-31",
        "beginning of next week": "2026-11-23",
        "beginning of next month": "2026-12-01",
        "start of december": "2026-12-01",
        "start of next year": "2027-01-01",
        "beginning of the month": "2026-11-01 | 2026-12-01",
        "end of month 5pm": "2026-11-30T17:00+01:00",
        "this week": "2026-11-16 | 2026-11-22",
        "next week": "2026-11-23 | 2026-11-29",
        "this month": "2026-11-01 | 2026-11-30",
        "next month": "2026-12-01 | 2026-12-31",
        "next year": "2027-01-01 | 2027-12-31",
        "weekend": "2026-11-21 | 2026-11-22",
        "this weekend": "2026-11-21 | 2026-11-22",
        "next weekend": "2026-11-21 | 2026-11-28",
        "december": "2026-12-01 | 2026-12-31",
        "in march": "2027-03-01 | 2027-03-31",
        "nov 2027": "2027-11-01 | 2027-11-30",
        "end of quarter": ERROR,
    },
)

CALENDAR_DATES = [
    *said(
        *WEDNESDAY,
        {
            "15th": "2026-12-15",
            "the 15th": "2026-12-15",
            "on the 27th": "2026-11-27",
            "the 18th": "2026-11-18",
            "the 31st": "2026-12-31",
            "the 32nd": ERROR,
            "first of december": "2026-12-01",
            "first monday of december": "2026-12-07",
            "last friday of november": "2026-11-27",
            "third thursday of next month": "2026-12-17",
            "1st of the month": "2026-12-01",
            "15th of next month": "2026-12-15",
            "15th of this month": "2026-11-15",
            "nov 27": "2026-11-27",
            "Nov. 27": "2026-11-27",
            "27 november": "2026-11-27",
            "27th of november": "2026-11-27",
            "november 27th": "2026-11-27",
            "nov 18": "2026-11-18",
            "nov 17": "2027-11-17",
            "27 nov 2027": "2027-11-27",
            "Nov 27, 2027": "2027-11-27",
            "27-Nov-2027": "2027-11-27",
            "sept 1": "2027-09-01",
            "november 27th at 3pm": "2026-11-27T15:00+01:00",
            "5pm nov 27": "2026-11-27T17:00+01:00",
            "friday 27 nov": "2026-11-27",
            "fri, nov 27": "2026-11-27",
            "friday the 27th": "2026-11-27",
            "friday 27 nov 2026": "2026-11-27",
            "Friday 2026-11-27": "2026-11-27",
            "2026-11-27 (Friday)": "2026-11-27",
            "friday 28 nov 2026": ERROR,
            "friday 28 nov": ERROR,
            "monday the 27th": ERROR,
            "monday 2026-11-27": ERROR,
            "feb 29": "2028-02-29",
            "feb 29 2027": ERROR,
            "31 february": ERROR,
            "november 31": ERROR,
            "nov 27 1969": ERROR,
            "nov 27 2200": ERROR,
            "nov 27 27": ERROR,
            "03/04/2027": "2027-03-04 | 2027-04-03",
            "3/4": "2027-03-04 | 2027-04-03",
            "3.4.2027": "2027-03-04 | 2027-04-03",
            "03-04-2027": "2027-03-04 | 2027-04-03",
            "03/03/2027": "2027-03-03",
            "13/04/2027": "2027-04-13",
            "04/13/2027": "2027-04-13",
            "27.11.2026": "2026-11-27",
            "12/25": "2026-12-25",
            "13/13/2027": ERROR,
            "03/04/27": ERROR,
            "2027/03/04": "2027-03-04",
            "2027": ERROR,
        },
    ),
    *said(
        "2026-12-31T23:30+05:30",
        "Asia/Kolkata",
        {
            "tomorrow": "2027-01-01",
            "jan 1": "2027-01-01",
            "dec 31": "2026-12-31",
            "end of year": "2026-12-31",
            "next year": "2027-01-01 | 2027-12-31",
            "in 45 minutes": "2027-01-01T00:15+05:30",
            "tomorrow 9:30am": "2027-01-01T09:30+05:30",
        },
    ),
]

DAY_ROWS = [*DAYS, *WEEKDAYS, *RELATIVE, *SPANS, *CALENDAR_DATES]
