"""What an addition tells of open todos that look the same, and does about them."""

from __future__ import annotations

from typing import Final

import anyio
import pytest

from tests.behaviour.rows import item_of, todos_of
from tests.behaviour.support import refusal, titles
from tests.faces import Face, FaceName, Json, Written, face
from tests.support import token_of
from todo_app.application import Application
from todo_core.boundary.caller import Caller
from todo_core.models.todos import TodoCreate
from todo_core.operations import todos

pytestmark = pytest.mark.requirement("TD17")

MILK: Final = {"title": "Buy milk"}
AGAIN: Final = {"title": "buy the milk!"}


def similar(written: Written) -> list[list[int]]:
    """Of each item the ids of what looks the same."""
    return [[hit["id"] for hit in (item or {}).get("similar", ())] for item in written.items]


def is_existing(written: Written) -> list[bool]:
    """Of each item whether it was there already."""
    return [bool((item or {}).get("existing")) for item in written.items]


async def test_an_addition_names_the_three_open_todos_that_look_the_same_most(me: Face, other: Face) -> None:
    (work,) = (await me.add_list("Work")).accepted
    await other.add(MILK)
    old = [(await me.add(MILK)).accepted[0] for _ in range(3)]
    (near,) = (await me.add({"title": "Buy milk tomorrow", "list_id": work})).accepted
    await me.add({"title": "Buy bread"})

    added = await me.add(AGAIN)

    assert similar(added) == [old[::-1]]
    hit = item_of(added)["similar"][0]
    assert {name: hit[name] for name in ("id", "title", "list")} == {"id": old[2], "title": "Buy milk", "list": "Inbox"}
    (one,) = (await me.add({"title": "Milk! Buy today!"})).accepted
    await me.complete(*old)
    soon = await me.add({"title": "Buy milk"})
    assert similar(soon)[0] == [added.accepted[0], near, one]
    assert [hit["list"] for hit in item_of(soon)["similar"]] == ["Inbox", "Work", "Inbox"]
    assert len(str(item_of(soon)["similar"][1])) / 4 - len("Buy milk tomorrow") / 4 < 20  # about a token each 4


async def test_what_is_done_in_the_trash_or_archived_counts_for_nothing(me: Face) -> None:
    (away,) = (await me.add_list("Away")).accepted
    done, trashed, undone, archived = [
        (await me.add(MILK | fields)).accepted[0] for fields in ({}, {}, {}, {"list_id": away})
    ]
    await me.complete(done)
    await me.delete(trashed)
    again = await me.add(AGAIN)
    assert similar(again) == [[archived, undone]]
    await me.undo(again.change)
    await me.update_list(away, is_archived=True)
    await me.delete(undone)

    assert similar(await me.add(AGAIN)) == [[]]
    await me.complete(done, completed=False)
    assert done in similar(await me.add(AGAIN))[0]


async def test_items_of_one_call_are_compared_in_their_order(me: Face) -> None:
    added = await me.add(MILK, {"title": "Buy bread"}, AGAIN)
    assert similar(added) == [[], [], [added.accepted[0]]]

    rehearsed = await me.rehearsing().add({"title": "Buy eggs"}, {"title": "eggs: buy"}, AGAIN)
    assert [len(hits) for hits in ((item or {}).get("similar", ()) for item in rehearsed.items)] == [0, 1, 2]
    assert similar(await me.add({"title": "Buy eggs"})) == [[]]


async def test_return_answers_with_the_todo_that_looks_the_same_and_adds_nothing(me: Face, ann: Caller) -> None:
    (milk,) = (await me.add(MILK)).accepted
    before = await todos_of(ann)

    again = await me.add(AGAIN, if_similar="return")

    assert (again.accepted, is_existing(again), again.unchanged, again.change_id) == ([milk], [True], [True], None)
    assert item_of(again)["title"] == "Buy milk"
    assert similar(again) == [[]]
    assert await todos_of(ann) == before

    family = [AGAIN, {"title": "with the card", "parent_index": 0}, {"title": "Buy eggs"}, {"title": "eggs, buy"}]
    mixed = await me.add(*family, if_similar="return")
    assert is_existing(mixed) == [True, False, False, True]
    assert (mixed.ids[0], mixed.ids[3]) == (milk, mixed.ids[2])
    assert {row["title"]: row["parent_id"] for row in await todos_of(ann)} == {
        "Buy milk": None,
        "with the card": milk,
        "Buy eggs": None,
    }


async def test_refuse_refuses_the_item_alone_and_says_what_looks_the_same(me: Face) -> None:
    (milk,) = (await me.add(MILK)).accepted

    written = await me.add(
        {"title": "Buy eggs"}, AGAIN, {"title": "below", "parent_index": 1}, {"title": "eggs: buy"}, if_similar="refuse"
    )

    assert written.errors == [None, "similar_exists", "invalid_input", "similar_exists"]
    said = [[hit["id"] for hit in (told or {}).get("similar", ())] for told in written.refusals]
    assert said == [[], [milk], [], [written.ids[0]]]
    assert await titles(me, sort="created", direction="asc") == ["Buy milk", "Buy eggs"]


async def test_a_subtask_is_like_neither_what_is_above_it_nor_subtasks_elsewhere(me: Face) -> None:
    (kitchen, garden) = (await me.add({"title": "Clean kitchen"}, {"title": "Garden"})).accepted
    for if_similar in ("add", "refuse"):
        below = await me.add(
            {"title": "clean the kitchen", "parent_id": kitchen},
            {"title": "Top"},
            {"title": "top", "parent_index": 1},
            {"title": "TOP", "parent_index": 2},
            if_similar=if_similar,
        )
        assert below.errors == [None] * 4
        assert similar(below) == [[]] * 4
        await me.undo(below.change)

    (tools,) = (await me.add({"title": "Get tools", "parent_id": kitchen})).accepted
    assert similar(await me.add({"title": "get tools", "parent_id": garden})) == [[]]
    assert tools in similar(await me.add({"title": "get tools", "parent_id": kitchen}))[0]
    assert tools in similar(await me.add({"title": "get the tools"}))[0]


async def test_a_key_comes_first_and_a_retry_says_the_same(me: Face) -> None:
    (milk,) = (await me.add(MILK | {"key": "k"})).accepted
    assert is_existing(await me.add({"title": "other", "key": "k"}, if_similar="refuse")) == [True]
    returned = await me.add(AGAIN | {"key": "l"}, {"title": "no matter", "key": "l"}, if_similar="return")
    assert (returned.ids, is_existing(returned)) == ([milk, milk], [True, True])

    first = await me.add(AGAIN, key="once")
    again = await me.add(AGAIN, key="once")
    assert (again.replayed, again.ids, similar(again)) == (True, first.ids, [[milk]])
    refused = await refusal(me.add(AGAIN, key="once", if_similar="return"))
    assert refused["code"] == "idempotency_key_reused"


async def test_of_several_at_once_each_is_told_of_those_before(me: Face) -> None:
    answers: list[Written] = []

    async def add(if_similar: str) -> None:
        answers.append(await me.add(MILK, if_similar=if_similar))

    async with anyio.create_task_group() as tasks:
        for _ in range(6):
            tasks.start_soon(add, "return")
    assert sorted(is_existing(one) for one in answers) == [[False], *([[True]] * 5)]
    answers.clear()
    async with anyio.create_task_group() as tasks:
        for _ in range(2):
            tasks.start_soon(add, "add")
    assert sorted(len(similar(one)[0]) for one in answers) == [1, 2]


async def test_the_next_occurrence_is_like_nothing(me: Face) -> None:
    (plants,) = (await me.add({"title": "Water plants", "repeat": "daily"})).accepted
    other = await me.add({"title": "Water the plants"})
    assert similar(other) == [[plants]]

    done = await me.complete(plants)

    told: Json = item_of(done)
    assert told["next"]["id"] != other.accepted[0]
    assert not told.get("similar")


async def test_what_is_no_choice_is_refused(me: Face) -> None:
    refused = await refusal(me.add(MILK, if_similar="skip"))
    assert refused["code"] == "invalid_input"
    assert refused["errors"][0]["allowed"] == ["add", "return", "refuse"]


@pytest.mark.requirement("ID4")
async def test_who_may_only_add_learns_of_no_other_todo(face_name: FaceName, app: Application, ann: Caller) -> None:
    await ann.perform(todos.add, [TodoCreate(title="a secret plan")])
    async with face(face_name, app, await token_of(ann, "todos:write")) as writer:
        added = await writer.add({"title": "a secret plan"})
        assert similar(added) == [[]]
        for choice in ("return", "refuse"):
            refused = await refusal(writer.add({"title": "a secret plan"}, if_similar=choice))
            assert refused["errors"][0]["field"] == "if_similar"
            assert "secret" not in str(refused)
