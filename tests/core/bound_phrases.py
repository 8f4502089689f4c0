"""What people write as a bound of a filter, and where it begins and ends: said on a Saturday in Berlin.

A day or a period stands as `2026-11-23 2026-11-29`, from the start of the first to the end of the last day; moments as
`2026-11-27T14:15 2026-11-28T14:15`, in local time; readings as in `date_phrases`.
"""

from __future__ import annotations

from typing import Final

BACK: Final = {  # created, updated, completed: what has happened
    "monday": "2026-11-23 2026-11-23",
    "fri": "2026-11-27 2026-11-27",
    "on friday": "2026-11-27 2026-11-27",
    "friday 5pm": "2026-11-27T17:00 2026-11-27T17:00",
    "saturday": "2026-11-21 | 2026-11-28",
    "nov 1": "2026-11-01 2026-11-01",
    "nov 20": "2026-11-20 2026-11-20",
    "nov 28": "2026-11-28 2026-11-28",
    "nov 29": "2025-11-29 2025-11-29",
    "dec 24": "2025-12-24 2025-12-24",
    "feb 29": "2024-02-29 2024-02-29",
    "11/20": "2026-11-20 2026-11-20",
    "3/4": "2026-03-04 | 2026-04-03",
    "15th": "2026-11-15 2026-11-15",
    "the 31st": "2026-10-31 2026-10-31",
    "start of november": "2026-11-01 2026-11-01",
    "end of october": "2026-10-31 2026-10-31",
    "beginning of the month": "2026-11-01 2026-11-01",
    "start of the week": "2026-11-23 2026-11-23",
    "first monday of the month": "2026-11-02 2026-11-02",
    "last friday of the month": "2026-11-27 2026-11-27",
    "first monday of december": "2025-12-01 2025-12-01",
    "november": "2026-11-01 2026-11-30",
    "december": "2025-12-01 2025-12-31",
    "in march": "2026-03-01 2026-03-31",
    "saturday evening": "2026-11-21T18:00 2026-11-22T00:00",
    "saturday morning": "2026-11-21T00:00+01:00 | 2026-11-28T00:00+01:00",
    "5pm": "2026-11-27T17:00 2026-11-27T17:00",
    "9am": "2026-11-28T09:00 2026-11-28T09:00",
    "at 5": "2026-11-27T17:00+01:00 | 2026-11-28T05:00+01:00",
    "2 weeks": "2026-11-14 2026-11-14",
    "90 minutes": "2026-11-28T12:45 2026-11-28T12:45",
    "7 days ago": "2026-11-21 2026-11-21",
    "this morning": "2026-11-28T00:00 2026-11-28T12:00",
    "this monday": "2026-11-23 2026-11-23",
    "last friday": "2026-11-20 | 2026-11-27",
    "next month": "2026-12-01 2026-12-31",
    "tomorrow": "2026-11-29 2026-11-29",
}
AHEAD: Final = {  # due
    "monday": "2026-11-30 2026-11-30",
    "nov 1": "2027-11-01 2027-11-01",
    "nov 20": "2027-11-20 2027-11-20",
    "15th": "2026-12-15 2026-12-15",
    "december": "2026-12-01 2026-12-31",
    "start of november": "2027-11-01 2027-11-01",
    "first monday of the month": "2026-12-07 2026-12-07",
    "saturday": "2026-11-28 | 2026-12-05",
    "5pm": "2026-11-28T17:00 2026-11-28T17:00",
    "9am": "2026-11-28T09:00+01:00 | 2026-11-29T09:00+01:00",
    "2 weeks": "2026-11-14 | 2026-12-12",
    "tuesday morning": "2026-12-01T00:00 2026-12-01T12:00",
}
EITHER_WAY: Final = {  # periods, and days that are the same whichever way one looks
    "today": "2026-11-28 2026-11-28",
    "yesterday": "2026-11-27 2026-11-27",
    "yesterday afternoon": "2026-11-27T12:00 2026-11-27T18:00",
    "tonight": "2026-11-28T18:00 2026-11-29T00:00",
    "this week": "2026-11-23 2026-11-29",
    "the current week": "2026-11-23 2026-11-29",
    "last week": "2026-11-16 2026-11-22",
    "previous week": "2026-11-16 2026-11-22",
    "next week": "2026-11-30 2026-12-06",
    "this month": "2026-11-01 2026-11-30",
    "last month": "2026-10-01 2026-10-31",
    "next month": "2026-12-01 2026-12-31",
    "this quarter": "2026-10-01 2026-12-31",
    "last quarter": "2026-07-01 2026-09-30",
    "this year": "2026-01-01 2026-12-31",
    "last year": "2025-01-01 2025-12-31",
    "last 7 days": "2026-11-22 2026-11-28",
    "the last 7 days": "2026-11-22 2026-11-28",
    "past seven days": "2026-11-22 2026-11-28",
    "last 30 days": "2026-10-30 2026-11-28",
    "last 2 weeks": "2026-11-15 2026-11-28",
    "past week": "2026-11-22 2026-11-28",
    "past month": "2026-10-29 2026-11-28",
    "last 3 months": "2026-08-29 2026-11-28",
    "next 7 days": "2026-11-28 2026-12-04",
    "last 24 hours": "2026-11-27T14:15 2026-11-28T14:15",
    "past hour": "2026-11-28T13:15 2026-11-28T14:15",
    "next 2 hours": "2026-11-28T14:15 2026-11-28T16:15",
    "this weekend": "2026-11-28 2026-11-29",
    "last weekend": "2026-11-21 2026-11-22",
    "2026-11": "2026-11-01 2026-11-30",
    "2026-w48": "2026-11-23 2026-11-29",
    "nov 2026": "2026-11-01 2026-11-30",
    "2026-11-20": "2026-11-20 2026-11-20",
    "2026\u201111\u201120": "2026-11-20 2026-11-20",
    "last\u00a0week": "2026-11-16 2026-11-22",
    "in 2 weeks": "2026-12-12 2026-12-12",
}
BOUNDS: Final = [
    (phrase, looks_back, expected)
    for table, ways in ((BACK, (True,)), (AHEAD, (False,)), (EITHER_WAY, (True, False)))
    for phrase, expected in table.items()
    for looks_back in ways
]
