"""What others are asked for in the benchmark is what we answer: all of a todo, and the same todos."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any, Final
from urllib.parse import urlencode

import httpx2
import pytest

from bench import fastify
from tests.faces import http_client
from tests.support import token_of
from todo_app.application import Application
from todo_core.boundary.caller import Caller
from todo_core.models.todos import TodoRead

_SOON: Final = (datetime.now(UTC) + timedelta(days=30)).isoformat()
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d.*")


async def furnished(http: httpx2.AsyncClient) -> tuple[int, int]:
    """Make todos of every kind; return the inbox, and the id of one that has all that a todo may have."""

    async def made(path: str, **body: Any) -> dict[str, Any]:
        response = await http.post(f"/api/v1/{path}", json=body)
        assert response.is_success, response.text
        answer: dict[str, Any] = response.json()
        return answer

    full = await made(
        "todos", title="Buy milk", description="2 l", priority="high", tags=["shop", "home"], due="2026-12-01 17:00",
        repeat="daily", start="2020-01-01", key="mail:1", source="https://mail.test/1",
    )  # fmt: skip
    for title in ("open", "done"):
        below = await made("todos", title=f"{title} milk", parent_id=full["id"])
    await http.patch(f"/api/v1/todos/{below['id']}/complete", json={"is_completed": True})
    for n in range(4):
        await made(f"todos/{full['id']}/notes", text=f"note {n}")
    for due in ("2026-12-02", {"at": "2026-12-03T10:00:00Z"}):
        await made("todos", title="milk on its day", due=due, priority="urgent")
    later = await made("todos", title="Milk in time", start="2199-01-01")
    await made("todos", title="milk below it", parent_id=later["id"])
    archived = await made("lists", name="old")
    await made("todos", title="old milk", list_id=archived["id"])
    await http.patch(f"/api/v1/lists/{archived['id']}", json={"is_archived": True})
    gone = await made("todos", title="gone milk")
    await http.delete(f"/api/v1/todos/{gone['id']}")
    return full["list_id"], full["id"]


def comparable(answer: Any) -> Any:
    """An answer with moments as such, for both write them in their own way."""
    if isinstance(answer, dict):
        return {name: comparable(value) for name, value in answer.items()}
    if isinstance(answer, list):
        return [comparable(one) for one in answer]
    if isinstance(answer, str) and _MOMENT.fullmatch(answer):
        return datetime.fromisoformat(answer)
    return answer


@pytest.mark.parametrize("name", ["floor", "statements"])
async def test_others_answer_with_the_rows_that_we_answer_with(
    name: str, app: Application, ann: Caller, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_URL", database_url)
    other_app = import_module(f"bench.apps.{name}").app

    async with http_client(app, await token_of(ann)) as ours, other_app.router.lifespan_context(other_app):
        inbox, full = await furnished(ours)
        transport, who = httpx2.ASGITransport(other_app), {"X-User": str(ann.principal.user_id)}
        async with httpx2.AsyncClient(transport=transport, base_url="http://other.test", headers=who) as theirs:
            filters = {"list_id": inbox, "priority": ["high", "urgent"], "due_before": _SOON}
            for address, rows in (
                ("todos", 4),
                ("todos?limit=2", 2),
                (f"todos?{urlencode(filters, doseq=True)}", 3),
                ("search?text=milk", 6),
            ):
                mine, other = [(await client.get(f"/api/v1/{address}")).json() for client in (ours, theirs)]
                assert len(mine["items"]) == rows, address
                assert comparable(other["items"]) == comparable(mine["items"]), address
                assert other["total"] == mine["total"], address
            mine, other = [(await client.get(f"/api/v1/todos/{full}")).json() for client in (ours, theirs)]
            assert comparable(other) == comparable(mine)
            for is_completed in (True, False):
                answer = await theirs.patch(f"/api/v1/todos/{full}/complete", json={"is_completed": is_completed})
                app.core.remembered.clear()  # the floor records no change
                read = (await ours.get(f"/api/v1/todos/{full}")).json()
                assert answer.json()["id"] == full
                assert read["is_completed"] is answer.json()["is_completed"] is is_completed


def test_fastify_answers_with_all_of_a_todo_but_its_due_in_words() -> None:
    declared = (fastify.SOURCE / "server.js").read_text(encoding="utf-8")

    assert [name for name in TodoRead.model_fields if name != "due" and f"    {name}: " not in declared] == []
