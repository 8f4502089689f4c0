"""Subtasks that repeat below todos that do: one of each is open, whatever is completed in which order."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import product

import pytest

from tests.core.home import SATURDAY, Home
from tests.core.support import told
from tests.tables import each
from todo_core.models.todos import MAX_DEPTH
from todo_core.operations import todos

pytestmark = pytest.mark.requirement("TD11", "TD9")


@each(
    ("parent", "child"),
    [
        (("daily", "2026-11-28"), ("daily", "2026-11-28")),
        (("every 10 days", "2026-11-30"), ("every monday", "2026-11-30")),
        (("daily", "2026-11-28"), ("every monday", "2026-11-28")),
        (("every! 3 days", "2026-11-28"), ("every 2 days at 9am", "2026-11-28")),
    ],
    ids=str,
)
async def test_one_of_a_series_is_open_below_one_parent_in_any_order_and_number(
    home: Home, parent: tuple[str, str], child: tuple[str, str]
) -> None:
    for order in [*product("PK", repeat=3), "KKKKKP", "PPPKPPKKP"]:
        top = await home.add("P", repeat=parent[0], due=parent[1])
        below = await home.add("K", repeat=child[0], due=child[1], parent_id=top)
        days = [(await home.rows(ids=[below]))[0]["due"]["date"]]
        for what in order:
            if what == "P":
                top = await home.next(top)
            else:
                await home.next(below)
            (row,) = await home.rows(parent_id=top)
            below = row["id"]
            days.append(row["due"]["date"])
            assert row["repeat"]["scheduled"].startswith(row["due"]["date"])
            assert "monday" not in child[0] or row["due"]["weekday"] == "Monday"
        assert days == sorted(days), order
        assert len(set(days)) >= order.count("K") if isinstance(order, tuple) else True
        (left,) = await home.rows(ids=[top])
        assert left["open_subtasks"] == 1
        await home.write(todos.delete, top)
        assert await home.rows() == []


async def test_a_subtask_goes_on_by_its_own_rule(home: Home) -> None:
    parent = await home.add("P", repeat="every 10 days", due="2026-11-30")
    await home.add("K", repeat="every monday", due="2026-11-30", parent_id=parent)
    await home.add("plain", due="2026-11-29", parent_id=parent)

    following = await home.next(parent)

    assert await home.open_below(following) == ["K 12-07 Mon", "plain 12-09 Wed"]


async def test_what_is_still_to_come_goes_along_as_it_is(home: Home) -> None:
    parent = await home.add("P", repeat="daily", due="2026-11-28")
    child = await home.add("K", repeat="daily", parent_id=parent)
    ticked = await home.add("ticked", parent_id=child)
    tomorrows = await home.next(child)
    (below,) = await home.rows(parent_id=tomorrows)
    await home.complete(below["id"])
    await home.update(tomorrows, description="written")

    answer = await home.complete(parent)

    assert answer["subtasks_changed"] == 1
    assert answer["open_subtasks"] == 0
    assert answer["next"]["open_subtasks"] == 1
    (moved,) = await home.rows(parent_id=answer["next"]["id"])
    assert (moved["id"], moved["description"], moved["open_subtasks"]) == (tomorrows, "written", 0)
    assert await home.open_below(answer["next"]["id"]) == ["K 11-29 Sun"]
    assert [row["is_completed"] for row in await home.rows(parent_id=tomorrows, status="all")] == [True]
    assert ticked not in [row["id"] for row in await home.rows()]


@each(
    ("today", "parent", "child", "done", "below"),
    [
        # Which occurrence is done with the parent of Saturday; how often the subtask was done before.
        ("11-28", ("weekly", "11-28"), "daily", 0, "K 11-29 Sun"),
        ("11-28", ("weekly", "11-28"), "daily", 1, "K 11-29 Sun"),
        ("11-24", ("weekly", "11-28"), "daily", 1, "K 11-25 Wed"),  # tomorrow's was not done
        ("11-27", ("daily", "11-28"), "daily", 0, "K 11-29 Sun"),  # the day's were done early
        ("11-30", ("daily", "11-28"), "daily", 0, "K 12-01 Tue"),  # what was missed is passed over
        ("11-30", ("daily", "11-28"), "daily", 1, "K 12-01 Tue"),
        ("11-28", ("daily", "11-28"), "every monday", 0, "K 11-30 Mon"),
        ("11-28", ("daily", "11-28"), "every! 3 days", 1, "K 12-01 Tue"),
    ],
)
async def test_the_round_decides_what_is_done_with_a_parent(  # noqa: PLR0917  # a row of the table
    home: Home, today: str, parent: tuple[str, str], child: str, done: int, below: str
) -> None:
    home.clock[0] = datetime.fromisoformat(f"2026-{today}T13:00:00Z")
    top = await home.add("P", repeat=parent[0], due=f"2026-{parent[1]}")
    due = min(today, parent[1]) if today != "11-27" else parent[1]
    last = await home.add("K", repeat=child, due=f"2026-{due}", parent_id=top)
    for _ in range(done):
        last = await home.next(last)

    assert await home.open_below(await home.next(top)) == [below]


async def test_series_go_on_five_deep(home: Home) -> None:
    titles = ["P", *"ABCDE"]
    ids: list[int] = []
    for n, title in enumerate(titles):
        ids.append(await home.add(title, repeat="daily", **({"parent_id": ids[-1]} if n else {})))
    assert len(ids) == MAX_DEPTH + 1

    for _ in range(3):
        answer = await home.complete(ids[0])
        rows = {row["title"]: row for row in await home.rows()}
        assert rows.keys() == set(titles)
        assert len({row["due"]["date"] for row in rows.values()}) == 1
        ids = [rows[title]["id"] for title in titles]
        assert [rows[title]["parent_id"] for title in titles[1:]] == ids[:-1]
        assert answer["next"]["id"] == ids[0]
        middle = await home.next(ids[2])  # with all below it, of the day after
        answer = await home.complete(ids[0])
        (carried,) = [row for row in await home.rows() if row["title"] == "B"]
        assert carried["id"] == middle
        rows = {row["title"]: row for row in await home.rows()}
        ids = [rows[title]["id"] for title in titles]
        assert len(await home.rows()) == len(titles)


async def test_a_plain_subtask_between_takes_the_series_along(home: Home) -> None:
    parent = await home.add("P", repeat="weekly", due="2026-11-28")
    plain = await home.add("plain", parent_id=parent)
    child = await home.add("K", repeat="daily", parent_id=plain)
    await home.next(child)

    following = await home.next(parent)

    (copy,) = await home.rows(parent_id=following)
    assert (copy["title"], await home.open_below(copy["id"])) == ("plain", ["K 11-29 Sun"])
    await home.next((await home.rows(parent_id=copy["id"]))[0]["id"])
    await home.complete(copy["id"])  # ends the series of this round
    assert [row["due"]["date"] for row in await home.rows(status="trashed")] == ["2026-11-30"]
    (again,) = await home.rows(parent_id=await home.next(following))
    assert await home.open_below(again["id"]) == ["K 11-30 Mon"]  # which was not done


async def test_several_series_and_ticked_subtasks_go_on_together(home: Home) -> None:
    parent = await home.add("P", repeat="daily")
    first, second = [await home.add(title, repeat="daily", parent_id=parent) for title in "KL"]
    plain = await home.add("plain", due="2026-11-28", parent_id=parent)
    await home.complete(plain, first)

    following = await home.next(parent)

    assert sorted(await home.open_below(following)) == ["K 11-29 Sun", "L 11-29 Sun", "plain 11-29 Sun"]
    assert second in [row["id"] for row in await home.rows(status="done")]


@each("how", ["before", "after", "alone"])
async def test_a_parent_and_its_subtask_are_completed_in_one_request(home: Home, how: str) -> None:
    parent = await home.add("P", repeat="daily")
    child = await home.add("K", repeat="daily", parent_id=parent)
    tomorrows = await home.next(child)
    named = {"before": [tomorrows, parent], "after": [parent, tomorrows], "alone": [parent]}[how]

    rows = {row["title"]: row for row in told(await home.me.perform(todos.complete, named))}

    expected = "K 11-29 Sun" if how == "alone" else "K 11-30 Mon"
    assert await home.open_below(rows["P"]["next"]["id"]) == [expected]
    assert how == "alone" or rows["K"]["next"] is None  # it is below the parent's


async def test_what_is_still_to_come_can_be_changed_in_the_same_request(home: Home) -> None:
    parent = await home.add("P", repeat="daily")
    tomorrows = await home.next(await home.add("K", repeat="daily", parent_id=parent))
    patches = [{"id": parent, "is_completed": True}, {"id": tomorrows, "title": "renamed", "tags": ["x"]}]

    done, renamed = told(await home.me.perform(todos.update, patches))

    assert (renamed["title"], renamed["tags"], renamed["version"]) == ("renamed", ["x"], 2)
    assert renamed["parent_id"] == done["next"]["id"]
    assert done["subtasks_changed"] == 0


async def test_skipping_opens_what_is_ticked_of_a_checklist(home: Home) -> None:
    parent = await home.add("P", repeat="weekly", due="2026-11-28")
    ticked = await home.add("ticked", due="2026-11-27", parent_id=parent)
    deeper = await home.add("deeper", parent_id=ticked)
    child = await home.add("K", repeat="daily", parent_id=parent)
    await home.complete(await home.add("of K", parent_id=child))
    trashed = await home.add("trashed", parent_id=parent)
    await home.complete(ticked, trashed)
    await home.complete(child)
    await home.write(todos.delete, trashed)
    before = await home.everything()

    answer = await home.write(todos.skip, parent)

    assert (answer["due"]["date"], answer["subtasks_changed"], answer["open_subtasks"]) == ("2026-12-05", 2, 2)
    assert {ticked, deeper} < {row["id"] for row in await home.rows()}
    assert await home.open_below(parent) == ["ticked 11-27 Fri", "K 11-29 Sun"]
    assert child in [row["id"] for row in await home.rows(status="done")]
    await home.undo(answer["change_id"])
    assert await home.everything() == before


async def test_a_skipped_subtask_is_still_to_come(home: Home) -> None:
    parent = await home.add("P", repeat="daily")
    child = await home.add("K", repeat="daily", parent_id=parent)
    await home.write(todos.skip, child)

    following = await home.next(parent)

    assert await home.open_below(following) == ["K 11-29 Sun"]
    assert [row["id"] for row in await home.rows(parent_id=following)] == [child]


async def test_weeks_of_ticking_stay_one_open_subtask(home: Home) -> None:
    parent = await home.add("P", repeat="weekly", due="2026-11-28")
    child = await home.add("K", repeat="daily", due="2026-11-28", parent_id=parent)
    for number in range(28):
        home.clock[0] = SATURDAY + timedelta(days=number)
        child = await home.next(child)
        if number % 7 == 0:
            parent = await home.next(parent)
        (row,) = await home.rows(parent_id=parent)
        assert (row["id"], row["due"]["date"]) == (child, (date(2026, 11, 29) + timedelta(days=number)).isoformat())
