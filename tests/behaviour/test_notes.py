"""Notes: what agents and the person add to a todo, and nobody changes."""

from __future__ import annotations

import orjson
import pytest

from tests.behaviour.rows import item_of, todo_of
from tests.faces import Face, FaceName, Json
from tests.texts import HOSTILE
from todo_core.boundary.caller import Caller
from todo_core.models.notes import NoteQuery
from todo_core.models.todos import TodoFilter
from todo_core.operations import notes, todos

pytestmark = pytest.mark.requirement("TD16")


async def notes_of(owner: Caller, todo: int) -> list[Json]:
    """All notes on a todo, the newest first."""
    found: list[Json] = orjson.loads((await owner.perform(notes.list_, todo, NoteQuery(limit=200))).json)
    return found


async def texts_of(owner: Caller, todo: int) -> list[str]:
    return [note["text"] for note in await notes_of(owner, todo)]


async def test_a_note_is_added_with_its_author_and_undo_takes_it_away(
    me: Face, ann: Caller, face_name: FaceName
) -> None:
    (todo,) = (await me.add({"title": "a"})).accepted

    added = await me.update({"id": todo, "add_note": " first\r\nline \n"})

    assert (added.accepted, added.unchanged) == ([todo], [False])
    (note,) = await notes_of(ann, todo)
    assert (note["text"], note["todo_id"]) == ("first\nline", todo)
    (change,) = await me.changes(limit=1)
    assert note["author"] == ("test" if face_name == "rest" else change["client"])
    assert "first\nline" in str(change).replace("\\n", "\n")
    row = await todo_of(ann, todo)
    assert (row["note_count"], row["version"], row["updated_at"]) == (1, 1, row["created_at"])

    undone = await me.undo(added.change)
    assert await texts_of(ann, todo) == []
    assert (await todo_of(ann, todo))["note_count"] == 0
    redone = await me.undo(undone.change)
    assert await notes_of(ann, todo) == [note]
    await me.undo(redone.change)
    assert await texts_of(ann, todo) == []
    assert (await todo_of(ann, todo))["version"] == 1


async def test_a_move_and_a_note_at_once_are_undone_together(me: Face, ann: Caller) -> None:
    (work,) = (await me.add_list("Work")).accepted
    first, todo = (await me.add({"title": "a"}, {"title": "b"})).accepted

    async def order() -> list[tuple[int, int]]:
        page = await ann.perform(todos.list_, TodoFilter(sort="manual"))
        return [(row["list_id"], row["id"]) for row in orjson.loads(page.json)]

    for change in ({"list_id": work}, {"place": "first"}, {"before": first}):
        before = await order()
        moved = await me.update({"id": todo, "add_note": "moved, see mail"} | change)
        after = await order()
        assert (after != before, await texts_of(ann, todo)) == (True, ["moved, see mail"])
        undone = await me.undo(moved.change)
        assert (await order(), await texts_of(ann, todo)) == (before, [])
        redone = await me.undo(undone.change)
        assert (await order(), await texts_of(ann, todo)) == (after, ["moved, see mail"])
        await me.undo(redone.change)


async def test_the_newest_three_come_with_a_todo_in_full(me: Face, ann: Caller, face_name: FaceName) -> None:
    todo, other = (await me.add({"title": "a"}, {"title": "b"})).accepted
    for n in range(4):
        await me.update({"id": todo, "add_note": f"note {n}"})

    rows = {row["id"]: row for row in (await me.list()).todos}

    assert rows[todo]["note_count"] == 4
    assert not rows[other].get("note_count")
    if face_name != "rest":
        assert [note["text"] for note in rows[todo]["notes"]] == ["note 3", "note 2", "note 1"]
        assert all(note["author"] and note["created_at"] for note in rows[todo]["notes"])
        assert "notes" not in rows[other]
    detail = orjson.loads((await ann.perform(todos.get, todo)).json)
    assert [note["text"] for note in detail["notes"]] == ["note 3", "note 2", "note 1"]


async def test_a_note_and_a_change_are_one_and_are_refused_together(me: Face, ann: Caller) -> None:
    todo, other = (await me.add({"title": "a"}, {"title": "b"})).accepted
    both = await me.update(
        {"id": todo, "title": "c", "add_note": "with a title", "if_version": 1},
        {"id": other, "add_note": "alone", "is_completed": True},
        {"id": 2**62, "add_note": "nowhere"},
        {"id": todo, "add_note": "twice"},
    )
    assert both.errors == [None, None, "not_found", "invalid_input"]
    assert await texts_of(ann, todo) == ["with a title"]
    assert await texts_of(ann, other) == ["alone"]

    stale = await me.update(
        {"id": todo, "add_note": "late", "if_version": 1}, {"id": other, "parent_id": other, "add_note": "x"}
    )
    assert stale.errors == ["version_conflict", "invalid_input"]
    assert await texts_of(ann, todo) == ["with a title"]

    await me.undo(both.change)
    assert (await texts_of(ann, todo), await texts_of(ann, other)) == ([], [])
    rows = [await todo_of(ann, one) for one in (todo, other)]
    assert [(row["title"], row["is_completed"], row["note_count"]) for row in rows] == [
        ("a", False, 0),
        ("b", False, 0),
    ]


async def test_notes_go_to_the_trash_with_their_todo_and_come_back(me: Face, ann: Caller) -> None:
    parent, child = (await me.add({"title": "a"}, {"title": "b", "parent_index": 0})).accepted
    await me.update({"id": parent, "add_note": "on a"}, {"id": child, "add_note": "on b"})
    await me.delete(parent)

    refused = await me.update({"id": parent, "add_note": "late"})
    assert refused.errors == ["not_found"]

    await me.delete(parent, deleted=False)
    assert (await texts_of(ann, parent), await texts_of(ann, child)) == (["on a"], ["on b"])


async def test_an_undone_note_comes_back_in_the_trash_too(me: Face, ann: Caller) -> None:
    (todo,) = (await me.add({"title": "a"})).accepted
    undone = await me.undo((await me.update({"id": todo, "add_note": "kept"})).change)
    await me.delete(todo)

    await me.undo(undone.change)

    await me.delete(todo, deleted=False)
    assert await texts_of(ann, todo) == ["kept"]


async def test_the_next_occurrence_has_no_notes(me: Face, ann: Caller) -> None:
    todo, child = (await me.add({"title": "a", "repeat": "daily"}, {"title": "b", "parent_index": 0})).accepted
    await me.update({"id": todo, "add_note": "done early"}, {"id": child, "add_note": "x"})

    following = item_of(await me.complete(todo))["next"]["id"]

    assert await texts_of(ann, following) == []
    assert (await todo_of(ann, following))["note_count"] == 0
    assert await texts_of(ann, todo) == ["done early"]


async def test_a_dry_run_adds_no_note(me: Face, ann: Caller) -> None:
    (todo,) = (await me.add({"title": "a"})).accepted

    rehearsed = await me.rehearsing().update({"id": todo, "add_note": "x"})

    assert (rehearsed.accepted, rehearsed.change_id) == ([todo], None)
    assert await texts_of(ann, todo) == []


async def test_a_repetition_under_a_key_adds_one_note(me: Face, ann: Caller) -> None:
    (todo,) = (await me.add({"title": "a"})).accepted
    for _ in range(2):
        await me.update({"id": todo, "add_note": "once"}, key="k")

    assert await texts_of(ann, todo) == ["once"]


async def test_odd_notes_are_refused_by_name_and_long_ones_kept(me: Face, ann: Caller) -> None:
    (todo,) = (await me.add({"title": "a"})).accepted
    odd: list[object] = [
        "",
        " \n ",
        "x" * 4001,
        5,
        ["x"],
        *(text for name, (text, _, _) in HOSTILE.items() if name != "lone surrogate"),
    ]
    for text in odd:
        refused = await me.update({"id": todo, "add_note": text})
        assert refused.errors == ["invalid_input"]
        assert refused.refusals[0] is not None
        assert refused.refusals[0]["errors"][0]["field"].endswith("add_note"), text
    assert await texts_of(ann, todo) == []

    await me.update({"id": todo, "add_note": "x\n\t" + "é" * 3997})
    assert await texts_of(ann, todo) == ["x\n\t" + "é" * 3997]
