"""Todos that are all that a request makes: one statement adds and records them, as two statements do otherwise."""

from __future__ import annotations

from typing import Any, Final

import asyncpg
import orjson
import pytest

from tests.core.support import row_of, statements_run, told
from tests.tables import each
from todo_core.boundary.caller import Caller
from todo_core.models.lists import ListCreate, ListQuery
from todo_core.models.mixed import MixedAdd
from todo_core.models.todos import TodoCreate, TodoFilter
from todo_core.operations import changes, lists, todos, users
from todo_core.queries.adding import ADD, ADD_PLAIN, ADD_RECORDED, ADD_TAGGED
from todo_core.queries.changes import RECORD
from todo_core.queries.tags import ENSURE

_ENTRIES: Final = """
SELECT e.number, e.entity, e.list_before, e.list_after, e.before::text AS before, e.after::text AS after,
    e.after->>'list_id' = e.list_after::text AS is_its_list, t.place = (t.id << 20) AS is_last, t.language
FROM change_entries e LEFT JOIN todos t ON t.id = e.entity_id AND e.entity = 'todo'
WHERE e.change_id = $1 ORDER BY e.number
"""
_OWN: Final = ("id", "parent_id", "created_at", "updated_at", "key")
"""Fields of a row that two todos do not have in common."""
_LISTS: Final = ("list_id", "list_before", "list_after")


def _shown(row: str | None) -> Any:
    if row is None:
        return None
    shown = {name: value for name, value in orjson.loads(row).items() if name not in _OWN}
    return shown | ({"similar": [one["title"] for one in shown["similar"]]} if "similar" in shown else {})


async def _added(caller: Caller, admin: asyncpg.Connection, items: list[dict[str, Any]], *, alone: bool) -> Any:
    """What is told and recorded of new todos, added alone or as the items of a mixed batch."""
    if alone:
        changed = await caller.perform(todos.add, [TodoCreate(**item) for item in items])
    else:
        changed = await caller.perform(todos.mix, [MixedAdd(action="add", **item) for item in items])
    answer = [_shown(orjson.dumps(row).decode()) for row in told(changed)]
    if changed.change_id is None:
        return answer
    read = orjson.loads((await caller.perform(changes.get, changed.change_id)).json)
    rows = [
        {**row} | {name: _shown(row[name]) for name in ("before", "after")}
        for row in await admin.fetch(_ENTRIES, changed.change_id)
    ]
    entities = [(one.entity, one.before, _shown(one.after)) for one in changed.touched]
    return answer, rows, entities, [_shown(item.row) for item in changed.results if hasattr(item, "row")], len(read)


@pytest.mark.requirement("SA2", "TD1")
@each(
    "items",
    [
        [{"title": "plain"}],
        [
            {"title": "first", "description": "of several", "priority": "urgent"},
            {"title": "second"},
            {"title": "third"},
        ],
        [{"title": "with a link", "source": "https://example.org/1"}, {"title": "ß İ \U0001f600 \"q\" \\ 'x'"}],
        [{"title": "listed", "list_id": "work"}, {"title": "in the inbox"}],
        [{"title": "top"}, {"title": "below", "parent_index": 0}, {"title": "deeper", "parent_index": 1}],
        [{"title": "tagged", "tags": ["known"]}, {"title": "plain"}],
        [{"title": "tagged", "tags": ["ZOO", "zoo", "Known"], "list_id": "work"}, {"title": "other", "tags": ["Zoo"]}],
        [{"title": "tagged", "tags": ["known"]}, {"title": "due", "due": "2026-12-24", "tags": ["Zoo"]}],
        [{"title": "one new tag", "tags": ["known", "never seen"]}, {"title": "other", "tags": ["Zoo"]}],
        [{"title": "many tags", "tags": ["known"]}, *({"title": f"{n}", "tags": [f"{n}"]} for n in range(20))],
        [{"title": "new tag", "tags": ["never seen"]}],
        [{"title": "due", "due": "2026-12-24"}, {"title": "plain"}, {"title": "starts", "start": "2026-12-24"}],
        [{"title": "repeats", "due": "2026-12-24", "repeat": "daily"}],
        [{"title": "before all", "place": "first"}, {"title": "plain"}],
        [{"title": "refused", "parent_id": 2**62}, {"title": "accepted"}],
        [{"title": "refused", "parent_id": 2**62}],
    ],
)
async def test_what_is_added_alone_is_told_and_recorded_as_what_is_added_among_others(
    ann: Caller, bob: Caller, admin: asyncpg.Connection, items: list[dict[str, Any]]
) -> None:
    both = []
    for caller, alone in ((ann, True), (bob, False)):
        there = {row["name"]: row["id"] for row in orjson.loads((await caller.perform(lists.list_, ListQuery())).json)}
        if "work" not in there:
            there["work"] = row_of(await caller.perform(lists.add, [ListCreate(name="work")]))["id"]
            await caller.perform(todos.add, [TodoCreate(title="has it", tags=["known", "Zoo"])])
        named = [item | ({"list_id": there["work"]} if "list_id" in item else {}) for item in items]
        numbers = {list_id: name for name, list_id in there.items()}
        result = orjson.loads(orjson.dumps(await _added(caller, admin, named, alone=alone), default=str))
        both.append(_with_names(result, numbers))

    assert both[0] == both[1]


def _with_names(found: Any, numbers: dict[int, str]) -> Any:
    """The same with the names of lists in place of their ids."""
    if isinstance(found, list):
        return [_with_names(part, numbers) for part in found]
    if not isinstance(found, dict):
        return found
    return {
        name: numbers.get(value, value) if name in _LISTS else _with_names(value, numbers)
        for name, value in found.items()
    }


@pytest.mark.requirement("SA2", "TD1")
async def test_what_is_plain_and_alone_is_added_and_recorded_by_one_statement(
    ann: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ann.perform(todos.add, [TodoCreate(title="known", tags=["known"])])
    ran = statements_run(monkeypatch, ADD, ADD_PLAIN, ADD_RECORDED, ADD_TAGGED, ENSURE, RECORD)

    await ann.perform(todos.add, [TodoCreate(title="one"), TodoCreate(title="two", key="a key")])
    plain = [*ran]
    ran.clear()
    await ann.perform(todos.add, [TodoCreate(title="above"), TodoCreate(title="below", parent_index=0)])

    below = [*ran]
    ran.clear()
    await ann.perform(todos.add, [TodoCreate(title="three", tags=["Known"])])
    tagged = [*ran]
    ran.clear()
    await ann.perform(todos.add, [TodoCreate(title="four", tags=["known", "new"])])

    assert plain == [ADD_PLAIN]
    assert below == [ADD_RECORDED]
    assert tagged == [ADD_TAGGED]
    assert ran == [ADD_TAGGED, ENSURE, ADD, RECORD]


@pytest.mark.requirement("TD1")
async def test_plain_todos_come_first_in_their_order_where_the_profile_says_so(ann: Caller) -> None:
    before = row_of(await ann.perform(todos.add, [TodoCreate(title="before")]))["id"]
    await ann.perform(users.update, {"new_todos": "first"})

    added = told(await ann.perform(todos.add, [TodoCreate(title="one"), TodoCreate(title="two")]))

    listed = orjson.loads((await ann.perform(todos.list_, TodoFilter(sort="manual"))).json)
    assert [row["id"] for row in listed] == [*(row["id"] for row in added), before]


@pytest.mark.requirement("SA2", "SA4")
async def test_a_dry_run_records_nothing(ann: Caller, admin: asyncpg.Connection) -> None:
    rehearsed = await ann.once(None, dry_run=True).perform(todos.add, [TodoCreate(title="maybe")])

    count = await admin.fetchval("SELECT count(*) FROM changes WHERE user_id = $1", ann.principal.user_id)
    assert (rehearsed.change_id, rehearsed.dry_run, count) == (None, True, 0)
