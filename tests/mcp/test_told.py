"""A write says what became of each row: id, title, exactly the fields that changed, and what followed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.core.support import connected
from tests.faces import Json, McpFace, RefusedError
from tests.mcp.tokens import tokens
from tests.tables import each
from todo_core.boundary.caller import Caller

pytestmark = pytest.mark.requirement("MC1", "MC4")


async def one(me: McpFace, tool: str, **arguments: Any) -> Json:
    """The only result of a call."""
    (row,) = (await me.call(tool, **arguments))["results"]
    found: Json = row
    return found


async def update(me: McpFace, **edit: Any) -> Json:
    """The result of a change to one todo, without its version."""
    row = await one(me, "update_todos", todos=[edit])
    row.pop("version", None)
    return row


@pytest.fixture
async def milk(me: McpFace) -> int:
    (todo,) = (await me.add({"title": "Buy milk", "description": "Oat", "tags": ["home"]})).accepted
    return todo


async def test_an_update_says_exactly_the_fields_that_changed(me: McpFace, milk: int) -> None:
    work = (await me.add_list("Work")).accepted[0]
    row = {"id": milk, "title": "Buy milk"}

    assert await update(me, id=milk, priority="high", add_tags=["Home", "Deep"]) == row | {
        "priority": "high",
        "tags": ["Deep", "home"],
        "new_tags": ["Deep"],
    }
    assert await update(me, id=milk, due="2031-04-03 09:00", list_id="work") == row | {
        "due": "2031-04-03 Thu 09:00",
        "list": "Work",
    }
    assert await update(me, id=milk, due="2031-04-03 09:00", list_id=work) == row | {"unchanged": True}
    assert await update(me, id=milk, clear=["due", "description", "tags"]) == row | {
        "cleared": ["description", "tags", "due"]
    }
    assert await update(me, id=milk, description="x" * 1000) == row | {"description": "x" * 80 + "…"}
    assert await update(me, id=milk, title="Buy oats") == row | {"title": "Buy oats"}
    assert await update(me, id=milk, add_note="At Al's") == row | {"title": "Buy oats", "note_count": 1}


async def test_what_was_moved_by_hand_says_so(me: McpFace) -> None:
    first, second = (await me.add({"title": "a"}, {"title": "b"})).accepted

    assert await update(me, id=second, before=first) == {"id": second, "title": "b", "moved": True}
    assert await update(me, id=first, parent_id=second) == {"id": first, "title": "a", "parent_id": second}
    assert await update(me, id=first, clear=["parent_id"]) == {"id": first, "title": "a", "cleared": ["parent_id"]}


async def test_an_update_completes_as_completing_does_and_tells_the_same(me: McpFace) -> None:
    gym, boxes = (await me.add({"title": "Gym", "due": "2031-04-03", "repeat": "daily"}, {"title": "Move"})).accepted
    await me.add({"title": "Pack", "parent_id": boxes})

    row = await update(me, id=gym, is_completed=True)
    following = row.pop("next")
    assert row == {"id": gym, "title": "Gym", "status": "done"}
    assert following == {"id": following["id"], "due": "2031-04-04 Fri", "repeat": "every day"}
    assert await update(me, id=boxes, is_completed=True) == {
        "id": boxes,
        "title": "Move",
        "status": "done",
        "subtasks": 1,
    }
    assert await one(me, "complete_todos", ids=[boxes], completed=False) == {
        "id": boxes,
        "title": "Move",
        "status": "open again",
    }
    assert (await one(me, "delete_todos", ids=[boxes]))["status"] == "trashed"
    assert (await one(me, "delete_todos", ids=[boxes], deleted=False))["status"] == "restored"


async def test_undo_says_of_what(me: McpFace, milk: int) -> None:
    done = await me.call("complete_todos", ids=[milk])
    undone = await me.call("undo", change_id=done["change_id"])
    assert undone["results"] == [{"id": milk, "title": "Buy milk", "status": "open again"}]
    again = await me.call("undo", change_id=undone["change_id"])
    assert again["results"] == [{"id": milk, "title": "Buy milk", "status": "done"}]
    lists = await me.call("add_lists", lists=[{"name": "Work"}])
    assert (await one(me, "undo", change_id=lists["change_id"]))["kind"] == "list"


async def test_a_list_that_is_archived_says_how_many_open_todos_it_hides(me: McpFace) -> None:
    work = (await me.add_list("Work")).accepted[0]
    await me.add(*({"title": "x", "list_id": "Work"} for _ in range(3)))

    row = await one(me, "update_lists", lists=[{"id": "WORK", "is_archived": True}])
    assert row == {"id": work, "name": "Work", "archived": True, "hides": 3, "version": 2}
    row = await one(me, "update_lists", lists=[{"id": work, "is_archived": False, "name": "Job"}])
    assert row == {"id": work, "name": "Job", "archived": False, "shows": 3, "version": 3}
    row = await one(me, "delete_lists", ids=["Job"], todos="trash")
    assert row == {"id": work, "name": "Job", "todos_trashed": 3}


async def test_what_all_rows_share_is_said_once(me: McpFace) -> None:
    added = await me.call("add_todos", todos=[{"title": f"t{n}", "due": "2031-04-03"} for n in range(3)])
    assert added["all"] == {"due": "2031-04-03 Thu"}
    assert added["time_zone"] == "UTC"
    assert [row["title"] for row in added["results"]] == ["t0", "t1", "t2"]
    ids = [row["id"] for row in added["results"]]

    told = await me.call("complete_todos", ids=[*ids, 4611686018427387904])
    assert told["all"] == {"status": "done"}
    assert told["results"][0] == {"id": ids[0], "title": "t0"}
    assert told["results"][3]["item"] == 4611686018427387904


async def test_a_dry_run_names_no_ids_of_rows_that_will_not_be(me: McpFace, milk: int) -> None:
    todos = [{"title": "a", "repeat": "daily"}]
    (row,) = (await me.call("add_todos", todos=todos, dry_run=True))["results"]
    assert "id" not in row
    (gym,) = (await me.add(*todos)).accepted
    (row,) = (await me.call("complete_todos", ids=[gym], dry_run=True))["results"]
    assert (row["id"], "id" in row["next"]) == (gym, False)
    (row,) = (await me.call("add_lists", lists=[{"name": "x"}], dry_run=True))["results"]
    assert row == {"name": "x"}
    (row,) = (await me.call("update_todos", todos=[{"id": milk, "title": "b"}], dry_run=True))["results"]
    assert row["id"] == milk


async def test_a_replay_tells_the_same(me: McpFace, milk: int) -> None:
    edit: Json = {"todos": [{"id": milk, "priority": "low", "add_tags": ["new"], "list_id": "inbox"}]}
    first = await me.call("update_todos", **edit, idempotency_key="k")
    assert first["results"][0]["new_tags"] == ["new"]

    assert await me.call("update_todos", **edit, idempotency_key="k") == first | {"replayed": True}


async def test_a_refused_item_names_its_id_or_its_place(me: McpFace, milk: int) -> None:
    told = await me.call("add_todos", todos=[{"title": "a"}, {"title": ""}])
    assert told["results"][1]["item"] == "todos[1]"
    assert [problem["field"] for problem in told["results"][1]["error"]["errors"]] == ["todos[1].title"]
    told = await me.call("update_todos", todos=[{"ids": [milk, 4611686018427387904], "place": "first"}])
    assert told["results"][1]["item"] == 4611686018427387904
    told = await me.call("complete_todos", ids=[milk, milk, "x"])
    assert [row.get("item", row.get("id")) for row in told["results"]] == [milk, milk, "ids[2]"]
    fields = [problem["field"] for row in told["results"][1:] for problem in row["error"]["errors"]]
    assert fields == ["ids[1]", "ids[2]"]


async def test_a_batch_of_50_has_rows_of_at_most_15_tokens_besides_titles_and_values(me: McpFace) -> None:
    added = await me.call("add_todos", todos=[{"title": "t", "due": f"2031-04-{n % 28 + 1}"} for n in range(50)])
    ids = [row["id"] for row in added["results"]]
    updated = await me.call("update_todos", todos=[{"id": one, "priority": "low", "due": "today"} for one in ids])
    done = await me.call("complete_todos", ids=ids)
    gone = await me.call("delete_todos", ids=ids, confirm=True)

    for told in (added, updated, done, gone):
        for row in told["results"]:
            bare = {name: 0 if isinstance(value, int) else "" for name, value in row.items()}
            assert tokens(json.dumps(bare, separators=(",", ":"))) <= 15


# --- one change for many, and what is not said ----------------------------------------------------


@pytest.mark.requirement("TD18")
async def test_one_change_names_several_todos(me: McpFace) -> None:
    ids = (await me.add(*({"title": f"t{n}"} for n in range(4)))).accepted

    told = await me.call("update_todos", todos=[{"ids": ids[:3], "priority": "high"}, {"id": ids[3], "title": "x"}])

    assert [row["id"] for row in told["results"]] == ids
    assert [row.get("priority") for row in told["results"]] == ["high", "high", "high", None]
    back = await me.call("undo", change_id=told["change_id"])
    assert len(back["results"]) == 4


@pytest.mark.requirement("TD18")
@each(
    ("edit", "field"),
    [
        ({"title": "x"}, "todos[0].id"),
        ({"id": 1, "ids": [2], "title": "x"}, "todos[0].ids"),
        ({"ids": [], "title": "x"}, "todos[0].ids"),
        ({"ids": [1, 2], "if_version": 1, "title": "x"}, "todos[0].if_version"),
        ({"id": 1, "due": "today", "clear": ["due"]}, "todos[0].clear"),
        ({"id": 1, "append_description": "x", "clear": ["description"]}, "todos[0].clear"),
        ({"id": 1, "add_tags": ["x"], "clear": ["tags"]}, "todos[0].clear"),
        ({"id": 1, "ids": None, "foo": None}, "todos[0].foo"),
    ],
)
async def test_a_change_that_contradicts_itself_is_refused_by_name(me: McpFace, edit: Json, field: str) -> None:
    with pytest.raises(RefusedError) as refused:
        await me.call("update_todos", todos=[edit])

    assert [problem["field"] for problem in refused.value.told["errors"]] == [field]


@pytest.mark.requirement("TD18")
async def test_changes_name_at_most_50_todos(me: McpFace) -> None:
    with pytest.raises(RefusedError) as refused:
        await me.call("update_todos", todos=[{"ids": [*range(1, 41)], "title": "x"}, {"ids": [*range(41, 52)]}])

    assert [problem["field"] for problem in refused.value.told["errors"]] == ["todos"]


@pytest.mark.requirement("TD18")
async def test_a_description_grows_by_lines(me: McpFace, milk: int) -> None:
    await update(me, id=milk, append_description="Two bottles")
    await update(me, id=milk, clear=["due"], append_description="  Cold  ")
    (row,) = (await me.call("list_todos", ids=[milk], detail="full"))["todos"]
    assert row["description"] == "Oat\nTwo bottles\nCold"

    await update(me, id=milk, clear=["description"])
    await update(me, id=milk, append_description="x" * 999)
    for edit in ({"append_description": "y"}, {"append_description": "y", "description": "z"}):
        with pytest.raises(RefusedError) as refused:
            await me.call("update_todos", todos=[{"id": milk, **edit}])
        (problem,) = refused.value.told["errors"]
        assert problem["field"] == "todos[0].append_description"


async def test_a_null_for_what_is_set_says_that_it_was_kept(me: McpFace, milk: int) -> None:
    row = await update(me, id=milk, description=None, due=None, title=None, priority="low", tags=None)
    assert row == {
        "id": milk,
        "title": "Buy milk",
        "priority": "low",
        "kept": ["description", "tags"],
        "next_step": 'To empty, send clear: ["description","tags"].',
    }
    assert "kept" not in await update(me, id=milk, due=None, parent_id=None, repeat=None, priority="high")
    row = await update(me, id=milk, description=None)
    assert (row["unchanged"], row["kept"]) == (True, ["description"])


# --- names -----------------------------------------------------------------------------------------


async def test_lists_and_tags_go_by_name(me: McpFace) -> None:
    work = (await me.add_list("Café Müller")).accepted[0]
    (todo,) = (await me.add({"title": "a", "list_id": " CAFÉ MÜLLER ", "tags": ["Deep Work"]})).accepted
    inbox = (await me.call("list_todos", list_id="Inbox"))["showing"]
    assert inbox == "0 of 0"
    for ref in ("Café Müller", str(work), work, float(work)):
        told = await me.call("list_todos", list_id=ref)
        assert [row["id"] for row in told["todos"]] == [todo], ref
    assert (await me.call("update_profile", default_list_id="café müller"))["profile"]["default_list_id"] == work
    assert (await one(me, "update_tag", id="deep work", action="rename", name="Focus"))["name"] == "Focus"
    await me.add({"title": "b", "tags": ["Shallow"]})
    assert (await one(me, "update_tag", id="SHALLOW", action="merge", into="focus"))["open"] == 2
    assert await one(me, "delete_lists", ids=["café müller"], todos="move", move_to="inbox") == {
        "id": work,
        "name": "Café Müller",
        "todos_moved": 2,
    }


async def test_an_unknown_name_is_refused_with_the_nearest_and_with_what_exists(me: McpFace) -> None:
    for name in ("Groceries", "Work", "Someday"):
        await me.add_list(name)
    await me.add({"title": "a", "tags": ["travel", "home"]})
    calls: list[tuple[str, Json, str]] = [
        ("add_todos", {"todos": [{"title": "x", "list_id": "Grocery"}]}, "todos[0].list_id"),
        ("update_todos", {"todos": [{"id": 1, "list_id": "grocerys"}]}, "todos[0].list_id"),
        ("list_todos", {"list_id": "Grocries"}, "list_id"),
        ("list_todos", {"list_id": "Grocries", "text": "a"}, "list_id"),
        ("update_lists", {"lists": [{"id": "grocery", "name": "x"}]}, "lists[0].id"),
        ("delete_lists", {"ids": ["grocery"], "todos": "trash"}, "ids[0]"),
        ("delete_lists", {"ids": ["Work"], "todos": "move", "move_to": "grocery"}, "move_to"),
        ("update_profile", {"default_list_id": "grocery"}, "default_list_id"),
    ]
    for tool, arguments, field in calls:
        with pytest.raises(RefusedError) as refused:
            await me.call(tool, **arguments)
        (problem,) = refused.value.told["errors"]
        assert (problem["field"], problem["allowed"][0], len(problem["allowed"])) == (field, "Groceries", 4), tool
    with pytest.raises(RefusedError) as refused:
        await me.call("update_tag", id="travell", action="delete")
    assert refused.value.told["errors"][0]["allowed"] == ["travel", "home"]


async def test_digits_are_an_id_unless_a_name_is_just_these(me: McpFace) -> None:
    (year,) = (await me.add_list("2031")).accepted
    (todo,) = (await me.add({"title": "a", "list_id": "2031"})).accepted
    assert (await me.call("list_todos", list_id="2031"))["todos"][0]["id"] == todo

    await me.add_list(str(year))
    with pytest.raises(RefusedError) as refused:
        await me.call("list_todos", list_id=str(year))
    assert "send the id as a number" in refused.value.told["errors"][0]["message"]
    assert (await me.call("list_todos", list_id=year))["showing"] == "1 of 1"


async def test_an_answer_that_the_version_before_has_kept_is_told_again(
    me: McpFace, ann: Caller, database_url: str
) -> None:
    daily = (await me.add({"title": "b", "repeat": "daily"})).accepted
    calls: list[tuple[str, Json]] = [
        ("add_todos", {"todos": [{"title": "a", "due": "2031-04-03"}], "idempotency_key": "add"}),
        ("complete_todos", {"ids": daily, "idempotency_key": "do"}),
    ]
    first = [await me.call(tool, **arguments) for tool, arguments in calls]
    hers = ann.principal.user_id
    async with connected(database_url) as admin:
        for kept in await admin.fetch("SELECT key, reply::text FROM idempotency_keys WHERE user_id = $1", hers):
            reply = json.loads(kept["reply"])
            for result in reply["results"]:
                for name in ("before", "told", "entity"):
                    result.pop(name, None)
                for row in (result["row"], result["row"].get("next") or {}):
                    row.pop("start", None)
            as_before = "UPDATE idempotency_keys SET reply = $1::text::json WHERE user_id = $2 AND key = $3"
            await admin.execute(as_before, json.dumps(reply), hers, kept["key"])

    again = [await me.call(tool, **arguments) for tool, arguments in calls]

    assert [told["change_id"] for told in again] == [told["change_id"] for told in first]
    assert all(told["replayed"] for told in again)


@pytest.mark.requirement("SA8")
@pytest.mark.usefixtures("noon")
async def test_a_client_that_nobody_calls_itself_is_answered_with_those_that_there_are(me: McpFace) -> None:
    await me.add({"title": "a"})
    (change,) = (await me.call("list_changes", limit=1))["changes"]

    told = await me.call("list_changes", client="Clawed", when="today")
    assert (told["changes"], told["clients"]) == ([], [change["client"]])
    for narrowed in ({"when": "last year"}, {"entity": "list", "id": 4611686018427387904}, {"since": 0}):
        assert "clients" not in await me.call("list_changes", client="Clawed", **narrowed)
    assert "clients" not in await me.call("list_changes", client=change["client"][:3].upper())
