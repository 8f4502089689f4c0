# ruff: noqa: DTZ001 - wall times: zones are the caller's matter
"""How todos repeat: phrases and rules, and which occurrence comes next. python-dateutil is the witness."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from itertools import islice, takewhile
from time import process_time
from zoneinfo import ZoneInfo

import pytest
from dateutil.rrule import rrulestr
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from tests.core.refusals import Place, not_reached, places_of, reached
from tests.core.repeat_phrases import REPEATS
from tests.tables import each
from todo_core import recurrence
from todo_core.recurrence import MAX_LENGTH, Repeat, UnclearRepeat, following, read

BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")
SATURDAY = date(2026, 11, 21)
SATURDAY_9 = datetime(2026, 11, 21, 9)


def moment(text: str) -> datetime | date:
    return datetime.fromisoformat(text) if "T" in text else date.fromisoformat(text)


def midnight(when: datetime | date) -> datetime:
    return when if isinstance(when, datetime) else datetime.combine(when, time())


def series(repeat: Repeat, most: int) -> list[datetime | date]:
    """Each occurrence completed on its day, a minute after its time."""
    found = [repeat.scheduled]
    current: Repeat | None = repeat
    while len(found) < most:
        due = current.scheduled
        current = following(current, due, midnight(due) + timedelta(minutes=1))
        if current is None:
            break
        found.append(current.scheduled)
    return found


def witnessed(rule: str, first: datetime | date) -> Iterator[datetime]:
    """What python-dateutil makes of it, with an UNTIL that is a day meaning all of it."""
    end = rule.partition("UNTIL=")[2]
    whole = f"{rule}T235959" if end and "T" not in end else rule
    return iter(rrulestr(whole, dtstart=midnight(first)))


def days_of(repeat: Repeat) -> Iterator[date]:
    return (when.date() for when in witnessed(repeat.rule, repeat.scheduled))


def next_of(text: str, start: str, due: str, done: str) -> str | None:
    """When the occurrence after the first one of a series is scheduled."""
    found = following(read(text, moment(start)), moment(due), datetime.fromisoformat(done))
    return found and found.scheduled.isoformat()


@pytest.mark.requirement("TD11")
@each(("text", "start", "rule", "words", "occurrences"), REPEATS)
def test_a_text_says_a_rule(text: str, start: str, rule: str, words: str, occurrences: str) -> None:
    repeat = read(text, moment(start))

    expected = [moment(when) for when in occurrences.split()]
    assert (repeat.rule, repeat.words) == (rule, words)
    assert series(repeat, len(expected)) == expected
    assert repeat.from_completion == ("completion" in words)


@pytest.mark.requirement("TD11")
@each(("text", "start"), [row[:2] for row in REPEATS])
def test_what_was_read_reads_as_the_same_again(text: str, start: str) -> None:
    repeat = read(text, moment(start))

    assert read(repeat.words, repeat.scheduled) == repeat
    assert Repeat.from_json(repeat.as_json()) == repeat
    if not repeat.from_completion:
        assert read(repeat.rule, repeat.scheduled) == repeat


def test_it_is_stored_as_four_texts() -> None:
    assert read("every! 3 days", SATURDAY_9).as_json() == {
        "rule": "FREQ=DAILY;INTERVAL=3",
        "counts_from": "completion",
        "words": "every 3 days after completion",
        "scheduled": "2026-11-21T09:00:00",
    }


@pytest.mark.parametrize(
    "changed",
    [
        {"rule": "FREQ=HOURLY"},
        {"rule": "FREQ=DAILY\u017f"},
        {"rule": "FREQ=DAILY;" * 50},
        {"counts_from": "elsewhere"},
        {"scheduled": "soon"},
        {"scheduled": "2026-11-21T09:00:00+01:00"},
        {"scheduled": "1969-12-31"},
    ],
)
def test_what_an_import_brings_is_checked(changed: dict[str, str]) -> None:
    with pytest.raises(UnclearRepeat):
        Repeat.from_json(read("daily", SATURDAY).as_json() | changed)


def test_an_imported_rule_gets_its_days_and_words() -> None:
    stored = {"rule": "freq=weekly", "counts_from": "due", "words": "anything", "scheduled": "2026-11-21"}

    assert Repeat.from_json(stored) == read("every saturday", SATURDAY)


REFUSED = [
    ("biweekly", "every 2 weeks"),
    ("bi-weekly on mon", "every mon and thu"),
    ("bimonthly", "every 2 months"),
    ("every hour", "daily at most"),
    ("every 5 minutes", "daily at most"),
    ("every 12h", "every weekday"),
    ("every third friday", "every month on the 3rd Fri"),
    ("every 3rd friday", "every 3 weeks on Fri"),
    ("every day starting monday", "`due`"),
    ("every day from 2027-01-01", "`due`"),
    ("every! 2 weeks starting dec 1", '"every 2 weeks after completion"'),
    ("every 2 weeks starting monday", '"every 2 weeks"'),
    ("every 2 weeks on mon, starting next week", '"every 2 weeks on Mon"'),
    ("every! month at 9am beginning jan 5", '"every month after completion at 09:00"'),
    ("every day from dec 1 until dec 24", '"every day, until 2026-12-24"'),
    ("every week starting soon, 5 times", '"every week, 5 times"'),
    ("every other day starting aug 29 ending in november", "`due`"),
    ("every day from monday for 3 weeks at 9am", '"every day for 3 weeks at 09:00"'),
    ("starting monday", "`due`"),
    ("every jan 1, jul 2", "different days"),
    ("every feb 29, apr 31", "different days"),
    ("every jan 31, apr 31", "that day"),
    ("every day until march", "until dec 31"),
    ("every day until 2027-02-30", "until dec 31"),
    ("every day until 2300-01-01", "2199"),
    ("every day until 2026-11-20", "ends before its first"),
    ("every day at 9", "at 9am"),
    ("every day at 25:00", "at 9am"),
    ("every day at 13pm", "at 9am"),
    ("every day at 0am", "at 9am"),
    ("every day 0 times", "from 1"),
    ("3 times a week", "every mon, wed and fri"),
    ("every day, 3 times until 2027-01-01", "one end"),
    ("every day for 2 weeks until 2027-01-01", "one end"),
    ("every day for 2 weeks, 3 times", "one end"),
    ("every day until friday", "until dec 31"),
    ("every day until 03/04", "until dec 31"),
    ("every day until feb 30", "until dec 31"),
    ("every day until feb 29 2027", "until dec 31"),
    ("every day until 2026-13-1", "until dec 31"),
    ("every day for 99 years until dec 24", "one end"),
    ("3 days a week", "every mon, wed and fri"),
    ("every morning", "at 9am"),
    ("every day at 24", "at 9am"),
    ("every day 25:00", "at 9am"),
    ("8 occurrences", "10 times"),
    ("for 8 weeks", "every weekday"),
    ("every day for 0 times", "from 1"),
    ("every monday until friday", "until dec 31"),
    ("weeks from sunday", "every 2 weeks"),
    ("FREQ=DAILY;COUNT=2 3 times", "one end"),
    ("every 30th and 31st", "past the 28th"),
    ("every 32nd", "1 to 31"),
    ("every 0th", "1 to 31"),
    ("every feb 30", "that day"),
    ("every 0 days", "1 to 3650"),
    ("every 9999 weeks", "1 to 520"),
    ("every 51 years", "1 to 50"),
    ("every week on the 15th", "every weekday"),
    ("every day on mon", "every weekday"),
    ("every month on tue", "every weekday"),
    ("every first weekday of may", "every weekday"),
    ("3 days", "every weekday"),
    ("tuesday", "every weekday"),
    ("a week", "every weekday"),
    ("every", "every weekday"),
    ("every second", "every weekday"),
    ("after completion", "every weekday"),
    ("for 10 times", "every weekday"),
    ("every day every week", "every weekday"),
    ("every day and mon", "every weekday"),
    ("", "every weekday"),
    ("täglich", "plain"),
    ("every tuesday" + " " * 200, "200"),
    ("FREQ=SECONDLY", "time of day into `due`"),
    ("FREQ=DAILY;BYHOUR=9", "time of day into `due`"),
    ("FREQ=DAILY;BYMINUTE=0", "time of day into `due`"),
    ("FREQ=DAILY;BYSECOND=0", "time of day into `due`"),
    ("FREQ=YEARLY;BYEASTER=0", "no part of RFC 5545"),
    ("DTSTART:20261121\nRRULE:FREQ=DAILY", "first date into `due`"),
    ("RRULE:FREQ=DAILY\nEXDATE:20261122", "first date into `due`"),
    ("FREQ=DAILY;FREQ=DAILY", "twice"),
    ("FREQ=DAILY;X=1", "does not know"),
    ("FREQ=DAILY;;BYDAY=MO", "does not know"),
    ("BYDAY=MO", "FREQ=DAILY"),
    ("FREQ=SOMETIMES", "FREQ=DAILY"),
    ("FREQ=DAILY;COUNT=2;UNTIL=20270101", "not both"),
    ("FREQ=DAILY;COUNT=0", "COUNT"),
    ("FREQ=DAILY;COUNT=10000", "COUNT"),
    ("FREQ=DAILY;INTERVAL=0", "INTERVAL"),
    ("FREQ=DAILY;INTERVAL=-1", "INTERVAL"),
    ("FREQ=DAILY;INTERVAL=3651", "INTERVAL"),
    ("FREQ=DAILY;INTERVAL=99999999999999999999", "INTERVAL"),
    ("FREQ=DAILY;UNTIL=2027", "UNTIL"),
    ("FREQ=DAILY;UNTIL=20270230", "UNTIL"),
    ("FREQ=DAILY;UNTIL=99991231", "1970 to 2199"),
    ("FREQ=DAILY;UNTIL=20270101T000000Z", "without the Z"),
    ("FREQ=DAILY;UNTIL=20261120", "ends before its first"),
    ("FREQ=WEEKLY;BYDAY=XX", "BYDAY"),
    ("FREQ=WEEKLY;BYDAY=", "BYDAY"),
    ("FREQ=WEEKLY;BYDAY=2TU", "MONTHLY or YEARLY"),
    ("FREQ=YEARLY;BYWEEKNO=1;BYDAY=2TU", "BYWEEKNO"),
    ("FREQ=MONTHLY;BYDAY=53MO", "5 in a month"),
    ("FREQ=YEARLY;BYMONTH=2;BYDAY=6MO", "5 in a month"),
    ("FREQ=YEARLY;BYDAY=54MO", "53 in a year"),
    ("FREQ=WEEKLY;WKST=XX", "WKST"),
    ("FREQ=WEEKLY;BYMONTHDAY=1", "FREQ=MONTHLY"),
    ("FREQ=MONTHLY;BYWEEKNO=1", "FREQ=YEARLY"),
    ("FREQ=DAILY;BYYEARDAY=1", "FREQ=YEARLY"),
    ("FREQ=MONTHLY;BYSETPOS=1", "BYSETPOS"),
    ("FREQ=MONTHLY;BYMONTHDAY=0", "0"),
    ("FREQ=MONTHLY;BYMONTHDAY=32", "BYMONTHDAY"),
    ("FREQ=MONTHLY;BYMONTH=13", "BYMONTH"),
    ("FREQ=MONTHLY;BYMONTHDAY=1,,2", "BYMONTHDAY"),
    ("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", "no day"),
    ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "no day"),
    ("FREQ=YEARLY;INTERVAL=2;BYMONTH=2;BYMONTHDAY=29;BYDAY=TU;BYSETPOS=2", "no day"),
    ("FREQ=DAILY;INTERVAL=3650;BYMONTH=1;BYMONTHDAY=1", "only one day"),
    (f"every! month on {' '.join(map(str, range(1, 29)))} until 2100-12-31", "too many days"),
]


@pytest.mark.requirement("TD11")
@each(("text", "advice"), REFUSED)
def test_a_text_that_is_not_certain_is_refused_with_what_to_write(text: str, advice: str) -> None:
    with pytest.raises(UnclearRepeat) as refused:
        read(text, SATURDAY_9)

    assert advice in str(refused.value)


TWO_READINGS = [
    ("every week 3 times", "every mon, wed and fri", "every week, 3 times"),
    ("weekly 3 times", "every mon, wed and fri", "every week, 3 times"),
    ("three times a week", "every mon, wed and fri", "every week, 3 times"),
    ("3 times per week", "every mon, wed and fri", "every week, 3 times"),
    ("3x a week", "every mon, wed and fri", "every week, 3 times"),
    ("3 times weekly", "every mon, wed and fri", "every week, 3 times"),
    ("three times each week at 9am", "every mon, wed and fri", "every week, 3 times"),
    ("twice a week", "every mon and thu", "every week, 2 times"),
    ("every week twice", "every mon and thu", "every week, 2 times"),
    ("five times a week", "every mon-fri", "every week, 5 times"),
    ("9 times a week", "every mon-sun", "every week, 9 times"),
    ("twice a month", "every 1st and 15th", "every month, 2 times"),
    ("every month 3 times", "every 1st, 10th and 20th", "every month, 3 times"),
    ("twice yearly", "every 6 months", "every year, 2 times"),
    ("every third friday", "every 3 weeks on Fri", "every month on the 3rd Fri"),
    ("every 4th mon at 9am", "every 4 weeks on Mon", "every month on the 4th Mon"),
    ("every 27", "every 27 days", "every month on the 27th"),
    ("every day at 9", "every day at 9am", "every day at 9pm"),
    ("every mon @ 12", "every week on Mon at 12am", "every week on Mon at 12pm"),
    ("weekly at 5, 10 times", "every week on Sat, 10 times at 5am", "every week on Sat, 10 times at 5pm"),
]


@pytest.mark.requirement("TD11")
@each(("text", "one", "other"), TWO_READINGS)
def test_a_text_with_two_readings_is_refused_with_both(text: str, one: str, other: str) -> None:
    with pytest.raises(UnclearRepeat) as refused:
        read(text, SATURDAY_9)

    assert refused.value.readings == (one, other)
    assert one in str(refused.value)
    assert other in str(refused.value)
    assert read(one, SATURDAY_9) != read(other, SATURDAY_9)


def test_several_times_a_day_are_so_many_todos() -> None:
    with pytest.raises(UnclearRepeat, match="daily at most") as refused:
        read("three times a day", SATURDAY)

    assert refused.value.readings == ("every day, 3 times",)


@pytest.mark.requirement("TD11")
@each(
    ("text", "start", "week_start", "rule", "then"),
    [
        ("every 5 weeks on sun, mon, tue, wed, thu", "2026-12-06", 6, "BYDAY=MO,TU,WE,TH,SU;WKST=SU", "2026-12-07"),
        ("every 5 weeks on sun, mon, tue, wed, thu", "2026-12-06", 0, "BYDAY=MO,TU,WE,TH,SU", "2027-01-04"),
        ("every 2 weeks on sun, mon", "2026-11-29", 6, "BYDAY=MO,SU;WKST=SU", "2026-11-30"),
        ("every 2 weeks on sun, mon", "2026-11-29", 5, "BYDAY=MO,SU;WKST=SA", "2026-11-30"),
        ("every 2 weeks on fri-sun", "2026-11-27", 5, "BYDAY=FR,SA,SU;WKST=SA", "2026-12-05"),
        ("every 2 weeks on tue, thu", "2026-12-01", 6, "BYDAY=TU,TH", "2026-12-03"),
        ("every 2 weeks", "2026-11-29", 6, "BYDAY=SU", "2026-12-13"),
        ("every week on sun, mon", "2026-11-29", 6, "BYDAY=MO,SU", "2026-11-30"),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=SU,MO", "2026-11-29", 6, "BYDAY=MO,SU", "2026-12-07"),
        ("every other weekend", "2026-11-28", 6, "BYDAY=SA,SU", "2026-11-29"),
        ("every 2 weeks on sun, mon, weeks from monday", "2026-11-29", 6, "BYDAY=MO,SU", "2026-12-07"),
    ],
)
def test_words_take_the_first_day_of_the_week_from_the_person(
    text: str, start: str, week_start: int, rule: str, then: str
) -> None:
    repeat = read(text, moment(start), None, week_start)

    assert repeat.rule.endswith(rule)
    assert series(repeat, 2)[1] == moment(then)
    for another in (0, 5, 6):  # whatever the person's week is by then, the words are the same series
        assert read(repeat.words, repeat.scheduled, None, another) == repeat


def check_advice(text: str, start: date) -> None:
    refused = refusal_of(text, start)
    if refused is not None:
        advised = [*re.findall(r'"([^"]*)"', str(refused)), *refused.readings]
        assert advised, refused
        for advice in advised:
            read(advice, start, NEW_YORK)


def refusal_of(text: str, start: date) -> UnclearRepeat | None:
    try:
        read(text, start, NEW_YORK)
    except UnclearRepeat as unclear:
        return unclear
    return None


@pytest.mark.requirement("TD11")
@each("start", [date(2026, 11, 28), date(2026, 12, 31), date(2028, 2, 29), datetime(2090, 1, 31, 23, 59)])
@each("text", [*(row[0] for row in REFUSED), *(row[0] for row in TWO_READINGS), "thrice daily"])
def test_what_a_refusal_advises_is_read(text: str, start: date) -> None:
    check_advice(text, start)


@pytest.mark.requirement("TD11")
def test_the_tables_lead_to_every_refusal() -> None:
    texts = [row[0] for row in (*REFUSED, *TWO_READINGS)]
    starts = (SATURDAY_9, date(1960, 1, 1))
    found = set[Place]().union(
        *(
            reached(partial(read, start=start, zone=zone), texts, UnclearRepeat)
            for start in starts
            for zone in (None, NEW_YORK)
        )
    )

    assert not_reached(places_of(recurrence, but=["from_json"]), found) == set()


@pytest.mark.parametrize(
    "text", ["every blorp", "every day at blorp", "FREQ=BLORP", "FREQ=DAILY;BLORP=1", "UNTIL=BLORP"]
)
def test_a_refusal_does_not_echo_the_text(text: str) -> None:
    with pytest.raises(UnclearRepeat) as refused:
        read(text, SATURDAY)

    assert "blorp" not in str(refused.value).lower()


_WORDS = "every each other second third 3 last 15th 30th 31st of on the month week day tue mon and , march feb 29 at"
_WORDS += (
    " 9am until 2027-01-01 10 times after completion twice a per through - occurrences for weeks from sunday @ 17:30"
)
_WORDS += " dec 24 end everyday first every-other ; business weekday to fri FREQ=WEEKLY ;BYDAY=MO ;COUNT=2 ;INTERVAL=2"
_WORDS += " every! ! -1 : ="


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no defect
@given(
    st.one_of(
        st.text(max_size=MAX_LENGTH + 5),
        st.lists(st.sampled_from(_WORDS.split()), max_size=10).map(" ".join),
        st.lists(st.sampled_from(_WORDS.split()), max_size=10).map("".join),
        st.from_regex(r"FREQ=(DAILY|WEEKLY|MONTHLY|YEARLY)(;[A-Z]{3,10}=[-+,0-9A-Z]{0,8}){0,3}", fullmatch=True),
    ),
    st.dates(),
)
@example("FREQ=DAILY;UNTIL=19700101T000000Z", SATURDAY)
@example("every\x00day", SATURDAY)
@example("every \ud800", SATURDAY)
def test_any_text_is_understood_or_refused_with_what_is(text: str, start: date) -> None:
    try:
        repeat = read(text, start, NEW_YORK)
    except UnclearRepeat:
        if date(1970, 1, 1) <= start <= date(2090, 1, 1):
            check_advice(text, start)
        return
    assert repeat.scheduled >= start if not isinstance(repeat.scheduled, datetime) else True
    assert Repeat.from_json(repeat.as_json()) == repeat
    assert read(repeat.words, repeat.scheduled) == repeat


def _part(name: str, low: int, high: int) -> st.SearchStrategy[str]:
    numbers = st.lists(st.integers(low, high).filter(bool), min_size=1, max_size=4, unique=True)
    return st.one_of(st.just(""), numbers.map(lambda found: f";{name}={','.join(map(str, found))}"))


_PLAIN_DAYS = st.lists(st.sampled_from(["MO", "TU", "WE", "TH", "FR", "SA", "SU"]), min_size=1, max_size=7, unique=True)
# Numbered and plain weekdays together are one set in RFC 5545; python-dateutil takes what is in both.
_NTH_DAYS = st.lists(st.sampled_from(["1MO", "2TU", "-1FR", "5WE", "-2SU", "4SA"]), min_size=1, max_size=3, unique=True)
_PLAIN = _PLAIN_DAYS.map(lambda found: f";BYDAY={','.join(found)}")
_NTH = _NTH_DAYS.map(lambda found: f";BYDAY={','.join(found)}")
_MONTHS, _MONTH_DAYS, _POSITION = _part("BYMONTH", 1, 12), _part("BYMONTHDAY", -31, 31), _part("BYSETPOS", -3, 3)
_NONE = st.just("")
# In python-dateutil, BYSETPOS counts the first week from its DTSTART, and a year's last week is one off.
_PARTS = st.one_of(
    st.tuples(st.just("DAILY"), _MONTHS, _MONTH_DAYS, st.one_of(_NONE, _PLAIN)),
    st.tuples(st.just("WEEKLY"), _MONTHS, st.one_of(_NONE, _PLAIN), st.sampled_from(["", ";WKST=SU"])),
    st.tuples(st.just("MONTHLY"), _MONTHS, _MONTH_DAYS, st.one_of(_NONE, _PLAIN, _NTH), _POSITION),
    st.tuples(st.just("YEARLY"), _MONTHS, _MONTH_DAYS, st.one_of(_NONE, _PLAIN, _NTH), _POSITION),
    st.tuples(st.just("YEARLY"), _MONTHS, _part("BYYEARDAY", -366, 366), st.one_of(_NONE, _PLAIN)),
    st.tuples(st.just("YEARLY"), _part("BYWEEKNO", 2, 51), st.one_of(_NONE, _PLAIN), st.sampled_from(["", ";WKST=SU"])),
)
_RULES = st.tuples(_PARTS, st.integers(1, 6), st.one_of(st.just(0), st.integers(1, 12))).map(
    lambda drawn: (
        f"FREQ={drawn[0][0]};INTERVAL={drawn[1]}{''.join(drawn[0][1:])}{f';COUNT={drawn[2]}' if drawn[2] else ''}"
    )
)


def readable(rule: str, start: datetime | date) -> Repeat:
    try:
        return read(rule, start)
    except UnclearRepeat:
        assume(False)
        raise


@pytest.mark.requirement("TD11")
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(_RULES, st.datetimes(datetime(1970, 1, 1), datetime(2150, 1, 1)).map(lambda when: when.replace(microsecond=0)))
def test_a_series_is_the_one_of_rfc_5545(rule: str, start: datetime) -> None:
    repeat = readable(rule, start)

    found = series(repeat, 8)

    assert found == list(islice(witnessed(repeat.rule, repeat.scheduled), len(found)))
    if len(found) < 8 and f"COUNT={len(found)}" not in repeat.rule and found[-1].year < 2150:
        missed = next(islice(witnessed(repeat.rule, repeat.scheduled), len(found), None))
        assert missed - found[-1] > timedelta(days=3660)


@pytest.mark.requirement("TD11")
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(
    _RULES,
    st.dates(date(2020, 1, 1), date(2040, 1, 1)),
    st.one_of(st.none(), st.times()),
    st.tuples(*[st.timedeltas(timedelta(days=-40), timedelta(days=400))] * 2),
    st.booleans(),
)
def test_the_next_is_later_and_of_the_same_series(
    rule: str, start: date, at: time | None, shifts: tuple[timedelta, timedelta], after: bool
) -> None:
    first = start if at is None else datetime.combine(start, at)
    repeat = readable(f"{rule} after completion" if after else rule, first)
    moved, late = shifts
    due = repeat.scheduled + moved
    done = midnight(due) + late

    found = following(repeat, due, done)

    if found is None:
        return
    assert found.from_completion == after
    assert isinstance(found.scheduled, datetime) == isinstance(due, datetime)
    if after:
        assert midnight(found.scheduled).date() > done.date()
        return
    assert found.scheduled > due
    assert midnight(found.scheduled).date() > midnight(repeat.scheduled).date()
    passed = done if isinstance(due, datetime) else done.date()
    assert found.scheduled > passed
    *passed_over, next_day = takewhile(lambda day: day <= midnight(found.scheduled).date(), days_of(repeat))
    assert next_day == midnight(found.scheduled).date()
    latest = max(midnight(when).date() for when in (due, repeat.scheduled, done))
    assert all(day <= latest for day in passed_over)
    if "COUNT" in repeat.rule:
        counts = [int(text.rpartition("COUNT=")[2]) for text in (repeat.rule, found.rule)]
        assert counts[0] - counts[1] == len(passed_over)


@pytest.mark.requirement("TD11")
@each(
    ("text", "scheduled", "due", "done", "then"),
    [
        # In time, early, late.
        ("daily", "2026-11-21", "2026-11-21", "2026-11-21T08:00", "2026-11-22"),
        ("daily", "2026-11-21", "2026-11-21", "2026-11-20T23:00", "2026-11-22"),
        ("daily", "2026-11-21", "2026-11-21", "2026-11-26T23:59", "2026-11-27"),
        ("daily", "2026-11-21T17:00", "2026-11-21T17:00", "2026-11-21T09:00", "2026-11-22T17:00:00"),
        ("daily", "2026-11-21T17:00", "2026-11-21T17:00", "2026-11-26T16:59", "2026-11-26T17:00:00"),
        ("daily", "2026-11-21T17:00", "2026-11-21T17:00", "2026-11-26T17:00", "2026-11-27T17:00:00"),
        ("every tue", "2026-11-24", "2026-11-24", "2026-11-23T12:00", "2026-12-01"),
        ("every tue", "2026-11-24", "2026-11-24", "2026-12-01T12:00", "2026-12-08"),
        ("every 3 days", "2026-11-21", "2026-11-21", "2026-11-23T12:00", "2026-11-24"),
        ("every 3 days", "2026-11-21", "2026-11-21", "2026-11-24T12:00", "2026-11-27"),
        # The due of this one was moved: the days stay the rule's, the interval keeps its phase.
        ("every tue", "2026-11-24", "2026-11-27", "2026-11-27T12:00", "2026-12-01"),
        ("every tue", "2026-11-24", "2026-11-22", "2026-11-22T12:00", "2026-12-01"),
        ("every tue", "2026-11-24", "2026-12-02", "2026-12-02T12:00", "2026-12-08"),
        ("every 2 weeks on tue", "2026-11-24", "2026-12-03", "2026-12-03T12:00", "2026-12-08"),
        ("every 3 days", "2026-11-21", "2026-11-22", "2026-11-22T12:00", "2026-11-24"),
        # Its time was changed: the series keeps its hour, and never comes twice on a day.
        ("every tue", "2026-11-24T09:00", "2026-11-24T17:00", "2026-11-24T10:00", "2026-12-01T09:00:00"),
        ("every tue", "2026-11-24T17:00", "2026-11-24T09:00", "2026-11-24T10:00", "2026-12-01T17:00:00"),
        ("every tue", "2026-11-24T09:00", "2026-11-23T17:00", "2026-11-23T17:30", "2026-12-01T09:00:00"),
        ("every tue", "2026-11-24T09:00", "2026-11-24", "2026-11-24T10:00", "2026-12-01T09:00:00"),
        ("every tue", "2026-11-24", "2026-11-24T09:00", "2026-11-24T10:00", "2026-12-01"),
        ("daily", "2026-11-24T09:00", "2026-11-24T16:00", "2026-11-25T08:00", "2026-11-25T09:00:00"),
        # An implicit day was made explicit: it does not follow the due.
        ("weekly", "2026-11-21", "2026-11-23", "2026-11-23T10:00", "2026-11-28"),
        ("monthly", "2026-11-21", "2026-11-23", "2026-11-23T10:00", "2026-12-21"),
        ("yearly", "2026-11-21", "2026-11-23", "2026-11-23T10:00", "2027-11-21"),
        # From completion.
        ("every! 3 days", "2026-11-21", "2026-11-21", "2026-11-30T10:00", "2026-12-03"),
        ("every! 3 days", "2026-11-30", "2026-11-30", "2026-11-21T10:00", "2026-11-24"),
        ("every! 3 days", "2026-11-21T09:00", "2026-11-21T17:00", "2026-11-21T20:00", "2026-11-24T09:00:00"),
        ("every! 2 weeks", "2026-11-21", "2026-11-21", "2026-11-26T10:00", "2026-12-10"),
        ("every! month", "2026-11-21", "2026-11-21", "2027-01-31T10:00", "2027-02-28"),
        ("every! month", "2026-11-21", "2026-11-21", "2027-02-28T10:00", "2027-03-28"),
        ("every! year", "2026-11-21", "2026-11-21", "2028-02-29T10:00", "2029-02-28"),
        ("every! tue", "2026-11-24", "2026-11-24", "2026-11-26T10:00", "2026-12-08"),
        ("every! tue", "2026-11-24", "2026-11-24", "2026-11-23T10:00", "2026-12-01"),
        ("every! 2 weeks on mon", "2026-11-23", "2026-11-23", "2026-12-02T10:00", "2026-12-21"),
        ("every! 31st", "2027-01-31", "2027-01-31", "2027-02-03T10:00", "2027-03-31"),
        # A rule that names days: on the first of them at least an interval later.
        ("every! 4 weeks on sunday", "2026-11-15", "2026-11-15", "2026-11-28T10:00", "2026-12-27"),
        ("every! 2 weeks on sunday", "2026-11-15", "2026-11-15", "2026-11-28T10:00", "2026-12-13"),
        ("every! 2 weeks on sat", "2026-11-28", "2026-11-28", "2026-11-28T10:00", "2026-12-12"),
        ("every! 2 weeks on mon, thu", "2026-11-23", "2026-11-23", "2026-11-28T10:00", "2026-12-14"),
        ("every! 3 months on the last day", "2026-08-31", "2026-08-31", "2026-11-28T10:00", "2027-02-28"),
        ("every! 2 years on nov 29", "2025-11-29", "2025-11-29", "2026-11-28T10:00", "2028-11-29"),
        ("every! month on the 15th", "2026-11-15", "2026-11-15", "2026-11-28T10:00", "2027-01-15"),
        ("every! month on the last fri", "2026-11-27", "2026-11-27", "2027-01-31T10:00", "2027-03-26"),
        ("every! year on feb 29", "2027-02-28", "2027-02-28", "2027-03-01T10:00", "2029-02-28"),
        ("FREQ=DAILY;INTERVAL=3;BYDAY=MO after completion", "2026-11-30", "2026-11-30", "2026-11-30T10", "2026-12-07"),
        # Done early, it comes after the day that was done.
        ("every! tue", "2026-12-08", "2026-12-08", "2026-11-24T10:00", "2026-12-15"),
        # Of several days in each week or month, the next.
        ("every! weekday", "2026-11-27", "2026-11-27", "2026-11-27T10:00", "2026-11-30"),
        ("every! mon, wed and fri", "2026-11-23", "2026-11-23", "2026-11-24T10:00", "2026-11-25"),
        ("every! 1st and 15th", "2026-11-15", "2026-11-15", "2026-11-28T10:00", "2026-12-01"),
        # The end.
        ("every day until 2026-11-23", "2026-11-21", "2026-11-21", "2026-11-22T10:00", "2026-11-23"),
        ("every day until 2026-11-23", "2026-11-21", "2026-11-21", "2026-11-23T10:00", None),
        ("daily until 2026-11-23", "2026-11-21T17:00", "2026-11-21T17:00", "2026-11-23T10:00", "2026-11-23T17:00:00"),
        ("every! 3 days until 2026-11-23", "2026-11-21", "2026-11-21", "2026-11-21T10:00", None),
        ("every! 2 days until 2026-11-23", "2026-11-21", "2026-11-21", "2026-11-21T10:00", "2026-11-23"),
        ("FREQ=DAILY;UNTIL=20261122T090000", "2026-11-21T09:00", "2026-11-21", "2026-11-21T10", "2026-11-22T09:00:00"),
        ("FREQ=DAILY;UNTIL=20261122T085959", "2026-11-21T09:00", "2026-11-21T09:00", "2026-11-21T10:00", None),
        ("every day, 1 time", "2026-11-21", "2026-11-21", "2026-11-21T09:00", None),
        ("every! day, 1 time", "2026-11-21", "2026-11-21", "2026-11-21T09:00", None),
        ("every day, 3 times", "2026-11-21", "2026-11-21", "2026-11-22T09:00", "2026-11-23"),
        ("every day, 3 times", "2026-11-21", "2026-11-21", "2026-11-23T09:00", None),
        ("every day, 3 times", "2026-11-21", "2026-11-23", "2026-11-21T09:00", None),
        ("every! day, 3 times", "2026-11-21", "2026-11-21", "2026-12-23T09:00", "2026-12-24"),
        ("daily", "2199-12-30", "2199-12-30", "2199-12-30T09:00", "2199-12-31"),
        ("daily", "2199-12-30", "2199-12-31", "2199-12-30T09:00", None),
        ("daily", "2026-11-21", "9999-12-31", "2026-11-21T09:00", None),
    ],
)  # fmt: skip
def test_the_next_occurrence(text: str, scheduled: str, due: str, done: str, then: str | None) -> None:
    assert next_of(text, scheduled, due, done) == then


@pytest.mark.requirement("TD11")
@each(
    ("text", "start", "first"),
    [
        # It is Saturday, 14:15.
        ("every day at 8am", "2026-11-28", "2026-11-29T08:00"),
        ("every day at 2:15pm", "2026-11-28", "2026-11-29T14:15"),
        ("every day at 2:16pm", "2026-11-28", "2026-11-28T14:16"),
        ("every day", "2026-11-28", "2026-11-28"),
        ("every day", "2026-11-28T08:00", "2026-11-28T08:00"),
        ("every weekend at 10:00", "2026-11-28", "2026-11-29T10:00"),
        ("every saturday at 8am", "2026-11-28", "2026-12-05T08:00"),
        ("weekly at 8am", "2026-11-28", "2026-12-05T08:00"),
        ("monthly at 8am", "2026-11-28", "2026-12-28T08:00"),
        ("every year on nov 28 at 8am", "2026-11-28", "2027-11-28T08:00"),
        ("every 3 days at 8am", "2026-11-28", "2026-11-29T08:00"),
        ("every! 3 days at 8am", "2026-11-28", "2026-11-29T08:00"),
        ("every 2 weeks on sat at 8am", "2026-11-28", "2026-12-05T08:00"),
        ("8am every day, 3 times", "2026-11-28", "2026-11-29T08:00"),
        ("every day at 8am", "2026-11-20", "2026-11-29T08:00"),
        ("every day at 5pm", "2026-11-20T08:00", "2026-11-28T17:00"),
        ("every day at 8am", "2026-11-30", "2026-11-30T08:00"),
        ("every day at 5pm", "2026-11-28T18:00", "2026-11-28T17:00"),
        ("every year on dec 24 at 5pm", "2026-12-24T18:00", "2026-12-24T17:00"),
    ],
)
def test_an_hour_that_has_passed_begins_on_the_next_day_of_the_rule(text: str, start: str, first: str) -> None:
    assert read(text, moment(start), now=datetime(2026, 11, 28, 14, 15)).scheduled == moment(first)


@pytest.mark.requirement("TD11")
def test_the_rest_of_a_count_is_carried_along_and_passed_days_use_it_up() -> None:
    ten = read("every day, 10 times", SATURDAY)

    after_three_days = following(ten, SATURDAY, datetime(2026, 11, 23, 12))

    assert after_three_days == Repeat("FREQ=DAILY;COUNT=7", False, "every day, 7 times", date(2026, 11, 24))
    after_completion = following(read("every! day, 10 times", SATURDAY), SATURDAY, datetime(2026, 11, 23, 12))
    assert after_completion is not None
    assert after_completion.words == "every day after completion, 9 times"


def test_a_utc_end_is_taken_to_the_wall_clock() -> None:
    repeat = read("FREQ=DAILY;UNTIL=20261122T080000Z", SATURDAY_9, BERLIN)

    assert repeat.rule == "FREQ=DAILY;UNTIL=20261122T090000"
    assert series(repeat, 5) == [SATURDAY_9, datetime(2026, 11, 22, 9)]


@pytest.mark.requirement("TD11")
def test_a_time_that_the_clock_skips_is_the_same_again_the_day_after() -> None:
    night, shown = datetime(2027, 3, 28, 2, 30), datetime(2027, 3, 28, 3, 30)
    eve = read("daily", night - timedelta(days=1))
    on_the_night = following(eve, eve.scheduled, night - timedelta(hours=20))
    assert on_the_night is not None
    assert on_the_night.scheduled == night

    for repeat, due in ((on_the_night, shown), (eve, shown), (on_the_night, shown + timedelta(minutes=1))):
        day_after = following(repeat, due, due + timedelta(minutes=5))

        assert day_after is not None
        assert day_after.scheduled == night + timedelta(days=1)


@pytest.mark.requirement("TD11")
@pytest.mark.parametrize(("zone", "first"), [(BERLIN, datetime(2027, 3, 16, 9)), (NEW_YORK, datetime(2026, 10, 20, 9))])
def test_every_second_tuesday_stays_at_nine_across_the_clock_change(zone: ZoneInfo, first: datetime) -> None:
    before = read("every second tuesday", first)

    after = following(before, first, first + timedelta(minutes=5))

    assert after is not None
    assert after.scheduled == first + timedelta(days=14)
    elapsed = after.scheduled.replace(tzinfo=zone).astimezone(UTC) - first.replace(tzinfo=zone).astimezone(UTC)
    assert elapsed != timedelta(days=14)


@pytest.mark.requirement("TD11")
@pytest.mark.parametrize("day", [28, 29, 30, 31])
def test_month_ends_do_not_drift_in_twenty_years(day: int) -> None:
    found = series(read("monthly", date(2027, 1, day)), 240)

    assert len({(when.year, when.month) for when in found}) == 240
    for when in found:
        last = (date(when.year + when.month // 12, when.month % 12 + 1, 1) - timedelta(days=1)).day
        assert when.day == min(day, last)


@pytest.mark.requirement("TD11")
def test_a_leap_day_comes_every_year_or_as_the_rule_says() -> None:
    friendly = series(read("yearly", date(2028, 2, 29)), 80)
    strict = series(read("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", date(2092, 2, 29)), 3)

    assert [when.year for when in friendly] == list(range(2028, 2108))
    assert all(when.day == 28 + (when.year % 4 == 0 and when.year != 2100) for when in friendly)
    assert strict == [date(2092, 2, 29), date(2096, 2, 29), date(2104, 2, 29)]


def test_a_week_without_a_thursday_counts_to_the_other_year() -> None:
    found = series(read("FREQ=YEARLY;BYWEEKNO=-1;BYDAY=SU", date(2026, 1, 1)), 3)

    assert found == [date(2027, 1, 3), date(2028, 1, 2), date(2028, 12, 31)]


@pytest.mark.parametrize("week", [1, 52, 53])
def test_weeks_at_the_turn_of_the_year_are_those_of_iso_8601(week: int) -> None:
    found = series(read(f"FREQ=YEARLY;BYWEEKNO={week};BYDAY=MO,TU,WE,TH,FR,SA,SU", date(2026, 11, 21)), 100)

    every_day = [date(2026, 11, 21) + timedelta(days=number) for number in range((found[-1] - date(2026, 11, 20)).days)]
    assert found == [day for day in every_day if day.isocalendar().week == week]


def test_a_position_counts_in_the_whole_week() -> None:
    found = series(read("FREQ=WEEKLY;BYDAY=MO,TU;BYSETPOS=2", SATURDAY), 3)

    assert found == [date(2026, 11, 24), date(2026, 12, 1), date(2026, 12, 8)]


def test_plain_and_numbered_weekdays_are_one_set() -> None:
    found = series(read("FREQ=MONTHLY;BYDAY=SU,1MO", date(2026, 12, 1)), 3)

    assert found == [date(2026, 12, 6), date(2026, 12, 7), date(2026, 12, 13)]


HOSTILE = [
    "every ",
    "1st ",
    "mon-",
    "mon - ",
    "for 2 weeks ",
    "until dec 24 ",
    "3 times ",
    "last ",
    ", ",
    "of the month ",
]
HOSTILE += [
    "mon to ",
    "at 9 ",
    "first and ",
    "every last ",
    "twice ",
    "@ ",
    "weeks from sunday ",
    "and ",
    "1",
    ";",
    "dec 24 ",
]


@each(
    "text",
    [
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;INTERVAL=2;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=WEEKLY;BYMONTH=2;BYDAY=MO;BYSETPOS=8",
        "FREQ=MONTHLY;BYMONTHDAY=31;BYDAY=1MO,1TU,1WE,1TH,1FR,1SA,1SU",
        "FREQ=YEARLY;BYYEARDAY=1;BYMONTHDAY=2",
        "FREQ=YEARLY;BYWEEKNO=53;BYYEARDAY=100",
        "FREQ=YEARLY;BYWEEKNO=1,-1;BYMONTH=2,3,4,5,6,7,8,9,10,11",
        "FREQ=YEARLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYSETPOS=366;BYMONTHDAY=-1",
    ],
)
def test_no_rule_takes_long_to_read(text: str) -> None:
    assert fastest(lambda: read(text, SATURDAY)) < 0.05


@each(
    "text",
    [
        "every mon" + ", mon" * 38,
        "every " * 33,
        "mon and " * 25,
        "1" * 200,
        "every day" + " at 9am" * 27,
        *(("every day " + part * 200)[:200] for part in HOSTILE),
        *((part * 200)[:198] + " x" for part in HOSTILE),
    ],
)
def test_no_phrase_costs_more_than_10_ms(text: str) -> None:
    assert fastest(lambda: read(text, SATURDAY)) < 0.01


@pytest.mark.parametrize(
    "text", ["FREQ=DAILY", "FREQ=DAILY;INTERVAL=2;BYMONTHDAY=31", "FREQ=YEARLY;BYWEEKNO=53;BYDAY=MO"]
)
@pytest.mark.parametrize("end", ["", ";COUNT=9999"])
def test_no_lateness_takes_long_to_catch_up(text: str, end: str) -> None:
    repeat = read(text + end, date(1970, 1, 1))

    assert fastest(lambda: following(repeat, date(2198, 1, 1), datetime(2026, 11, 21))) < 0.05


def fastest(call: Callable[[], object]) -> float:
    """Processor seconds of the best of three: the machine may be busy with something else."""
    taken = []
    for _ in range(3):
        begun = process_time()
        with suppress(UnclearRepeat):
            call()
        taken.append(process_time() - begun)
    return min(taken)
