"""When a todo was done that was completed offline."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from todo_core.errors import FieldCode, FieldError, InvalidInput
from todo_core.rules.schedules import moment_in

LOOK_BACK: Final = timedelta(days=30)
"""How long ago a todo can have been completed. Reports of longer ago stay as they were read."""


def completion(text: str, now: datetime) -> datetime:
    """Return the moment at which a todo was completed, as a request says.

    Args:
        text: ISO 8601, with an offset.
        now: The present moment.

    Raises:
        InvalidInput: It is no moment, ahead of now, or more than `LOOK_BACK` ago.
    """
    moment = moment_in(text)
    if moment is None:
        raise _refused("must be an ISO 8601 date-time with an offset, such as 2026-11-21T09:00:00Z")
    earliest = now - LOOK_BACK
    if not earliest <= moment <= now:
        bounds = " and ".join(f"{bound.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" for bound in (earliest, now))
        code: FieldCode = "too_large" if moment > now else "too_small"
        raise _refused(
            f"must not be ahead of now, nor more than {LOOK_BACK.days} days ago: it is between {bounds}", code
        )
    return moment


def _refused(message: str, code: FieldCode = "invalid") -> InvalidInput:
    return InvalidInput(errors=[FieldError("completed_at", message, code=code)])
