"""A repeated request gets its first answer, and happens once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import anyio
import asyncpg
import orjson
import pytest

from tests.core.support import CoreOpener, add, as_operation, codes, everything_of, row_of, titles_of, told
from todo_core.boundary import places
from todo_core.boundary.caller import Caller
from todo_core.boundary.idempotency import fingerprint
from todo_core.boundary.operation import Tx
from todo_core.boundary.places import AT_ONCE, WAITING
from todo_core.boundary.results import Changed, Done
from todo_core.errors import Conflict, IdempotencyKeyReused, InvalidInput, NotFound, RequestInProgress
from todo_core.models.todos import TodoCreate, TodoUpdate
from todo_core.models.tokens import TokenCreate
from todo_core.operations import changes, todos, tokens
from todo_core.text.json_text import json_text
from todo_core.validation import refuse

pytestmark = pytest.mark.requirement("SA1")

_BACKDATE = "UPDATE idempotency_keys SET created_at = now() - $2::interval WHERE user_id = $1"
_DAY = timedelta(hours=24)
_STORED_BEFORE: dict[str, Any] = {
    "change_id": 5,
    "results": [
        {"row": {"id": 1, "title": "a", "version": 2, "subtasks_changed": 3, "next": {"id": 9}}, "changed": True},
        {"row": {"id": 2, "name": "a list", "version": 1}, "changed": False},
        {"error": {"code": "not_found", "detail": "There is no such item.", "problems": [], "extra": {}}},
    ],
}
"""An answer as 0.1.0 stored it: without `beside`."""


def assert_same_answer(again: Changed[Any], first: Changed[Any]) -> None:
    assert told(again) == told(first)
    assert codes(again) == codes(first)
    assert again.change_id == first.change_id
    assert (first.replayed, again.replayed) == (False, True)


def not_a_todo() -> InvalidInput:
    """What a transport hands on for a bad item."""
    with pytest.raises(ValueError, match="title") as bad:
        TodoCreate.model_validate({"title": "", "priority": "highest"})
    return refuse(bad.value, TodoCreate)  # type: ignore[arg-type]


async def test_a_repetition_gets_the_rows_and_the_change_of_the_first(ann: Caller, admin: asyncpg.Connection) -> None:
    wanted = [TodoCreate(title="Überraschung 🎉", description='a "quoted" \\ text'), TodoCreate(title="two")]
    first = await ann.once("key").perform(todos.add, wanted)
    before = await everything_of(admin, ann.principal.user_id)

    again = await ann.once("key").perform(todos.add, [todo.model_copy() for todo in wanted])

    assert_same_answer(again, first)
    assert await everything_of(admin, ann.principal.user_id) == before


async def test_a_repetition_gets_the_refused_items_too(ann: Caller, bob: Caller) -> None:
    mine, done = await add(ann, "mine", "done")
    (theirs,) = await add(bob, "theirs")
    wanted: list[TodoUpdate | InvalidInput] = [
        not_a_todo(),
        {"id": mine, "title": "new"},
        {"id": theirs, "title": "new"},
        {"id": 2**62, "title": "new"},
        {"id": done, "title": "new", "if_version": 7},
        {"id": mine, "title": "twice"},
    ]
    first = await ann.once("key").perform(todos.update, wanted)
    assert codes(first) == [
        "invalid_input",
        "changed",
        "not_owner",
        "not_found",
        "version_conflict",
        "invalid_input",
    ]

    assert_same_answer(await ann.once("key").perform(todos.update, wanted), first)


async def test_an_answer_that_changed_nothing_is_kept_as_well(ann: Caller) -> None:
    (mine,) = await add(ann, "mine")
    first = await ann.once("key").perform(todos.reopen, [mine, 2**62])
    assert codes(first) == ["unchanged", "not_found"]
    assert first.change_id is None

    await ann.perform(todos.complete, [mine])

    assert_same_answer(await ann.once("key").perform(todos.reopen, [mine, 2**62]), first)


async def test_an_undo_is_repeated_without_being_undone(ann: Caller) -> None:
    made = await ann.perform(todos.add, [TodoCreate(title="mine")])
    first = await ann.once("key").perform(changes.undo, made.change_id)

    again = await ann.once("key").perform(changes.undo, made.change_id)

    assert_same_answer(again, first)
    assert await titles_of(ann, status="trashed") == ["mine"]


async def test_what_an_answer_says_besides_the_row_is_kept_apart_from_it(ann: Caller) -> None:
    made = await ann.perform(todos.add, [TodoCreate(title="weekly", due="tomorrow", repeat="weekly")])
    todo = row_of(made)["id"]
    first = await ann.once("key").perform(todos.complete, [todo])

    again = await ann.once("key").perform(todos.complete, [todo])

    assert_same_answer(again, first)
    assert again.one().beside == first.one().beside
    assert orjson.loads(again.one().row) == orjson.loads(first.one().row)
    assert first.one().beside["next"]["title"] == "weekly"


async def test_an_answer_that_an_earlier_version_stored_is_given_again(ann: Caller, admin: asyncpg.Connection) -> None:
    args = [[1, 2, 3]]
    await admin.execute(
        "INSERT INTO idempotency_keys (user_id, key, fingerprint, reply) VALUES ($1, 'key', $2, $3)",
        ann.principal.user_id,
        fingerprint("todos.skip", args, {}),
        json_text(_STORED_BEFORE),
    )

    again = await ann.once("key").perform(todos.skip, *args)

    first, second, _ = _STORED_BEFORE["results"]
    assert told(again) == [first["row"], second["row"], {"error": NotFound().as_dict()}]
    assert codes(again) == ["changed", "unchanged", "not_found"]
    assert (again.change_id, again.replayed) == (5, True)
    done, listed = (item for item in again.results if isinstance(item, Done))
    assert (done.row, done.beside) == ('{"id":1,"title":"a","version":2}', {"subtasks_changed": 3, "next": {"id": 9}})
    assert listed.beside == {}


async def test_an_earlier_version_can_give_an_answer_that_this_one_stored(
    ann: Caller, admin: asyncpg.Connection
) -> None:
    first = await ann.once("key").perform(todos.add, [TodoCreate(title="once")])

    reply = await admin.fetchval("SELECT reply FROM idempotency_keys WHERE user_id = $1", ann.principal.user_id)
    stored = orjson.loads(reply)

    assert stored["change_id"] == first.change_id
    assert [(item["row"], item["changed"]) for item in stored["results"]] == [(row_of(first), True)]


async def test_a_repetition_is_answered_by_any_process(ann: Caller, another_core: CoreOpener) -> None:
    first = await ann.once("key").perform(todos.add, [TodoCreate(title="once")])

    async with another_core() as core:
        again = await replace(ann, core=core).once("key").perform(todos.add, [TodoCreate(title="once")])

    assert_same_answer(again, first)


@pytest.mark.parametrize(
    ("which", "args", "more"),
    [
        pytest.param(todos.add, [[TodoCreate(title="other")]], {}, id="another title"),
        pytest.param(todos.add, [[TodoCreate(title="once", priority="low")]], {}, id="another priority"),
        pytest.param(todos.add, [[TodoCreate(title="once"), TodoCreate(title="once")]], {}, id="one more"),
        pytest.param(todos.add, [[]], {}, id="none"),
        pytest.param(todos.complete, [[1]], {}, id="another operation"),
        pytest.param(tokens.revoke, [1], {}, id="another kind"),
    ],
)
async def test_another_request_under_the_key_is_refused_and_does_nothing(
    which: Any, args: list[Any], more: Mapping[str, Any], ann: Caller, admin: asyncpg.Connection
) -> None:
    await ann.once("key").perform(todos.add, [TodoCreate(title="once")])
    before = await everything_of(admin, ann.principal.user_id)

    with pytest.raises(IdempotencyKeyReused):
        await ann.once("key").perform(which, *args, **more)

    assert await everything_of(admin, ann.principal.user_id) == before


async def test_a_request_that_is_still_running_is_told_so_and_not_made_to_wait(ann: Caller) -> None:
    answers: list[Changed[Any]] = []

    async def slowly(tx: Tx) -> Changed[Any]:
        begun.set()
        await release.wait()
        return await todos.add.run(tx, [TodoCreate(title="slow")])

    async def first() -> None:
        answers.append(await ann.once("key").perform(slow))

    slow = as_operation(slowly)
    begun, release = anyio.Event(), anyio.Event()
    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(first)
            await begun.wait()
            with pytest.raises(RequestInProgress) as refused:
                await ann.once("key").perform(slow)
            with pytest.raises(RequestInProgress):
                await ann.once("key").perform(todos.add, [TodoCreate(title="another request")])
            release.set()

    assert refused.value.retryable
    assert refused.value.retry_after == 1
    assert_same_answer(await ann.once("key").perform(slow), answers[0])
    assert await titles_of(ann) == ["slow"]


async def test_however_many_repeat_a_running_request_each_is_told_at_once(
    ann: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where every place of the person's is taken, so that none is left to ask the database in."""
    told: list[str] = []

    async def slowly(_: Tx) -> Changed[Any]:
        await release.wait()
        return Changed([])

    async def repeat() -> None:
        with pytest.raises(RequestInProgress) as refused:
            await ann.once("key").perform(slow)
        told.append(refused.value.code)

    monkeypatch.setattr(places, "PATIENCE", 60.0)
    slow, release = as_operation(slowly), anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ann.once("key").perform, slow)
        for number in range(AT_ONCE):
            tasks.start_soon(ann.once(f"another {number}").perform, slow)
        await anyio.wait_all_tasks_blocked()
        with anyio.fail_after(20):  # those that wait for a place wait for 60
            async with anyio.create_task_group() as repeating:
                for _ in range(2 * WAITING):
                    repeating.start_soon(repeat)
        release.set()

    assert told == ["request_in_progress"] * 2 * WAITING
    assert (await ann.once("key").perform(slow)).replayed


async def test_of_requests_with_one_key_on_two_servers_at_once_one_happens(
    ann: Caller, another_core: CoreOpener
) -> None:
    async with another_core() as other:
        for key in ("a", "b", "c", "d"):
            answers: list[Changed[Any]] = []
            refused: list[str] = []

            async def add_once(me: Caller, key: str) -> None:
                try:
                    answers.append(await me.once(key).perform(todos.add, [TodoCreate(title=key)]))  # noqa: B023
                except RequestInProgress as running:
                    refused.append(running.code)  # noqa: B023

            async with anyio.create_task_group() as tasks:
                for _ in range(4):
                    for core in (ann.core, other):
                        tasks.start_soon(add_once, replace(ann, core=core), key)

            assert len(answers) + len(refused) == 8
            assert [answer.replayed for answer in answers].count(False) == 1
            assert len({answer.change_id for answer in answers}) == 1
    assert await titles_of(ann) == ["a", "b", "c", "d"]


async def test_after_a_day_the_key_is_free_for_any_request(ann: Caller, admin: asyncpg.Connection) -> None:
    await ann.once("key").perform(todos.add, [TodoCreate(title="yesterday")])
    await admin.execute(_BACKDATE, ann.principal.user_id, _DAY + timedelta(seconds=1))

    today = await ann.once("key").perform(todos.add, [TodoCreate(title="today")])

    assert not today.replayed
    assert await titles_of(ann) == ["yesterday", "today"]
    assert_same_answer(await ann.once("key").perform(todos.add, [TodoCreate(title="today")]), today)


async def test_just_within_a_day_the_answer_is_still_kept(ann: Caller, admin: asyncpg.Connection) -> None:
    first = await ann.once("key").perform(todos.add, [TodoCreate(title="once")])
    await admin.execute(_BACKDATE, ann.principal.user_id, _DAY - timedelta(minutes=1))

    assert_same_answer(await ann.once("key").perform(todos.add, [TodoCreate(title="once")]), first)


async def test_keys_belong_to_a_user(ann: Caller, bob: Caller) -> None:
    await ann.once("key").perform(todos.add, [TodoCreate(title="ann's")])

    theirs = await bob.once("key").perform(todos.add, [TodoCreate(title="bob's")])

    assert not theirs.replayed
    assert await titles_of(bob) == ["bob's"]


async def test_two_users_with_one_key_do_not_wait_for_each_other(ann: Caller, bob: Caller) -> None:
    async def hold(_: Tx) -> Changed[Any]:
        return await bob.once("key").perform(todos.add, [TodoCreate(title="meanwhile")])

    with anyio.fail_after(30):
        await ann.once("key").perform(as_operation(hold))

    assert await titles_of(bob) == ["meanwhile"]


async def test_a_request_refused_as_a_whole_may_be_corrected_under_its_key(ann: Caller) -> None:
    with pytest.raises(NotFound):
        await ann.once("key").perform(changes.undo, 2**62)

    corrected = await ann.once("key").perform(todos.add, [TodoCreate(title="corrected")])

    assert not corrected.replayed
    assert await titles_of(ann) == ["corrected"]


async def test_an_answer_that_cannot_be_kept_takes_the_change_back(ann: Caller, admin: asyncpg.Connection) -> None:
    before = await everything_of(admin, ann.principal.user_id)

    with pytest.raises(Conflict):
        await ann.once("k" * 256).perform(todos.add, [TodoCreate(title="never")])

    assert await everything_of(admin, ann.principal.user_id) == before


@pytest.mark.requirement("ID3")
async def test_a_secret_is_neither_kept_nor_given_again(ann: Caller, admin: asyncpg.Connection) -> None:
    first = await ann.once("key").perform(tokens.create, TokenCreate(name="laptop"))
    again = await ann.once("key").perform(tokens.create, TokenCreate(name="laptop"))

    assert first.secret is not None
    assert again.secret is None
    assert_same_answer(again, first)
    assert first.secret not in repr(await everything_of(admin, ann.principal.user_id))


def test_a_fingerprint_tells_operations_positions_and_names_apart() -> None:
    seen = [
        fingerprint("todos.add", [1], {}),
        fingerprint("todos.addx", [1], {}),
        fingerprint("todos.add", ["1"], {}),
        fingerprint("todos.add", [True], {}),
        fingerprint("todos.add", [[1]], {}),
        fingerprint("todos.add", [], {"a": 1}),
        fingerprint("todos.add", [], {"b": 1}),
        fingerprint("todos.add", [not_a_todo()], {}),
    ]

    assert len(set(seen)) == len(seen)
    assert fingerprint("todos.add", [not_a_todo()], {"a": 1}) == fingerprint("todos.add", [not_a_todo()], {"a": 1})


def test_what_has_no_fingerprint_is_not_taken_for_a_request() -> None:
    with pytest.raises(Exception, match="object cannot be part of a request"):
        fingerprint("todos.add", [object()], {})
