"""Names and helpers that tests of every folder share."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from todo_core.boundary.caller import Caller
from todo_core.identity.scopes import Scope
from todo_core.models.agents import Mandate
from todo_core.models.tokens import TokenCreate
from todo_core.operations import tokens

JWT_SECRET = "a-secret-of-at-least-thirty-two-bytes!"
ISSUER = "https://auth.example.test"
AUDIENCE = "https://todo.example.test"

MISTAKE = """
CREATE FUNCTION mistake() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'INSERT into column' USING ERRCODE = 'division_by_zero'; END $$;
CREATE TRIGGER mistake BEFORE INSERT ON todos FOR EACH ROW EXECUTE FUNCTION mistake()
"""
"""Stands for a statement of ours that PostgreSQL refuses: no fault of the database, and none of the request."""


class MovableClock:
    """The present, moved on by what a test does not want to wait for.

    No other time passes: what holds for a second still holds after a machine has stalled for one.
    """

    def __init__(self) -> None:
        self._now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self._now

    def move(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)


def moment_of(row: Mapping[str, Any], name: str) -> datetime:
    """Return a moment of a row in JSON, to compare it with another.

    As a text 09:30:00.12Z is behind 09:30:00.123Z: zeros at the end are left out.
    """
    return datetime.fromisoformat(row[name])


def zone_of_another_day() -> str:
    """Return a time zone in which it is another day than in UTC, and in which the day does not end within the hour."""
    return "Etc/GMT+12" if datetime.now(UTC).hour < 11 else "Pacific/Kiritimati"


async def bearing(caller: Caller, token: str) -> Caller:
    """Return a user's API token as a caller, through the same face: the agent that it is."""
    return await Caller.authenticated(caller.core, caller.via, token=token)


async def token_of(caller: Caller, *scopes: Scope, mandate: dict[str, Any] | None = None) -> str:
    """Make an API token of a user; by default with every scope that the user has, and no mandate.

    It has no end: PostgreSQL's clock tells the day, and a test may have made it by one that stands still.
    """
    bounds = None if mandate is None else Mandate(**mandate)
    scoped = list(scopes) or sorted(caller.principal.scopes)
    wanted = TokenCreate(name="test", scopes=scoped, mandate=bounds, expires_in_days=None)
    made = await caller.perform(tokens.create, wanted)
    assert made.secret is not None
    return made.secret
