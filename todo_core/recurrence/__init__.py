"""Repeat a todo: read the words or the rule, and find the occurrence after one.

Everything is local wall time without a zone, but for one question that needs the zone: whether a clock change moved
a due (`docs/decisions/0016-repeat.md`).
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import islice
from typing import Final, TypeVar

from todo_core.recurrence.days import days
from todo_core.recurrence.phrases import (
    COUNT,
    LAST_DAY_WORDS,
    UNCLEAR,
    WEEKS_FROM,
    bare_unit,
    is_week_start_felt,
    last_day,
    number_of,
    rule_of,
    several_times,
    weekday_of,
    words_of,
)
from todo_core.recurrence.rule import (
    FIRST_DAY,
    LAST_DAY,
    MOST_TIMES,
    Rule,
    UnclearRepeat,
    checked,
    day_of,
    made_explicit,
    parse,
)
from todo_core.text import typed

__all__ = ["Repeat", "UnclearRepeat", "following", "read"]

MAX_LENGTH: Final = 200
"""Characters of a text that `read` takes, and of the words that it makes."""

_Moment = TypeVar("_Moment", bound=date)
_SURE_CLOCK: Final = r"\d{1,2}(?::\d{2})? ?[ap]m|\d{1,2}:\d{2}|noon|midday|midnight"
_END_AFTER: Final = r"(?:for|ending after|ends after|end after|stop after)"
_REPETITIONS: Final = r"(?:occurrences?|repetitions?)"
_TAILS: Final = {  # each pattern: what is before the tail, and the tail's value
    "count": re.compile(
        rf"(.+?)(?:, (?:{_END_AFTER} )?| {_END_AFTER} )({COUNT}) (?:times?|{_REPETITIONS})"
        rf"|(.+?) ({COUNT}) {_REPETITIONS}",
        re.ASCII,
    ),
    "bare count": re.compile(rf"(.+?) ({COUNT})(?:(?<=twice)|(?<=thrice)| times?)", re.ASCII),
    "lasting": re.compile(
        rf"(.+?),? for (?:the next )?((?:{COUNT}|an?) (?:day|week|fortnight|month|quarter|year)s?)", re.ASCII
    ),
    "until": re.compile(
        rf"(.+?),? (?:until|till|til|through|thru|to|(?:ending|ends?)(?: on)?) (?:the )?({LAST_DAY_WORDS})", re.ASCII
    ),
    "at": re.compile(rf"(.+?),? (?:(?:at |@ ?|by )?({_SURE_CLOCK})|(?:at |@ ?)(\d{{1,2}}))", re.ASCII),
    "after": re.compile(
        r"(.+?),? (after completion|after completing|from completion|when (?:done|completed))", re.ASCII
    ),
    "weeks": re.compile(rf"(.+?),? {WEEKS_FROM}", re.ASCII),
}
_TIME_FIRST: Final = re.compile(rf"(?:at |@ ?)?({_SURE_CLOCK}),? ((?:on )?(?!after|from|when|until)[a-z].*)", re.ASCII)
_CLOCK: Final = re.compile(r"(\d{1,2})(?::(\d{2}))? ?([ap]m)?", re.ASCII)
_NO_SUCH_TIME: Final = 'There is no such time. Write it as in "every day at 9am" or "every day at 17:30".'


@dataclass(frozen=True, slots=True)
class Repeat:
    """One occurrence of a repeating todo, and the rule for those after it."""

    rule: str
    """The RRULE (RFC 5545) in canonical form; its COUNT counts from this occurrence."""
    from_completion: bool
    """Whether the next occurrence is counted from the day of completion instead of the due."""
    words: str
    """The rule in English; the RRULE where English has no short words for it."""
    scheduled: datetime | date
    """When the rule has this occurrence, wherever its due was moved since; a date for whole days. Local time."""

    def as_json(self) -> dict[str, str]:
        """Return the JSON object that is stored with the todo."""
        origin = "completion" if self.from_completion else "due"
        return {"rule": self.rule, "counts_from": origin, "words": self.words, "scheduled": self.scheduled.isoformat()}

    @classmethod
    def from_json(cls, stored: Mapping[str, str]) -> Repeat:
        """Read what `as_json` stored and check all of it: an import may bring anything. Make the words anew.

        Raises:
            UnclearRepeat: A field is missing, or is no rule, no origin, or no local date or date-time.
        """
        try:
            text, origin, scheduled = (str(stored[name]) for name in ("rule", "counts_from", "scheduled"))
            when = date.fromisoformat(scheduled) if len(scheduled) == 10 else datetime.fromisoformat(scheduled)
        except (KeyError, ValueError):
            raise UnclearRepeat("A stored repeat has `rule`, `counts_from`, `words` and a local `scheduled`.") from None
        if origin not in ("due", "completion") or (isinstance(when, datetime) and when.tzinfo):
            raise UnclearRepeat("`counts_from` is due or completion, and `scheduled` is local, without an offset.")
        if not text.isascii() or len(text) > MAX_LENGTH:
            raise UnclearRepeat(UNCLEAR)
        rule, after_completion = parse(text), origin == "completion"
        if not (after_completion and rule.is_plain):
            rule = made_explicit(rule, day_of(when))
        return _repeat(rule, from_completion=after_completion, scheduled=_in_range(when))


def read(text: str, start: datetime | date, zone: tzinfo | None = None, week_start: int = 0) -> Repeat:
    """Read a phrase or an RRULE, and return its first occurrence.

    That is the first day of the rule on or after `start`; the interval counts from there. A time of day ("at 9am")
    replaces the start's.

    Args:
        text: A phrase or an RRULE, in upper or lower case, at most `MAX_LENGTH` characters.
        start: The local due; today if the todo has none.
        zone: The user's, for an UNTIL in UTC.
        week_start: The user's first day of the week, 0 for Monday. Words write it into the rule where it matters; an
            RRULE without WKST has Monday.

    Raises:
        UnclearRepeat: A part of the text is not understood, it has two readings, or its days come at most once.
    """
    start = _in_range(start)
    if len(text) > MAX_LENGTH or not (phrase := _normalized(text)).isascii():
        raise UnclearRepeat(f"This is no text of at most {MAX_LENGTH} plain characters. {UNCLEAR}")
    core, tails = _without_tails(phrase)
    after_completion = "after" in tails
    if core.startswith("every!"):
        core, after_completion = f"every {core.removeprefix('every!').strip()}", True
    if after_completion and re.match(r"\d", core):
        core = f"every {core}"
    rule = _rule(core, tails, zone, week_start)
    rule = checked(_ended(rule, tails, day_of(start)))
    if not (after_completion and rule.is_plain):
        rule = made_explicit(rule, day_of(start))
    at = _time_of_day(tails["at"], _words(rule, from_completion=after_completion)) if "at" in tails else _time_of(start)
    first = _first(rule, start, at)
    if "lasting" in tails:
        rule = replace(rule, until=_in_range(_last_of(tails["lasting"], day_of(first))))
    repeat = _repeat(rule, from_completion=after_completion, scheduled=first)
    if len(repeat.words) > MAX_LENGTH:
        raise UnclearRepeat('The rule names too many days; write a simpler one, such as "every month on the 15th".')
    return repeat


def _normalized(text: str) -> str:
    """Return the text in lower case, with plain spaces and hyphens, without marks at its end."""
    phrase = typed(text).lower().replace("&", " and ").replace("@", " @ ").rstrip(";., ")
    phrase = re.sub(r"(?<=[a-z]) ?[/+] ?(?=[a-z])", ", ", phrase)  # mon/wed/fri, sat + sun
    phrase = re.sub(r"\b([ap])\.m\b\.?", r"\1m", phrase)
    phrase = " ".join(re.sub(r"^every ?day\b", "every day", phrase).split())
    first = _TIME_FIRST.fullmatch(phrase)
    return f"{first[2]} at {first[1]}" if first else phrase


def _rule(core: str, tails: Mapping[str, str], zone: tzinfo | None, week_start: int) -> Rule:
    """Return the rule of a text without its tails, with the first day of the week.

    Raises:
        UnclearRepeat: It is not understood, or it may mean so many times in each week or in all.
    """
    if re.match("rrule:|freq=|dtstart", core) or "=" in core:
        rule, week_start = parse(core, zone), 0
    else:
        if (unit := bare_unit(core)) and (count := number_of(tails.get("bare count"))) > 1:
            raise several_times(count, unit)
        rule = rule_of(core)
    if "weeks" in tails:
        return replace(rule, week_start=weekday_of(tails["weeks"]))
    if week_start and rule.weekdays and rule.interval > 1 and is_week_start_felt(rule):
        return replace(rule, week_start=week_start)
    return rule


def following(repeat: Repeat, due: datetime | date, done: datetime, zone: tzinfo) -> Repeat | None:
    """Return the occurrence after one that was completed or skipped; None if the series is over.

    Counted from the due: the first day of the rule after the scheduled day and after the due's day that is not past
    (of whole days: after the day of `done`; with a time: later than `done`). Each day that is left out uses up one
    of COUNT.
    Counted from completion: one interval after the day of `done`; if the rule names days, the first of them after
    the day of `done` and after the scheduled day, with the interval counted from `done`. It uses up one of COUNT.
    The day comes from the rule, the time of day from the due.

    Args:
        repeat: The occurrence.
        due: Its local due, a date for a whole day.
        done: The local wall time of completion.
        zone: The zone of both. It tells a due that a clock change moved from one that a person moved.
    """
    rule = parse(repeat.rule)
    due = _before_clock_change(due, repeat.scheduled, zone)
    scheduled, at = day_of(repeat.scheduled), _time_of(due)
    if max(scheduled, day_of(due), done.date()) >= LAST_DAY:
        return None
    if repeat.from_completion:
        used, day = 1, _after_completion(rule, scheduled, done.date())
    else:
        # At the time of day `at`, this is the last day that is past.
        past = done.date() if at is None or at <= done.time() else done.date() - timedelta(days=1)
        used, day = _after_due(rule, scheduled, max(scheduled, day_of(due), past))
    if day is None or (rule.count is not None and rule.count <= used):
        return None
    next_scheduled = _on(day, at)
    if _is_past_end(rule, next_scheduled):
        return None
    if rule.count is not None:
        rule = replace(rule, count=rule.count - used)
    return _repeat(rule, from_completion=repeat.from_completion, scheduled=next_scheduled)


def _after_due(rule: Rule, scheduled: date, past: date) -> tuple[int, date | None]:
    """Return how many of COUNT are used up, and the first day of the rule after `past`, or None."""
    if rule.count is None:
        return 1, next(days(rule, scheduled, past + timedelta(days=1)), None)
    later = islice(days(rule, scheduled, scheduled + timedelta(days=1)), rule.count - 1)
    return next(((used, day) for used, day in enumerate(later, 1) if day > past), (rule.count, None))


def _after_completion(rule: Rule, scheduled: date, done: date) -> date | None:
    """Return the day of the next occurrence, with the interval counted from the day of completion, or None."""
    if not rule.is_plain:
        return next(days(rule, done, max(done, scheduled) + timedelta(days=1)), None)
    # A month later there may be no such day: `made_explicit` takes the last of the month then.
    endless = made_explicit(replace(rule, until=None), done)
    return next(days(endless, done, done + timedelta(days=1)), None)


def _first(rule: Rule, start: datetime | date, at: time | None) -> datetime | date:
    """Return the first occurrence on or after `start`, at the time of day `at`.

    Raises:
        UnclearRepeat: The rule has no day, or only one, in the years that are looked at.
    """
    earliest = day_of(start)
    if isinstance(start, datetime) and at is not None and at < start.time():
        earliest += timedelta(days=1)
    first = earliest if rule.is_plain else next(days(replace(rule, interval=1), earliest, earliest), None)
    if first is None or _is_past_end(rule, _on(first, at)):
        raise UnclearRepeat(
            "The rule has no day in the years to come, or it ends before its first. Change its days or its end, as in "
            '"every month on the last day".'
        )
    if rule.count != 1 and rule.until is None and next(days(rule, first, first + timedelta(days=1)), None) is None:
        raise UnclearRepeat(
            'The rule has only one day in the years to come. Leave it out, or change its days, as in "every year".'
        )
    return _on(first, at)


def _without_tails(text: str) -> tuple[str, dict[str, str]]:
    """Split off the tails of `_TAILS`, in any order: a count, an end date, a time of day, "after completion", …"""
    tails: dict[str, str] = {}
    for _ in _TAILS:
        for name, pattern in _TAILS.items():
            if name not in tails and (match := pattern.fullmatch(text)):
                text, tails[name] = (part for part in match.groups() if part is not None)
                break
    return text, tails


def _ended(rule: Rule, tails: Mapping[str, str], start: date) -> Rule:
    """Return the rule with the end that a tail gives it: COUNT or UNTIL.

    Raises:
        UnclearRepeat: There are two ends, or the end is out of range.
    """
    ends = tails.keys() & {"count", "bare count", "until", "lasting"}
    if not ends:
        return rule
    if rule.count is not None or rule.until is not None or len(ends) > 1:
        raise UnclearRepeat(
            'The repeat has two ends. Give one end, a number of times as in "every day, 10 times" or a last day.'
        )
    if "lasting" in tails:
        return rule
    if "until" in tails:
        try:
            return replace(rule, until=_in_range(last_day(tails["until"], start)))
        except ValueError:
            raise UnclearRepeat(
                'The last day is no day up to the year 2199. Write it as in "every day until dec 31" or '
                '"every day until 2100-12-31".'
            ) from None
    if not 1 <= (count := number_of(tails.get("count") or tails["bare count"])) <= MOST_TIMES:
        raise UnclearRepeat(f'The number of times is from 1 to {MOST_TIMES}, as in "every day, 10 times".')
    return replace(rule, count=count)


def _last_of(lasting: str, first: date) -> date:
    """Return the last day of `8 weeks` or `a month` from the first occurrence on."""
    number, unit = lasting.split(" ")
    count = 1 if number in ("a", "an") else number_of(number)
    kind = unit.rstrip("s")
    if kind in ("day", "week", "fortnight"):
        later = min(count * {"day": 1, "week": 7, "fortnight": 14}[kind] - 1, (LAST_DAY - first).days)
        return first + timedelta(days=later)
    months = first.year * 12 + first.month - 1 + count * {"month": 1, "quarter": 3, "year": 12}[kind]
    year, month = divmod(months, 12)
    if year > LAST_DAY.year:
        return LAST_DAY
    return date(year, month + 1, min(first.day, monthrange(year, month + 1)[1])) - timedelta(days=1)


def _repeat(rule: Rule, *, from_completion: bool, scheduled: datetime | date) -> Repeat:
    return Repeat(str(rule), from_completion, _words(rule, from_completion=from_completion), scheduled)


def _words(rule: Rule, *, from_completion: bool) -> str:
    """Return the rule in English with its end; the RRULE where no phrase says it."""
    phrase = None if isinstance(rule.until, datetime) else words_of(rule)
    after = " after completion" if from_completion else ""
    if phrase is None:
        return f"{rule}{after}"
    if rule.until is not None:
        return f"{phrase}{after}, until {rule.until.isoformat()}"
    if rule.count is not None:
        return f"{phrase}{after}, {rule.count} time{'s' if rule.count > 1 else ''}"
    return f"{phrase}{after}"


def _time_of_day(text: str, words: str) -> time:
    """Read the tail `at`: `9am`, `9:30 pm`, `17:30`, `17`, `noon` or `midnight`.

    Args:
        text: The tail.
        words: The repeat, for the readings.

    Raises:
        UnclearRepeat: There is no such time, or it may be in the morning or in the evening.
    """
    if text in ("noon", "midday", "midnight"):
        return time(0 if text == "midnight" else 12)
    match = _CLOCK.fullmatch(text)
    assert match is not None  # the pattern of the tail has the same shape
    hour, minute, half = int(match[1]), int(match[2] or 0), match[3]
    if half is None and match[2] is None and 1 <= hour <= 12:
        morning, evening = (f"{words} at {hour}{name}" for name in ("am", "pm"))
        raise UnclearRepeat(
            f'The hour may mean "{morning}" or "{evening}". Send the one that is meant.', (morning, evening)
        )
    if half is not None:
        no_hour = 24  # which `time` refuses
        hour = hour % 12 + (12 if half == "pm" else 0) if 1 <= hour <= 12 else no_hour
    try:
        return time(hour, minute)
    except ValueError:
        raise UnclearRepeat(_NO_SUCH_TIME) from None


def _time_of(moment: datetime | date) -> time | None:
    return moment.time().replace(fold=0) if isinstance(moment, datetime) else None


def _on(day: date, at: time | None) -> datetime | date:
    return day if at is None else datetime.combine(day, at)


def _is_past_end(rule: Rule, occurrence: datetime | date) -> bool:
    if isinstance(rule.until, datetime) and isinstance(occurrence, datetime):
        return occurrence > rule.until
    return day_of(occurrence) > rule.until_day


def _in_range(moment: _Moment) -> _Moment:
    """Return the moment.

    Raises:
        UnclearRepeat: It is outside `FIRST_DAY` to `LAST_DAY`, where `days` does not look.
    """
    if not FIRST_DAY <= day_of(moment) <= LAST_DAY:
        raise UnclearRepeat('A todo repeats in the years from 1970 to 2199, as in "every day until 2199-12-31".')
    return moment


def _before_clock_change(due: datetime | date, scheduled: datetime | date, zone: tzinfo) -> datetime | date:
    """Return the scheduled wall time if only a clock change moved the due off it; else the due.

    At 02:30, which the clocks skip, the due is 03:30; the occurrences after it are at 02:30 again.
    """
    if isinstance(due, datetime) and isinstance(scheduled, datetime):
        for planned in (scheduled, datetime.combine(due, scheduled.time())):
            if due == _after_clock_change(planned, zone):
                return planned
    return due


def _after_clock_change(moment: datetime, zone: tzinfo) -> datetime:
    """Return the wall time at which the clocks show a local time: later by the gap if they skip it (PEP 495)."""
    return moment.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None, fold=0)
