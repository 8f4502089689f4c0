"""What people say of a due that is there already, and what it is then: written from decision 35, before the code.

Each table has the instant and the zone in which it is said, and rows: the due before, the text, the due after. A due is

- a day, `2026-12-24`;
- a wall-clock time, `2026-12-24T17:00`;
- a moment, with the offset that the zone has then, `2026-12-24T17:00+01:00`;

and after may be readings, `2026-11-28 | 2026-12-05`: refused with these, or `ERROR`: refused with nothing to choose
from.
"""

from __future__ import annotations

from typing import Final

from tests.core.date_phrases import ERROR, SATURDAY_28

DAY, TIME, MOMENT = "2026-12-24", "2026-12-24T17:00", "2026-12-24T17:00+01:00"

SAID: Final = {
    SATURDAY_28: [
        # A day alone keeps the time.
        (TIME, "tuesday", "2026-12-01T17:00"),
        (TIME, "Tuesday", "2026-12-01T17:00"),
        (TIME, "on tuesday", "2026-12-01T17:00"),
        (TIME, "tomorrow", "2026-11-29T17:00"),
        (TIME, "tmrw", "2026-11-29T17:00"),
        (TIME, "today", "2026-11-28T17:00"),
        (TIME, "yesterday", "2026-11-27T17:00"),
        (TIME, "2026-12-01", "2026-12-01T17:00"),
        (TIME, "2026-12-1", "2026-12-01T17:00"),
        (TIME, "20261201", "2026-12-01T17:00"),
        (TIME, "dec 1", "2026-12-01T17:00"),
        (TIME, "1st", "2026-12-01T17:00"),
        (TIME, "24 dec", TIME),
        (TIME, "in 2 weeks", "2026-12-12T17:00"),
        (TIME, "+2d", "2026-11-30T17:00"),
        (TIME, "in a month", "2026-12-28T17:00"),
        (TIME, "end of month", "2026-11-30T17:00"),
        (TIME, "eow", "2026-11-29T17:00"),
        (TIME, "first monday of the month", "2026-12-07T17:00"),
        (TIME, "tuesday next week", "2026-12-01T17:00"),
        (TIME, "by tuesday", "2026-12-01T17:00"),
        ("2026-12-24T09:30:15", "tuesday", "2026-12-01T09:30:15"),
        ("2026-12-24T00:00", "tuesday", "2026-12-01T00:00"),
        ("2026-11-24T09:00", "today", "2026-11-28T09:00"),
        # Of a day there is no time to keep.
        (DAY, "tuesday", "2026-12-01"),
        (DAY, "2026-12-01", "2026-12-01"),
        # A time alone keeps the day, also one that is past.
        (TIME, "4pm", "2026-12-24T16:00"),
        (TIME, "at 4pm", "2026-12-24T16:00"),
        (TIME, "16:00", "2026-12-24T16:00"),
        (TIME, "17:00", TIME),
        (TIME, "16:30:15", "2026-12-24T16:30:15"),
        (TIME, "noon", "2026-12-24T12:00"),
        (TIME, "half past 4pm", "2026-12-24T16:30"),
        (TIME, "quarter to 6pm", "2026-12-24T17:45"),
        (TIME, "9 o'clock in the morning", "2026-12-24T09:00"),
        (TIME, "by 4pm", "2026-12-24T16:00"),
        (DAY, "4pm", "2026-12-24T16:00"),
        ("2026-11-28T17:00", "9am", "2026-11-28T09:00"),
        ("2026-11-20T17:00", "4pm", "2026-11-20T16:00"),
        (TIME, "at 5", "2026-12-24T05:00 | 2026-12-24T17:00"),
        (TIME, "9:00", "2026-12-24T09:00 | 2026-12-24T21:00"),
        (TIME, "midnight", "2026-12-24T00:00 | 2026-12-25T00:00"),
        ("2026-11-28T17:00", "midnight", "2026-11-29T00:00"),
        (TIME, "7", "2026-12-07T17:00 | 2026-12-24T07:00 | 2026-12-24T19:00"),
        (TIME, "25:00", ERROR),
        (TIME, "tuesday at the same time", "2026-12-01T17:00"),
        (TIME, "same time tomorrow", "2026-11-29T17:00"),
        (TIME, "same day at 4pm", "2026-12-24T16:00"),
        (TIME, "4pm the same day", "2026-12-24T16:00"),
        # Both replace both.
        (TIME, "tuesday 4pm", "2026-12-01T16:00"),
        (TIME, "4pm tomorrow", "2026-11-29T16:00"),
        (TIME, "2026-12-01T09:00", "2026-12-01T09:00"),
        (TIME, "tomorrow morning", "2026-11-29T12:00"),
        (DAY, "tuesday 4pm", "2026-12-01T16:00"),
        # All day drops the time.
        (TIME, "tuesday all day", "2026-12-01"),
        (TIME, "all day tuesday", "2026-12-01"),
        (TIME, "all-day tuesday", "2026-12-01"),
        (TIME, "Tuesday, all day", "2026-12-01"),
        (TIME, "tuesday (all day)", "2026-12-01"),
        (TIME, "2026-12-01 all day", "2026-12-01"),
        (TIME, "all day on 2026-12-01", "2026-12-01"),
        (TIME, "tuesday, no time", "2026-12-01"),
        (TIME, "tuesday without a time", "2026-12-01"),
        (TIME, "any time tuesday", "2026-12-01"),
        (TIME, "all day", DAY),
        (TIME, "All\u2011day", DAY),
        (TIME, "no time", DAY),
        (TIME, "without time", DAY),
        (DAY, "no time", DAY),
        (MOMENT, "all day", DAY),
        (TIME, "tuesday 4pm all day", ERROR),
        (TIME, "saturday all day", "2026-11-28 | 2026-12-05"),
        # So does what means a day by its end.
        (TIME, "tonight", "2026-11-28"),
        (TIME, "tuesday evening", "2026-12-01"),
        (TIME, "eod", "2026-11-28"),
        (TIME, "tuesday eod", "2026-12-01"),
        (TIME, "end of tomorrow", "2026-11-29"),
        ("2026-12-24T09:00", "later today", "2026-11-28"),
        # A moment: a day alone leaves it one, a time alone makes it a wall-clock time.
        (MOMENT, "tuesday", "2026-12-01T17:00+01:00"),
        (MOMENT, "2027-07-01", "2027-07-01T17:00+02:00"),
        (MOMENT, "4pm", "2026-12-24T16:00"),
        (MOMENT, "tuesday 4pm", "2026-12-01T16:00"),
        (MOMENT, "2026-12-01T16:00Z", "2026-12-01T17:00+01:00"),
        (TIME, "2026-12-24T17:00+01:00", MOMENT),
        (TIME, "in 90 minutes", "2026-11-28T15:45+01:00"),
        # What may be two things is asked with what it would be.
        (TIME, "saturday", "2026-11-28T17:00 | 2026-12-05T17:00"),
        (TIME, "03/04", "2027-03-04T17:00 | 2027-04-03T17:00"),
        (TIME, "next week", "2026-11-30T17:00 | 2026-12-06T17:00"),
        (MOMENT, "saturday", "2026-11-28T17:00+01:00 | 2026-12-05T17:00+01:00"),
        (TIME, "someday", ERROR),
    ],
    # The clocks skip 02:00 to 03:00 on 2027-03-28, and show it twice on 2027-10-31: what nobody wrote is not asked.
    ("2027-03-27T12:00+01:00", "Europe/Berlin"): [
        ("2027-03-27T02:30", "tomorrow", "2027-03-28T03:30"),
        ("2027-03-28T17:00", "02:30", "2027-03-28T03:30"),
        ("2027-03-27T02:30", "2027-10-31", "2027-10-31T02:30"),
        ("2027-10-31T17:00", "02:30", "2027-10-31T02:30+02:00 | 2027-10-31T02:30+01:00"),
        ("2027-03-27T02:30+01:00", "2027-10-31", "2027-10-31T02:30+02:00"),
    ],
    # Saturday evening: there the clocks skip the last hour of a Saturday.
    ("2027-03-26T12:00-02:00", "America/Nuuk"): [
        ("2027-03-26T23:30", "tomorrow", "2027-03-28T00:30"),
        ("2027-03-26T23:30", "monday", "2027-03-29T23:30"),
    ],
    ("2026-11-28T20:15-05:00", "America/New_York"): [
        ("2026-12-24T17:00", "tomorrow", "2026-11-29T17:00"),
        ("2026-12-24T12:00-05:00", "tuesday", "2026-12-01T12:00-05:00"),
        ("2026-12-24T23:30-05:00", "9am", "2026-12-24T09:00"),
        ("2026-12-24T23:30-05:00", "no time", "2026-12-24"),
    ],
    ("2026-11-28T09:15+13:00", "Pacific/Auckland"): [
        ("2026-12-24T17:00", "tomorrow", "2026-11-29T17:00"),
        ("2026-12-25T01:00+13:00", "4pm", "2026-12-25T16:00"),
    ],
}
