"""What is pressing comes first: due today and overdue, then by priority, then by due."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.behaviour.clock import NOW, ZONE
from tests.behaviour.support import titles
from tests.faces import ADDRESS, Face, FaceName, face
from tests.support import token_of
from todo_app.application import build
from todo_core.boundary.caller import Caller
from todo_core.settings import Settings

pytestmark = pytest.mark.requirement("TD19")

TODOS: list[dict[str, Any]] = [
    {"title": "high someday", "priority": "high"},
    {"title": "urgent tomorrow", "priority": "urgent", "due": "2026-11-22"},
    {"title": "low today", "priority": "low", "due": "2026-11-21"},
    {"title": "medium today", "due": "2026-11-21T18:00"},
    {"title": "medium overdue", "due": "2026-11-20"},
    {"title": "urgent someday", "priority": "urgent"},
    {"title": "medium at midnight", "due": "2026-11-22T00:00"},
    {"title": "medium someday"},
]
ON_SATURDAY = [
    "medium overdue",
    "medium today",
    "low today",
    "urgent tomorrow",
    "urgent someday",
    "high someday",
    "medium at midnight",
    "medium someday",
]
ON_SUNDAY = ["urgent tomorrow", "medium overdue", "medium today", "medium at midnight", "low today", *ON_SATURDAY[4:6]]


class Clock:
    """A present moment that the test moves."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def me_in_time(
    face_name: FaceName, clock: Clock, settings: Settings, database_url: str, ann: Caller
) -> AsyncIterator[Face]:
    """Ann in Berlin, on a Saturday at noon, until the clock is moved."""
    application = build(settings, database_url, ADDRESS, clock=clock)
    async with application.running(), face(face_name, application, await token_of(ann)) as found:
        await found.update_profile(time_zone=ZONE)
        yield found


async def test_today_and_overdue_come_first_then_priority_then_due(me_in_time: Face) -> None:
    me = me_in_time
    await me.add(*TODOS)
    (done,) = (await me.add({"title": "done", "priority": "low", "due": "2026-11-20"})).accepted
    await me.complete(done)

    assert await titles(me, sort="pressing") == ON_SATURDAY
    assert await titles(me, sort="pressing", direction="asc") == ON_SATURDAY[::-1]
    assert await titles(me, sort="pressing", status="all") == [*ON_SATURDAY, "done"]  # what is done presses nobody
    assert await titles(me, sort="pressing", text="someday") == ["urgent someday", "high someday", "medium someday"]
    await me.update_profile(time_zone="Pacific/Auckland")  # where it is Sunday already
    assert (await titles(me, sort="pressing"))[0] == "urgent tomorrow"


@pytest.mark.requirement("TD4")
async def test_midnight_between_two_pages_repeats_and_hides_no_row(me_in_time: Face, clock: Clock) -> None:
    me = me_in_time
    await me.add(*TODOS)

    for limit in (1, 3):
        clock.now = NOW
        seen: list[str] = []
        cursor: dict[str, str] = {}
        while True:
            page = await me.list(sort="pressing", limit=limit, **cursor)
            seen += [todo["title"] for todo in page.todos]
            if page.next_cursor is None:
                break
            cursor = {"cursor": page.next_cursor}
            clock.now = NOW + timedelta(days=1)
        assert seen == ON_SATURDAY
        assert (await titles(me, sort="pressing"))[: len(ON_SUNDAY)] == ON_SUNDAY
