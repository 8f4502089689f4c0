"""The order by hand: todos among their siblings, each right where it was put."""

from __future__ import annotations

from typing import Any

import pytest

from tests.behaviour.support import titles
from tests.faces import Face, Json, RefusedError

pytestmark = pytest.mark.requirement("TD14")


async def order(me: Face, **wanted: Any) -> str:
    """The titles in their order, each a letter."""
    return "".join(await titles(me, sort="manual", **{"status": "all", "top_level": True, **wanted}))


async def letters(me: Face, word: str, **fields: Any) -> dict[str, int]:
    """Todos, each with a letter as its title, and their ids."""
    return dict(zip(word, (await me.add(*({"title": letter, **fields} for letter in word))).accepted, strict=True))


@pytest.mark.parametrize(
    ("moves", "expected"),
    [
        ([("d", "before", "b")], "adbce"),
        ([("a", "after", "c")], "bcade"),
        ([("c", "place", "first")], "cabde"),
        ([("b", "place", "last")], "acdeb"),
        ([("d", "after", "a"), ("e", "after", "a")], "adebc"),  # the same target: in the order of the request
        ([("e", "before", "b"), ("d", "before", "b")], "aedbc"),
        ([("e", "place", "first"), ("c", "place", "first"), ("d", "place", "first")], "ecdab"),
        ([("c", "place", "last"), ("a", "place", "last")], "bdeca"),
        ([("a", "after", "e"), ("b", "after", "a"), ("c", "before", "b")], "deacb"),
        ([("e", "before", "a"), ("a", "after", "c")], "ebcad"),
    ],
)
async def test_todos_go_where_they_are_put_and_a_repetition_changes_nothing(
    me: Face, moves: list[tuple[str, str, str]], expected: str
) -> None:
    ids = await letters(me, "abcde")
    items = [{"id": ids[one], name: ids.get(target, target)} for one, name, target in moves]

    moved = await me.update(*items)
    assert await order(me) == expected
    assert await order(me, direction="desc") == expected[::-1]
    if len({(name, target) for _, name, target in moves}) == 1:  # others say two things, one after the other
        assert (await me.update(*items)).unchanged == [True] * len(items)

    undone = await me.undo(moved.change)
    assert await order(me) == "abcde"
    await me.undo(undone.change)
    assert await order(me) == expected


async def test_fifty_keep_their_order_wherever_they_go(me: Face) -> None:
    word = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWX"
    ids = await letters(me, word) | await letters(me, "YZ")
    backwards = word[::-1]
    (garden,) = (await me.add_list("Garden")).accepted

    for where, expected in (
        ({"after": ids["Y"]}, f"Y{backwards}Z"),
        ({"before": ids["Y"]}, f"{backwards}YZ"),
        ({"place": "first"}, f"{backwards}YZ"),
        ({"place": "last"}, f"YZ{backwards}"),
    ):
        await me.update(*({"id": ids[one], **where} for one in backwards))
        assert await order(me, limit=200) == expected
    moved = await me.update(*({"id": ids[one], "list_id": garden} for one in word))
    assert (await order(me, list_id=garden, limit=200), await order(me, has_list=False)) == (word, "YZ")
    await me.undo(moved.change)
    assert await order(me, limit=200) == f"YZ{backwards}"


async def test_what_is_added_comes_last_or_first_as_the_profile_says(me: Face) -> None:
    ids = await letters(me, "ab")
    await letters(me, "c")
    assert await order(me) == "abc"
    change = (await me.update_profile(new_todos="first")).change
    await letters(me, "de")
    await letters(me, "f", place="last")
    await letters(me, "gh", after=ids["a"])
    await letters(me, "ij", before=ids["a"])
    assert await order(me) == "deijaghbcf"

    (garden,) = (await me.add_list("Garden")).accepted
    await letters(me, "xy", list_id=garden)
    await me.update({"id": ids["b"], "list_id": garden}, {"id": ids["a"], "list_id": garden})
    assert await order(me, list_id=garden) == "baxy"
    await me.undo(change)
    await letters(me, "z", list_id=garden)
    await letters(me, "v", list_id=garden, place="first")
    assert await order(me, list_id=garden) == "vbaxyz"
    await letters(me, "w", after=ids["a"])  # its list is its neighbour's
    assert await order(me, list_id=garden) == "vbawxyz"


@pytest.mark.requirement("TD9")
async def test_subtasks_have_an_order_of_their_own(me: Face) -> None:
    top = await letters(me, "pq")
    below = await letters(me, "abc", parent_id=top["p"])
    await letters(me, "xy", parent_id=top["q"])

    await me.update({"id": below["c"], "before": below["a"]})
    assert await order(me, top_level=False, parent_id=top["p"]) == "cab"
    await me.update({"id": below["a"], "parent_id": top["q"]})
    assert await order(me, top_level=False, parent_id=top["q"]) == "xya"
    free = await me.update({"id": below["b"], "parent_id": top["q"], "place": "first"})
    assert await order(me, top_level=False, parent_id=top["q"]) == "bxya"
    await me.undo(free.change)
    assert await order(me, top_level=False, parent_id=top["p"]) == "cb"

    (garden,) = (await me.add_list("Garden")).accepted
    await me.update({"id": top["q"], "list_id": garden})
    assert await order(me, top_level=False, parent_id=top["q"]) == "xya"
    nested = (
        await me.add(
            {"title": "n"}, {"title": "1", "parent_index": 0}, {"title": "2", "parent_index": 0, "place": "first"}
        )
    ).accepted
    assert await order(me, top_level=False, parent_id=nested[0]) == "21"


@pytest.mark.requirement("TD6", "TD7", "LT1")
async def test_a_place_outlives_completion_the_trash_and_a_deleted_list(me: Face) -> None:
    ids = await letters(me, "abc")
    await me.complete(ids["b"])
    assert await order(me) == "abc"
    await me.complete(ids["b"], completed=False)
    await me.delete(ids["b"])
    await letters(me, "d", after=ids["a"])
    assert await order(me) == "adc"
    await me.delete(ids["b"], deleted=False)
    assert await order(me) == "adbc"

    (garden,) = (await me.add_list("Garden")).accepted
    others = await letters(me, "xyz", list_id=garden)
    await me.update({"id": others["z"], "place": "first"})
    gone = await me.delete_list(garden, todos="move", move_to=(await me.list(ids=[ids["a"]])).todos[0]["list_id"])
    assert await order(me) == "adbczxy"
    await me.undo(gone.change)
    assert (await order(me, list_id=garden), await order(me, has_list=False)) == ("zxy", "adbc")
    await me.delete_list(garden, todos="trash")
    await me.delete(others["x"], deleted=False)  # to the inbox, behind what is there
    assert await order(me) == "adbcx"


@pytest.mark.requirement("TD11")
async def test_the_next_occurrence_of_a_repeat_takes_its_place_with_its_subtasks(me: Face) -> None:
    ids = await letters(me, "abc")
    (daily,) = (await letters(me, "R", repeat="daily", after=ids["a"])).values()
    below = await letters(me, "xyz", parent_id=daily)
    await me.update({"id": below["z"], "before": below["x"]})

    for _ in range(3):
        await me.complete(daily)
        assert await order(me, status="open") == "aRbc"
        (daily,) = [todo["id"] for todo in (await me.list(text="R")).todos]
    assert await order(me, status="open", top_level=False, parent_id=daily) == "zxy"
    await me.update({"id": ids["c"], "before": daily})
    assert await order(me) == "acRRRRb"
    await me.update({"id": ids["c"], "after": daily})
    assert await order(me) == "aRRRRcb"
    await me.update({"id": daily, "place": "last"})
    assert await order(me) == "aRRRcbR"
    assert await order(me, status="open") == "acbR"


@pytest.mark.requirement("SA1")
async def test_an_undo_puts_a_todo_back_between_those_that_are_still_there(me: Face) -> None:
    ids = await letters(me, "abcdef")
    moved = await me.update({"id": ids["c"], "place": "last"})
    await me.update({"id": ids["f"], "after": ids["b"]})
    await me.update({"id": ids["b"], "place": "last"})
    assert await order(me) == "afdecb"
    await me.delete(ids["d"])

    back = await me.undo(moved.change)
    assert await order(me) in ("acfeb", "afceb")  # between a, which b stood behind, and e, which d stood before
    with pytest.raises(RefusedError) as refused:
        await me.undo(moved.change)
    assert refused.value.code == "undo_refused"
    await me.undo(back.change)
    assert await order(me) == "afecb"


@pytest.mark.requirement("SA1")
async def test_a_later_move_is_in_the_way_of_an_undo(me: Face) -> None:
    ids = await letters(me, "abc")
    first = await me.update({"id": ids["a"], "place": "last"})
    second = await me.update({"id": ids["a"], "before": ids["c"]})

    with pytest.raises(RefusedError) as refused:
        await me.undo(first.change)
    assert (refused.value.code, refused.value.told["blocked_by"]) == ("undo_refused", second.change)
    await me.undo(second.change)
    await me.undo(first.change)
    assert await order(me) == "abc"


@pytest.mark.requirement("OP8", "SA4")
async def test_a_rehearsed_move_moves_nothing(me: Face) -> None:
    ids = await letters(me, "ab")

    rehearsed = await me.rehearsing().update({"id": ids["b"], "place": "first"})

    assert (rehearsed.dry_run, rehearsed.unchanged, rehearsed.change_id) == (True, [False], None)
    assert await order(me) == "ab"


def _field(refusal: Json | None) -> tuple[str, str]:
    assert refusal is not None
    return refusal.get("error_code") or refusal["code"], refusal["errors"][0]["field"]


@pytest.mark.requirement("OW4")
async def test_a_place_beside_what_is_no_sibling_is_refused(me: Face, other: Face) -> None:
    ids = await letters(me, "ab")
    (garden,) = (await me.add_list("Garden")).accepted
    (flower,) = (await letters(me, "f", list_id=garden)).values()
    (below,) = (await letters(me, "s", parent_id=ids["a"])).values()
    (trashed,) = (await letters(me, "t")).values()
    await me.delete(trashed)
    (theirs,) = (await letters(other, "x")).values()
    refused: list[tuple[Json, str, str]] = [
        ({"after": flower}, "invalid_input", "after"),
        ({"before": below}, "invalid_input", "before"),
        ({"before": ids["b"]}, "invalid_input", "before"),
        ({"after": theirs}, "not_owner", "after"),
        ({"after": 2**62}, "not_found", "after"),
        ({"before": trashed}, "not_found", "before"),
        ({"before": ids["a"], "place": "last"}, "invalid_input", "place"),
        ({"after": ids["a"], "list_id": garden}, "invalid_input", "after"),
        ({"after": ids["a"], "parent_id": ids["a"]}, "invalid_input", "after"),
    ]

    items = [{"id": ids["b"], **fields} for fields, _, _ in refused]
    for item, (_, code, field) in zip(items, refused, strict=True):
        told = await me.update(item, {"id": below, "title": "s"})
        assert _field(told.refusals[0]) == (code, field), item
    added = await me.add(
        *({"title": "n", **fields} for fields, _, _ in refused if "list_id" in fields or fields.get("after") == theirs),
        {"title": "n", "before": below},
        {"title": "n", "after": below, "parent_id": ids["a"]},
        {"title": "n", "parent_index": 3, "after": below},
    )
    assert added.errors == ["not_owner", "invalid_input", "invalid_input", None, "invalid_input"]
    moved = await me.update({"id": ids["b"], "after": flower, "list_id": garden})
    assert (moved.errors, await order(me, list_id=garden)) == ([None], "fb")
