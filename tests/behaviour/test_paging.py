"""Pages: every row once, in order, with the true total."""

from __future__ import annotations

from typing import Any

import pytest

from tests.faces import Face, Json, RefusedError
from tests.support import moment_of

pytestmark = pytest.mark.requirement("TD4")

RANK = {"low": 1, "medium": 2, "high": 3, "urgent": 4}
SORTS: dict[str, Any] = {
    "created": lambda todo: moment_of(todo, "created_at"),
    "updated": lambda todo: moment_of(todo, "updated_at"),
    "priority": lambda todo: RANK[todo["priority"]],
    "title": lambda todo: todo["title"].lower(),
}


async def walk(me: Face, **wanted: Any) -> list[Json]:
    """Every row, a page at a time."""
    rows: list[Json] = []
    cursor: str | None = None
    for _ in range(50):
        page = await me.list(**wanted, **({} if cursor is None else {"cursor": cursor}))
        rows += page.todos
        if (cursor := page.next_cursor) is None:
            return rows
        assert len(page.todos) == wanted["limit"]
    raise AssertionError("the pages never end")


async def seven(me: Face) -> list[int]:
    """Todos with ties in every sort key, and another order for each."""
    words = ("delta low", "Alpha high", "charlie low", "alpha medium", "Bravo urgent", "delta high", "alpha low")
    ids = (await me.add(*({"title": title, "priority": rank} for title, rank in map(str.split, words)))).accepted
    await me.update({"id": ids[2], "description": "touched"}, {"id": ids[0], "description": "touched"})
    await me.update({"id": ids[4], "description": "touched"})
    return ids


@pytest.mark.requirement("TD3")
@pytest.mark.parametrize("sort", SORTS)
async def test_walking_by_cursor_gives_every_row_once_in_order(me: Face, sort: str) -> None:
    await seven(me)
    everything = (await me.list(limit=200)).todos

    for direction in ("asc", "desc"):
        expected = sorted(everything, key=lambda todo: (SORTS[sort](todo), todo["id"]), reverse=direction == "desc")
        for limit in (1, 3, 7):
            walked = await walk(me, sort=sort, direction=direction, limit=limit)
            assert [todo["id"] for todo in walked] == [todo["id"] for todo in expected]


async def test_every_page_tells_the_true_total(me: Face) -> None:
    await seven(me)

    first = await me.list(limit=3)
    second = await me.list(limit=3, cursor=first.next_cursor)
    third = await me.list(limit=3, cursor=second.next_cursor)

    assert [page.total for page in (first, second, third)] == [7, 7, 7]
    assert [len(page.todos) for page in (first, second, third)] == [3, 3, 1]
    assert third.next_cursor is None


async def test_an_empty_list_has_no_next_page(me: Face) -> None:
    empty = await me.list()

    assert (empty.todos, empty.total, empty.next_cursor) == ([], 0, None)


@pytest.mark.parametrize("direction", ["asc", "desc"])
async def test_rows_that_come_in_between_neither_repeat_nor_hide_a_row(me: Face, direction: str) -> None:
    ids = await seven(me)

    page = await me.list(limit=3, direction=direction)
    (newcomer,) = (await me.add({"title": "in between"})).accepted
    rest = await me.list(limit=200, direction=direction, cursor=page.next_cursor)

    seen = [todo["id"] for todo in page.todos + rest.todos]
    assert sorted(set(seen) - {newcomer}) == ids
    assert len(seen) == len(set(seen))


async def test_rows_that_go_in_between_hide_no_other_row(me: Face) -> None:
    ids = await seven(me)

    page = await me.list(limit=3, direction="asc")
    await me.delete(ids[0], ids[2])
    rest = await me.list(limit=200, direction="asc", cursor=page.next_cursor)

    assert [todo["id"] for todo in rest.todos] == ids[3:]


def changed_cursors(cursor: str) -> list[str]:
    other = "A" if cursor[0] != "A" else "B"
    last = "A" if cursor[-1] != "A" else "B"
    return [other + cursor[1:], cursor[:-1] + last, cursor[:-4], cursor + "AAAA", cursor + "=", "none", "ä", "{}"]


async def test_a_changed_cursor_is_refused(me: Face) -> None:
    await seven(me)
    cursor = (await me.list(limit=2)).next_cursor
    assert cursor is not None

    for changed in changed_cursors(cursor):
        with pytest.raises(RefusedError) as refused:
            await me.list(limit=2, cursor=changed)
        assert refused.value.code == "invalid_input"
        (problem,) = refused.value.told["errors"]
        assert problem["field"] == "cursor"
        assert "first page" in problem["message"]


@pytest.mark.parametrize(
    "wanted",
    [{"status": "all"}, {"sort": "title"}, {"direction": "asc"}, {"priority": ["low"]}, {"text": "a"}],
    ids=lambda wanted: next(iter(wanted)),
)
async def test_a_cursor_of_another_filter_or_order_is_refused(me: Face, wanted: dict[str, Any]) -> None:
    await seven(me)
    cursor = (await me.list(limit=2)).next_cursor

    with pytest.raises(RefusedError) as refused:
        await me.list(limit=2, cursor=cursor, **wanted)

    assert refused.value.told["errors"][0]["field"] == "cursor"


@pytest.mark.requirement("OW1")
async def test_another_users_cursor_is_refused(me: Face, other: Face) -> None:
    await seven(me)
    await seven(other)
    cursor = (await me.list(limit=2)).next_cursor

    with pytest.raises(RefusedError) as refused:
        await other.list(limit=2, cursor=cursor)

    assert refused.value.code == "invalid_input"


async def test_a_cursor_keeps_working_with_another_page_size(me: Face) -> None:
    ids = await seven(me)
    cursor = (await me.list(limit=2, direction="asc")).next_cursor

    assert [todo["id"] for todo in (await me.list(limit=5, direction="asc", cursor=cursor)).todos] == ids[2:]
