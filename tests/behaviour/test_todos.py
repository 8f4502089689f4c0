"""Adding, changing and completing todos, the same over every transport."""

from __future__ import annotations

from datetime import datetime

import pytest

from tests.faces import Face, Json
from tests.support import moment_of
from tests.tables import each


async def only(me: Face) -> Json:
    """The user's one todo, whatever its state."""
    (todo,) = (await me.list(status="all")).todos
    return todo


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


@pytest.mark.requirement("TD1", "TD2", "TD8")
async def test_the_server_sets_id_times_and_version(me: Face) -> None:
    (todo_id,) = (await me.add({"title": "x"})).accepted

    todo = await only(me)
    assert todo["id"] == todo_id
    assert todo["version"] == 1
    assert datetime.fromisoformat(todo["created_at"]).utcoffset() is not None
    assert todo["updated_at"] == todo["created_at"]
    assert todo.get("completed_at") is None
    assert todo.get("deleted_at") is None


@pytest.mark.requirement("TD1")
@each("field", ["id", "version", "created_at", "completed_at", "user_id", "is_completed"])
async def test_what_the_server_sets_cannot_be_sent(me: Face, field: str) -> None:
    written = await me.add({"title": "x", field: 1})

    assert written.errors == ["invalid_input"]
    assert (await me.list(status="all")).total == 0


@pytest.mark.requirement("TD1")
@each(
    ("todo", "field"),
    [
        ({}, "title"),
        ({"title": ""}, "title"),
        ({"title": "   \n "}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"title": 5}, "title"),
        ({"title": "x", "description": "x" * 1001}, "description"),
        ({"title": "x", "description": ["x"]}, "description"),
        ({"title": "x", "priority": "huge"}, "priority"),
        ({"title": "x", "priority": 2}, "priority"),
    ],
)
async def test_a_field_out_of_bounds_is_refused_by_name(me: Face, todo: Json, field: str) -> None:
    written = await me.add(todo)

    assert written.errors == ["invalid_input"]
    assert written.change_id is None
    (refusal,) = written.refusals
    assert refusal is not None
    assert [problem["field"] for problem in refusal["errors"]] == [field]


@pytest.mark.requirement("TD1")
async def test_the_longest_title_and_description_are_kept_whole(me: Face) -> None:
    title, description = "🎉" * 200, "ß" * 1000

    await me.add({"title": f"  {title}\n", "description": description, "priority": "urgent"})

    todo = await only(me)
    assert (todo["title"], todo["description"], todo["priority"]) == (title, description, "urgent")


@pytest.mark.requirement("TD5", "TD8")
async def test_an_update_changes_what_it_names_and_nothing_else(me: Face) -> None:
    (todo_id,) = (await me.add({"title": "a", "description": "d", "priority": "low"})).accepted

    assert (await me.update({"id": todo_id, "title": " b "})).accepted == [todo_id]

    todo = await only(me)
    assert (todo["title"], todo["description"], todo["priority"], todo["version"]) == ("b", "d", "low", 2)
    assert moment_of(todo, "updated_at") > moment_of(todo, "created_at")


@pytest.mark.requirement("TD5")
async def test_an_update_can_set_every_field_at_once(me: Face) -> None:
    (todo_id,) = (await me.add({"title": "a"})).accepted

    await me.update({"id": todo_id, "title": "b", "description": "d", "priority": "urgent", "is_completed": True})

    todo = await only(me)
    assert (todo["title"], todo["description"], todo["priority"]) == ("b", "d", "urgent")
    assert todo["completed_at"] is not None
    assert todo["version"] == 2


@pytest.mark.requirement("TD5")
async def test_clearing_is_explicit(me: Face) -> None:
    (todo_id,) = (await me.add({"title": "a", "description": "d"})).accepted

    await me.update({"id": todo_id, "priority": "high"})
    assert (await only(me))["description"] == "d"
    await me.update({"id": todo_id, "clear": ["description"]})

    todo = await only(me)
    assert todo.get("description") is None
    assert todo["title"] == "a"


@pytest.mark.requirement("TD5")
@pytest.mark.parametrize("verb", ["add", "update"])
async def test_an_unknown_field_is_refused_by_name_with_the_known_ones(me: Face, verb: str) -> None:
    (todo_id,) = (await me.add({"title": "a"})).accepted
    item = {"title": "b", "colour": "red"}

    written = await (me.add(item) if verb == "add" else me.update(item | {"id": todo_id}))

    assert written.errors == ["invalid_input"]
    (refusal,) = written.refusals
    assert refusal is not None
    (problem,) = refusal["errors"]
    assert problem["field"] == "colour"
    assert {"title", "description", "priority"} <= set(problem["allowed"])
    assert "colour" not in problem["allowed"]
    assert (await only(me))["title"] == "a"


@pytest.mark.requirement("TD5", "TD6")
async def test_an_update_that_changes_nothing_says_so_and_leaves_the_version(me: Face) -> None:
    (todo_id,) = (await me.add({"title": "a", "priority": "low"})).accepted
    before = await only(me)

    written = await me.update({"id": todo_id, "title": "a", "priority": "low"})

    assert written.unchanged == [True]
    assert written.change_id is None
    assert await only(me) == before


@pytest.mark.requirement("TD6")
async def test_completing_sets_and_never_toggles(me: Face) -> None:
    (todo_id,) = (await me.add({"title": "a"})).accepted

    assert (await me.complete(todo_id)).unchanged == [False]
    done = await only(me)
    assert done["completed_at"] is not None

    again = await me.complete(todo_id)
    assert again.unchanged == [True]
    assert again.change_id is None
    assert await only(me) == done

    assert (await me.complete(todo_id, completed=False)).unchanged == [False]
    assert (await only(me)).get("completed_at") is None
    assert (await me.complete(todo_id, completed=False)).unchanged == [True]
    assert (await only(me))["version"] == 3


@pytest.mark.requirement("TD8")
async def test_the_version_one_saw_lets_the_change_through(me: Face) -> None:
    (todo_id,) = (await me.add({"title": "a"})).accepted

    assert (await me.update({"id": todo_id, "title": "b", "if_version": 1})).accepted == [todo_id]
    assert (await me.update({"id": todo_id, "title": "c", "if_version": 2})).accepted == [todo_id]
    assert (await only(me))["version"] == 3


@pytest.mark.requirement("TD8")
async def test_an_older_version_is_refused_with_the_current_row(me: Face) -> None:
    (todo_id,) = (await me.add({"title": "a"})).accepted
    await me.update({"id": todo_id, "title": "faster", "description": "d"})

    slower = await me.update({"id": todo_id, "title": "slower", "if_version": 1})

    assert slower.errors == ["version_conflict"]
    (refusal,) = slower.refusals
    assert refusal is not None
    current = refusal["current"]
    assert (current["id"], current["title"], current["description"], current["version"]) == (todo_id, "faster", "d", 2)
    assert (await only(me))["title"] == "faster"


@pytest.mark.requirement("TD8")
@pytest.mark.parametrize("version", [0, -1, 2**31, "1x", 1.5, True])
async def test_what_is_no_version_is_refused(me: Face, version: object) -> None:
    (todo_id,) = (await me.add({"title": "a"})).accepted

    assert (await me.update({"id": todo_id, "title": "b", "if_version": version})).errors == ["invalid_input"]
    assert (await only(me))["title"] == "a"
