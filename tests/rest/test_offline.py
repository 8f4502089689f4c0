"""What was done offline: todos completed earlier than now, and subtasks of todos that have no id yet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from tests.faces import Json
from tests.rest.problems import problem
from tests.tables import each

pytestmark = pytest.mark.requirement("RS2", "TD6")

TODOS = "/api/v1/todos"


def ago(**span: float) -> str:
    return (datetime.now(UTC) - timedelta(**span)).isoformat(timespec="seconds").replace("+00:00", "Z")


async def added(http: httpx2.AsyncClient, **fields: Any) -> Json:
    response = await http.post(TODOS, json={"title": "a", **fields})
    assert response.status_code == 201, response.text
    todo: Json = response.json()
    return todo


async def completed(http: httpx2.AsyncClient, todo: Json, when: str, **more: Any) -> httpx2.Response:
    return await http.patch(f"{TODOS}/{todo['id']}/complete", json={"completed_at": when, **more})


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


async def test_a_todo_is_done_when_it_was_done_with_what_is_below_it(http: httpx2.AsyncClient) -> None:
    todo = await added(http)
    below = await added(http, parent_id=todo["id"])
    earlier = await added(http, parent_id=todo["id"])
    await completed(http, earlier, ago(days=5))
    when = ago(days=3)

    done = (await completed(http, todo, when)).json()
    again = (await completed(http, todo, ago(days=1))).json()

    assert moment(done["completed_at"]) == moment(again["completed_at"]) == moment(when)
    assert (again["version"], done["subtasks_changed"]) == (done["version"], 1)
    assert moment((await http.get(f"{TODOS}/{below['id']}")).json()["completed_at"]) == moment(when)
    assert moment((await http.get(f"{TODOS}/{earlier['id']}")).json()["completed_at"]) < moment(when)
    batch = {"action": "complete", "ids": [(await added(http))["id"]], "completed_at": when}
    (result,) = (await http.post(f"{TODOS}/batch", json=batch)).json()["results"]
    assert moment(result["item"]["completed_at"]) == moment(when)


@each(
    "when",
    [
        *(
            "yesterday",
            "2026-11-20",
            "2026-11-20T09:00:00",
            "",
            "0",
            "9999-12-31T23:59:59Z",
            "0001-01-01T00:00:00+14:00",
        ),
        *({"days": -1}, {"seconds": -60}, {"days": 30, "seconds": 60}, {"days": 400}),
    ],
    ids=str,
)
async def test_what_is_no_moment_of_the_last_30_days_is_refused_with_the_bounds(
    http: httpx2.AsyncClient, todo: str, when: str | dict[str, int]
) -> None:
    moment = when if isinstance(when, str) else ago(**when)
    told = problem(await http.patch(f"{todo}/complete", json={"completed_at": moment}), 422, "invalid_input")

    assert told["errors"][0]["field"] == "completed_at"
    assert "offset" in told["errors"][0]["message"] or "between 20" in told["errors"][0]["message"]
    assert (await http.get(todo)).json()["completed_at"] is None


async def test_the_bounds_themselves_are_taken_and_opening_takes_no_moment(http: httpx2.AsyncClient) -> None:
    for when in (ago(days=30, seconds=-30), ago(seconds=0), ago(hours=1).replace("Z", "+00:00")):
        assert (await completed(http, await added(http), when)).status_code == 200

    todo = await added(http)
    told = problem(await completed(http, todo, ago(days=1), is_completed=False), 422, "invalid_input")
    assert told["errors"][0]["field"] == "completed_at"
    batch = {"action": "complete", "ids": [todo["id"]], "completed_at": ago(days=1), "is_completed": False}
    problem(await http.post(f"{TODOS}/batch", json=batch), 422, "invalid_input")


@pytest.mark.usefixtures("noon")
async def test_a_repeat_from_completion_counts_from_the_day_on_which_it_was_done(http: httpx2.AsyncClient) -> None:
    """`every!` by the day of the completion, `every` by its due, past what is over by then."""
    today = datetime.now(UTC).date()
    due = (today - timedelta(days=10)).isoformat()
    for repeat, following in (("every! 7 days", 3), ("every 7 days", 4)):
        todo = await added(http, due=due, repeat=repeat)

        done = (await completed(http, todo, ago(days=4))).json()

        expected = {3: today + timedelta(days=3), 4: today - timedelta(days=3)}[following]
        assert done["next"]["due"]["date"] == expected.isoformat(), repeat


@pytest.mark.usefixtures("noon")
async def test_streaks_and_reports_have_it_on_its_day_and_no_todo_is_done_before_it_was_added(
    http: httpx2.AsyncClient,
) -> None:
    for days in (1, 2):
        await completed(http, await added(http), ago(days=days))

    streaks = (await http.get("/api/v1/analytics/streaks")).json()
    summary = (await http.get("/api/v1/analytics/summary")).json()

    assert (streaks["completions"]["current"], streaks["completions"]["longest"]) == (2, 2)
    assert (summary["completed_7_days"], summary["average_seconds_to_complete"]) == (2, 0)


@pytest.mark.requirement("TD15", "TD9")
async def test_a_subtask_names_its_parent_by_key_also_one_of_the_same_batch(http: httpx2.AsyncClient) -> None:
    there = await added(http, key="there")
    todos = [
        {"title": "new", "key": "k1"},
        {"title": "below new", "key": "k2", "parent_key": "k1"},
        {"title": "below that", "parent_key": "k2"},
        {"title": "below there", "parent_key": "there"},
        {"title": "again", "key": "there", "parent_key": "k1"},
    ]

    response = await http.post(f"{TODOS}/batch", json={"action": "add", "todos": todos})

    rows = [result["item"] for result in response.json()["results"]]
    assert [row["parent_id"] for row in rows[:4]] == [None, rows[0]["id"], rows[1]["id"], there["id"]]
    assert (rows[4]["id"], rows[4]["parent_id"], rows[4]["existing"]) == (there["id"], None, True)
    single = await added(http, parent_key="k2")
    assert single["parent_id"] == rows[1]["id"]


@pytest.mark.requirement("TD15", "TD9")
@each(
    ("fields", "field"),
    [
        ({"parent_key": "of nothing"}, "parent_key"),
        ({"parent_key": "its own", "key": "its own"}, "parent_key"),
        ({"parent_key": "there", "parent_id": 1}, "parent_key"),
        ({"parent_key": "done"}, "parent_key"),
        ({"parent_key": ""}, "parent_key"),
    ],
)
async def test_a_parent_that_a_key_does_not_name_is_refused(http: httpx2.AsyncClient, fields: Json, field: str) -> None:
    await http.post(TODOS, json={"title": "a", "key": "there"})
    done = (await http.post(TODOS, json={"title": "a", "key": "done"})).json()
    await http.patch(f"{TODOS}/{done['id']}/complete")

    response = await http.post(TODOS, json={"title": "b", **fields})

    assert response.status_code in (404, 422), response.text
    assert response.json()["errors"][0]["field"] == field
