"""What an agent proposes waits for a person, and is performed as it was shown, or not at all."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import anyio
import orjson
import pytest

from tests.core.home import Home
from tests.core.support import proposing, told
from todo_core.boundary import calls
from todo_core.boundary.agents import AgentKey
from todo_core.boundary.caller import Caller
from todo_core.boundary.operation import OPERATIONS, Operation
from todo_core.boundary.results import Changed
from todo_core.errors import (
    InvalidInput,
    NotForAgents,
    OutsideMandate,
    ProposalDecided,
    ProposalStale,
    TodoError,
    TooManyProposals,
)
from todo_core.models.changes import ChangeFilter
from todo_core.models.lists import ListCreate, ListRemoval
from todo_core.models.mixed import MixedAdd
from todo_core.models.proposals import ProposalQuery
from todo_core.models.todos import TodoCreate
from todo_core.models.tokens import TokenCreate
from todo_core.operations import agents, changes, lists, proposals, tags, todos, tokens, users
from todo_core.queries import proposals as queries

pytestmark = pytest.mark.requirement("SA6")


async def proposed(agent: Caller, operation: Operation[..., Any], *args: Any, **kwargs: Any) -> int:
    answer: Changed[Any] = await agent.perform(operation, *args, **kwargs)
    assert answer.dry_run
    assert answer.change_id is None
    assert answer.proposal_id is not None
    return answer.proposal_id


async def read(me: Caller, proposal_id: int) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads((await me.perform(proposals.get, proposal_id)).json)
    return found


async def test_a_proposal_changes_nothing_until_a_person_approves_it_and_then_does_what_was_shown(home: Home) -> None:
    milk = await home.add("milk")
    agent = await proposing(home.me, reason="You said so.")
    before = await home.everything()

    proposal_id = await proposed(agent, todos.update, [{"id": milk, "title": "oat milk", "due": "tomorrow"}])

    assert await home.everything() == before
    shown = await read(home.me, proposal_id)
    assert shown["status"] == "waiting"
    assert shown["agent_says"] == "You said so."
    (entry,) = shown["entries"]
    assert (entry["title"], entry["before"]["title"], entry["after"]["due"]["date"]) == (
        "oat milk",
        "milk",
        "2026-11-29",
    )
    home.clock[0] += timedelta(days=3)
    approved = await home.me.perform(proposals.approve, proposal_id, "Fine.")
    (row,) = await home.rows()
    assert (row["title"], row["due"]["date"]) == ("oat milk", "2026-11-29")
    change = orjson.loads((await home.me.perform(changes.get, approved.change_id)).json)
    assert (change["operation"], change["via"], change["client"]) == ("todos.update", "mcp:test", "Claude")
    assert (change["proposal_id"], change["approved_by"]) == (proposal_id, "test")
    decided = await read(home.me, proposal_id)
    assert (decided["status"], decided["note"], decided["change_id"]) == ("approved", "Fine.", approved.change_id)
    assert approved.change_id is not None
    await home.undo(approved.change_id)
    assert [row["title"] for row in await home.rows()] == ["milk"]


async def test_a_stale_proposal_says_which_row_and_changes_nothing(home: Home) -> None:
    agent = await proposing(home.me)

    async def renamed(todo_id: int) -> None:
        await home.update(todo_id, title="renamed")

    async def with_a_subtask(todo_id: int) -> None:
        await home.add("a subtask", parent_id=todo_id)

    async def subtask_changed(todo_id: int) -> None:
        (row,) = await home.rows(parent_id=todo_id)
        await home.update(row["id"], title="bread")

    async def deleted(todo_id: int) -> None:
        await home.write(todos.delete, todo_id)

    async def elsewhere(_: int) -> None:
        await home.me.perform(users.update, {"time_zone": "America/New_York"})

    async def nothing(_: int) -> None:
        await home.add("another")

    heard: dict[str, str] = {}
    for meanwhile in (renamed, with_a_subtask, subtask_changed, deleted, elsewhere, nothing):
        todo_id = await home.add("shopping", due="today")
        await home.add("milk", parent_id=todo_id)
        proposal_id = await proposed(agent, todos.complete, [todo_id])
        await meanwhile(todo_id)
        before = await home.everything()
        try:
            await home.me.perform(proposals.approve, proposal_id)
            heard[meanwhile.__name__] = "approved"
        except ProposalStale as stale:
            listed = [f"{one['title']} {one['message']}" for one in stale.extra.get("differences", ())]
            heard[meanwhile.__name__] = "; ".join(listed) or stale.detail
            assert await home.everything() == before
            assert (await read(home.me, proposal_id))["status"] == "waiting"

    assert heard == {
        "renamed": "renamed was changed since",
        "with_a_subtask": "a subtask would be changed, too",
        "subtask_changed": "bread was changed since",
        "deleted": "What was proposed cannot be done any more; nothing was changed. `ids.0` There is no such item.",
        "elsewhere": "shopping would become something else",
        "nothing": "approved",
    }


async def test_words_keep_the_day_they_named_and_series_go_on_from_the_approval(home: Home) -> None:
    agent = await proposing(home.me)
    daily = await home.add("daily", due="today", repeat="every day")
    skipped = await home.add("skipped", due="today", repeat="every day")
    done = await proposed(agent, todos.complete, [daily])
    skip = await proposed(agent, todos.skip, [skipped])
    new = await proposed(agent, todos.add, [TodoCreate(title="new", due="tomorrow", repeat="every week")])

    home.clock[0] += timedelta(days=5)
    for proposal_id in (done, skip, new):
        await home.me.perform(proposals.approve, proposal_id)

    assert {row["title"]: row["due"]["date"] for row in await home.rows()} == {
        "daily": "2026-12-04",
        "skipped": "2026-12-04",
        "new": "2026-11-29",
    }


async def test_of_fifty_approvals_at_once_one_performs(home: Home) -> None:
    proposal_id = await proposed(await proposing(home.me), todos.add, [TodoCreate(title="once")])
    heard: list[str] = []

    async def approve() -> None:
        try:
            await home.me.perform(proposals.approve, proposal_id)
            heard.append("approved")
        except TodoError as refused:
            heard.append(refused.code)

    async with anyio.create_task_group() as group:
        for _ in range(50):
            group.start_soon(approve)

    assert len(heard) == 50
    assert heard.count("approved") == 1
    assert {*heard} <= {"approved", "proposal_decided", "rate_limited"}
    assert [row["title"] for row in await home.rows()] == ["once"]


async def test_no_agent_decides_and_what_is_decided_or_over_is_not_decided_again(home: Home, bob: Caller) -> None:
    agent = await proposing(home.me)
    acting = replace(agent, principal=replace(agent.principal, agent_key=AgentKey.of_program("test", "another")))
    first, second = [await proposed(agent, todos.add, [TodoCreate(title=title)]) for title in ("a", "b")]

    for operation, what in (
        (proposals.approve, first),
        (proposals.reject, first),
        (proposals.approve_several, [first]),
        (proposals.reject_several, [first]),
    ):
        for who in (agent, acting, agent.once(None, dry_run=True)):
            with pytest.raises(NotForAgents):
                await who.perform(operation, what)
    with pytest.raises(TodoError, match="belongs to somebody else"):
        await replace(bob, core=home.me.core).perform(proposals.approve, first)
    await home.me.perform(proposals.reject, first, "No.")
    for operation in (proposals.approve, proposals.reject):
        with pytest.raises(ProposalDecided):
            await home.me.perform(operation, first)
    home.clock[0] += timedelta(days=7)
    for operation in (proposals.approve, proposals.reject):
        with pytest.raises(ProposalDecided):
            await home.me.perform(operation, second)

    assert [(await read(home.me, one))["status"] for one in (first, second)] == ["rejected", "expired"]
    assert await home.rows(status="all") == []
    found = await agent.perform(changes.list_, ChangeFilter(entity="proposal"))
    (entry,) = orjson.loads(found.json)[0]["entries"]
    assert (entry["after"]["status"], entry["after"]["note"]) == ("rejected", "No.")
    theirs = orjson.loads((await agent.perform(proposals.list_, ProposalQuery(status="any"))).json)
    assert [(one["id"], one["status"], one["entries"], one["more_entries"]) for one in theirs] == [
        (second, "expired", [], 1),
        (first, "rejected", [], 1),
    ]
    assert orjson.loads((await acting.perform(proposals.list_, ProposalQuery(status="any"))).json) == []


async def test_postgresql_lets_no_agent_decide(home: Home) -> None:
    agent = await proposing(home.me)
    proposal_id = await proposed(agent, todos.add, [TodoCreate(title="a")])
    known = await home.me.core.agents.find(home.me.principal.user_id, agent.agent_key, None)
    decision = {"decision": "approved", "decided_by": "x", "note": None, "change_id": None, "now": home.clock[0]}

    for who, rows in ((known.acting, 0), (None, 1)):
        begin = home.me.core.database.begin(user_id=home.me.principal.user_id, agent=who)
        async with begin as transaction:
            assert len(await transaction.rows(queries.DECIDE, id=proposal_id, **decision)) == rows


async def test_what_a_blocked_agent_proposed_is_not_performed(home: Home) -> None:
    agent = await proposing(home.me)
    proposal_id = await proposed(agent, todos.add, [TodoCreate(title="a")])
    (row,) = orjson.loads((await home.me.perform(agents.list_)).json)
    await home.me.perform(agents.block, row["id"])

    with pytest.raises(ProposalStale, match="blocked"):
        await home.me.perform(proposals.approve, proposal_id)

    assert await home.rows() == []


async def test_what_the_mandate_does_not_allow_any_more_is_stale(home: Home) -> None:
    proposal_id = await proposed(await proposing(home.me), todos.add, [TodoCreate(title="a")])

    for bound, said in (
        ("verbs = '{read}'", "may only read"),
        ("verbs = NULL, rows_per_day = 0", "change 0 rows"),
    ):
        async with home.me.core.database.begin(user_id=home.me.principal.user_id) as transaction:
            await transaction.fetch(f"UPDATE agents SET {bound}, version = version + 1")  # noqa: S608
        with pytest.raises(ProposalStale, match=said):
            await home.me.perform(proposals.approve, proposal_id)

    assert await home.rows() == []


async def test_several_are_decided_each_by_itself_with_a_change_each(home: Home) -> None:
    agent = await proposing(home.me)
    milk = await home.add("milk")
    ids = [await proposed(agent, todos.add, [TodoCreate(title=title)]) for title in ("a", "b")]
    ids.append(await proposed(agent, todos.update, [{"id": milk, "title": "oat milk"}]))
    await home.update(milk, title="soy milk")

    answer = await home.me.perform(proposals.approve_several, ids)

    assert [row.get("status") or row["error"]["code"] for row in told(answer)] == ["approved"] * 2 + ["proposal_stale"]
    first, second, _ = (row.get("change_id") for row in told(answer))
    assert first != second == answer.change_id
    await home.undo(first)
    assert {row["title"] for row in await home.rows()} == {"b", "soy milk"}
    assert [row["status"] for row in told(await home.me.perform(proposals.reject_several, ids[2:]))] == ["rejected"]


async def test_a_proposal_is_kept_whole_and_only_so_many_wait(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    agent = await proposing(home.me)
    milk = await home.add("milk")

    with pytest.raises(InvalidInput) as refused:
        await agent.perform(todos.complete, [milk, milk + 10**6])
    assert [(one.field, one.code) for one in refused.value.errors] == [("ids.1", "not_possible")]
    for operation, argument in (
        (tokens.create, TokenCreate(name="x", scopes=["todos:read"])),
        (users.update, {"display_name": "x"}),
    ):
        with pytest.raises(OutsideMandate):
            await agent.perform(operation, argument)
    same = await agent.perform(todos.update, [{"id": milk, "title": "milk"}])
    assert (same.dry_run, same.proposal) == (True, None)
    tried = await agent.once(None, dry_run=True).perform(todos.complete, [milk])
    assert (tried.dry_run, tried.proposal) == (True, None)
    keyed = agent.once("a key")
    first, again = [await keyed.perform(todos.complete, [milk]) for _ in range(2)]
    assert first.proposal == again.proposal
    assert (again.replayed, again.dry_run, again.change_id) == (True, True, None)
    monkeypatch.setattr("todo_core.boundary.proposing.MAX_WAITING", 1)
    with pytest.raises(TooManyProposals):
        await agent.perform(todos.delete, [milk])
    await home.me.perform(proposals.reject, first.proposal.id)
    await proposed(agent, todos.delete, [milk])


async def test_every_kind_of_write_is_proposed_and_performed_as_it_was_called(home: Home) -> None:
    agent = await proposing(home.me)
    milk = await home.add("milk", tags=["shop"], due="today", repeat="every day")
    await home.add("bread", parent_id=milk)
    work = (await home.me.perform(lists.add, [ListCreate(name="Work")])).one().as_dict()["id"]
    undone = (await home.write(todos.complete, await home.add("done")))["change_id"]

    async def shop() -> int:
        return int(orjson.loads((await home.me.perform(tags.list_)).json)[0]["id"])

    for operation, args in (
        (todos.update, ([{"id": milk, "list_id": work, "add_tags": ["new"]}],)),
        (lists.update, ([{"id": work, "name": "Office", "position": 1}],)),
        (lists.add, ([ListCreate(name="Home")],)),
        (tags.rename, (await shop(), "shops")),
        (todos.complete, ([milk],)),
        (todos.reopen, ([milk],)),
        (todos.delete, ([milk],)),
        (todos.restore, ([milk],)),
        (changes.undo, (undone,)),
        (tags.delete, (await shop(),)),
        (lists.delete, ([work], ListRemoval(todos="trash"))),
    ):
        proposal_id = await proposed(agent, operation, *args)
        approved = await home.me.perform(proposals.approve, proposal_id)
        entries = (await read(home.me, proposal_id))["entries"]
        made = orjson.loads((await home.me.perform(changes.get, approved.change_id)).json)
        assert made["operation"] == operation.name
        assert [one["entity"] for one in entries] == [one["entity"] for one in made["entries"]]
        assert [one["title"] for one in entries] == [one["title"] for one in made["entries"]]
        assert None not in [one["title"] for one in entries]


OF_PEOPLE: Final = ("tokens", "accounts", "users", "agents", "calendars", "proposals", "reviews")
"""Whose operations no agent proposes."""
CALLS: dict[str, tuple[Any, ...]] = {
    "todos.add": (
        [TodoCreate(title="a", due={"date": "2027-01-31"}, tags=["x"]), TodoCreate(title="b", parent_index=0)],
    ),
    "todos.update": (
        [{"id": 1, "title": "a", "due": None, "if_version": [3, 4], "list_id": "Work"}, {"id": 2, "add_tags": ["x"]}],
    ),
    "todos.complete": ([1, 2], [3, 4], "2026-11-21T09:00:00Z"),
    "todos.reopen": ([1], 3),
    "todos.skip": ([1],),
    "todos.delete": ([1], None),
    "todos.restore": ([1, 2],),
    "todos.mix": (
        [
            MixedAdd(action="add", title="a", key="k"),
            {"action": "update", "key": "k", "priority": "high"},
            {"action": "complete", "id": 7, "completed_at": "2026-11-21T09:00:00Z"},
            {"action": "skip", "id": 8, "if_version": 2},
        ],
    ),
    "lists.add": ([ListCreate(name="Work", color="red")],),
    "lists.update": ([{"id": "Work", "is_archived": True}, {"id": 3, "position": 1}],),
    "lists.delete": ([1, "Work"], ListRemoval.model_construct({"todos", "move_to"}, todos="move", move_to="Home"), [3]),
    "tags.rename": ("shop", "shops", [1]),
    "tags.merge": (1, "shop"),
    "tags.delete": (1, [2]),
    "notes.add": (1, "Two\nlines"),
    "changes.undo": (1,),
    "changes.undo_several": ([1, 2],),
}
"""A call of every operation that can be proposed, by its name."""


def first_of(arguments: dict[str, Any]) -> Any:
    return next(iter(arguments.values()))


def test_every_call_is_read_as_it_was_written_down() -> None:
    for name, args in CALLS.items():
        kinds = calls.parameters(OPERATIONS[name])
        written = calls.written(OPERATIONS[name], args, {})
        read = calls.read(OPERATIONS[name], orjson.loads(orjson.dumps(written)))
        assert read == dict(zip(kinds, args, strict=False)), name
        for before, after in zip(
            *((one if isinstance(one, list) else [one]) for one in (args[0], first_of(read))), strict=True
        ):
            assert getattr(before, "model_fields_set", None) == getattr(after, "model_fields_set", None), name
    other = {name for name in OPERATIONS if name.partition(".")[0] in (*OF_PEOPLE, "imports")}
    assert CALLS.keys() == {one.name for one in OPERATIONS.values() if one.effect == "changes"} - other
    assert CALLS.keys() == {one.name for one in OPERATIONS.values() if one.effect == "changes" and one.proposable}


async def test_a_call_that_this_version_does_not_take_is_stale_and_says_what(home: Home, admin: Any) -> None:
    milk = await home.add("milk")
    heard = []
    for old, new in (
        ('"title"', '"heading"'),
        ('"todos"', '"tasks"'),
        ('"oat"', "5"),
    ):
        proposal_id = await proposed(await proposing(home.me), todos.update, [{"id": milk, "title": "oat"}])
        await admin.execute(
            "UPDATE proposals SET call = replace(call::text, $2, $3)::json WHERE id = $1", proposal_id, old, new
        )
        with pytest.raises(ProposalStale) as stale:
            await home.me.perform(proposals.approve, proposal_id)
        heard.append(stale.value.detail.partition("changed. ")[2])
    assert heard == [
        "`todos.0.heading` is not a known field",
        "`tasks` is not taken any more; `todos` is required",
        "`todos.0.title` must be a string",
    ]
    assert [row["title"] for row in await home.rows()] == ["milk"]
