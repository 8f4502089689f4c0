"""What people and agents do with todos, the same over every transport."""

from __future__ import annotations

import pytest

from tests.faces import Face, RefusedError


@pytest.mark.requirement("TD1")
async def test_added_todos_are_listed_with_their_fields(me: Face) -> None:
    written = await me.add({"title": "  Buy milk  ", "priority": "high"}, {"title": "Sleep", "description": "8 h"})

    assert written.errors == [None, None]
    listed = await me.list(sort="created", direction="asc")
    assert [(todo["id"], todo["title"], todo["priority"]) for todo in listed.todos] == [
        (written.ids[0], "Buy milk", "high"),
        (written.ids[1], "Sleep", "medium"),
    ]
    assert listed.todos[1]["description"] == "8 h"
    assert listed.total == 2
    assert listed.next_cursor is None


@pytest.mark.requirement("OW1", "OW4")
async def test_another_users_todo_is_refused_as_not_owner_and_a_missing_one_as_not_found(me: Face, other: Face) -> None:
    (mine,) = (await me.add({"title": "private"})).ids
    assert mine is not None

    assert (await other.update({"id": mine, "title": "stolen"})).errors == ["not_owner"]
    assert (await other.complete(mine, 2**62)).errors == ["not_owner", "not_found"]
    assert (await other.list(status="all", ids=[mine])).todos == []
    assert (await me.list()).todos[0]["title"] == "private"


@pytest.mark.requirement("SA1")
async def test_a_key_used_for_another_request_is_refused(me: Face) -> None:
    await me.add({"title": "first"}, key="k")

    with pytest.raises(RefusedError) as refused:
        await me.add({"title": "second"}, key="k")

    assert refused.value.code == "idempotency_key_reused"
