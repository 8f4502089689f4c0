"""What has not started, where a search finds nothing, and in the reports."""

from __future__ import annotations

import orjson
import pytest

from tests.core.support import told
from todo_core.boundary.caller import Caller
from todo_core.models.todos import TodoCreate, TodoFilter
from todo_core.operations import analytics, search, todos

pytestmark = pytest.mark.requirement("TD13")


async def near(caller: Caller, text: str, **wanted: object) -> list[str]:
    page = await caller.perform(search.find, TodoFilter(text=text, **wanted))  # type: ignore[arg-type]
    assert page.total == 0
    return [] if page.near is None else [row["title"] for row in orjson.loads(page.near.json)]


async def test_what_has_not_started_is_meant_by_a_search_that_finds_nothing(ann: Caller) -> None:
    new = [TodoCreate(title="Renew the passport", start="in 2 weeks"), TodoCreate(title="below", parent_index=0)]
    await ann.perform(todos.add, new)

    assert await near(ann, "pasport") == await near(ann, "passport nowhere") == ["Renew the passport"]
    assert await near(ann, "bellow") == ["below"]
    assert await near(ann, "passport nowhere", started=True) == []
    assert await near(ann, "passport nowhere", started=False) == ["Renew the passport"]
    assert await near(ann, "passport nowhere", overdue=True) == []


@pytest.mark.usefixtures("noon")
async def test_reports_leave_out_what_has_not_started(ann: Caller) -> None:
    new = [
        TodoCreate(title="later", start="2199-01-01"),
        TodoCreate(title="late below it", parent_index=0, due="2020-01-02"),
        TodoCreate(title="today", due="today", start="today"),
        TodoCreate(title="late", due="2020-01-02"),
    ]
    ids = [row["id"] for row in told(await ann.perform(todos.add, new))]

    async def counted() -> tuple[int, int, int, int]:
        report = orjson.loads((await ann.perform(analytics.report)).json)
        assert report["week"]["added"] == len(new)
        summary = report["summary"]
        return summary["open"], summary["due_today"], summary["overdue"], report["week"]["overdue"]

    assert await counted() == (2, 1, 1, 1)
    await ann.perform(todos.update, [{"id": ids[0], "start": "2020-01-01"}])
    assert await counted() == (4, 1, 2, 2)
