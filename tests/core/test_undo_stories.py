"""Whatever happened to todos, lists and tags: sets of it are undone, and the undo is undone, to the very same rows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final

import orjson
import pytest

from tests.core.support import CoreOpener, titles_of
from tests.core.test_undo_runs import everything, tag_ids
from todo_core.boundary.agents import AgentKey
from todo_core.boundary.caller import Caller
from todo_core.errors import TodoError, UndoRefused
from todo_core.models.changes import UndoChoice
from todo_core.models.lists import ListCreate, ListQuery, ListRemoval
from todo_core.models.todos import TodoCreate, TodoFilter
from todo_core.operations import changes, lists, tags, todos, users

pytestmark = pytest.mark.requirement("SA3", "SA7")

NAMES: Final = ("a", "b", "c", "d")
"""Of tags, few, so that they change hands."""
FOUND: Final = 3669
"""A story that went back to another state once, by what had both tags of a merge."""
BEFORE: Final = 6
"""Steps before the first look."""
MEANWHILE: Final = 12
"""Steps that are undone."""


@dataclass
class Story:
    """Somebody who does one thing after the other, drawn at random; what is refused is let be."""

    me: Caller
    draw: Random
    ids: list[int] = field(default_factory=list)
    """The changes."""

    async def go_on(self, steps: int) -> None:
        often = (self.tag, self.tag, self.tag, self.change_a_tag, self.change_a_tag)
        for _ in range(steps):
            step = self.draw.choice((*often, self.add, self.change, self.put, self.end, self.change_a_list))
            with suppress(TodoError):
                if (change_id := (await step()).change_id) is not None:
                    self.ids.append(change_id)

    async def _one(self, operation: Any, *args: Any) -> int:
        """Any row of a page; an id of none where it is empty."""
        rows = orjson.loads((await self.me.perform(operation, *args)).json)
        chosen: int = self.draw.choice(rows)["id"] if rows else 2**50
        return chosen

    async def _todo(self, status: Any = "all") -> int:
        return await self._one(todos.list_, TodoFilter(status=status, archived="include", limit=200))

    async def _list(self) -> int:
        return await self._one(lists.list_, ListQuery(archived="include"))

    def _names(self) -> list[str]:
        return self.draw.sample(NAMES, self.draw.randint(1, 2))

    async def add(self) -> Any:
        where = self.draw.choice(({"list_id": await self._list()}, {"parent_id": await self._todo("open")}))
        items = [TodoCreate(title="new", tags=self._names()), TodoCreate(title="other", **where)]
        return await self.me.perform(todos.add, items[: self.draw.randint(1, 2)])

    async def tag(self) -> Any:
        how = self.draw.choice(("tags", "add_tags", "remove_tags"))
        ids = {await self._todo() for _ in range(self.draw.randint(1, 2))}
        return await self.me.perform(todos.update, [{"id": todo, how: self._names()} for todo in sorted(ids)])

    async def change(self) -> Any:
        what = self.draw.choice(({"title": f"{self.draw.random()}"}, {"priority": "high"}, {"place": "first"}))
        return await self.me.perform(todos.update, [{"id": await self._todo(), **what}])

    async def put(self) -> Any:
        places: list[dict[str, Any]] = [{"list_id": await self._list()}, {"parent_id": await self._todo()}]
        where = self.draw.choice([*places, {"parent_id": None}])
        return await self.me.perform(todos.update, [{"id": await self._todo(), **where}])

    async def end(self) -> Any:
        operation: Any = self.draw.choice((todos.complete, todos.reopen, todos.delete, todos.restore))
        return await self.me.perform(operation, [await self._todo("trashed" if operation is todos.restore else "all")])

    async def change_a_list(self) -> Any:
        one, name = await self._list(), f"list {self.draw.choice(NAMES)}"
        match self.draw.randrange(6):
            case 0:
                return await self.me.perform(lists.add, [ListCreate(name=name)])
            case 1:
                return await self.me.perform(lists.delete, [one], ListRemoval(todos="trash"))
            case 2:
                return await self.me.perform(lists.delete, [one], ListRemoval(todos="move", move_to=await self._list()))
            case 3:
                return await self.me.perform(lists.update, [{"id": one, "is_archived": bool(self.draw.randrange(2))}])
            case _:
                return await self.me.perform(lists.update, [{"id": one, "name": name}])

    async def change_a_tag(self) -> Any:
        one = await self._one(tags.list_)
        match self.draw.randrange(4):
            case 0:
                return await self.me.perform(tags.delete, one)
            case 1:
                return await self.me.perform(tags.merge, one, await self._one(tags.list_))
            case _:
                return await self.me.perform(tags.rename, one, self.draw.choice(NAMES))


@pytest.fixture
async def me(ann: Caller, another_core: CoreOpener) -> AsyncIterator[Caller]:
    """Somebody who may do very much."""
    async with another_core(rate_limit="off") as core:
        yield replace(ann, core=core)


def _cause(conflict: Any) -> int | None:
    """The change that a refusal names."""
    cause: int | None = conflict.get("blocked_by") or conflict.get("undone_by")
    return cause


async def _require_causes(me: Caller, ids: list[int]) -> None:
    """Each change that cannot be undone by itself has another one in its way, which is named."""
    for change_id in ids:
        refusal: UndoRefused | None = None
        try:
            await replace(me, dry_run=True).perform(changes.undo, change_id)
        except UndoRefused as refused:
            refusal = refused
        assert refusal is None or _cause(refusal.extra), f"{change_id}: {refusal and refusal.extra}"


async def _require_there_and_back(me: Caller, seed: int, *, half: bool) -> None:
    story = Story(me, Random(seed))  # noqa: S311
    await story.go_on(BEFORE)
    first, begin = await everything(me), len(story.ids)
    await story.go_on(MEANWHILE)
    last, meant = await everything(me), story.ids[begin:]
    if not meant:
        return
    await _require_causes(me, meant)
    ids = story.draw.sample(meant, (len(meant) + 1) // 2) if half else meant
    undone = await me.perform(changes.undo_several, ids, UndoChoice(skip_conflicts=half))
    assert all(_cause(one) for one in undone.skipped), undone.skipped
    left = await everything(me)
    assert half or left == first
    if undone.change_id is not None:
        redone = await me.perform(changes.undo, undone.change_id)
        assert await everything(me) == last
        await me.perform(changes.undo, redone.change_id)
        assert await everything(me) == left


@pytest.mark.parametrize("seeds", [[*range(20), FOUND], pytest.param(range(20, 400), marks=pytest.mark.exhaustive)])
async def test_a_set_is_undone_and_its_undo_and_all_is_the_same(seeds: Sequence[int], me: Caller) -> None:
    """All that happened, and half of it; and whatever cannot be undone, a change is named that is in its way."""
    failed: dict[int, str] = {}
    for seed in seeds:
        somebody = Caller(me.core, await me.core.identity.local(f"story {seed}"), "test")
        try:
            await _require_there_and_back(somebody, seed, half=seed % 2 == 1)
        except (AssertionError, TodoError) as problem:
            failed[seed] = f"{problem!r}"[:300]
    assert not failed


async def _new(me: Caller, title: str, *names: str) -> int:
    added = await me.perform(todos.add, [TodoCreate(title=title, tags=list(names))])
    made: int = orjson.loads(added.one().json)["id"]
    return made


async def test_a_tag_that_got_another_name_in_the_set_gets_it_again(me: Caller) -> None:
    """And no tag of a name in between is left."""
    todo = await _new(me, "one")
    given = await me.perform(todos.update, [{"id": todo, "tags": ["d"]}])
    tag = (await tag_ids(me))["d"]
    renamed = await me.perform(tags.rename, tag, "e")
    undone = await me.perform(changes.undo_several, [given.change_id, renamed.change_id])
    assert await tag_ids(me) == {}
    redone = await me.perform(changes.undo, undone.change_id)
    assert await tag_ids(me) == {"e": tag}
    assert (await everything(me))[0]["tags"] == ["e"]
    await me.perform(changes.undo, redone.change_id)
    assert await tag_ids(me) == {}


async def test_no_tag_is_made_of_what_only_a_state_in_between_had(me: Caller) -> None:
    """It was given, another one took its place, and somebody deleted it; an undo of both has no need of it."""
    todo, other = await _new(me, "one"), await _new(me, "other", "z")
    given = await me.perform(todos.update, [{"id": todo, "tags": ["d"]}])
    between = await me.perform(tags.rename, (await tag_ids(me))["z"], "y")
    taken = await me.perform(todos.update, [{"id": todo, "tags": ["f"]}])
    await me.perform(tags.delete, (await tag_ids(me))["d"])
    undone = await me.perform(changes.undo_several, [given.change_id, between.change_id, taken.change_id])

    assert [*await tag_ids(me)] == ["z"]
    record = orjson.loads((await me.perform(changes.get, undone.change_id)).json)
    assert not [entry for entry in record["entries"] if entry["is_new"]]
    assert other


async def test_what_is_in_the_way_is_named_where_it_is_another_row(me: Caller) -> None:
    """A tag that was renamed, a name that was taken, a list that was filled, a parent that was completed."""
    todo, parent = await _new(me, "one"), await _new(me, "parent")
    made = orjson.loads((await me.perform(lists.add, [ListCreate(name="Work")])).one().json)["id"]
    blocked: dict[int | None, int | None] = {}
    given = await me.perform(todos.update, [{"id": todo, "tags": ["d"]}])
    blocked[given.change_id] = (await me.perform(tags.rename, (await tag_ids(me))["d"], "e")).change_id
    freed = await me.perform(lists.update, [{"id": made, "name": "Home"}])
    taken = await me.perform(lists.add, [ListCreate(name="Work")])
    blocked[freed.change_id] = taken.change_id
    work = orjson.loads(taken.one().json)["id"]
    filled = await me.perform(todos.add, [TodoCreate(title="in it", list_id=work)])
    blocked[taken.change_id] = filled.change_id
    gone = await me.perform(todos.delete, [await _below(me, parent)])
    blocked[gone.change_id] = (await me.perform(todos.complete, [parent])).change_id

    for change_id, cause in blocked.items():
        with pytest.raises(UndoRefused) as refused:
            await me.perform(changes.undo, change_id)
        assert refused.value.extra["blocked_by"] == cause


async def _below(me: Caller, parent: int) -> int:
    added = await me.perform(todos.add, [TodoCreate(title="below", parent_id=parent)])
    made: int = orjson.loads(added.one().json)["id"]
    return made


async def test_what_lost_a_merged_tag_since_does_not_get_the_other_one_back(me: Caller) -> None:
    """Neither by the undo of the merge, nor by the undo of that."""
    kept, lost = await _new(me, "kept", "a"), await _new(me, "lost", "a")
    await _new(me, "other", "b")
    named = await tag_ids(me)
    merged = await me.perform(tags.merge, named["a"], named["b"])
    await me.perform(todos.update, [{"id": lost, "tags": []}])

    undone = await me.perform(changes.undo, merged.change_id)
    assert await _tags_of(me, kept, lost) == [["a"], []]
    await me.perform(changes.undo, undone.change_id)
    assert await _tags_of(me, kept, lost) == [["b"], []]


async def test_what_had_both_tags_of_a_merge_and_lost_one_since_has_the_other_until_the_merge_is_back(
    me: Caller,
) -> None:
    """And no third one, by the undo of the undo: what it had there was nothing."""
    todo, _ = await _new(me, "both", "a", "d"), await _new(me, "other", "d")
    named = await tag_ids(me)
    merged = await me.perform(tags.merge, named["d"], named["a"])
    await me.perform(todos.update, [{"id": todo, "tags": []}])

    undone = await me.perform(changes.undo, merged.change_id)
    assert await _tags_of(me, todo) == [["d"]]
    redone = await me.perform(changes.undo, undone.change_id)
    assert await _tags_of(me, todo) == [[]]
    await me.perform(changes.undo, redone.change_id)
    assert await _tags_of(me, todo) == [["d"]]


async def _tags_of(me: Caller, *ids: int) -> list[list[str]]:
    read = {row["id"]: row["tags"] for row in await everything(me) if "tags" in row}
    return [read[todo_id] for todo_id in ids]


# --- what comes to nothing, and what is undone in between ----------------------------------------


async def _versions(me: Caller) -> list[tuple[int, int]]:
    page = await me.perform(todos.list_, TodoFilter(status="all", archived="include", limit=200))
    reads = [page, await me.perform(lists.list_, ListQuery(archived="include")), await me.perform(tags.list_)]
    return [(row["id"], row["version"]) for read in reads for row in orjson.loads(read.json)]


async def _list_and_its_end(me: Caller) -> list[int | None]:
    added = await me.perform(lists.add, [ListCreate(name="Work")])
    gone = await me.perform(lists.delete, [added.one().as_dict()["id"]], ListRemoval(todos="trash"))
    return [added.change_id, gone.change_id]


async def _tag_and_its_end(me: Caller) -> list[int | None]:
    given = await me.perform(todos.update, [{"id": await _new(me, "one"), "tags": ["d"]}])
    gone = await me.perform(tags.delete, (await tag_ids(me))["d"])
    return [given.change_id, gone.change_id]


@pytest.mark.parametrize("make", [_list_and_its_end, _tag_and_its_end])
async def test_a_set_that_comes_to_nothing_is_no_change_also_where_it_is_of_several_kinds(
    make: Any, me: Caller
) -> None:
    """Nothing is written, and the changes stand; beside another change they count as undone."""
    ids = await make(me)
    before = await _versions(me)

    undone = await me.perform(changes.undo_several, ids)

    assert undone.change_id is None
    assert not any(row.changed for row in undone.results)
    assert await _versions(me) == before
    record = [orjson.loads((await me.perform(changes.get, change_id)).json) for change_id in ids]
    assert [change["undone_by"] for change in record] == [None, None]
    other = await _new(me, "other")
    renamed = await me.perform(todos.update, [{"id": other, "title": "another"}])
    beside = await me.perform(changes.undo_several, [*ids, renamed.change_id])
    assert beside.change_id is not None
    redone = await me.perform(changes.undo, beside.change_id)
    assert redone.change_id is not None


async def test_a_tag_that_was_made_and_merged_is_merged_again_and_taken_apart_again(me: Caller) -> None:
    """Also for what is in the trash by then: it does not keep the other tag."""
    await _new(me, "other", "a")
    added = await me.perform(todos.add, [TodoCreate(title="new", tags=["d"])])
    todo, named = orjson.loads(added.one().json)["id"], await tag_ids(me)
    merged = await me.perform(tags.merge, named["d"], named["a"])
    undone = await me.perform(changes.undo_several, [added.change_id, merged.change_id])
    redone = await me.perform(changes.undo, undone.change_id)
    assert await _tags_of(me, todo) == [["a"]]

    await me.perform(changes.undo, redone.change_id)
    restored = await me.perform(todos.restore, [todo])
    assert orjson.loads(restored.one().json)["tags"] == []


@pytest.mark.parametrize("others", [False, True])
async def test_of_a_time_is_undone_also_what_was_changed_between_another_change_and_its_undo(
    others: bool, me: Caller
) -> None:
    """By the undo of an agent as by that of somebody else; neither the change nor its undo is undone by that."""
    todo = await _new(me, "one")
    agent = replace(me, principal=replace(me.principal, agent_key=AgentKey.of_program("test", "x")), via="mcp:test")
    renamed = await agent.perform(todos.update, [{"id": todo, "title": "two", "add_note": "n"}])
    tagged = await agent.perform(todos.update, [{"id": todo, "tags": ["d"]}])
    first = await (me if others else agent).perform(changes.undo, renamed.change_id)
    record = orjson.loads((await me.perform(changes.get, renamed.change_id)).json)

    undone = await me.perform(changes.undo_several, [], UndoChoice(agent=record["agent_id"]))

    (row,) = [row for row in await everything(me) if "tags" in row]
    assert (row["title"], row["tags"]) == ("one", [])
    ends = [orjson.loads((await me.perform(changes.get, one.change_id)).json) for one in (renamed, tagged, first)]
    assert [change["undone_by"] for change in ends] == [first.change_id, undone.change_id, None]
    await me.perform(changes.undo, undone.change_id)
    (row,) = [row for row in await everything(me) if "tags" in row]
    assert (row["title"], row["tags"], row["note_count"]) == ("one", ["d"], 0)


async def test_a_tag_of_a_change_that_was_undone_meanwhile_goes_with_what_used_it(me: Caller) -> None:
    """Unless somebody else uses it since."""
    one, other, third = [await _new(me, title) for title in ("one", "other", "third")]
    made = await me.perform(todos.update, [{"id": one, "tags": ["d", "e"]}])
    used = await me.perform(todos.update, [{"id": other, "tags": ["d", "e"]}])
    await me.perform(changes.undo, made.change_id)
    record = orjson.loads((await me.perform(changes.get, made.change_id)).json)
    before = await tag_ids(me)
    agent = replace(me, principal=replace(me.principal, agent_key=AgentKey.of_program("test", "x")), via="mcp:test")
    await agent.perform(todos.update, [{"id": third, "tags": ["e"]}])
    ended = orjson.loads((await me.perform(changes.get, used.change_id)).json)["at"]

    undone = await me.perform(changes.undo_several, [], UndoChoice(made_after=record["at"], made_before=_after(ended)))

    assert (await tag_ids(me)).keys() == {"e"}
    redone = await me.perform(changes.undo, undone.change_id)
    assert await tag_ids(me) == before
    await me.perform(changes.undo, redone.change_id)
    assert (await tag_ids(me)).keys() == {"e"}


def _after(moment: str) -> str:
    """A microsecond later: the end of a span is no part of it."""
    return (datetime.fromisoformat(moment) + timedelta(microseconds=1)).isoformat()


async def test_the_default_list_goes_back_whatever_has_become_of_it(me: Caller) -> None:
    """It was deleted, and then chosen no more; what is deleted between is no part of what comes out."""
    made = orjson.loads((await me.perform(lists.add, [ListCreate(name="Work")])).one().json)["id"]
    await me.perform(users.update, {"default_list_id": made})
    before = await everything(me)
    gone = await me.perform(lists.delete, [made], ListRemoval(todos="trash"))
    deleted = await everything(me)
    cleared = await me.perform(users.update, {"default_list_id": None})

    undone = await me.perform(changes.undo_several, [gone.change_id, cleared.change_id])
    assert await everything(me) == before
    redone = await me.perform(changes.undo, undone.change_id)
    await me.perform(changes.undo, redone.change_id)
    assert await everything(me) == before
    await me.perform(lists.delete, [made], ListRemoval(todos="trash"))
    cleared = await me.perform(users.update, {"default_list_id": None})
    await me.perform(changes.undo, cleared.change_id)
    assert await everything(me) == deleted


async def test_where_it_cannot_go_by_way_of_what_was_undone_all_is_as_without(me: Caller) -> None:
    """Somebody gave it a third title since: what was changed in between is in the way, and named, or left out."""
    todo, other = await _new(me, "one"), await _new(me, "other")
    agent = replace(me, principal=replace(me.principal, agent_key=AgentKey.of_program("test", "x")), via="mcp:test")
    renamed = await agent.perform(todos.update, [{"id": todo, "title": "two"}])
    tagged = await agent.perform(todos.update, [{"id": todo, "tags": ["d"]}])
    await agent.perform(changes.undo, renamed.change_id)
    beside = await agent.perform(todos.update, [{"id": other, "title": "beside"}])
    third = await me.perform(todos.update, [{"id": todo, "title": "three"}])
    record = orjson.loads((await me.perform(changes.get, renamed.change_id)).json)

    with pytest.raises(UndoRefused) as refused:
        await me.perform(changes.undo_several, [], UndoChoice(agent=record["agent_id"]))
    (conflict,) = refused.value.extra["conflicts"]
    assert (conflict["change_id"], conflict["blocked_by"]) == (tagged.change_id, third.change_id)

    undone = await me.perform(changes.undo_several, [], UndoChoice(agent=record["agent_id"], skip_conflicts=True))
    assert [one["change_id"] for one in undone.skipped] == [tagged.change_id]
    assert await titles_of(me) == ["three", "other"]
    assert orjson.loads((await me.perform(changes.get, beside.change_id)).json)["undone_by"] == undone.change_id


async def test_a_series_with_a_key_that_was_added_and_completed_goes_and_comes_back(me: Caller) -> None:
    """Both occurrences go to the trash; the first one has the key there, as if undone one after the other."""
    added = await me.perform(todos.add, [TodoCreate(title="one", key="k", due="2026-12-01", repeat="daily")])
    first = orjson.loads(added.one().json)["id"]
    done = await me.perform(todos.complete, [first])
    again = orjson.loads(done.one().json)["next"]["id"]
    last = await me.perform(todos.complete, [again])
    before = await _keys(me)

    undone = await me.perform(changes.undo_several, [added.change_id, done.change_id, last.change_id])

    left = await _keys(me)
    assert left == dict.fromkeys(before) | {first: "k"}
    redone = await me.perform(changes.undo, undone.change_id)
    assert await _keys(me) == before
    await me.perform(changes.undo, redone.change_id)
    assert await _keys(me) == left


async def test_an_occurrence_goes_back_to_the_place_that_it_shares(me: Caller) -> None:
    """The oldest of those with one place comes first, so the completed one is before the next one again."""
    first = await _new(me, "one")
    await me.perform(todos.update, [{"id": first, "due": "2026-12-01", "repeat": "daily"}])
    other = await _new(me, "other")
    await me.perform(todos.complete, [first])
    before = await everything(me)
    moved = await me.perform(todos.update, [{"id": first, "after": other}])

    undone = await me.perform(changes.undo, moved.change_id)

    assert await everything(me) == before
    redone = await me.perform(changes.undo, undone.change_id)
    await me.perform(changes.undo, redone.change_id)
    assert await everything(me) == before


async def _keys(me: Caller) -> dict[int, str | None]:
    pages = [await me.perform(todos.list_, TodoFilter(status=status)) for status in ("all", "trashed")]
    return {row["id"]: row["key"] for page in pages for row in orjson.loads(page.json)}


async def _left_out_and_made_anew(me: Caller) -> tuple[int, int]:
    """A todo that gets its tag back by an undo which makes it anew, and the undo: one of that name goes by it."""
    todo, _ = await _new(me, "one", "b"), await _new(me, "between", "z")
    taken = await me.perform(todos.update, [{"id": todo, "tags": []}])
    await me.perform(tags.delete, (await tag_ids(me))["b"])
    between = await me.perform(tags.rename, (await tag_ids(me))["z"], "y")
    given = await me.perform(todos.update, [{"id": await _new(me, "other"), "tags": ["b"]}])
    undone = await me.perform(changes.undo_several, [taken.change_id, between.change_id, given.change_id])
    assert undone.change_id is not None
    return todo, undone.change_id


async def test_a_tag_gets_its_name_back_from_one_that_the_undo_of_a_set_made(me: Caller) -> None:
    todo, undone = await _left_out_and_made_anew(me)
    first = await tag_ids(me)

    redone = await me.perform(changes.undo, undone)
    assert await _tags_of(me, todo) == [[]]
    assert (await tag_ids(me)).keys() == {"b", "y"}
    await me.perform(changes.undo, redone.change_id)
    assert await _tags_of(me, todo) == [["b"]]
    assert (await tag_ids(me)).keys() == first.keys()


async def test_a_tag_that_the_undo_of_a_set_made_keeps_its_name_where_somebody_used_it_since(me: Caller) -> None:
    _, undone = await _left_out_and_made_anew(me)
    used = await me.perform(todos.update, [{"id": await _new(me, "third"), "tags": ["b"]}])
    before = await everything(me)

    with pytest.raises(UndoRefused) as refused:
        await me.perform(changes.undo, undone)

    assert refused.value.extra["blocked_by"] == used.change_id
    assert await everything(me) == before
