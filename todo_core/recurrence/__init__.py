"""How a todo repeats: which occurrence it is, and which comes next.

Everything is local wall time without a zone; only what the clock change did to an occurrence needs one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import islice
from typing import Final, TypeVar

from todo_core.recurrence.days import days
from todo_core.recurrence.phrases import UNCLEAR, number_of, rule_of, words_of
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

__all__ = ["Repeat", "UnclearRepeat", "following", "read"]

MAX_LENGTH: Final = 200
"""Characters of a text that `read` takes."""

_Moment = TypeVar("_Moment", bound=date)
_TAILS: Final = {
    "count": re.compile(
        r"(.+?),? (?:for )?(\d{1,4}|one|two|three|four|five|six|seven|eight|nine|ten) times?", re.ASCII
    ),
    "until": re.compile(r"(.+?),? until (\d{4}-\d{2}-\d{2})", re.ASCII),
    "at": re.compile(r"(.+?),? at (\d{1,2}(?::\d{2})? ?[ap]m|\d{1,2}:\d{2}|noon|midnight)", re.ASCII),
    "after": re.compile(r"(.+?),? (after completion)", re.ASCII),
}
_CLOCK: Final = re.compile(r"(\d{1,2})(?::(\d{2}))? ?([ap]m)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Repeat:
    """The repetition of one todo, as seen from one of its occurrences."""

    rule: str
    """RFC 5545, canonical; its COUNT counts from this occurrence."""
    from_completion: bool
    """Whether the next is counted from the day of completion, not from the due."""
    words: str
    scheduled: datetime | date
    """When the rule puts this occurrence, whatever its due was moved to; a date for whole days."""

    def as_json(self) -> dict[str, str]:
        """As stored."""
        origin = "completion" if self.from_completion else "due"
        return {"rule": self.rule, "counts_from": origin, "words": self.words, "scheduled": self.scheduled.isoformat()}

    @classmethod
    def from_json(cls, stored: Mapping[str, str]) -> Repeat:
        """From what was stored, checked again: an import may bring anything. The words are made anew.

        Raises:
            UnclearRepeat: A field is missing or no longer a rule, an origin, or a local date or date-time.
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


def read(text: str, start: datetime | date, zone: tzinfo | None = None) -> Repeat:
    """Read a phrase or an RRULE.

    The first occurrence is the first day of the rule on or after `start`, whatever the interval: it counts from
    there. A time of day ("at 9am") replaces the start's.

    Args:
        text: In upper or lower case, at most `MAX_LENGTH` characters.
        start: The local due; today where the todo has none.
        zone: The user's, for an UNTIL in UTC.

    Raises:
        UnclearRepeat: The text is not understood as a whole, has two readings, or names days that hardly ever come.
    """
    start = _in_range(start)
    if not text.isascii() or len(text) > MAX_LENGTH:
        raise UnclearRepeat(f"Write at most {MAX_LENGTH} plain characters. {UNCLEAR}")
    core, tails = _without_tails(" ".join(text.lower().replace("&", " and ").split()))
    after_completion = "after" in tails
    if core.startswith("every!"):
        core, after_completion = f"every {core.removeprefix('every!').strip()}", True
    if after_completion and re.match(r"\d", core):
        core = f"every {core}"
    rule = parse(core, zone) if re.match("rrule:|freq=|dtstart", core) or "=" in core else rule_of(core)
    rule = checked(_ended(rule, tails))
    if not (after_completion and rule.is_plain):
        rule = made_explicit(rule, day_of(start))
    at = _time_of_day(tails["at"]) if "at" in tails else _time_of(start)
    repeat = _repeat(rule, from_completion=after_completion, scheduled=_first(rule, start, at))
    if len(repeat.words) > MAX_LENGTH:
        raise UnclearRepeat("The rule names too many days; write a simpler one.")
    return repeat


def following(repeat: Repeat, due: datetime | date, done: datetime, zone: tzinfo) -> Repeat | None:
    """The occurrence after one that was completed or skipped; None when the series is over.

    From the due: on the first day of the rule that is after the scheduled day, after the day of the due, and not
    past (whole days: after the day of `done`; with a time: later than `done`). Days passed over use up COUNT.
    From completion: an interval after the day of `done`; for a rule that names days, on its first after the
    day of `done` and the scheduled one, with the interval counted from `done`. Uses up one of COUNT.
    The days follow the rule, the time of day follows the due.

    Args:
        repeat: Of the occurrence.
        due: Its local due, a date for a whole day.
        done: The local wall time of completion.
        zone: Where both are local. It tells a due that the clock change moved from one that a person moved.
    """
    rule = parse(repeat.rule)
    due = _as_meant(due, repeat.scheduled, zone)
    scheduled, at = day_of(repeat.scheduled), _time_of(due)
    if max(scheduled, day_of(due), done.date()) >= LAST_DAY:
        return None
    if repeat.from_completion:
        used, day = 1, _after_completion(rule, scheduled, done.date())
    else:
        over = done.date() if at is None or at <= done.time() else done.date() - timedelta(days=1)
        used, day = _after_due(rule, scheduled, max(scheduled, day_of(due), over))
    if day is None or (rule.count is not None and rule.count <= used):
        return None
    found = _on(day, at)
    if _is_past_end(rule, found):
        return None
    if rule.count is not None:
        rule = replace(rule, count=rule.count - used)
    return _repeat(rule, from_completion=repeat.from_completion, scheduled=found)


def _after_due(rule: Rule, scheduled: date, passed: date) -> tuple[int, date | None]:
    """How many occurrences are used up, and the first day after `passed`."""
    if rule.count is None:
        return 1, next(days(rule, scheduled, passed + timedelta(days=1)), None)
    later = islice(days(rule, scheduled, scheduled + timedelta(days=1)), rule.count - 1)
    return next(((used, day) for used, day in enumerate(later, 1) if day > passed), (rule.count, None))


def _after_completion(rule: Rule, scheduled: date, done: date) -> date | None:
    if not rule.is_plain:
        return next(days(rule, done, max(done, scheduled) + timedelta(days=1)), None)
    # A month or a year later there may be no such day: then it is the last of the month.
    step = replace(rule, until=None)
    found = days(made_explicit(step, done), done, done + timedelta(days=1))
    return next(found, None)


def _first(rule: Rule, start: datetime | date, at: time | None) -> datetime | date:
    earliest = day_of(start)
    if isinstance(start, datetime) and at is not None and at < start.time():
        earliest += timedelta(days=1)
    first = earliest if rule.is_plain else next(days(replace(rule, interval=1), earliest, earliest), None)
    if first is None or _is_past_end(rule, _on(first, at)):
        raise UnclearRepeat("The rule has no day in the years to come, or it ends before its first; change its days.")
    if rule.count != 1 and rule.until is None and next(days(rule, first, first + timedelta(days=1)), None) is None:
        raise UnclearRepeat("The rule has only one day in the years to come; leave the repeat out or change its days.")
    return _on(first, at)


def _without_tails(text: str) -> tuple[str, dict[str, str]]:
    """The text without its ends, in any order: a count, an end date, a time, "after completion"."""
    found: dict[str, str] = {}
    for _ in _TAILS:
        for name, pattern in _TAILS.items():
            if name not in found and (tail := pattern.fullmatch(text)):
                text, found[name] = tail[1], tail[2]
                break
    return text, found


def _ended(rule: Rule, tails: Mapping[str, str]) -> Rule:
    if not tails.keys() & {"count", "until"}:
        return rule
    if rule.count is not None or rule.until is not None or {"count", "until"} <= tails.keys():
        raise UnclearRepeat("Give one end: a number of times or a last day.")
    if "until" in tails:
        try:
            return replace(rule, until=_in_range(date.fromisoformat(tails["until"])))
        except ValueError:
            raise UnclearRepeat('Write the last day as "until 2027-03-01", up to the year 2199.') from None
    if not 1 <= (count := number_of(tails["count"])) <= MOST_TIMES:
        raise UnclearRepeat(f"The number of times is from 1 to {MOST_TIMES}.")
    return replace(rule, count=count)


def _repeat(rule: Rule, *, from_completion: bool, scheduled: datetime | date) -> Repeat:
    return Repeat(str(rule), from_completion, _words(rule, from_completion=from_completion), scheduled)


def _words(rule: Rule, *, from_completion: bool) -> str:
    phrase = None if isinstance(rule.until, datetime) else words_of(rule)
    after = " after completion" if from_completion else ""
    if phrase is None:
        return f"{rule}{after}"
    if rule.until is not None:
        return f"{phrase}{after}, until {rule.until.isoformat()}"
    if rule.count is not None:
        return f"{phrase}{after}, {rule.count} time{'s' if rule.count > 1 else ''}"
    return f"{phrase}{after}"


def _time_of_day(text: str) -> time:
    if text in ("noon", "midnight"):
        return time(12 if text == "noon" else 0)
    found = _CLOCK.fullmatch(text)
    assert found is not None
    hour, minute = int(found[1]), int(found[2] or 0)
    try:
        if found[3]:
            return time(hour % 12 + (12 if found[3] == "pm" else 0) if 1 <= hour <= 12 else 24, minute)
        return time(hour, minute)
    except ValueError:
        raise UnclearRepeat('Write the time as "at 9am", "at 9:30 pm" or "at 17:30".') from None


def _time_of(moment: datetime | date) -> time | None:
    return moment.time().replace(fold=0) if isinstance(moment, datetime) else None


def _on(day: date, at: time | None) -> datetime | date:
    return day if at is None else datetime.combine(day, at)


def _is_past_end(rule: Rule, occurrence: datetime | date) -> bool:
    if isinstance(rule.until, datetime) and isinstance(occurrence, datetime):
        return occurrence > rule.until
    return day_of(occurrence) > rule.until_day


def _in_range(moment: _Moment) -> _Moment:
    """The moment, refused where the walk does not go."""
    if not FIRST_DAY <= day_of(moment) <= LAST_DAY:
        raise UnclearRepeat("A todo repeats in the years from 1970 to 2199.")
    return moment


def _as_meant(due: datetime | date, scheduled: datetime | date, zone: tzinfo) -> datetime | date:
    """The due before the clock change moved it, if it has the scheduled time of day but for that."""
    if isinstance(due, datetime) and isinstance(scheduled, datetime):
        for meant in (scheduled, datetime.combine(due, scheduled.time())):
            if due == _on_the_clock(meant, zone):
                return meant
    return due


def _on_the_clock(moment: datetime, zone: tzinfo) -> datetime:
    """The wall time that a local time gets where the clock skips it (PEP 495: moved on by the gap)."""
    return moment.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None, fold=0)
