"""What schemathesis cannot know: which valid-looking values can only come from an answer of the server.

An idempotency key names one request, so two made-up requests with the key `0` contradict each
other; a cursor is signed, so a made-up one is always refused; a time zone is one of a few hundred names, and dates are
written in words. Malformed ones stay as they are. A text of white space alone, which the API trims away, one with what
cannot be seen, for which JSON Schema has no words, and a whole number with a fraction, which JSON Schema takes for an
integer and the API does not, are not sent.
"""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import schemathesis

from todo_core.text import name as name_of

_DIGITS = re.compile(r"[0-9]+")
_KEY = re.compile(r"[\x21-\x7e]{1,255}")


@schemathesis.hook
def before_call(_: schemathesis.HookContext, case: schemathesis.Case, __: dict[str, Any]) -> None:
    for name, value in list((case.headers or {}).items()):
        if name.lower() == "idempotency-key" and isinstance(value, str) and _KEY.fullmatch(value):
            case.headers[name] = uuid4().hex
    _begin_now(case)
    cursor = (case.query or {}).get("cursor")
    if isinstance(cursor, str) and 1 <= len(cursor.strip()) <= 500:
        del case.query["cursor"]
    if (case.query or {}).get("format") in ("csv", "ics"):
        case.query.pop("history", None)  # it goes with JSON alone
    if isinstance(case.body, dict) and isinstance(case.body.get("time_zone"), str):
        case.body = {**case.body, "time_zone": "Europe/Vienna"}
    # Set only what differs: what is set is judged anew, and no body is a wrong one then, even where it may be left out.
    if case.query and (query := _clear(case.query)) != case.query:
        case.query = query
    if repr(body := _whole(_clear(case.body))) != repr(case.body):
        case.body = body


def _begin_now(case: schemathesis.Case) -> None:
    """Leave out where a stream is to begin, if that is well said."""
    if case.operation.path != "/api/v1/events":
        return
    for given in (case.query or {}, case.headers or {}):
        for name in [name for name in given if name.lower() in ("since", "last-event-id")]:
            if _DIGITS.fullmatch(str(given[name])):
                del given[name]


_WORDS = {"repeat": "every week"} | dict.fromkeys(
    (
        "due",
        "week",
        *(f"{what}_{side}" for what in ("due", "created", "updated", "completed") for side in ("after", "before")),
    ),
    "2027-01-15",
)
"""What is written in words: any text has the right form, and hardly one a meaning."""


def _clear(value: Any) -> Any:
    """The same with dates and repeats that mean something, and texts to see; what has the wrong form stays."""
    if isinstance(value, str):
        return _visible(value) if value else value
    if isinstance(value, list):
        return [_clear(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: _WORDS[name]
        if name in _WORDS and isinstance(item, str) and 1 <= len(item.strip()) <= 100
        else _clear(item)
        for name, item in value.items()
    }


def _visible(text: str) -> str:
    """The same text if it can be a name, which every text may be, and is as long in NFC; else one as long that can."""
    try:
        kept = name_of(text)
    except ValueError:
        kept = ""
    return text if kept and len(kept) == len(text.strip()) else "x" * (len(text.strip()) or 1)


def _whole(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _whole(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
