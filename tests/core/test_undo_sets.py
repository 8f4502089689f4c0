"""A set of changes is taken back at once: of an agent, of a time, with some ids, or of these together."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest

from tests.core.support import add, on_the_wire, titles_of
from tests.core.test_changes import change_of
from tests.core.test_undo_several import made
from tests.tables import each
from todo_core.boundary.agents import AgentKey
from todo_core.boundary.caller import Caller
from todo_core.errors import ConfirmationRequired, InvalidInput, NotFound, NotOwner, UndoRefused
from todo_core.models.changes import ChangeFilter, UndoChoice
from todo_core.models.todos import TodoCreate, TodoFilter
from todo_core.models.tokens import TokenCreate
from todo_core.operations import changes, tags, todos, tokens
from todo_core.rules.reverting import choosing, runs
from todo_core.rules.reverting.choosing import Past

pytestmark = pytest.mark.requirement("SA3", "SA7")


def acting(me: Caller, name: str, via: str = "mcp:test") -> Caller:
    """An agent of somebody's."""
    key = AgentKey.of_program("test", name)
    return replace(me, principal=replace(me.principal, agent_key=key), via=via, client=name, confirmed_count=None)


async def number_of(agent: Caller) -> int:
    """The id of an agent."""
    found = await agent.core.agents.find(agent.principal.user_id, agent.agent_key, agent.client)  # type: ignore[arg-type]
    assert found is not None
    return found.id


async def moment_of(me: Caller, change_id: int | None) -> datetime:
    return datetime.fromisoformat((await change_of(me, change_id))["at"])


def after(at: datetime) -> str:
    """What means the time after a moment."""
    return (at + timedelta(microseconds=1)).isoformat()


async def test_a_morning_of_one_of_three_agents_is_taken_back_and_nothing_else(ann: Caller) -> None:
    mail, phone, desk = (acting(ann, name) for name in ("mail", "phone", "desk"))
    (kept,) = await add(ann, "kept")
    old = (await mail.perform(todos.add, [TodoCreate(title="of the evening before")])).change_id
    begin = after(await moment_of(ann, old))
    (row,) = (await mail.perform(todos.add, [TodoCreate(title="spam", tags=["mail"])])).results
    spam = row.as_dict()["id"]  # type: ignore[union-attr]
    await phone.perform(todos.add, [TodoCreate(title="call")])
    await mail.perform(todos.update, [{"id": spam, "title": "more spam"}])
    await desk.perform(todos.update, [{"id": kept, "priority": "high"}])
    await mail.perform(todos.complete, [kept])
    which = UndoChoice(agent=await number_of(mail), made_after=begin)

    tried = await ann.once(None, dry_run=True).perform(changes.undo_several, [], which)
    assert (len(tried.results), tried.change_id) == (3, None)
    undone = await ann.perform(changes.undo_several, [], which)

    assert await titles_of(ann) == ["kept", "of the evening before", "call"]
    told = await change_of(ann, undone.change_id)
    assert (len(told["undoes_also"]) + 1, told["agent_id"]) == (3, None)
    assert orjson.loads((await ann.perform(tags.list_)).json) == []
    again = await ann.perform(changes.undo_several, [], which)
    assert (again.change_id, again.results) == (None, [])
    await ann.perform(changes.undo, undone.change_id)
    assert await titles_of(ann) == ["of the evening before", "more spam", "call"]


async def test_what_is_in_the_way_is_named_and_the_others_go_if_that_is_asked_for(ann: Caller) -> None:
    agent = acting(ann, "mail")
    first, second, third = [(await add(agent, title))[0] for title in "abc"]
    for todo_id in (first, second, third):
        await agent.perform(todos.update, [{"id": todo_id, "priority": "high"}])
    later = (await ann.perform(todos.update, [{"id": second, "title": "B"}])).change_id
    everything = UndoChoice(agent=await number_of(agent))

    with pytest.raises(UndoRefused) as refused:
        await ann.perform(changes.undo_several, [], everything)
    conflicts = refused.value.extra["conflicts"]
    assert [(one["id"], one["blocked_by"]) for one in conflicts] == [(second, later)] * 2
    assert "skip_conflicts" in refused.value.next_step
    key = ann.once("skip")
    undone, replayed = [
        await key.perform(changes.undo_several, [], everything.model_copy(update={"skip_conflicts": True}))
        for _ in range(2)
    ]

    assert [*undone.skipped] == [*replayed.skipped] == conflicts
    assert replayed.replayed
    assert await titles_of(ann) == ["B"]
    await ann.perform(changes.undo, undone.change_id)
    assert sorted(await titles_of(ann)) == ["B", "a", "c"]


async def test_an_agent_takes_back_sets_of_its_own_changes_and_others_one_by_one(ann: Caller) -> None:
    mail, phone = acting(ann, "mail"), acting(ann, "phone", "rest")
    (theirs,), (own,) = await made(phone, "theirs"), await made(mail, "own")

    for ids, choice, field in (
        ([own, theirs], None, "change_ids.1"),
        ([theirs], None, "change_ids.0"),
        ([], UndoChoice(agent=await number_of(phone)), "agent"),
    ):
        with pytest.raises(InvalidInput) as refused:
            await mail.perform(changes.undo_several, ids, choice)
        assert [one.field for one in refused.value.errors] == [field]
    await mail.perform(changes.undo_several, [], UndoChoice(when="last hour"))
    assert await titles_of(ann) == ["theirs"]
    await mail.perform(changes.undo, theirs)
    assert await titles_of(ann) == []


@pytest.mark.requirement("MC8")
async def test_deletes_are_counted_by_agent(ann: Caller) -> None:
    """Two programs of one person, neither with an API token, have a number each."""
    mail, phone = (replace(acting(ann, name), confirmed=False) for name in ("mail", "phone"))
    ids = [(await add(ann, f"todo {n}"))[0] for n in range(12)]
    for agent, part in ((mail, ids[:6]), (phone, ids[6:])):
        await agent.perform(todos.delete, part)

    last = await add(ann, *(f"more {n}" for n in range(5)))
    with pytest.raises(ConfirmationRequired) as asked:
        await phone.perform(todos.delete, last)
    assert (asked.value.count, asked.value.recent) == (5, 6)


async def test_what_no_undo_is_for_stands_and_is_named_and_a_proposal_is_not(ann: Caller) -> None:
    since = (await ann.perform(todos.add, [TodoCreate(title="a")])).change_id
    begin = after(await moment_of(ann, since))
    token = (await ann.perform(tokens.create, TokenCreate(name="token"))).change_id
    await ann.perform(todos.add, [TodoCreate(title="b")])

    undone = await ann.perform(changes.undo_several, [], UndoChoice(made_after=begin))

    assert [one["change_id"] for one in undone.skipped] == [token]
    assert await titles_of(ann) == ["a"]


async def test_what_was_undone_and_brought_back_by_somebody_else_is_named(ann: Caller) -> None:
    agent = acting(ann, "mail")
    (todo,) = await add(agent, "a")
    added = orjson.loads((await ann.perform(changes.list_, ChangeFilter())).json)[0]["id"]
    which = UndoChoice(agent=await number_of(agent))
    undone = await ann.perform(changes.undo_several, [], which)
    brought_back = await ann.perform(changes.undo, undone.change_id)
    await agent.perform(todos.update, [{"id": todo, "title": "b"}])

    again = await ann.perform(changes.undo_several, [], which)
    assert [(one["change_id"], one["brought_back_by"]) for one in again.skipped] == [(added, brought_back.change_id)]
    assert await titles_of(ann) == ["a"]
    await ann.perform(changes.undo, brought_back.change_id)
    assert await titles_of(ann) == []
    assert [*(await ann.perform(changes.undo_several, [], which)).skipped] == []


@each("giving_up", ["deleted", "renamed", "merged"])
async def test_an_undo_of_several_is_undone_also_where_a_name_was_given_twice(ann: Caller, giving_up: str) -> None:
    """Of two tags that had one name, one after the other, each gets it in its time, there and back."""
    me = acting(ann, f"mail {giving_up}")
    await me.perform(todos.add, [TodoCreate(title="n", tags=["q"])])
    (tag,) = (row["id"] for row in orjson.loads((await me.perform(tags.list_)).json) if row["name"] == "q")
    if giving_up == "deleted":
        await me.perform(tags.delete, tag)
    elif giving_up == "renamed":
        await me.perform(tags.rename, tag, "other")
    else:
        await me.perform(todos.add, [TodoCreate(title="with another", tags=["another"])])
        rows = orjson.loads((await me.perform(tags.list_)).json)
        await me.perform(tags.merge, tag, next(row["id"] for row in rows if row["name"] == "another"))
    await me.perform(todos.add, [TodoCreate(title="m", tags=["q"])])

    async def state() -> list[tuple[str, list[str]]]:
        page = orjson.loads((await ann.perform(todos.list_, TodoFilter(status="open"))).json)
        return sorted((row["title"], row["tags"]) for row in page)

    before = await state()
    undone = await ann.perform(changes.undo_several, [], UndoChoice(agent=await number_of(me)))
    assert await state() == []
    redone = await ann.perform(changes.undo, undone.change_id)
    assert await state() == before
    await ann.perform(changes.undo, redone.change_id)
    assert await state() == []


async def test_parts_narrow_each_other_and_ids_alone_say_what_is_undone_already(ann: Caller) -> None:
    mail, phone = acting(ann, "mail"), acting(ann, "phone")
    (first, second), (third,) = await made(mail, "a", "b"), await made(phone, "c")

    await ann.perform(changes.undo_several, [first, third], UndoChoice(agent=await number_of(mail)))

    assert await titles_of(ann) == ["b", "c"]
    with pytest.raises(UndoRefused) as refused:
        await ann.perform(changes.undo_several, [first, second])
    assert [one["change_id"] for one in refused.value.extra["conflicts"]] == [first]
    with pytest.raises(InvalidInput, match="lacks"):
        await ann.perform(changes.undo_several, [], UndoChoice(skip_conflicts=True))


async def test_so_many_at_once_and_no_more(ann: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    await made(ann, *"abc")
    for name, most in (("MOST", 2), ("MOST_AMONG", 2), ("MOST_ROWS", 2)):
        with monkeypatch.context() as patch:
            patch.setattr(choosing, name, most)
            with pytest.raises(InvalidInput) as refused:
                await ann.perform(changes.undo_several, [], UndoChoice(when="last hour"))
        assert [(one.field, one.code) for one in refused.value.errors] == [("when", "too_large")]
    ids = [change["id"] for change in orjson.loads((await ann.perform(changes.list_, ChangeFilter())).json)]
    with monkeypatch.context() as patch:
        patch.setattr(choosing, "MOST_ROWS", 2)
        with pytest.raises(InvalidInput) as refused:
            await ann.perform(changes.undo_several, ids)
    assert [(one.field, one.code) for one in refused.value.errors] == [("change_ids", "too_large")]
    assert len(await titles_of(ann)) == 3


PASTS: dict[str, tuple[list[tuple[int, list[int]]], list[int | None]]] = {
    # Changes and what each undid, oldest first; those that are reverted, None where one is in doubt.
    "a change and its undo": ([(1, []), (2, [1])], []),
    "the undo of an undo": ([(1, []), (2, [1]), (3, [2])], [3]),
    "the undo of an older change": ([(2, [1])], [2]),
    "the undo of an older undo": ([(3, [2])], [3]),
    "an older change, undone and done again": ([(2, [1]), (3, [2])], []),
    "an undo of several": ([(1, []), (2, []), (3, [2, 1])], []),
    "an undo of an older one and one of these": ([(2, []), (3, [2, 1])], [None]),
}


@each("name", [*PASTS])
def test_of_a_change_and_its_undo_neither_is_reverted(name: str) -> None:
    told, expected = PASTS[name]
    undone_by = {one: change_id for change_id, undid in told for one in undid}
    past = [Past(n, None, undone_by.get(n), None, tuple(undid), frozenset({"todo"}), True) for n, undid in told]

    chosen = choosing._standing(past[::-1])

    found: list[int | None] = [change.id for change in chosen.changes]
    assert found + [None for _ in chosen.conflicts] == expected


def touched(*rows: str) -> list[dict[str, Any]]:
    """Rows of an outline: kind and id, with + for a new one, > for one that was moved, >> with its whole list, = for a
    tag that was merged, and - for a list that was deleted."""
    return [
        {"entity": row.strip("+>=-").split()[0], "id": int(row.strip("+>=-").split()[1]), "is_new": "+" in row}
        | {"is_moved": ">" in row, "is_swept": ">>" in row, "is_merged": "=" in row, "is_gone": "-" in row}
        for row in rows
    ]


RUNS: dict[str, tuple[list[list[str]], list[int]]] = {
    # The rows of each change, the latest first; how many changes each run has.
    "apart": ([["todo 1"], ["todo 2", "tag 1+"], ["todo 3+"]], [3]),
    "the same row": ([["todo 1"], ["todo 2"], ["todo 1"]], [3]),
    "a tag renamed": ([["todo 1"], ["tag 1"], ["tag 2"], ["tag 1"], ["todo 2"]], [1, 3, 1]),
    "a tag merged": ([["tag 1"], ["tag 2="], ["tag 1"]], [1, 1, 1]),
    "lists": ([["todo 1"], ["list 1+"], ["list 2+"], ["list 1"], ["list 2"], ["todo 2"]], [1, 2, 1, 2]),
    "beside": ([["todo 1"], ["list 1"], ["todo 1"], ["list 1"], ["todo 2"]], [3, 2]),
    "made for it": ([["todo 1+"], ["list 1+"], ["todo 2+"], ["list 2+"]], [2, 2]),
    "lists deleted": ([["todo 1"], ["list 1-"], ["todo 1"]], [1, 1, 1]),
    "a tag between": ([["todo 1"], ["list 1"], ["tag 1"], ["list 1"]], [1, 1, 1, 1]),
    "moved": ([["todo 1>"], ["todo 2>"], ["todo 3"]], [3]),
    "moved often": ([[f"todo {n}>"] for n in range(60)], [50, 10]),
    "moved with a list": ([["todo 1>>"], ["todo 2>>"], ["todo 3"]], [1, 1, 1]),
    "notes": ([["note 1+"], ["note 2+"], ["note 1"], ["todo 1"]], [2, 1, 1]),
    "the profile": ([["user 1"], ["user 1"], ["todo 1"]], [2, 1]),
    "many": ([[f"todo {n}" for n in range(150)], [f"todo {n}" for n in range(60)]], [1, 1]),
}


@each("name", [*RUNS])
def test_changes_of_one_kind_go_at_once(name: str) -> None:
    outlines, expected = RUNS[name]

    divided = runs._divided((-n, touched(*rows)) for n, rows in enumerate(outlines))

    assert [len(run) for run in divided] == expected


async def test_many_changes_take_few_statements(ann: Caller) -> None:
    ids = await made(ann, *(f"todo {n}" for n in range(40)))

    with on_the_wire() as wire:
        await ann.perform(changes.undo_several, ids)

    assert len(wire.sent) < 40
    assert await titles_of(ann) == []


async def test_an_absent_change_is_looked_for_among_changes(ann: Caller) -> None:
    (there,) = await made(ann, "a")
    for operation, ids in ((changes.undo, there + 10**6), (changes.undo_several, [there, there + 10**6])):
        with pytest.raises(Exception, match="no such item") as refused:
            await ann.perform(operation, ids)
        assert "change" in refused.value.next_step  # type: ignore[attr-defined]
        assert "trash" not in refused.value.next_step  # type: ignore[attr-defined]


async def test_an_agent_of_nobody_and_a_time_that_ends_before_it_begins_are_refused(ann: Caller, bob: Caller) -> None:
    """And not answered with nothing: who asks meant something else. One that has changed nothing is answered so."""
    agent = acting(ann, "mail")
    await add(agent, "spam")
    idle, number = acting(ann, "idle"), await number_of(agent)
    await idle.perform(todos.list_, TodoFilter())
    none = await ann.perform(changes.undo_several, [], UndoChoice(agent=await number_of(idle)))
    assert (none.change_id, none.results) == (None, [])

    for caller, unknown, kind in ((ann, 2**50, NotFound), (bob, number, NotOwner)):
        with pytest.raises(kind) as absent:
            await caller.perform(changes.undo_several, [], UndoChoice(agent=unknown))
        assert [(error.field, error.code) for error in absent.value.errors] == [("agent", "not_found")]
    late, early = "2026-11-21T10:00:00Z", "2026-11-20T10:00:00Z"
    for choice, field in (
        (UndoChoice(made_after=late, made_before=early), "made_before"),
        (UndoChoice(made_after="today", made_before="yesterday"), "made_before"),
        (UndoChoice(when=f"{late}/{early}"), "when"),
        (UndoChoice(when="2026-11-21/2026-11-20"), "when"),
    ):
        with pytest.raises(InvalidInput) as refused:
            await ann.perform(changes.undo_several, [], choice)
        assert [error.field for error in refused.value.errors] == [field]
    with pytest.raises(InvalidInput):
        await ann.perform(changes.list_, ChangeFilter(made_after=late, made_before=early))
