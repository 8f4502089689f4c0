"""Changes of very many rows: as one of few, and in a time that grows with the rows, not with their square."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final
from uuid import uuid4

import asyncpg
import orjson
import pytest

from tests.core.imported import read_here
from tests.core.support import CoreOpener, connected, row_of, told
from tests.core.visits import counted
from todo_core.boundary import chunks
from todo_core.boundary.caller import Caller
from todo_core.boundary.operation import OPERATIONS
from todo_core.models.imports import ImportQuery
from todo_core.models.lists import ListCreate, ListQuery, ListRemoval
from todo_core.models.todos import TodoCreate, TodoFilter
from todo_core.operations import changes, imports, lists, tags, todos, users
from todo_core.rules import writing

# --- in chunks, and at once --------------------------------------------------------------------

_REFERENCES: Final = {
    "list_id": "list",
    "parent_id": "todo",
    "todos": "todo",
    "into": "tag",
    "undoes": "change",
    "undone_by": "change",
    "at": "moment of a change",  # that of its rows, where one statement writes and records them
} | dict.fromkeys(("created_at", "updated_at", "completed_at", "deleted_at"), "moment")
"""What fields of rows and of changes refer to."""


async def everything_done(me: Caller) -> list[Any]:
    """Do all that may change many todos, each undone and done again; return what was told and what is recorded."""
    story: list[Any] = []

    async def do(operation: Any, *args: Any) -> list[Any]:
        changed = await me.perform(operation, *args)
        assert changed.change_id is not None
        told_and_recorded = [told(changed), orjson.loads((await me.perform(changes.get, changed.change_id)).json)]
        story.append(told_and_recorded)
        return [changed.change_id, told_and_recorded]

    async def there_and_back(operation: Any, *args: Any) -> None:
        change, _ = await do(operation, *args)
        undone, _ = await do(changes.undo, change)
        await do(changes.undo, undone)

    doomed, other = [row_of(await me.perform(lists.add, [ListCreate(name=name)]))["id"] for name in ("doomed", "other")]
    family = [
        TodoCreate(title="top", list_id=doomed, repeat="daily", due="2026-12-01", tags=["a", "b"]),
        *(TodoCreate(title=f"below {n}", parent_index=0, tags=["a"], due="2026-12-02 17:00") for n in range(3)),
        *(TodoCreate(title=f"deeper {n}", parent_index=1 + n % 3) for n in range(5)),
    ]
    _, (rows, _) = await do(todos.add, family)
    top, *below = [row["id"] for row in rows]
    await there_and_back(todos.complete, below[2:6])
    await there_and_back(todos.complete, [top])
    await there_and_back(todos.reopen, [below[-1]])
    await there_and_back(todos.update, [{"id": top, "list_id": other}])
    await there_and_back(todos.update, [{"id": one, "add_tags": ["c"], "remove_tags": ["a"]} for one in below])
    await there_and_back(todos.update, [{"id": below[1], "parent_id": None}, {"id": below[2], "parent_id": below[1]}])
    await there_and_back(todos.delete, [top])
    await there_and_back(todos.restore, [below[3]])
    await do(todos.delete, [top])
    await there_and_back(todos.restore, [top])
    for_tags = {row["name"]: row["id"] for row in orjson.loads((await me.perform(tags.list_)).json)}
    await there_and_back(tags.merge, for_tags["b"], for_tags["c"])
    await there_and_back(lists.delete, [other], ListRemoval(todos="move", move_to=doomed))
    await there_and_back(lists.delete, [doomed], ListRemoval(todos="trash"))
    await there_and_back(todos.add, [TodoCreate(title=f"new {n}", tags=[f"new {n}"]) for n in range(5)])
    return story


def comparable(story: Any, known: dict[tuple[str, Any], int] | None = None, owner: str = "") -> Any:
    """A story with numbers in place of ids and moments, in the order in which they are first told."""
    numbers = {} if known is None else known
    if isinstance(story, list):
        return [comparable(part, numbers, owner) for part in story]
    if not isinstance(story, dict):
        return story
    kind = _kind(story)
    kinds = _REFERENCES | {"id": kind, "number": f"place of a {owner}"}  # a list's may be that of a todo by accident
    return {
        name: _numbered(kinds[name], value, numbers) if name in kinds else comparable(value, numbers, kind)
        for name, value in story.items()
        if (kind, name) != ("tag", "updated_at")  # of no account: nothing asks which tags changed together
    }


def _kind(row: dict[str, Any]) -> str:
    kinds = {
        "entity": row.get("entity", ""),
        "operation": "change",
        "title": "todo",
        "number": "todo",
        "color": "list",
    }
    return next((kind for field, kind in kinds.items() if field in row), "tag")


def _numbered(kind: str, value: Any, numbers: dict[tuple[str, Any], int]) -> Any:
    if isinstance(value, list):
        return [_numbered(kind, one, numbers) for one in value]
    return None if value is None else numbers.setdefault((kind, value), len(numbers))


@pytest.mark.requirement("SA3", "TD9")
async def test_what_is_done_in_chunks_is_told_and_recorded_as_what_is_done_at_once(
    ann: Caller, bob: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once = comparable(await everything_done(ann))
    monkeypatch.setattr(writing, "AT_ONCE", 1)
    for size in ("CHUNK", "LINKS"):
        monkeypatch.setattr(chunks, size, 2)

    in_chunks = comparable(await everything_done(bob))

    for one, other in zip(in_chunks, at_once, strict=True):
        assert one == other
    assert len(in_chunks) > 40


@pytest.mark.requirement("TD7", "SA3")
async def test_what_goes_to_the_trash_in_chunks_comes_back_together(
    ann: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "AT_ONCE", 1)
    monkeypatch.setattr(chunks, "CHUNK", 2)
    family = [TodoCreate(title="top"), *(TodoCreate(title=f"below {n}", parent_index=0) for n in range(5))]
    added = await ann.perform(todos.add, family)
    await ann.perform(changes.undo, added.change_id)

    restored = await ann.perform(todos.restore, [told(added)[0]["id"]])

    assert row_of(restored)["subtasks_changed"] == 5


# --- how the work grows ------------------------------------------------------------------------


_SEED: Final = """
WITH place AS (
    INSERT INTO lists (user_id, name, name_key, position) VALUES ({user}, 'many', 'many', 9) RETURNING id
), tag AS (
    INSERT INTO tags (user_id, name, name_key) SELECT {user}, 'tag ' || n, 'tag ' || n FROM generate_series(0, 9) n
    RETURNING id, name
), todo AS (
    INSERT INTO todos (user_id, list_id, title, language, created_at, due_date, due_time, due_at)
    SELECT {user}, place.id, 'todo ' || n, 'english', now() - n * interval '1 second', current_date + n % 3650,
        CASE WHEN n % 2 = 0 THEN time '09:00' END, now()
    FROM place, generate_series(1, {rows}) n
    RETURNING id
)
INSERT INTO todo_tags (user_id, todo_id, tag_id)
SELECT {user}, todo.id, tag.id FROM todo JOIN tag ON tag.name IN ('tag 0', 'tag ' || 1 + todo.id % 9);
UPDATE todos SET parent_id = (SELECT min(id) FROM todos WHERE user_id = {user})
WHERE user_id = {user} AND id % 2 = 0 AND id > (SELECT min(id) FROM todos WHERE user_id = {user});
"""


MOST_SECONDS: Final = 60.0
"""In which a person with 100,000 dues is in another time zone, on a busy machine."""


class Many:
    """A person with very many todos in one list, all tagged, half of them subtasks of the first one."""

    def __init__(self, caller: Caller, rows: int, admin: asyncpg.Connection) -> None:
        self.caller = caller
        self.rows = rows
        self.admin = admin

    async def ids(self) -> tuple[int, int, dict[str, int]]:
        """The list, the todo with the subtasks, and the tags by name."""
        (_, many) = orjson.loads((await self.caller.perform(lists.list_, ListQuery())).json)
        page = await self.caller.perform(todos.list_, TodoFilter(sort="created", direction="desc", limit=1))
        named = {row["name"]: row["id"] for row in orjson.loads((await self.caller.perform(tags.list_)).json)}
        return many["id"], orjson.loads(page.json)[0]["id"], named

    async def there_and_back(self, operation: Any, *args: Any) -> None:
        """Change something, undo it, and undo that."""
        changed = await self.caller.perform(operation, *args)
        for _ in range(2):
            assert changed.change_id is not None
            changed = await self.caller.perform(changes.undo, changed.change_id)


@pytest.fixture(
    params=[
        pytest.param(False, id="never analyzed"),
        pytest.param(True, id="analyzed", marks=pytest.mark.exhaustive),
    ]
)
async def person(
    request: pytest.FixtureRequest, fresh_database_url: str, another_core: CoreOpener
) -> AsyncIterator[Callable[[int], Awaitable[Many]]]:
    """Makes people with so many todos, in a database of their own."""
    async with connected(fresh_database_url) as admin, another_core(fresh_database_url) as core:
        for table in ("todos", "todo_tags", "tags", "lists", "changes"):
            await admin.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")

        async def make(rows: int) -> Many:
            caller = Caller(core, await core.identity.local(f"user-{uuid4().hex}"), "test")
            await admin.execute(_SEED.format(user=caller.principal.user_id, rows=rows))
            if request.param:
                await admin.execute("ANALYZE")
            return Many(caller, rows, admin)

        yield make


async def _delete_the_list(many: Many) -> None:
    list_id, _, _ = await many.ids()
    await many.there_and_back(lists.delete, [list_id], ListRemoval(todos="trash"))


async def _complete_the_family(many: Many) -> None:
    _, parent, _ = await many.ids()
    await many.there_and_back(todos.complete, [parent])


async def _merge_the_tag(many: Many) -> None:
    _, _, named = await many.ids()
    await many.there_and_back(tags.merge, named["tag 0"], named["tag 1"])


async def _make_the_next_occurrence(many: Many) -> None:
    _, parent, _ = await many.ids()
    await many.caller.perform(todos.update, [{"id": parent, "repeat": "daily"}])
    await many.there_and_back(todos.complete, [parent])


async def _move_to_another_zone(many: Many) -> None:
    await many.there_and_back(users.update, {"time_zone": "Asia/Tokyo"})


async def _read(many: Many) -> None:
    for wanted in (
        TodoFilter(tags=["tag 0"], limit=1),
        TodoFilter(tags=["tag 0", "tag 1"], tags_match="all", limit=1),
        TodoFilter(tags=["tag 0"], text="todo", limit=1),
    ):
        await many.caller.perform(todos.list_, wanted)
    await many.caller.perform(lists.list_, ListQuery())


async def _search(many: Many) -> None:
    """Three times each: nothing is known then, then how many have the word, then the best of them, too."""
    list_id, parent, _ = await many.ids()
    for wanted in (
        TodoFilter(text="todo", limit=1),
        TodoFilter(text="todo", list_id=list_id, limit=1),
        TodoFilter(text="todo", sort="created", limit=1),
    ):
        for _ in range(3):
            assert (await many.caller.perform(todos.list_, wanted)).total == many.rows
    await many.caller.perform(todos.update, [{"id": parent, "priority": "high"}])
    assert (await many.caller.perform(todos.list_, TodoFilter(text="todo", limit=200))).total == many.rows


async def _count_tags(many: Many) -> None:
    await many.caller.perform(tags.list_)
    await many.caller.perform(OPERATIONS["overview.get"])


async def _report(many: Many) -> None:
    for name in ("analytics.streaks", "analytics.summary", "analytics.weekly_report"):
        await many.caller.perform(OPERATIONS[name])


async def _wait_for_a_start(many: Many) -> None:
    """Half of the todos are below one that has not started."""
    list_id, parent, _ = await many.ids()
    await many.caller.perform(todos.update, [{"id": parent, "start": "2199-01-01", "due": "2199-01-01"}])
    for wanted in (TodoFilter(limit=1), TodoFilter(list_id=list_id, limit=1), TodoFilter(started=False, limit=1)):
        await many.caller.perform(todos.list_, wanted)
    for name in ("overview.get", "analytics.summary", "analytics.weekly_report"):
        await many.caller.perform(OPERATIONS[name])


async def _bring_tags(many: Many) -> None:
    """As many as there are todos, where people have one on average; the second time all are known."""
    await many.admin.execute(
        "WITH other AS (INSERT INTO users (issuer, subject)"
        " SELECT 'others', gen_random_uuid() FROM generate_series(1, 1000) RETURNING id)"
        " INSERT INTO tags (user_id, name, name_key) SELECT id, 'one', 'one' FROM other"
    )
    await many.admin.execute("ANALYZE tags")
    core = many.caller.core
    me = Caller(core, await core.identity.local(f"user-{uuid4().hex}"), "test")
    named = [{"name": f"new {n}"} for n in range(many.rows)]
    for _ in range(2):
        file = read_here(orjson.dumps({"format": "todo-mcp", "version": 1, "tags": named}))
        await me.perform(imports.make, ImportQuery(), file)


@pytest.mark.slow
@pytest.mark.requirement("SA3", "DB4")
@pytest.mark.parametrize(
    "work",
    [
        _delete_the_list,
        _bring_tags,
        _merge_the_tag,
        _count_tags,
        _search,
        _wait_for_a_start,
        *(
            pytest.param(work, marks=pytest.mark.exhaustive)
            for work in (_complete_the_family, _make_the_next_occurrence, _move_to_another_zone, _read, _report)
        ),
    ],
    ids=lambda work: work.__name__.strip("_"),
)
async def test_work_on_four_times_the_rows_comes_to_no_more_than_six_times_the_rows(
    work: Callable[[Many], Awaitable[None]],
    person: Callable[[int], Awaitable[Many]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(writing, "AT_ONCE", 20)
    for size in ("CHUNK", "LINKS"):
        monkeypatch.setattr(chunks, size, 50)  # so that a look at all rows for each chunk counts
    few, many = await person(400), await person(1600)
    with counted() as of_few:
        await work(few)
    with counted() as of_many:
        await work(many)

    assert of_few.rows > 400
    assert of_many.rows < 6 * of_few.rows


@pytest.mark.exhaustive
@pytest.mark.requirement("SA3", "TD7")
@pytest.mark.parametrize("person", [False], indirect=True, ids=["never analyzed"])
async def test_a_list_of_fifty_thousand_todos_is_deleted_and_comes_back(
    person: Callable[[int], Awaitable[Many]],
) -> None:
    many = await person(50_000)
    list_id, _, _ = await many.ids()

    deleted = await many.caller.perform(lists.delete, [list_id], ListRemoval(todos="trash"))
    assert (await many.caller.perform(todos.list_, TodoFilter(limit=1))).total == 0
    assert deleted.change_id is not None
    undone = await many.caller.perform(changes.undo, deleted.change_id)
    assert (await many.caller.perform(todos.list_, TodoFilter(limit=1))).total == 50_000
    assert undone.change_id is not None
    await many.caller.perform(changes.undo, undone.change_id)

    assert (await many.caller.perform(todos.list_, TodoFilter(status="trashed", limit=1))).total == 50_000


@pytest.mark.exhaustive
@pytest.mark.requirement("TD10", "DB4")
@pytest.mark.parametrize("person", [False], indirect=True, ids=["never analyzed"])
async def test_a_hundred_thousand_dues_follow_a_person_to_another_time_zone(
    person: Callable[[int], Awaitable[Many]],
) -> None:
    many = await person(100_000)
    began = time.perf_counter()

    await many.there_and_back(users.update, {"time_zone": "Asia/Tokyo"})

    took = (time.perf_counter() - began) / 3
    print(f"{took:.1f} s for each of three moves")
    assert took < MOST_SECONDS
    page = await many.caller.perform(todos.list_, TodoFilter(sort="due", limit=1))
    (first,) = orjson.loads(page.json)
    assert page.total == 100_000
    assert first["due"]["at"].endswith(("00:00:00Z", "14:59:59.999999Z"))
