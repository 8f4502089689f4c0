"""Exports: everything of one moment, within bounds, and nothing left of what fails."""

from __future__ import annotations

import tempfile
import tracemalloc
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest

from tests.core.furnished import FORMATS, exported, furnish
from tests.core.support import CoreOpener
from todo_core.boundary.caller import Caller
from todo_core.boundary.operation import Tx
from todo_core.errors import InvalidInput, TooManyRequests, Unavailable
from todo_core.models.changes import ChangeFilter
from todo_core.models.exports import Export, ExportFormat, ExportQuery
from todo_core.models.todos import TodoCreate
from todo_core.operations import changes, exports, todos, users
from todo_core.rules.exporting import as_json
from todo_core.storage.transactions import Transaction

pytestmark = pytest.mark.requirement("LT4")


async def test_json_has_everything(ann: Caller) -> None:
    ids = await furnish(ann)

    content = orjson.loads(await exported(ann))

    Export.model_validate_json(orjson.dumps(content), strict=True)
    assert (content["format"], content["version"], content["history"]) == ("todo-mcp", 1, None)
    assert content["profile"] == orjson.loads((await ann.perform(users.get)).json)
    assert [(row["name"], bool(row["archived_at"]), bool(row["deleted_at"])) for row in content["lists"]] == [
        ("Inbox", False, False),
        ("Home, sweet; home", True, False),
        ("Gone", False, True),
    ]
    assert [row["name"] for row in content["tags"]] == ["a", "b,c"]
    found = {row["title"]: row for row in content["todos"]}
    assert {title: row["id"] for title, row in found.items()} == ids
    read = orjson.loads((await ann.perform(todos.get, ids["time"])).json)
    assert found["time"] == {name: read[name] for name in found["time"].keys() - {"follows_id"}} | {"follows_id": None}
    assert found["series"]["repeat"]["rule"] == "FREQ=WEEKLY;BYDAY=FR;UNTIL=20270301"
    assert found["done"]["completed_at"]
    assert found["trashed"]["deleted_at"]
    assert found["in a deleted list"]["list_id"] == content["lists"][2]["id"]
    assert [(note["todo_id"], note["text"]) for note in content["notes"]] == [
        (ids["day"], "first\nnote"),
        (ids["day"], "second note"),
    ]


async def test_siblings_come_in_their_order_by_hand(ann: Caller) -> None:
    ids = await furnish(ann)
    inbox = [row["title"] for row in orjson.loads(await exported(ann))["todos"] if row["id"] in ids.values()]

    assert [title for title in inbox if title in ("moment", "series", "after", "done")] == [
        "series",
        "moment",
        "after",
        "done",
    ]


async def test_history_is_there_for_who_asks_and_as_the_scopes_say(ann: Caller) -> None:
    await furnish(ann)

    history = orjson.loads(await exported(ann, history=True))["history"]

    feed = orjson.loads((await ann.perform(changes.list_, ChangeFilter(since=0, limit=200))).json)
    assert [row["id"] for row in history["changes"]] == [row["id"] for row in feed]
    assert [(row["change_id"], row["entry"]) for row in history["entries"]] == [
        (row["id"], entry) for row in feed for entry in row["entries"]
    ]
    only_todos = replace(ann.principal, scopes=frozenset({"todos:read"}))
    content = orjson.loads(await exported(replace(ann, principal=only_todos), history=True))
    assert content["profile"] is None
    assert {row["entry"]["entity"] for row in content["history"]["entries"]} == {"todo", "list", "tag", "note"}


async def test_history_goes_with_json_alone(ann: Caller) -> None:
    with pytest.raises(InvalidInput) as refused:
        await exported(ann, "csv", history=True)

    assert [(error.field, error.code) for error in refused.value.errors] == [("history", "conflicting")]


async def test_what_others_have_is_in_none(ann: Caller, bob: Caller) -> None:
    await furnish(bob)

    content = orjson.loads(await exported(ann, history=True))
    assert [content[name] for name in ("tags", "todos", "notes")] == [[], [], []]
    assert [row["name"] for row in content["lists"]] == ["Inbox"]
    assert len((await exported(ann, "csv")).splitlines()) == 1
    assert b"VTODO" not in await exported(ann, "ics")


async def test_all_is_of_one_moment(ann: Caller, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """A note and a todo that come while the lists are read are not in it, and the todo is not without its list."""
    await furnish(ann)
    user_id = ann.principal.user_id
    before = orjson.loads(await exported(ann))
    stream = Tx.stream
    streamed: list[Any] = []

    def watched(self: Tx, *args: Any, **kwargs: Any) -> Any:
        async def chunks() -> Any:
            async for rows in stream(self, *args, **kwargs):
                yield rows
            if not streamed:
                streamed.append(args)
                await admin.execute("UPDATE todos SET title = 'changed meanwhile' WHERE user_id = $1", user_id)

        return chunks()

    monkeypatch.setattr(Tx, "stream", watched)
    after = orjson.loads(await exported(ann))
    monkeypatch.undo()

    assert streamed
    assert after["todos"] == before["todos"]
    assert {row["title"] for row in orjson.loads(await exported(ann))["todos"]} == {"changed meanwhile"}


async def test_one_at_a_time_is_made_or_fetched(ann: Caller, bob: Caller) -> None:
    first = await ann.perform(exports.make, ExportQuery())
    with pytest.raises(TooManyRequests, match="one at a time"):
        await exported(ann)
    assert await exported(bob)
    first.close()
    first.close()

    assert await exported(ann)
    assert not len(ann.core.exporting)


async def test_one_that_nobody_gets_is_gone(
    ann: Caller, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was made, and then the transaction could not be ended."""
    write = as_json.write

    async def broken_off(tx: Tx, *args: Any, **kwargs: Any) -> None:
        await write(tx, *args, **kwargs)
        assert isinstance(tx._executor, Transaction)
        ((pid,),) = await tx._executor.fetch("SELECT pg_backend_pid()")
        await admin.execute("SELECT pg_terminate_backend($1, 5000)", pid)

    monkeypatch.setattr(as_json, "write", broken_off)
    with pytest.raises(Unavailable):
        await exported(ann)
    monkeypatch.undo()

    assert not len(ann.core.exporting)
    assert await exported(ann)


async def test_no_more_than_two_are_made_at_once(ann: Caller) -> None:
    limiter = ann.core.making_exports
    for borrower in ("a", "b"):
        limiter.acquire_on_behalf_of_nowait(borrower)
    try:
        with pytest.raises(TooManyRequests, match="Others"):
            await exported(ann)
    finally:
        for borrower in ("a", "b"):
            limiter.release_on_behalf_of(borrower)

    assert await exported(ann)


@pytest.mark.parametrize("size", [10, 100_000], ids=["found at the end", "found while it is written"])
async def test_a_full_disk_is_no_fault_of_the_database_and_leaves_nothing(
    size: int, ann: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = [TodoCreate(title="x", description="y" * 1000) for _ in range(size // 2_000)]
    for start in range(0, len(new), 50):
        await ann.perform(todos.add, new[start : start + 50])
    with monkeypatch.context() as full:
        full.setattr(tempfile, "TemporaryFile", lambda: Path("/dev/full").open("w+b"))  # noqa: SIM115  # the export closes it
        with pytest.raises(Unavailable, match="no room"):
            await exported(ann)

    assert not ann.core.database.doubts
    assert not len(ann.core.exporting)
    assert await exported(ann)


@pytest.mark.usefixtures("one_window")
async def test_it_costs_what_a_full_batch_does(ann: Caller, another_core: CoreOpener) -> None:
    async with another_core(rate_limit="100/hour") as core:
        me = replace(ann, core=core)
        for _ in range(2):
            await exported(me)
        with pytest.raises(TooManyRequests):
            await me.perform(users.get)


async def test_the_digest_is_that_of_the_content_alone(ann: Caller) -> None:
    for form in FORMATS:
        digests = []
        for _ in range(2):
            with closing(await ann.perform(exports.make, ExportQuery(format=form))) as file:
                digests.append(file.digest)
        assert digests[0] == digests[1], form


@pytest.mark.exhaustive
@pytest.mark.parametrize("form", FORMATS)
async def test_memory_does_not_grow_with_the_todos(form: ExportFormat, ann: Caller, admin: asyncpg.Connection) -> None:
    user_id = ann.principal.user_id
    await admin.execute(
        "INSERT INTO todos (user_id, list_id, title, description)"
        " SELECT $1, (SELECT id FROM lists WHERE user_id = $1), 'x', repeat('y', 1000) FROM generate_series(1, 4000)",
        user_id,
    )
    await exported(ann, form)

    tracemalloc.start()
    try:
        with closing(await ann.perform(exports.make, ExportQuery(format=form))) as file:
            _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert file.todos == 4000
    assert peak < file.size / 2
