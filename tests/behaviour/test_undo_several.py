"""Several changes are undone as one, the latest first: all of them, or none, and then each is named."""

from __future__ import annotations

import pytest

from tests.behaviour.test_undo import state
from tests.faces import Face, RefusedError
from tests.tables import each

pytestmark = pytest.mark.requirement("SA3", "SA7")


async def morning(me: Face) -> list[int]:
    """What an agent did, each change on what the ones before it left; the changes, oldest first."""
    added = await me.add({"title": "a"}, {"title": "b"})
    first, second = added.accepted
    renamed = await me.update({"id": first, "title": "A", "priority": "high", "description": "d"})
    again = await me.update({"id": first, "title": "AA"})
    done = await me.complete(first, second)
    gone = await me.delete(second)
    below = await me.add({"title": "c"}, {"title": "d", "parent_index": 0})
    return [one.change for one in (added, renamed, again, done, gone, below)]


async def test_what_built_on_each_other_is_undone_in_any_order_as_one_change(me: Face) -> None:
    await me.add({"title": "there before"})
    before = await state(me)
    made = await morning(me)
    after = await state(me)

    undone = await me.undo_all(*[made[n] for n in (2, 0, 5, 3, 1, 4)])

    assert [row["title"] for row in await state(me) if row.get("deleted_at") is None] == ["there before"]
    assert [row for row in await state(me) if row["title"] == "there before"] == before
    (told,) = await me.changes(limit=1)
    assert told["id"] == undone.change_id
    assert told["operation"] == "changes.undo_several"
    named = told["undoes"] if isinstance(told["undoes"], list) else [told["undoes"], *told["undoes_also"]]
    assert named == sorted(made, reverse=True)
    assert len(told.get("entries", told.get("rows"))) == 4  # each todo once
    assert [change["undone_by"] for change in (await me.changes(limit=7))[1:]] == [undone.change_id] * 6

    redone = await me.undo(undone.change)
    assert await state(me) == after
    await me.undo(redone.change)
    assert [row["title"] for row in await state(me) if row.get("deleted_at") is None] == ["there before"]


async def test_all_or_nothing_and_each_conflict_is_named_with_what_is_in_its_way(me: Face) -> None:
    first, second, third = (await me.add({"title": "a"}, {"title": "b"}, {"title": "c"})).accepted
    one = await me.update({"id": first, "title": "A"})
    two = await me.update({"id": second, "title": "B"})
    three = await me.update({"id": third, "title": "C"})
    four = await me.update({"id": third, "priority": "high"})
    in_the_way = await me.update({"id": first, "title": "!"})
    undone = await me.undo(two.change)
    before = await state(me)

    with pytest.raises(RefusedError) as refused:
        await me.undo_all(one.change, two.change, three.change, four.change)

    assert refused.value.code == "undo_refused"
    assert [
        {name: conflict.get(name) for name in ("change_id", "undone_by", "entity", "id", "blocked_by")}
        for conflict in refused.value.told["conflicts"]
    ] == [
        {"change_id": two.change, "undone_by": undone.change, "entity": None, "id": None, "blocked_by": None},
        {"change_id": one.change, "undone_by": None, "entity": "todo", "id": first, "blocked_by": in_the_way.change},
    ]
    assert all(conflict["message"] for conflict in refused.value.told["conflicts"])
    assert await state(me) == before
    assert (await me.changes(limit=1))[0]["id"] == undone.change

    await me.undo_all(three.change, four.change, in_the_way.change, one.change)
    assert [row["title"] for row in await state(me)] == ["a", "b", "c"]


async def test_a_change_between_them_is_what_is_in_the_way_and_not_one_of_them(me: Face) -> None:
    (todo,) = (await me.add({"title": "a"})).accepted
    first, between, last = [(await me.update({"id": todo, "title": title})).change for title in ("b", "c", "d")]

    with pytest.raises(RefusedError) as refused:
        await me.undo_all(first, last)

    (conflict,) = refused.value.told["conflicts"]
    assert (conflict["change_id"], conflict["blocked_by"]) == (first, between)


async def test_a_list_and_what_was_put_into_it_since_go_together(me: Face) -> None:
    made = await me.add_list("Trip")
    (list_id,) = made.accepted
    filled = await me.add({"title": "a", "list_id": list_id}, {"title": "b", "list_id": list_id})

    with pytest.raises(RefusedError):
        await me.undo(made.change)
    undone = await me.undo_all(made.change, filled.change)
    assert "Trip" not in [row["name"] for row in (await me.overview())["lists"]]

    await me.undo(undone.change)
    assert (await me.list(list_id=list_id)).total == 2


async def test_what_is_refused_in_the_middle_leaves_nothing_for_those_that_are_tried_after_it(me: Face) -> None:
    """The list comes back before its todo is found in the way: then the list is as the older change left it."""
    made = await me.add_list("Trip")
    (list_id,) = made.accepted
    (todo,) = (await me.add({"title": "a", "list_id": list_id})).accepted
    gone = await me.delete_list(list_id, todos="trash")
    await me.delete(todo, deleted=False)

    with pytest.raises(RefusedError) as refused:
        await me.undo_all(made.change, gone.change)

    assert [one["change_id"] for one in refused.value.told["conflicts"]] == [gone.change, made.change]


async def test_each_is_undone_once_whatever_undid_it(me: Face) -> None:
    made = [(await me.add({"title": title})).change for title in ("a", "b", "c")]
    undone = await me.undo_all(*made[:2])

    for which in (made[0], made[1]):
        with pytest.raises(RefusedError) as refused:
            await me.undo(which)
        assert refused.value.told["undone_by"] == undone.change
    with pytest.raises(RefusedError) as refused:
        await me.undo_all(made[1], made[2])
    assert [conflict["change_id"] for conflict in refused.value.told["conflicts"]] == [made[1]]
    assert (await me.list()).total == 1


async def test_with_a_key_it_happens_once(me: Face) -> None:
    made = [(await me.add({"title": title})).change for title in ("a", "b")]

    first = await me.undo_all(*made, key="undo-both")
    again = await me.undo_all(*made, key="undo-both")

    assert (again.change_id, again.accepted) == (first.change_id, first.accepted)
    with pytest.raises(RefusedError) as refused:
        await me.undo_all(made[0], key="undo-both")
    assert refused.value.code == "idempotency_key_reused"


@pytest.mark.requirement("OW1", "OW4")
async def test_others_and_unknown_changes_are_named_by_their_place_and_nothing_happens(me: Face, other: Face) -> None:
    mine = (await me.add({"title": "mine"})).change
    theirs = (await other.add({"title": "theirs"})).change

    for ids, code in (((mine, 2**62), "not_found"), ((mine, theirs), "not_owner")):
        with pytest.raises(RefusedError) as refused:
            await me.undo_all(*ids)
        assert refused.value.code == code
        (problem,) = refused.value.told["errors"]
        assert problem["field"] in ("change_ids.1", "change_ids[1]")
    assert (await me.list()).total == (await other.list()).total == 1


@each("wanted", [(), (0,), (2**63,), (3, 3), tuple(range(1, 52))])
async def test_what_is_no_set_of_changes_is_refused_by_name(me: Face, wanted: tuple[int, ...]) -> None:
    with pytest.raises(RefusedError) as refused:
        await me.undo_all(*wanted)

    assert refused.value.code == "invalid_input"
    assert refused.value.told["errors"][0]["field"].startswith("change_ids")
