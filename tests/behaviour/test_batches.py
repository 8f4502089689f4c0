"""Batches: one result for each item, in order; a bad item never fails the good ones."""

from __future__ import annotations

from typing import Any

import pytest

from tests.faces import Face, RefusedError

pytestmark = pytest.mark.requirement("MC5")


@pytest.mark.requirement("TD1")
async def test_fifty_todos_are_added_in_order(me: Face) -> None:
    written = await me.add(*({"title": f"todo {n}"} for n in range(50)))

    assert written.accepted == sorted(written.accepted)
    listed = (await me.list(direction="asc", limit=200)).todos
    assert [todo["title"] for todo in listed] == [f"todo {n}" for n in range(50)]
    assert [todo["id"] for todo in listed] == written.ids


@pytest.mark.parametrize("verb", ["add", "update", "complete", "delete", "restore"])
@pytest.mark.parametrize("count", [0, 51])
async def test_no_item_and_fifty_one_items_are_refused_as_a_whole(me: Face, verb: str, count: int) -> None:
    added = await me.add(*({"title": str(n)} for n in range(50)))
    ids = [*added.accepted, 2**62][:count]
    before = await me.list(limit=200)
    writes = {
        "add": lambda: me.add(*({"title": "x"} for _ in ids)),
        "update": lambda: me.update(*({"id": todo, "title": "x"} for todo in ids)),
        "complete": lambda: me.complete(*ids),
        "delete": lambda: me.delete(*ids),
        "restore": lambda: me.delete(*ids, deleted=False),
    }

    with pytest.raises(RefusedError) as refused:
        await writes[verb]()

    assert refused.value.code == "invalid_input"
    assert await me.list(limit=200) == before


@pytest.mark.requirement("TD1")
async def test_bad_todos_are_reported_beside_the_added_ones(me: Face) -> None:
    written = await me.add(
        {"title": "first"}, {"title": ""}, {"title": "second"}, {"priority": "low"}, {"title": "x", "colour": "red"}
    )

    assert written.errors == [None, "invalid_input", None, "invalid_input", "invalid_input"]
    assert written.change_id is not None
    listed = await me.list(direction="asc")
    assert [(todo["id"], todo["title"]) for todo in listed.todos] == [
        (written.ids[0], "first"),
        (written.ids[2], "second"),
    ]


@pytest.mark.requirement("TD5", "OW4")
async def test_each_refused_update_has_its_own_reason_in_its_place(me: Face, other: Face) -> None:
    (theirs,) = (await other.add({"title": "theirs"})).accepted
    first, stale, last = (await me.add({"title": "a"}, {"title": "b"}, {"title": "c"})).accepted

    written = await me.update(
        {"id": first, "title": "A"},
        {"id": theirs, "title": "stolen"},
        {"id": stale, "title": "B", "if_version": 9},
        {"title": "no id"},
        {"id": 2**62, "title": "nobody"},
        {"id": last, "title": "C"},
        {"id": first, "title": "again"},
        {"id": last},
    )

    assert written.errors == [
        None,
        "not_owner",
        "version_conflict",
        "invalid_input",
        "not_found",
        None,
        "invalid_input",
        "invalid_input",
    ]
    assert [todo["title"] for todo in (await me.list(direction="asc")).todos] == ["A", "b", "C"]
    assert [todo["title"] for todo in (await other.list()).todos] == ["theirs"]


@pytest.mark.requirement("TD6", "TD7", "OW4")
@pytest.mark.parametrize("verb", ["complete", "delete"])
async def test_ids_keep_their_order_whatever_becomes_of_each(me: Face, other: Face, verb: str) -> None:
    (theirs,) = (await other.add({"title": "theirs"})).accepted
    done, open_ = (await me.add({"title": "a"}, {"title": "b"})).accepted
    set_ = me.complete if verb == "complete" else me.delete
    await set_(done)

    written = await set_(2**62, open_, theirs, done, open_)

    assert written.errors == ["not_found", None, "not_owner", None, "invalid_input"]
    assert written.unchanged == [False, False, False, True, False]
    assert written.ids == [None, open_, None, done, None]


@pytest.mark.requirement("TD6", "TD7")
@pytest.mark.parametrize("verb", ["complete", "delete"])
async def test_what_is_no_id_never_fails_the_ids_beside_it(me: Face, verb: str) -> None:
    first, second = (await me.add({"title": "a"}, {"title": "b"})).accepted
    bad: list[Any] = [0, -1, 2**63, 10**30, "5x", 1.5, True]

    written = await (me.complete if verb == "complete" else me.delete)(first, *bad, second)

    assert written.errors == [None, *["invalid_input"] * len(bad), None]
    assert written.ids == [first, *[None] * len(bad), second]


async def test_a_batch_of_which_nothing_is_accepted_changes_nothing(me: Face) -> None:
    before = await me.changes()

    written = await me.add({"title": ""}, {"title": "x", "colour": "red"})

    assert written.errors == ["invalid_input", "invalid_input"]
    assert written.change_id is None
    assert await me.changes() == before
