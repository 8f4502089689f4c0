"""When todos start, when they are due and how they repeat: what comes in, as said or exactly, and what is read."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal, Required

from pydantic import BeforeValidator, Discriminator, Field, Tag, ValidationInfo
from typing_extensions import TypeAliasType, TypedDict

from todo_core.models.fields import STRICT, Line, Output
from todo_core.validation import AS_OBJECT, AS_TEXT, refuse_crowd

DueKind = Literal["day", "time", "moment"]
"""A day and a wall-clock time follow the person to another time zone; a moment stays what it is."""

DUE_WORDS = "When it is due: a date, a date-time, or words such as tomorrow 5pm, fri, in 2 weeks, eom."
DUE_CHANGE_WORDS = "As said: tomorrow keeps the time, 4pm the day, today all day has none. A repeat goes on as before."
START_WORDS = "Hidden until this day; no time."
REPEAT_WORDS = "Every weekday, every 2 weeks on mon until dec 24, daily 6am 10 times, or an RRULE."
DueText = Annotated[str, Line(min_length=1, max_length=100)]
StartText = DueText
RepeatText = Annotated[str, Line(min_length=1, max_length=200)]

_AS_READ = "As it was read; it changes nothing."


class DueExact(TypedDict, total=False):
    """A due without words: a day, a wall-clock time (`date` and `time`), or a moment (`at`).

    A due that was read can be sent back. Of one with `date` and `at`, `at` counts if its `kind` is moment.
    """

    __pydantic_config__ = STRICT  # type: ignore[misc]  # how pydantic configures a TypedDict

    date: Annotated[
        str, Line(max_length=10), Field(description="The day, YYYY-MM-DD.", json_schema_extra={"format": "date"})
    ]
    time: Annotated[
        Annotated[str, Line(max_length=15)] | None,
        Field(description="The wall-clock time, HH:MM or HH:MM:SS; null or left out: by the end of the day."),
    ]
    at: Annotated[
        str,
        Line(max_length=40),
        Field(description="The moment, with an offset or Z.", json_schema_extra={"format": "date-time"}),
    ]
    kind: Annotated[DueKind, Field(description="moment: `at` counts; otherwise `date` and `time`.")]
    weekday: Annotated[str, Line(max_length=20), Field(description=_AS_READ)]
    time_zone: Annotated[str, Line(max_length=100), Field(description=_AS_READ)]


class RepeatExact(TypedDict, total=False):
    """A repeat without words: what was read can be sent back."""

    __pydantic_config__ = STRICT  # type: ignore[misc]

    rule: Required[Annotated[str, Line(min_length=1, max_length=200), Field(description="RFC 5545 RRULE.")]]
    words: Annotated[str, Line(max_length=300), Field(description=_AS_READ)]
    counts_from: Annotated[Literal["due", "completion"], Field(description="What the next occurrence counts from.")]
    scheduled: Annotated[
        str,
        Line(max_length=30),
        Field(description="When the rule has this occurrence: local date, or date-time; left out: when it is due."),
    ]


def _form(value: Any) -> str:
    return AS_OBJECT if isinstance(value, dict) else AS_TEXT


def _without_crowd(kind: Any) -> BeforeValidator:
    """Return what refuses very many unknown fields before pydantic makes an error of each."""

    def check(value: Any, info: ValidationInfo) -> Any:
        refuse_crowd(value, kind, within=(str(info.field_name), AS_OBJECT))
        return value

    return BeforeValidator(check)


# Named, so that a generated client has a type for them whose name no other schema changes.
DueInput = TypeAliasType(
    "DueInput",
    Annotated[
        Annotated[DueText, Tag(AS_TEXT)] | Annotated[DueExact, _without_crowd(DueExact), Tag(AS_OBJECT)],
        Discriminator(_form),
        Field(description="When a todo is due: as said, or exactly."),
    ],
)
RepeatInput = TypeAliasType(
    "RepeatInput",
    Annotated[
        Annotated[RepeatText, Tag(AS_TEXT)] | Annotated[RepeatExact, _without_crowd(RepeatExact), Tag(AS_OBJECT)],
        Discriminator(_form),
        Field(description="How a todo repeats: as said, or as a rule."),
    ],
)


class Due(Output):
    """When a todo is due, where the user is."""

    date: Annotated[date, Field(description="The day there.")]
    time: Annotated[
        str | None,
        Field(description="The time there, HH:MM, or HH:MM:SS where it has seconds; null: by the end of the day."),
    ]
    weekday: Annotated[str, Field(description="The weekday there, in English.")]
    time_zone: Annotated[str, Field(description="The user's IANA time zone.")]
    at: Annotated[datetime, Field(description="The deadline as a moment.")]
    kind: Annotated[
        DueKind,
        Field(description="day or time: both follow the person to another time zone; moment: fixed by an offset."),
    ]


class RepeatRead(Output):
    """How a todo repeats."""

    rule: Annotated[str, Field(description="RFC 5545 RRULE.")]
    words: Annotated[str, Field(description="The same in words.")]
    counts_from: Annotated[Literal["due", "completion"], Field(description="What the next occurrence counts from.")]
    scheduled: Annotated[str, Field(description="When the rule has this occurrence: local date, or date-time.")]
