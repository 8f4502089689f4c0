"""What the operations on todos promise beyond what every transport's tests prove."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import asyncpg
import orjson
import pytest

from tests.core.support import add, codes, row_of, titles_of, told
from tests.tables import each
from todo_core.boundary.caller import Caller
from todo_core.errors import FieldError, InvalidInput, NotFound, NotOwner
from todo_core.models.todos import Direction, Sort, Status, TodoCreate, TodoFilter
from todo_core.operations import todos

_MOVE = "UPDATE todos SET created_at = $2, updated_at = $2 WHERE id = $1"


async def walk(caller: Caller, wanted: TodoFilter) -> list[list[dict[str, Any]]]:
    """Every page, by cursor."""
    pages: list[list[dict[str, Any]]] = []
    cursor: str | None = None
    while not pages or cursor is not None:
        page = await caller.perform(todos.list_, wanted.model_copy(update={"cursor": cursor}))
        pages.append(orjson.loads(page.json))
        cursor = page.next_cursor
    return pages


def pressing(row: dict[str, Any]) -> tuple[bool, int, float]:
    """Due by the end of today, and open; then the priority, then how soon it is due."""
    at = datetime.fromisoformat(row["due"]["at"]).timestamp() if row["due"] else float("inf")
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    is_now = row["due"] is not None and row["due"]["date"] <= today and row["completed_at"] is None
    return is_now, ["low", "medium", "high", "urgent"].index(row["priority"]), -at


@pytest.fixture
async def many(ann: Caller, admin: asyncpg.Connection) -> Caller:
    """A user with twelve todos: open, done and trashed, with ties in every sort key."""
    priorities = ["low", "medium", "high", "urgent"]
    dues = [None, "2026-11-27", "2026-11-27T17:00:00Z"]
    wanted = [
        TodoCreate.model_validate(
            {"title": f"{'Bb'[n % 2]}äh {n // 4}", "priority": priorities[n % 4], "due": dues[n % 3]}
        )
        for n in range(12)
    ]
    ids = [row["id"] for row in told(await ann.perform(todos.add, wanted))]
    await ann.perform(todos.complete, ids[:3])
    await ann.perform(todos.delete, ids[9:])
    noon: datetime = await admin.fetchval("SELECT timestamptz '2025-06-01 12:00:00.123456+00'")
    for n, one in enumerate(ids):
        await admin.execute(_MOVE, one, noon + timedelta(microseconds=n // 3))
    return ann


@pytest.mark.requirement("TD3", "TD4")
@each("status", get_args(Status))
@each("direction", get_args(Direction))
@each("sort", sorted({*get_args(Sort)} - {"match"}))  # which is for words
async def test_pages_by_cursor_and_by_offset_are_the_whole_list_in_its_order(
    sort: Sort, direction: Direction, status: Status, many: Caller
) -> None:
    wanted = TodoFilter(sort=sort, direction=direction, status=status, limit=2)
    whole = await many.perform(todos.list_, wanted.model_copy(update={"limit": 200}))

    pages = await walk(many, wanted)
    skipping = [
        orjson.loads((await many.perform(todos.list_, wanted, offset=offset)).json)
        for offset in range(0, whole.total, 2)
    ]

    rows = orjson.loads(whole.json)
    assert [row for page in pages for row in page] == rows
    assert [row for page in skipping for row in page] == rows
    assert len(rows) == whole.total == {"open": 6, "done": 3, "all": 9, "trashed": 3}[status]
    assert whole.next_cursor is None
    assert all(len(page) == 2 for page in pages[:-1])
    key = {
        "created": lambda row: row["created_at"],
        "updated": lambda row: row["updated_at"],
        # What is not due comes last in either direction.
        "start": lambda row: ((row["start"] is None) == (direction == "asc"), row["start"] or ""),
        "due": lambda row: ((row["due"] is None) == (direction == "asc"), row["due"] and row["due"]["at"]),
        "priority": lambda row: ["low", "medium", "high", "urgent"].index(row["priority"]),
        "title": lambda row: row["title"].lower(),
        "manual": lambda row: row["id"],  # nobody moved any
        "pressing": pressing,
    }[sort]
    assert rows == sorted(rows, key=lambda row: (key(row), row["id"]), reverse=direction == "desc")


@pytest.mark.requirement("TD4")
async def test_a_cursor_of_another_filter_order_or_user_is_refused(many: Caller, bob: Caller) -> None:
    wanted = TodoFilter(limit=2)
    cursor = (await many.perform(todos.list_, wanted)).next_cursor
    others: list[tuple[Caller, dict[str, Any]]] = [
        (many, {"status": "all"}),
        (many, {"sort": "title"}),
        (many, {"direction": "asc"}),
        (many, {"text": "b"}),
        (bob, {}),
    ]

    for caller, changed in others:
        with pytest.raises(InvalidInput) as refused:
            await caller.perform(todos.list_, wanted.model_copy(update={"cursor": cursor, **changed}))
        assert [problem.field for problem in refused.value.errors] == ["cursor"]

    page = await many.perform(todos.list_, wanted.model_copy(update={"cursor": cursor, "limit": 3}))
    assert len(orjson.loads(page.json)) == 3  # the size of a page may change


@pytest.mark.requirement("TD3")
async def test_filters_take_moments_ids_and_priorities_together(many: Caller) -> None:
    rows = [row for page in await walk(many, TodoFilter(status="all", direction="asc")) for row in page]
    moment = rows[3]["created_at"]

    async def found(**wanted: Any) -> list[int]:
        page = await many.perform(todos.list_, TodoFilter(status="all", direction="asc", **wanted))
        return [row["id"] for row in orjson.loads(page.json)]

    ids = [row["id"] for row in rows]
    assert await found(created_after=moment) == ids[3:]
    assert await found(created_before=moment) == ids[:3]
    assert await found(updated_after=moment, updated_before=moment) == []
    assert await found(completed_after=moment) == ids[:3]
    assert await found(completed_before=moment) == []
    assert await found(priority=["low", "urgent"], ids=ids[:5]) == [ids[0], ids[3], ids[4]]


@pytest.mark.requirement("OW4")
async def test_one_todo_is_read_unless_it_is_anothers_missing_or_in_the_trash(ann: Caller, bob: Caller) -> None:
    kept, trashed = await add(ann, "kept", "trashed")
    await ann.perform(todos.delete, [trashed])

    assert orjson.loads((await ann.perform(todos.get, kept)).json)["title"] == "kept"
    for caller, one, refusal in ((bob, kept, NotOwner), (bob, trashed, NotOwner), (ann, trashed, NotFound)):
        with pytest.raises(refusal):
            await caller.perform(todos.get, one)


@pytest.mark.requirement("TD6", "TD8")
async def test_setting_what_is_set_changes_neither_version_nor_moment(ann: Caller) -> None:
    (one,) = await add(ann, "one")
    done = await ann.perform(todos.complete, [one])

    again = await ann.perform(todos.complete, [one])
    same = await ann.perform(todos.update, [{"id": one, "title": "one", "is_completed": True}])
    back = await ann.perform(todos.reopen, [one])

    assert codes(again) == codes(same) == ["unchanged"]
    assert row_of(again) == row_of(same) == row_of(done)
    assert (row_of(done)["version"], row_of(back)["version"]) == (2, 3)
    assert row_of(back)["completed_at"] is None


@pytest.mark.requirement("TD5", "MC5")
async def test_a_batch_answers_in_its_order_and_refuses_a_todo_named_twice(ann: Caller) -> None:
    first, second = await add(ann, "first", "second")

    changed = await ann.perform(
        todos.update,
        [{"id": second, "title": "2"}, {"id": 2**62}, {"id": first, "description": "text"}, {"id": second}],
    )

    assert codes(changed) == ["changed", "not_found", "changed", "invalid_input"]
    assert [row.get("id") for row in told(changed)] == [second, None, first, None]
    cleared = await ann.perform(todos.update, [{"id": first, "description": None, "priority": "urgent"}])
    assert (row_of(cleared)["description"], row_of(cleared)["priority"]) == (None, "urgent")


@pytest.mark.requirement("TD7", "TD8")
async def test_trash_and_restore_obey_the_version_too(ann: Caller) -> None:
    (one,) = await add(ann, "one")

    assert codes(await ann.perform(todos.delete, [one], if_version=2)) == ["version_conflict"]
    assert codes(await ann.perform(todos.delete, [one], if_version=1)) == ["changed"]
    assert codes(await ann.perform(todos.update, [{"id": one, "title": "x"}])) == ["not_found"]
    assert codes(await ann.perform(todos.restore, [one], if_version=2)) == ["changed"]
    assert await titles_of(ann) == ["one"]


@pytest.mark.requirement("MC5", "TD1")
async def test_a_bad_item_is_reported_where_it_stood_and_the_good_ones_are_added(ann: Caller) -> None:
    bad = InvalidInput(errors=[FieldError("title", "is required")])

    added = await ann.perform(todos.add, [TodoCreate(title="one"), bad, TodoCreate(title="two")])
    none = await ann.perform(todos.add, [bad])

    assert codes(added) == ["changed", "invalid_input", "changed"]
    assert [row.get("title") for row in told(added)] == ["one", None, "two"]
    assert await titles_of(ann) == ["one", "two"]
    assert none.change_id is None
    with pytest.raises(InvalidInput) as refused:
        none.one()
    assert refused.value is bad
