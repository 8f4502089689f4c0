"""What changed, by whom, before and after; and everything since a change one knows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.faces import Face, FaceName, Json, RefusedError
from tests.tables import each


def rows(change: Json) -> list[tuple[int, Json | None, Json]]:
    """Each todo of a change: its id, and of before and after what differs, however the transport tells it."""
    if "entries" not in change:
        return [
            (row["todo"], row.get("before"), row.get("after", {"title": row.get("added")})) for row in change["rows"]
        ]
    found = []
    for entry in change["entries"]:
        before, after = entry["before"], entry["after"]
        names = [name for name in after if before is not None and before[name] != after[name]]
        told = {name for name in names if name not in ("version", "updated_at", "is_completed")}
        if before is None:
            found.append((entry["id"], None, {"title": after["title"]}))
        else:
            found.append((entry["id"], {name: before[name] for name in told}, {name: after[name] for name in told}))
    return found


def without_flag(told: list[tuple[int, Json | None, Json]]) -> list[tuple[int, Json | None, Json]]:
    """Without the flag that follows from `completed_at`."""
    return [
        (todo, before and {k: v for k, v in before.items() if k != "is_completed"}, after)
        for todo, before, after in ((t, b, {k: v for k, v in a.items() if k != "is_completed"}) for t, b, a in told)
    ]


async def latest(me: Face) -> Json:
    return (await me.changes(limit=1))[0]


@pytest.mark.requirement("SA2")
async def test_a_change_tells_by_which_way_and_client_and_when(me: Face, face_name: FaceName) -> None:
    began = datetime.now(UTC) - timedelta(seconds=2)
    written = await me.add({"title": "a"})

    change = await latest(me)

    assert change["id"] == written.change_id
    assert change["operation"] == "todos.add"
    assert change["via"] == ("rest" if face_name == "rest" else "mcp:add_todos")
    assert change["client"]
    assert began <= datetime.fromisoformat(change["at"]) <= datetime.now(UTC) + timedelta(seconds=1)


@pytest.mark.requirement("SA2")
async def test_a_change_shows_each_row_before_and_after(me: Face) -> None:
    first, second = (await me.add({"title": "a"}, {"title": "b", "description": "d"})).accepted
    added = await latest(me)
    await me.update({"id": first, "title": "A"}, {"id": second, "clear": ["description"], "priority": "high"})
    updated = await latest(me)
    await me.complete(first)
    completed = await latest(me)
    await me.delete(second)
    deleted = await latest(me)

    assert rows(added) == [(first, None, {"title": "a"}), (second, None, {"title": "b"})]
    assert rows(updated) == [
        (first, {"title": "a"}, {"title": "A"}),
        (second, {"description": "d", "priority": "medium"}, {"description": None, "priority": "high"}),
    ]
    ((todo, before, after),) = without_flag(rows(completed))
    assert (todo, before) == (first, {"completed_at": None})
    assert after["completed_at"] is not None
    ((todo, before, after),) = rows(deleted)
    assert (todo, before) == (second, {"deleted_at": None})
    assert after["deleted_at"] is not None


@pytest.mark.requirement("SA2")
async def test_what_changed_nothing_is_not_recorded(me: Face) -> None:
    (todo,) = (await me.add({"title": "a"})).accepted
    before = await me.changes()

    await me.update({"id": todo, "title": "a"})
    await me.complete(todo, completed=False)
    await me.delete(2**62)

    assert await me.changes() == before


@pytest.mark.requirement("SA2", "OW4")
async def test_only_accepted_items_of_a_batch_are_recorded(me: Face, other: Face) -> None:
    (theirs,) = (await other.add({"title": "theirs"})).accepted
    (mine,) = (await me.add({"title": "mine"})).accepted

    await me.complete(theirs, mine, 2**62)

    assert [todo for todo, _, _ in rows(await latest(me))] == [mine]


@pytest.mark.requirement("SA3")
async def test_an_undo_and_what_it_undid_name_each_other(me: Face) -> None:
    added = await me.add({"title": "a"})
    undone = await me.undo(added.change)

    undo, add = (await me.changes(limit=2))[:2]

    assert (undo["id"], undo["undoes"]) == (undone.change_id, added.change_id)
    assert (add["id"], add["undone_by"]) == (added.change_id, undone.change_id)


@pytest.mark.requirement("SA4")
async def test_since_gives_every_later_change_once_in_order_page_by_page(me: Face) -> None:
    start = (await me.add({"title": "before"})).change
    made = [(await me.add({"title": str(n)})).change for n in range(5)]
    made.append((await me.undo(made[0])).change)

    seen: list[int] = []
    since = start
    for turn in range(50):
        page, since = await me.changes_since(since, 2)
        if not page:
            break
        assert len(page) <= 2
        seen += [change["id"] for change in page]
        assert since == seen[-1]
        if turn == 0:
            made.append((await me.add({"title": "meanwhile"})).change)

    assert seen == made == sorted(made)


@pytest.mark.requirement("SA4")
async def test_at_the_end_since_stays_where_it_is_and_later_sees_what_comes(me: Face) -> None:
    last = (await me.add({"title": "a"})).change

    assert await me.changes_since(last, 50) == ([], last)
    new = await me.add({"title": "b"})
    changes, since = await me.changes_since(last, 50)

    assert [change["id"] for change in changes] == [new.change_id]
    assert since == new.change_id


@pytest.mark.requirement("SA4")
async def test_a_since_beyond_the_newest_change_is_the_newest(me: Face) -> None:
    """As of a database that was restored from a backup: what comes after it has lower numbers than it had before."""
    last = (await me.add({"title": "a"})).change_id
    assert await me.changes_since(2**63 - 1, 50) == ([], last)
    new = await me.add({"title": "b"})
    changes, since = await me.changes_since(last, 50)
    assert ([change["id"] for change in changes], since) == ([new.change_id], new.change_id)


@pytest.mark.requirement("SA4")
async def test_without_since_the_latest_come_first(me: Face) -> None:
    made = [(await me.add({"title": str(n)})).change for n in range(3)]

    assert [change["id"] for change in await me.changes(limit=3)] == made[::-1]


@pytest.mark.requirement("SA4")
async def test_going_back_ends_after_every_change_once_newest_first(me: Face) -> None:
    made = [(await me.add({"title": str(n)})).change for n in range(5)]

    seen: list[int] = []
    before: int | None = None
    for turn in range(50):
        page, before = await me.changes_before(before, 2)
        seen += [change["id"] for change in page]
        if turn == 0:
            await me.add({"title": "meanwhile"})
        if before is None:
            break
        assert (len(page), before) == (2, seen[-1])

    assert before is None
    assert seen == sorted(seen, reverse=True)
    assert seen[:5] == made[::-1]
    assert await me.changes_before(seen[-1], 2) == ([], None)


@pytest.mark.requirement("SA4")
@each(
    "wanted",
    [
        {"since": -1},
        {"since": 2**63},
        {"before": 0},
        {"before": 2**63},
        {"before": 3, "since": 1},
        {"limit": 0},
        {"limit": 201},
        {"until": 3},
    ],
)
async def test_a_wrong_wish_is_refused_by_name(me: Face, wanted: Json) -> None:
    with pytest.raises(RefusedError) as refused:
        await me.changes(**wanted)

    assert refused.value.code == "invalid_input"
    assert refused.value.told["errors"][0]["field"] == next(iter(wanted))


@pytest.mark.requirement("OW1", "SA4")
async def test_nobody_sees_the_changes_of_another(me: Face, other: Face) -> None:
    await me.add({"title": "mine"})
    hers = await other.add({"title": "theirs"})

    changes, _ = await me.changes_since(0, 200)

    assert hers.change_id not in [change["id"] for change in changes]
    assert "theirs" not in str(changes)
