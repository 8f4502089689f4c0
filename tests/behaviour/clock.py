"""The application at a moment that never passes: Saturday, 2026-11-21, noon in Berlin."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final

from tests.faces import ADDRESS, Json
from todo_app.application import Application, build
from todo_core.settings import Settings

NOW: Final = datetime(2026, 11, 21, 11, 0, tzinfo=UTC)
ZONE: Final = "Europe/Berlin"


@asynccontextmanager
async def app_at(now: datetime, settings: Settings, database_url: str) -> AsyncIterator[Application]:
    application = build(settings, database_url, ADDRESS, clock=lambda: now)
    async with application.running():
        yield application


def due_in(told: Json) -> str | None:
    """`2026-11-27 Fri 17:00`, in whichever form a transport tells it."""
    due = told.get("due")
    if not isinstance(due, dict):
        return due
    return " ".join(filter(None, (due["date"], due["weekday"][:3], due["time"])))
