"""Imports: what is exported goes back in without loss, once, as one change."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import anyio
import orjson
import pytest

from tests.core.furnished import exported, furnish
from tests.core.imported import import_, standard
from tests.pauses import moment
from todo_core.boundary.caller import Caller
from todo_core.errors import InvalidInput, TooManyRequests
from todo_core.models.imports import MAX_ITEMS, ImportFile, ImportQuery
from todo_core.models.lists import ListCreate, ListQuery, ListRemoval
from todo_core.models.todos import TodoCreate
from todo_core.operations import changes, imports, lists, todos, users
from todo_core.rules.importing import adding, reading

pytestmark = pytest.mark.requirement("LT4")


async def test_an_export_goes_into_an_empty_account_without_loss(ann: Caller, bob: Caller) -> None:
    await furnish(ann)
    inbox = orjson.loads((await ann.perform(lists.list_, ListQuery())).json)[0]
    await ann.perform(lists.update, [{"id": inbox["id"], "name": "Start", "color": "green"}])
    await ann.perform(lists.add, [ListCreate(name="Inbox", position=1)])
    second = (await ann.perform(lists.add, [ListCreate(name="Second", color="red", position=1)])).one().as_dict()
    await ann.perform(users.update, {"default_list_id": second["id"], "new_todos": "first"})

    said = await import_(bob, await exported(ann))

    assert said["remarks"] == []
    assert (said["format"], said["profile"], said["existing"], said["left_out"]) == ("json", True, 0, 0)
    assert await standard(bob) == await standard(ann)


async def test_a_default_list_that_was_deleted_keeps_no_export_from_going_in(ann: Caller, bob: Caller) -> None:
    gone = (await ann.perform(lists.add, [ListCreate(name="Gone")])).one().as_dict()["id"]
    await ann.perform(users.update, {"default_list_id": gone})
    await ann.perform(lists.delete, [gone], ListRemoval(todos="trash"))

    said = await import_(bob, await exported(ann))

    assert said["profile"]
    assert await standard(bob) == await standard(ann)


async def test_it_is_one_change_with_one_undo_and_the_same_file_again_adds_nothing(ann: Caller, bob: Caller) -> None:
    await furnish(ann)
    empty = await standard(bob)
    file = await exported(ann)
    said = await import_(bob, file)
    full = await standard(bob)

    again = await import_(bob, file)
    assert (again["todos"], again["notes"], again["lists"], again["tags"], again["change_id"]) == (0, 0, 0, 0, None)
    assert (again["existing"], again["existing_in_trash"]) == (said["todos"], said["trashed"])
    undone = await bob.perform(changes.undo, said["change_id"])
    after = await standard(bob)
    assert {name: after[name] for name in ("profile", "tags", "notes")} == {
        name: empty[name] for name in ("profile", "tags", "notes")
    }
    assert [row["name"] for row in after["lists"] if row["deleted_at"] is None] == ["Inbox"]
    assert all(row["deleted_at"] for row in after["todos"].values())
    assert undone.change_id is not None
    await bob.perform(changes.undo, undone.change_id)
    assert await standard(bob) == full


async def test_an_import_where_it_was_exported_adds_what_is_gone(ann: Caller) -> None:
    await furnish(ann)
    before = await standard(ann)

    for form in ("json", "ics"):
        said = await import_(ann, await exported(ann, form))  # type: ignore[arg-type]  # it is one
        assert (said["todos"], said["change_id"]) == (0, None), form
    assert await standard(ann) == before


async def test_a_todo_may_be_below_what_follows_it(ann: Caller, bob: Caller) -> None:
    """Its next occurrence is above it: neither can be written before the other, with all that they name."""
    first = (await ann.perform(todos.add, [TodoCreate(title="a", due="2026-12-04", repeat="daily")])).one().as_dict()
    done = (await ann.perform(todos.complete, [first["id"]])).one().beside
    await ann.perform(todos.update, [{"id": first["id"], "parent_id": done["next"]["id"]}])

    said = await import_(bob, await exported(ann))

    assert said["remarks"] == []
    assert await standard(bob) == await standard(ann)


async def test_very_many_lists_and_levels_keep_nobody_waiting(ann: Caller) -> None:
    count = 2_000
    lists_of_file = [{"id": n, "name": f"list {n}"} for n in range(count)]
    chain = [{"id": n, "title": "x", "list_id": n, "parent_id": n + 1} for n in range(count)]
    file = {"format": "todo-mcp", "version": 1, "lists": lists_of_file, "todos": chain}

    said = await import_(ann, orjson.dumps(file))

    assert (said["todos"], said["lists"]) == (count, 500)
    assert said["summary"][0]["field"] == "parent"


async def test_very_many_tags_are_refused_and_a_very_long_text_is_left_out(ann: Caller) -> None:
    file = {"format": "todo-mcp", "version": 1, "tags": [{"name": f"tag {n}"} for n in range(MAX_ITEMS + 1)]}
    with pytest.raises(InvalidInput) as refused:
        await import_(ann, orjson.dumps(file))
    assert "split it" in refused.value.errors[0].message

    rows = [{"id": 1, "list_id": 1, "title": "a\u200b" * 150_000}, {"id": 2, "list_id": 1, "title": "b"}]
    long = {"format": "todo-mcp", "version": 1, "lists": [{"id": 1, "name": "x"}], "todos": rows}
    said = await import_(ann, orjson.dumps(long))
    assert (said["todos"], said["left_out"]) == (1, 1)


async def test_a_value_of_a_wrong_kind_leaves_out_its_todo_alone(ann: Caller) -> None:
    wrong: list[dict[str, object]] = [
        {"title": 5},
        {"title": ["x"]},
        {"title": "a", "description": 5},
        {"title": "a", "source": True},
        {"title": "a", "key": ["a"]},
    ]
    kept = [
        {"title": "kept", "key": "a\u0000"},
        {"title": "kept", "parent_id": "\u0000"},
        {"title": "kept", "id": 10**30},
        {"title": "kept", "id": -1},
    ]
    rows = [{"id": n, "list_id": 1} | row for n, row in enumerate([*wrong, *kept], 1)]
    file = {"format": "todo-mcp", "version": 1, "origin": "here\u0000", "todos": rows}
    lists_of_file = {"lists": [{"id": 1, "name": 5}], "notes": [{"todo_id": [], "text": "a"}]}

    said = await import_(ann, json.dumps(file | lists_of_file).encode())

    assert (said["todos"], said["left_out"]) == (len(kept), len(wrong) + 1)


@pytest.mark.parametrize("order", ["1e999", "nan"])
async def test_an_order_that_is_no_number_leaves_out_its_todo_alone(ann: Caller, order: str) -> None:
    todo = "BEGIN:VTODO\r\nSUMMARY:{}\r\nX-APPLE-SORT-ORDER:{}\r\nEND:VTODO\r\n"
    said = await import_(ann, (todo.format("a", order) + todo.format("b", "1")).encode())
    assert (said["todos"], said["left_out"]) == (1, 1)


async def test_a_file_brings_no_more_different_tags_than_a_request_can_make(
    ann: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adding, "MOST_TAGS", 3)
    todo = "BEGIN:VTODO\r\nSUMMARY:{0}\r\nCATEGORIES:{0} one,{0} two\r\nEND:VTODO\r\n"
    said = await import_(ann, (todo.format("a") + todo.format("b") + todo.format("a")).encode())
    assert (said["todos"], said["tags"]) == (3, 3)
    assert [remark["field"] for remark in said["remarks"]] == ["tags"]


async def test_who_waits_in_vain_for_others_comes_back_in_turn(
    ann: Caller, bob: Caller, ada: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each waits until all of them stand in line: as many seconds as there are might pass before the last one does."""
    scopes: list[anyio.CancelScope] = []
    told: list[tuple[int, int | None]] = []

    @contextmanager
    def for_long(_: float) -> Iterator[None]:
        with anyio.fail_after(60) as scope:
            scopes.append(scope)
            yield

    async def refused(number: int, me: Caller) -> None:
        with pytest.raises(TooManyRequests) as error:
            await me.perform(imports.make, ImportQuery(), ImportFile(b"BEGIN:VTODO\r\nSUMMARY:a\r\nEND:VTODO"))
        told.append((number, error.value.retry_after))

    monkeypatch.setattr(reading, "fail_after", for_long)
    ann.core.reading_imports.acquire_on_behalf_of_nowait("somebody")
    try:
        async with anyio.create_task_group() as group:
            for number, me in enumerate((ann, bob, ada)):
                group.start_soon(refused, number, me)
                while ann.core.reading_imports.statistics().tasks_waiting <= number:
                    await moment()
            for scope in scopes:
                scope.deadline = anyio.current_time()
    finally:
        ann.core.reading_imports.release_on_behalf_of("somebody")

    assert sorted(told) == [(0, 5), (1, 10), (2, 15)]
