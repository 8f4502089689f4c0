"""Lists over MCP: batches."""

from __future__ import annotations

import pytest

from tests.faces import McpFace, RefusedError

pytestmark = pytest.mark.requirement("LT1", "MC5")


async def test_a_bad_list_never_fails_the_good_ones(me: McpFace) -> None:
    told = await me.call("add_lists", lists=[{"name": "a"}, {"name": ""}, {"name": "A"}, {"name": "b", "position": 1}])

    errors = [item.get("error", {}).get("code") for item in told["results"]]
    assert errors == [None, "invalid_input", "conflict", None]
    assert [row["name"] for row in (await me.overview())["lists"]] == ["b", "Inbox", "a"]
    assert isinstance(told["change_id"], int)


async def test_a_batch_of_changes_answers_each_in_order_and_is_undone_as_one(me: McpFace) -> None:
    made = await me.call("add_lists", lists=[{"name": "a"}, {"name": "b"}])
    first, second = (item["id"] for item in made["results"])

    told = await me.call(
        "update_lists",
        lists=[{"id": second, "name": "B"}, {"id": 2**62, "name": "x"}, {"id": first, "is_archived": True}],
    )

    assert [item.get("id") for item in told["results"]] == [second, None, first]
    assert [item.get("item") for item in told["results"]] == [None, 2**62, None]
    assert told["all"] == {"version": 2}
    assert [row["name"] for row in (await me.overview())["lists"]] == ["Inbox", "B"]
    await me.undo(told["change_id"])
    assert [row["name"] for row in (await me.overview())["lists"]] == ["Inbox", "a", "b"]


async def test_several_lists_are_deleted_with_one_answer_for_their_todos(me: McpFace) -> None:
    made = await me.call("add_lists", lists=[{"name": name} for name in "abc"])
    a, b, c = (item["id"] for item in made["results"])
    await me.add({"title": "x", "list_id": a}, {"title": "y", "list_id": b})

    with pytest.raises(RefusedError) as refused:
        await me.call("delete_lists", ids=[a, b])
    assert [problem["field"] for problem in refused.value.told["errors"]] == ["todos"]

    told = await me.call("delete_lists", ids=[a, 2**62, b], todos="move", move_to=c)
    assert [item.get("error", {}).get("code") for item in told["results"]] == [None, "not_found", None]
    assert [(row["name"], row["open"]) for row in (await me.overview())["lists"]] == [("Inbox", 0), ("c", 2)]
    await me.undo(told["change_id"])
    assert [(row["name"], row["open"]) for row in (await me.overview())["lists"]][1:] == [("a", 1), ("b", 1), ("c", 0)]


async def test_a_list_that_is_named_twice_is_changed_once(me: McpFace) -> None:
    (made,) = (await me.add_list("a")).accepted

    told = await me.call("update_lists", lists=[{"id": made, "name": "b"}, {"id": made, "name": "c"}])
    assert [item.get("error", {}).get("code") for item in told["results"]] == [None, "invalid_input"]

    gone = await me.call("delete_lists", ids=[made, made])
    codes = [item.get("error", {}).get("code") for item in gone["results"]]
    assert codes[0] is None
    assert codes[1] in ("invalid_input", "not_found")
