"""One occurrence of a repeating todo: how it is stored, and what it says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Final, TypeVar

from todo_core.recurrence.phrases import UNCLEAR
from todo_core.recurrence.rule import FIRST_DAY, LAST_DAY, Rule, UnclearRepeat, day_of, made_explicit, parse
from todo_core.recurrence.wording import words_of

MAX_LENGTH: Final = 200
"""Characters of a text that `read` takes, and of the words that it makes."""

_Moment = TypeVar("_Moment", bound=date)


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

    @classmethod
    def of(cls, rule: Rule, *, from_completion: bool, scheduled: datetime | date) -> Repeat:
        """Return the occurrence of a rule on a day of it."""
        return cls(str(rule), from_completion, words_with_end(rule, from_completion=from_completion), scheduled)

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
        return cls.of(rule, from_completion=after_completion, scheduled=in_range(when))


def words_with_end(rule: Rule, *, from_completion: bool) -> str:
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


def time_of(moment: datetime | date) -> time | None:
    """Return the time of day; None of a whole day."""
    return moment.time().replace(fold=0) if isinstance(moment, datetime) else None


def on_day(day: date, at: time | None) -> datetime | date:
    """Return a day at a time of day; the whole day for None."""
    return day if at is None else datetime.combine(day, at)


def is_past_end(rule: Rule, occurrence: datetime | date) -> bool:
    """Return whether an occurrence is after UNTIL; a day alone includes all of it."""
    if isinstance(rule.until, datetime) and isinstance(occurrence, datetime):
        return occurrence > rule.until
    return day_of(occurrence) > rule.until_day


def in_range(moment: _Moment) -> _Moment:
    """Return the moment.

    Raises:
        UnclearRepeat: It is outside `FIRST_DAY` to `LAST_DAY`, where `days` does not look.
    """
    if not FIRST_DAY <= day_of(moment) <= LAST_DAY:
        raise UnclearRepeat('A todo repeats in the years from 1970 to 2199, as in "every day until 2199-12-31".')
    return moment
