"""How it goes, for a model: one compact answer, without what goes without saying."""

from __future__ import annotations

import json

import pytest

from tests.faces import McpFace, RefusedError
from tests.mcp.tokens import tokens
from todo_core.boundary.caller import Caller
from todo_core.models.lists import ListCreate
from todo_core.models.todos import TodoCreate
from todo_core.operations import lists, todos

pytestmark = [pytest.mark.requirement("IN1", "IN2", "IN3"), pytest.mark.usefixtures("noon")]


async def fill(caller: Caller) -> None:
    """A normal week: todos of every priority in four lists, with five tags."""
    names = ["Work", "Home", "Garden"]
    made = await caller.perform(lists.add, [ListCreate(name=name) for name in names])
    ids = [json.loads(one.json)["id"] for one in made.results]  # type: ignore[union-attr]
    tags = ["errands", "phone", "urgent", "waiting", "computer"]
    ranks = ["low", "medium", "high", "urgent"]
    wanted = [
        TodoCreate(title="a", list_id=[*ids, None][n % 4], priority=ranks[n % 4], tags=[tags[n % 5]])  # type: ignore[arg-type]
        for n in range(20)
    ]
    added = await caller.perform(todos.add, wanted)
    await caller.perform(todos.complete, [json.loads(one.json)["id"] for one in added.results[:12]])  # type: ignore[union-attr]


async def test_a_new_user_is_told_next_to_nothing(me: McpFace) -> None:
    told = await me.call("get_report")

    day = told["streaks"]["logins"].pop("last_day")
    assert told["streaks"] == {"logins": {"current": 1, "longest": 1}}
    assert "summary" not in told
    assert told["week"].keys() == {"first_day", "last_day"}
    assert told["week"]["first_day"] <= day <= told["week"]["last_day"]


async def test_a_normal_week_is_told_in_at_most_400_tokens(me: McpFace, ann: Caller) -> None:
    await fill(ann)

    told = await me.call("get_report")

    assert told["summary"]["open"] == 8
    assert told["summary"]["completed_7_days"] == 12
    assert (told["week"]["added"], told["week"]["completed"], told["week"]["completion_rate"]) == (20, 12, 1.0)
    (today,) = told["week"]["by_day"]
    assert told["week"]["by_day"][today] == {"added": 20, "completed": 12}
    assert [row["added"] for row in told["week"]["by_list"]] == [5, 5, 5, 5]
    assert told["week"]["by_priority"]["urgent"] == {"added": 5, "completed": 3}
    assert told["streaks"]["completions"]["current"] == 1
    seven = told | {"week": told["week"] | {"by_day": {day: {"added": 3, "completed": 12} for day in DAYS}}}
    seven["week"]["week_before"] = {"added": 14, "completed": 11, "overdue": 2, "completion_rate": 0.8462}
    assert tokens(json.dumps(seven, separators=(",", ":"))) <= 400


DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


async def test_only_the_busiest_five_lists_and_tags_are_told(me: McpFace, ann: Caller) -> None:
    made = await ann.perform(lists.add, [ListCreate(name=f"list {n}") for n in range(7)])
    for n, one in enumerate(made.results):
        row = json.loads(one.json)  # type: ignore[union-attr]
        await ann.perform(todos.add, [TodoCreate(title="a", list_id=row["id"], tags=[f"tag {n}"])] * (n + 1))

    week = (await me.call("get_report"))["week"]

    assert [row["name"] for row in week["by_list"]] == [f"list {n}" for n in (6, 5, 4, 3, 2)]
    assert [row["name"] for row in week["by_tag"]] == [f"tag {n}" for n in (6, 5, 4, 3, 2)]
    assert (week["by_list_total"], week["by_tag_total"]) == (7, 7)


async def test_another_week_can_be_asked_for(me: McpFace) -> None:
    week = (await me.call("get_report", week="2026-11-04"))["week"]

    assert week == {"first_day": "2026-11-02", "last_day": "2026-11-08", "is_over": True}


@pytest.mark.requirement("MC4")
async def test_an_unclear_week_is_refused_with_its_readings(me: McpFace) -> None:
    with pytest.raises(RefusedError) as refused:
        await me.call("get_report", week="november")

    (problem,) = refused.value.told["errors"]
    assert problem["field"] == "week"
    assert len(problem["allowed"]) == 2


@pytest.mark.requirement("OW1")
async def test_nobody_is_told_of_another(me: McpFace, bob: Caller) -> None:
    before = await me.call("get_report")
    await fill(bob)

    assert await me.call("get_report") == before
