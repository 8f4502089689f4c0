"""Deleting is to the trash, and what is there can be brought back."""

from __future__ import annotations

import pytest

from tests.faces import Face

pytestmark = pytest.mark.requirement("TD7")


async def test_a_deleted_todo_is_in_no_list_but_the_trash(me: Face) -> None:
    kept, gone = (await me.add({"title": "kept"}, {"title": "gone"})).accepted

    written = await me.delete(gone)

    assert written.accepted == [gone]
    assert written.change_id is not None
    for status in ("open", "done", "all"):
        assert gone not in [todo["id"] for todo in (await me.list(status=status)).todos]
    assert [todo["id"] for todo in (await me.list(ids=[kept, gone], status="all")).todos] == [kept]
    (trashed,) = (await me.list(status="trashed")).todos
    assert trashed["id"] == gone
    assert trashed["deleted_at"] is not None


async def test_restoring_brings_a_todo_back_as_it_was(me: Face) -> None:
    (todo_id,) = (await me.add({"title": "a", "description": "d", "priority": "urgent"})).accepted
    await me.complete(todo_id)
    (before,) = (await me.list(status="all")).todos
    await me.delete(todo_id)

    restored = await me.delete(todo_id, deleted=False)

    assert restored.accepted == [todo_id]
    assert (await me.list(status="trashed")).total == 0
    (after,) = (await me.list(status="all")).todos
    bookkeeping = ("version", "updated_at")
    assert {k: v for k, v in after.items() if k not in bookkeeping} == {
        k: v for k, v in before.items() if k not in bookkeeping
    }
    assert after["version"] == before["version"] + 2


@pytest.mark.requirement("TD6")
async def test_deleting_and_restoring_again_change_nothing_and_say_so(me: Face) -> None:
    (todo_id,) = (await me.add({"title": "a"})).accepted

    assert (await me.delete(todo_id, deleted=False)).unchanged == [True]
    assert (await me.delete(todo_id)).unchanged == [False]
    (first,) = (await me.list(status="trashed")).todos
    again = await me.delete(todo_id)
    assert again.unchanged == [True]
    assert again.change_id is None
    assert (await me.list(status="trashed")).todos == [first]


async def test_a_todo_in_the_trash_can_only_be_restored(me: Face) -> None:
    (todo_id,) = (await me.add({"title": "a"})).accepted
    await me.delete(todo_id)

    assert (await me.update({"id": todo_id, "title": "b"})).errors == ["not_found"]
    assert (await me.complete(todo_id)).errors == ["not_found"]
    (trashed,) = (await me.list(status="trashed")).todos
    assert trashed["title"] == "a"
    assert trashed.get("completed_at") is None


async def test_a_todo_that_never_was_is_not_found(me: Face) -> None:
    for written in (await me.delete(2**62), await me.delete(2**62, deleted=False), await me.complete(2**62)):
        assert written.errors == ["not_found"]
        assert written.change_id is None
