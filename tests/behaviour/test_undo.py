"""Undo takes a change back, a batch as one, or refuses with the reason."""

from __future__ import annotations

import pytest

from tests.behaviour.test_subtasks import family
from tests.faces import Face, Json, RefusedError, Written

pytestmark = pytest.mark.requirement("SA3")

BOOKKEEPING = ("version", "updated_at")
EVERY_WRITE = pytest.mark.parametrize("verb", ["update", "complete", "reopen", "delete", "restore", "batch"])


async def state(me: Face) -> list[Json]:
    """Every todo, trashed ones too, without what every write counts up."""
    found = [todo for status in ("all", "trashed") for todo in (await me.list(status=status, direction="asc")).todos]
    return [{name: value for name, value in todo.items() if name not in BOOKKEEPING} for todo in found]


async def prepare(me: Face) -> dict[str, int]:
    names = ("open", "done", "trashed")
    ids = (await me.add(*({"title": name, "description": name, "priority": "low"} for name in names))).accepted
    await me.complete(ids[1])
    await me.delete(ids[2])
    return dict(zip(names, ids, strict=True))


async def write(me: Face, verb: str) -> Written:
    """Change the prepared todos in one of the ways there are."""
    ids = await prepare(me)
    changed = {"title": "new", "priority": "high", "clear": ["description"], "is_completed": True}
    renamed, reopened = {"id": ids["open"], "title": "x"}, {"id": ids["done"], "is_completed": False}
    writes = {
        "update": lambda: me.update({"id": ids["open"], **changed}),
        "complete": lambda: me.complete(ids["open"]),
        "reopen": lambda: me.complete(ids["done"], completed=False),
        "delete": lambda: me.delete(ids["done"]),
        "restore": lambda: me.delete(ids["trashed"], deleted=False),
        "batch": lambda: me.update(renamed, {"id": 2**62}, reopened),
    }
    return await writes[verb]()


@EVERY_WRITE
async def test_undoing_puts_every_row_back_as_it_was_and_undoing_that_restores_the_change(me: Face, verb: str) -> None:
    written = await write(me, verb)
    after = await state(me)

    undone = await me.undo(written.change)

    assert undone.accepted == [todo for todo in written.ids if todo is not None]
    before = await state(me)
    assert before != after

    redone = await me.undo(undone.change)
    assert await state(me) == after

    await me.undo(redone.change)
    assert await state(me) == before


@EVERY_WRITE
async def test_undoing_gives_exactly_the_state_before(me: Face, verb: str) -> None:
    written = await write(me, verb)
    await me.undo(written.change)

    open_, done, trashed = await state(me)
    assert [todo["title"] for todo in (open_, done, trashed)] == ["open", "done", "trashed"]
    assert all(todo["description"] == todo["title"] and todo["priority"] == "low" for todo in (open_, done, trashed))
    assert open_.get("completed_at") is None
    assert done["completed_at"] is not None
    assert trashed["deleted_at"] is not None
    assert open_.get("deleted_at") is done.get("deleted_at") is None


@pytest.mark.requirement("TD7")
async def test_undoing_an_addition_trashes_what_it_made_and_undoing_that_brings_it_back(me: Face) -> None:
    added = await me.add({"title": "a"}, {"title": ""}, {"title": "b"})

    undone = await me.undo(added.change)
    assert (await me.list(status="all")).total == 0
    assert [todo["title"] for todo in (await me.list(status="trashed", direction="asc")).todos] == ["a", "b"]

    await me.undo(undone.change)
    assert [todo["title"] for todo in (await me.list(direction="asc")).todos] == ["a", "b"]


async def test_a_later_change_in_the_way_is_the_reason_to_refuse(me: Face) -> None:
    (todo,) = (await me.add({"title": "a"})).accepted
    first = await me.update({"id": todo, "title": "b"})
    later = await me.update({"id": todo, "priority": "high"})

    with pytest.raises(RefusedError) as refused:
        await me.undo(first.change)

    assert refused.value.code == "undo_refused"
    assert refused.value.told["id"] == todo
    assert refused.value.told["next_step"]
    (row,) = (await me.list()).todos
    assert (row["title"], row["priority"]) == ("b", "high")

    await me.undo(later.change)
    (row,) = (await me.list()).todos
    assert (row["title"], row["priority"]) == ("b", "medium")


async def test_an_undo_that_would_put_a_todo_too_deep_names_that_todo_and_what_made_it(me: Face) -> None:
    first, *_, last = await family(me, 3)
    (other,) = (await me.add({"title": "other", "parent_id": first})).accepted
    moved = await me.update({"id": other, "clear": ["parent_id"]}, {"id": last, "clear": ["parent_id"]})
    below = (await me.add({"title": "4", "parent_id": last}, {"title": "5", "parent_index": 0})).accepted
    later = await me.add({"title": "6", "parent_id": below[-1]})

    with pytest.raises(RefusedError) as refused:
        await me.undo(moved.change)

    assert refused.value.code == "undo_refused"
    assert refused.value.told["id"] == later.accepted[0]
    assert refused.value.told["blocked_by"] == later.change


async def test_a_batch_with_one_row_changed_since_is_not_undone_in_part(me: Face) -> None:
    first, second = (await me.add({"title": "a"}, {"title": "b"})).accepted
    both = await me.complete(first, second)
    await me.update({"id": second, "title": "B"})
    before = await state(me)

    with pytest.raises(RefusedError) as refused:
        await me.undo(both.change)

    assert refused.value.code == "undo_refused"
    assert await state(me) == before


async def test_undoing_twice_is_refused_with_the_change_that_did_it(me: Face) -> None:
    added = await me.add({"title": "a"})
    undone = await me.undo(added.change)

    with pytest.raises(RefusedError) as refused:
        await me.undo(added.change)

    assert refused.value.code == "undo_refused"
    assert refused.value.told["undone_by"] == undone.change_id


async def test_a_change_that_never_was_is_not_found(me: Face) -> None:
    with pytest.raises(RefusedError) as refused:
        await me.undo(2**62)

    assert refused.value.code == "not_found"


@pytest.mark.requirement("OW1", "OW4")
async def test_another_users_change_is_refused_as_not_owner_and_stays(me: Face, other: Face) -> None:
    added = await me.add({"title": "mine"})

    with pytest.raises(RefusedError) as refused:
        await other.undo(added.change)

    assert refused.value.code == "not_owner"
    assert "mine" not in str(refused.value.told)
    assert [todo["title"] for todo in (await me.list()).todos] == ["mine"]
