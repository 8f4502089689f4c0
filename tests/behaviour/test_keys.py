"""A todo's key, by which others know it: added again, it is found and not made twice; and the link to its source."""

from __future__ import annotations

from unicodedata import normalize

import anyio
import pytest

from tests.behaviour.rows import item_of, todo_of, todos_of
from tests.behaviour.support import refusal
from tests.faces import Face, Json, Written
from tests.texts import HOSTILE
from todo_core.boundary.caller import Caller

pytestmark = pytest.mark.requirement("TD15")


def is_existing(written: Written) -> list[bool]:
    """Of each item whether it was there already."""
    return [bool((item or {}).get("existing")) for item in written.items]


async def keys_of(owner: Caller) -> dict[int, str | None]:
    """The key of each todo, those in the trash too."""
    rows = [*await todos_of(owner), *await todos_of(owner, status="trashed")]
    return {row["id"]: row["key"] for row in rows}


async def test_a_known_key_makes_nothing_and_is_answered_with_its_todo(me: Face, ann: Caller) -> None:
    (todo,) = (await me.add({"title": "a", "key": "mail-1"})).accepted
    states = {
        "open": None,
        "done": lambda: me.complete(todo),
        "trashed": lambda: me.delete(todo),
    }
    for status, change in states.items():
        if change is not None:
            await change()
        before = await todo_of(ann, todo)

        again = await me.add({"title": "b", "key": "mail-1", "due": "yesterday 5pm", "tags": ["new"], "list_id": 2**62})

        assert (again.accepted, is_existing(again), again.unchanged, again.change_id) == ([todo], [True], [True], None)
        item = item_of(again)
        assert item["title"] == "a"
        assert item.get("status", status) == status
        assert bool(item.get("deleted_at")) == (status == "trashed")
        assert await todo_of(ann, todo) == before
    assert len(await keys_of(ann)) == 1


async def test_fifty_with_one_key_make_one_todo_in_a_call_and_at_once(me: Face, ann: Caller) -> None:
    bad = {"title": "bad", "key": "k", "list_id": 2**62}
    written = await me.add(
        bad, *({"title": f"{n}", "key": "k"} for n in range(48)), {"title": "child", "parent_index": 7}
    )

    made, child = min(todo for todo in written.ids if todo is not None), written.ids[-1]
    assert written.ids == [None, *([made] * 48), child]
    assert is_existing(written) == [False, False, *([True] * 47), False]
    assert [(row["title"], row["parent_id"]) for row in await todos_of(ann)] == [("0", None), ("child", made)]

    answers: list[Written] = []

    async def add(n: int) -> None:
        answers.append(await me.add({"title": f"{n}", "key": "another"}))

    async with anyio.create_task_group() as tasks:
        for n in range(12):
            tasks.start_soon(add, n)
    assert len({todo for answer in answers for todo in answer.accepted}) == 1
    assert sorted(one for answer in answers for one in is_existing(answer)) == [False, *([True] * 11)]


async def test_keys_that_differ_in_any_byte_are_different(me: Face, ann: Caller) -> None:
    keys = [
        "Key",
        "key",
        "KEY",
        "é",
        normalize("NFD", "é"),
        "\ufb01",
        "fi",
        "a b",
        "a  b",
        "x" * 200,
        "<1@mail>",
        "ß",
        "ss",
    ]

    added = await me.add(*({"title": key[:9], "key": key} for key in keys))

    assert not any(is_existing(added))
    assert list((await keys_of(ann)).values()) == keys
    for key, todo in zip(keys, added.accepted, strict=True):
        assert [row["id"] for row in (await me.list(key=key)).todos] == [todo]
    assert (await me.list(key="kEy")).total == 0


async def test_the_filter_finds_what_has_the_key_in_archived_lists_too(me: Face) -> None:
    (work,) = (await me.add_list("work")).accepted
    (todo,) = (await me.add({"title": "a", "key": "k", "list_id": work}, {"title": "b", "key": "l"})).accepted[:1]
    await me.update_list(work, is_archived=True)
    assert [row["id"] for row in (await me.list(key="k")).todos] == [todo]

    await me.complete(todo)
    assert (await me.list(key="k")).total == 0
    assert (await me.list(key="k", status="done")).total == 1


async def test_an_item_below_one_that_was_there_is_put_below_its_todo(me: Face, ann: Caller) -> None:
    (parent,) = (await me.add({"title": "parent", "key": "p"})).accepted
    family = [{"title": "again", "key": "p"}, {"title": "child", "key": "c", "parent_index": 0}]

    first, second = await me.add(*family), await me.add(*family)

    assert first.accepted == second.accepted
    assert (is_existing(first), is_existing(second)) == ([True, False], [True, True])
    assert (await todo_of(ann, first.accepted[1]))["parent_id"] == parent

    await me.complete(parent)
    late = await me.add({"title": "again", "key": "p"}, {"title": "late", "parent_index": 0})
    assert late.errors == [None, "invalid_input"]
    assert late.refusals[1] is not None
    assert late.refusals[1]["errors"][0]["field"].endswith("parent_index")


async def test_the_next_occurrence_takes_the_key_over_and_undo_gives_it_back(me: Face, ann: Caller) -> None:
    series = {"title": "a", "key": "k", "source": "https://a.test/", "repeat": "daily", "due": "2027-01-04"}
    first, child = (await me.add(series, {"title": "c", "key": "sub", "parent_index": 0})).accepted
    once = await me.complete(first)
    following = item_of(once)["next"]["id"]
    (copy,) = (row for row in await todos_of(ann, parent_id=following))

    given = {first: None, child: "sub", following: "k", copy["id"]: None}
    assert await keys_of(ann) == given
    assert (await todo_of(ann, following))["source"] == "https://a.test/"
    assert (await todo_of(ann, first))["version"] == 2
    assert (await me.add({"title": "x", "key": "k"})).accepted == [following]
    (entry,) = (
        row for row in (await me.changes(limit=1))[0].get("rows", [{"todo": first}]) if row.get("todo") == first
    )
    assert "before" not in entry or (entry["before"]["key"], entry["after"]["key"]) == ("k", None)

    undone = await me.undo(once.change)
    assert await keys_of(ann) == given | {first: "k", following: None}
    assert (await me.add({"title": "x", "key": "k"})).accepted == [first]
    redone = await me.undo(undone.change)
    assert await keys_of(ann) == given
    await me.undo(redone.change)
    again = await me.complete(first)
    assert (await keys_of(ann))[item_of(again)["next"]["id"]] == "k"


async def test_a_series_that_ends_keeps_its_key(me: Face, ann: Caller) -> None:
    (last,) = (await me.add({"title": "a", "key": "k", "repeat": "daily, 1 time"})).accepted
    await me.complete(last)
    assert await keys_of(ann) == {last: "k"}


async def test_an_undone_addition_keeps_its_key_in_the_trash(me: Face, ann: Caller) -> None:
    added = await me.add({"title": "a", "key": "k"})
    undone = await me.undo(added.change)

    again = await me.add({"title": "b", "key": "k"})
    assert (again.accepted, is_existing(again), again.change_id) == (added.accepted, [True], None)

    await me.undo(undone.change)
    assert await keys_of(ann) == {added.accepted[0]: "k"}


async def test_a_dry_run_tells_the_same_and_takes_no_key(me: Face, ann: Caller) -> None:
    rehearsed = await me.rehearsing().add({"title": "a", "key": "k"}, {"title": "b", "key": "k"})
    assert (is_existing(rehearsed), rehearsed.change_id) == ([False, True], None)

    assert is_existing(await me.add({"title": "a", "key": "k"})) == [False]
    assert is_existing(await me.rehearsing().add({"title": "a", "key": "k"})) == [True]
    assert len(await keys_of(ann)) == 1


async def test_keys_of_others_are_others(me: Face, other: Face) -> None:
    (hers,) = (await me.add({"title": "hers", "key": "k"})).accepted

    his = await other.add({"title": "his", "key": "k"})

    assert is_existing(his) == [False]
    assert his.accepted != [hers]
    assert [row["title"] for row in (await other.list(key="k")).todos] == ["his"]


async def test_a_key_is_given_once(me: Face) -> None:
    (todo,) = (await me.add({"title": "a", "key": "k"})).accepted
    for change in ({"key": "l"}, {"clear": ["key"]}):
        told = await me.update({"id": todo, **change}) if "key" in change else None
        if told is not None:
            assert told.errors == ["invalid_input"]
            assert told.refusals[0] is not None
            assert told.refusals[0]["errors"][0]["field"].endswith("key")
    assert (await me.list(key="k")).total == 1


BAD_KEYS: list[object] = [
    "",
    " ",
    " a",
    "a ",
    "a\u00a0",
    "\u3000a",
    "a\nb",
    "a\tb",
    "\u3164",
    "\u200b",
    "x" * 201,
    5,
    ["k"],
]
BAD_KEYS += [text for name, (text, _, _) in HOSTILE.items() if name != "lone surrogate"]
BAD_LINKS: list[object] = [
    *("", " ", "example.test", "/path", "//example.test", "ftp://a.test", "javascript:alert(1)", "data:text/html,x"),
    *(
        "http://",
        "https:///path",
        "https://?q",
        "http://[::1",
        "http://a.test:99999",
        "http://a.test:x",
        "http://a.test:0",
    ),
    *(
        "https://bank.test@evil.test/",
        "https://user:secret@a.test/",
        "https://@a.test",
        "https:\\\\a.test",
        "https://a.test\\b",
    ),
    *(
        "https://a b.test",
        "https://a.test/a b",
        "https://a.test/\u00a0x",
        "https://a.test/<x>",
        'https://a.test/"',
        "https://a.test/\nx",
    ),
    *("https://a.test/\u202e", "https://a.test/\x00", "https://a.test/" + "x" * 2000, 5, ["https://a.test"]),
]
GOOD_LINKS = [
    *(
        "https://a.test",
        "http://a.test:8080/b?c=d#e",
        "HTTPS://A.test/",
        "http://[::1]/",
        "http://127.0.0.1/",
        "https://müller.test/ü",
    ),
    *(
        "https://a.test/" + normalize("NFD", "é"),
        "https://a.test/{x}|y",
        "https://a.test/" + "x" * 1985,
        "https://a.test/@me",
    ),
]


async def test_odd_keys_and_links_are_refused_by_name_and_good_ones_kept_as_they_are(me: Face, ann: Caller) -> None:
    odd: list[Json] = [{"title": "a", "key": key} for key in BAD_KEYS]
    odd += [{"title": "a", "source": link} for link in BAD_LINKS]
    for start in range(0, len(odd), 50):
        items = odd[start : start + 50]
        for item, told in zip(items, (await me.add(*items)).refusals, strict=True):
            assert told is not None, item
            field = told["errors"][0]["field"]
            assert field.endswith("key" if "key" in item else "source"), item
            assert told.get("code", told.get("error_code")) == "invalid_input"

    made = await me.add(*({"title": "a", "source": link} for link in GOOD_LINKS))
    assert [(await todo_of(ann, todo))["source"] for todo in made.accepted] == GOOD_LINKS
    assert (await refusal(me.list(key=" a")))["code"] == "invalid_input"


async def test_a_source_is_changed_cleared_and_put_back(me: Face, ann: Caller) -> None:
    (todo,) = (await me.add({"title": "a", "source": "https://a.test/1"})).accepted
    changed = await me.update({"id": todo, "source": "https://a.test/2"})
    cleared = await me.update({"id": todo, "clear": ["source"]})
    assert (await todo_of(ann, todo))["source"] is None

    await me.undo(cleared.change)
    assert (await todo_of(ann, todo))["source"] == "https://a.test/2"
    await me.undo(changed.change)
    row = await todo_of(ann, todo)
    assert (row["source"], row["version"]) == ("https://a.test/1", 5)
