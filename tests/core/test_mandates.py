"""Mandates: what each agent may do, as every operation and both faces hold it to."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import asyncpg
import orjson
import pytest

from tests.core.support import CoreOpener, add, everything_of, row_of
from tests.core.test_agents import agents_of, by_token
from tests.support import token_of
from tests.tables import each
from todo_core.boundary.caller import Caller
from todo_core.boundary.operation import OPERATIONS
from todo_core.errors import Conflict, OutsideMandate, TodoError
from todo_core.models.agents import VERBS, Mandate
from todo_core.models.imports import ImportFile, ImportQuery
from todo_core.models.todos import TodoCreate, TodoFilter
from todo_core.models.tokens import TokenCreate
from todo_core.operations import agents, overview, todos, tokens, users

pytestmark = pytest.mark.requirement("ID9")

EVERYTHING: Final = {
    "verbs": None,
    "mode": "act",
    "rows_per_day": None,
    "until": None,
    "lists": None,
    "own_lists": True,
}
REFUSED: Final = "outside_mandate"


async def bounded(person: Caller, **mandate: Any) -> Caller:
    """A new agent of a person's, with a mandate."""
    script = await by_token(person)
    await script.check()
    await bound(person, script, **mandate)
    return script


async def agent_of(person: Caller, script: Caller) -> int:
    (agent,) = [row["id"] for row in await agents_of(person) if row["known_as"] == str(script.principal.token_id)]
    found: int = agent
    return found


async def bound(person: Caller, script: Caller, **mandate: Any) -> None:
    await person.perform(agents.update, await agent_of(person, script), {**EVERYTHING, **mandate})


MATRIX: Final = {
    "read": "todos.list todos.get lists.list lists.get tags.list tags.get notes.list search.find overview.get"
    " exports.make events.follow analytics.streaks analytics.summary analytics.weekly_report analytics.report"
    " changes.list changes.get users.get tokens.list calendars.list proposals.list proposals.get",
    "add": "todos.add lists.add",
    "complete": "todos.complete todos.reopen todos.skip",
    "change": "todos.restore notes.add lists.update tags.rename users.update",
    "delete": "todos.delete lists.delete tags.delete",
    "change delete": "tags.merge",
    "add change": "imports.make",
    "add complete change delete": "changes.undo changes.undo_several",
}
"""By the verbs that an operation needs, the operations; what several verbs may do is below."""
BY_ITEM: Final = {"todos.update", "todos.mix"}
ANY: Final = {"users.capabilities"}
ONLY_UNBOUNDED: Final = {"tokens.create", "tokens.rotate", "tokens.revoke", "calendars.revoke"}


def test_every_operation_has_its_verbs() -> None:
    known = {name for names in MATRIX.values() for name in names.split()} | BY_ITEM | ANY | ONLY_UNBOUNDED
    for_agents = {name for name, known in OPERATIONS.items() if known.for_agents and known.scope != "admin"}

    assert known == for_agents
    assert {name for name in for_agents if OPERATIONS[name].verbs is None} == ONLY_UNBOUNDED
    assert all(OPERATIONS[name].verbs is None for name in OPERATIONS.keys() - for_agents)
    for verbs, names in MATRIX.items():
        assert all(OPERATIONS[name].verbs == tuple(verbs.split()) for name in names.split())


async def test_an_operation_is_refused_whose_verb_is_not_allowed(ann: Caller, admin: asyncpg.Connection) -> None:
    """Of each verb one operation, and those with several or with none: the others follow from the declaration."""
    script = await bounded(ann)
    tried = {**{verb: names.split()[0] for verb, names in MATRIX.items()}, "": "tokens.create"}
    wrong: list[str] = []
    for needed, name in tried.items():
        for verb in VERBS:
            await bound(ann, script, verbs=[other for other in VERBS if other != verb])
            expected = {"verbs"} if verb in needed.split() or not needed else {None}
            before = await everything_of(admin, ann.principal.user_id)
            if await _answer(script, name) != expected:
                wrong.append(f"{name} without {verb}")
            assert expected != {"verbs"} or await _same(before, admin, ann)
    assert wrong == []


async def _answer(script: Caller, name: str) -> set[str | None]:
    arguments: dict[str, Any] = {
        "todos.list": (TodoFilter(),),
        "todos.add": ([TodoCreate(title="a")],),
        "todos.complete": ([1],),
        "todos.restore": ([1],),
        "todos.delete": ([1],),
        "tags.merge": (1, 2),
        "imports.make": (ImportQuery(), ImportFile(b"nothing")),
        "changes.undo": (1,),
        "tokens.create": (TokenCreate(name="a"),),
    }
    try:
        await script.perform(OPERATIONS[name], *arguments[name])
    except OutsideMandate as refused:
        return {refused.extra["mandate"]}
    except TodoError:
        pass
    return {None}


async def _same(before: Any, admin: asyncpg.Connection, ann: Caller) -> bool:
    after = await everything_of(admin, ann.principal.user_id)
    return all(
        before[table] == after[table] for table in before if table not in ("agents", "changes", "change_entries")
    )


@each(
    "patch, needed",
    [
        ({"title": "b"}, {"change"}),
        ({"is_completed": True}, {"complete"}),
        ({"is_completed": True, "title": "b"}, {"complete", "change"}),
        ({}, {"change"}),
        ({"add_note": "a"}, {"change"}),
    ],
)
async def test_an_update_needs_what_it_does(patch: dict[str, Any], needed: set[str]) -> None:
    item = {"id": 1, "if_version": 1, **patch}
    actions = {
        "complete": "complete",
        "reopen": "complete",
        "skip": "complete",
        "delete": "delete",
        "restore": "change",
    }

    assert OPERATIONS["todos.update"].needed([[item, OutsideMandate("verbs", "refused")]]) == needed
    assert OPERATIONS["todos.mix"].needed([[{"action": "update", **item}]]) == needed
    mixed = OPERATIONS["todos.mix"].needed([[{"action": action, "id": 1} for action in actions]])
    assert mixed == {*actions.values()}


async def test_what_a_process_remembers_neither_allows_nor_refuses(ann: Caller, another_core: CoreOpener) -> None:
    async with another_core() as elsewhere:
        script = await by_token(ann, elsewhere)
        await add(script, "a")
        await bound(ann, script, verbs=["read"])
        with pytest.raises(OutsideMandate) as refused:
            await add(script, "b")
        assert refused.value.detail == "This agent may only read, and this needs add."
        assert "Tell the person" in refused.value.next_step
        await bound(ann, script, verbs=["add"])
        await add(script, "c")
        with pytest.raises(OutsideMandate):
            await script.perform(todos.list_, TodoFilter())


async def test_an_agent_that_proposes_changes_nothing_and_may_try(ann: Caller, admin: asyncpg.Connection) -> None:
    script = await bounded(ann, mode="propose")
    before = await everything_of(admin, ann.principal.user_id)

    kept = await script.perform(todos.add, [TodoCreate(title="a")])
    assert (kept.proposal is None, kept.change_id, kept.dry_run) == (False, None, True)
    with pytest.raises(OutsideMandate) as refused:
        await script.perform(users.update, {"display_name": "x"})
    assert refused.value.extra == {"mandate": "mode"}
    assert (await script.once(None, dry_run=True).perform(todos.add, [TodoCreate(title="a")])).dry_run
    await script.perform(todos.list_, TodoFilter())
    after = await everything_of(admin, ann.principal.user_id)
    kept_of_it = ("api_tokens", "proposals", "changes", "change_entries")
    assert {name: after[name] for name in after if name not in kept_of_it} == {
        name: before[name] for name in before if name not in kept_of_it
    }


async def test_rows_of_24_hours_are_counted_in_the_transaction_that_changes_them(
    ann: Caller, admin: asyncpg.Connection
) -> None:
    script = await bounded(ann, rows_per_day=5)
    ids = await add(script, "a", "b", "c")
    await add(ann, "of the person")
    for attempt in (add(script, "d", "e", "f"), add(replace(script, dry_run=True), "d", "e", "f")):
        with pytest.raises(OutsideMandate) as refused:
            await attempt
        assert refused.value.detail == "This agent may change 5 rows in 24 hours; it changed 3, this is 3 more."
    await script.perform(todos.complete, ids[:2])
    with pytest.raises(OutsideMandate):
        await script.perform(todos.complete, ids[2:])
    assert [row["changes"] for row in await agents_of(ann)] == [2]

    await admin.execute(
        "UPDATE changes SET at = at - interval '1 day' WHERE user_id = $1 AND operation = 'todos.add'",
        ann.principal.user_id,
    )
    await script.perform(todos.complete, ids[2:])
    await bound(ann, script, rows_per_day=None)
    await add(script, *"0123456789")


@pytest.mark.requirement("ID4")
async def test_a_token_that_may_propose_asks_for_what_writing_is_for_and_writes_nothing(ann: Caller) -> None:
    token = await token_of(ann, "todos:read", "todos:propose")
    script = await Caller.authenticated(ann.core, "rest", token=token)

    assert script.may("todos:write")
    assert not replace(ann, principal=replace(ann.principal, scopes=script.principal.scopes)).may("todos:write")
    assert (await script.perform(todos.add, [TodoCreate(title="a")])).proposal is not None
    both = await Caller.authenticated(ann.core, "rest", token=await token_of(ann, "todos:write", "todos:propose"))
    await add(both, "a")


async def test_a_token_is_made_with_a_mandate_and_keeps_it_when_it_is_rotated(ann: Caller) -> None:
    wanted = TokenCreate(
        name="careful", mandate=Mandate(verbs=["read", "add"], rows_per_day=3), scopes=["todos:write", "profile"]
    )
    made = await ann.perform(tokens.create, wanted)
    script = await Caller.authenticated(ann.core, "rest", token=made.secret)
    with pytest.raises(OutsideMandate):
        await script.perform(todos.delete, [1])
    rotated = await ann.perform(tokens.rotate, row_of(made)["id"])
    script = await Caller.authenticated(ann.core, "mcp", token=rotated.secret)
    for attempt in (script.perform(todos.delete, [1]), script.perform(tokens.create, TokenCreate(name="free"))):
        with pytest.raises(OutsideMandate):
            await attempt
    await add(script, "a")
    (row,) = await agents_of(ann)
    assert (row["verbs"], row["rows_per_day"], row["name"]) == (["read", "add"], 3, "careful")
    assert TokenCreate(name="a").model_dump().keys() == {"name", "scopes", "expires_in_days"}


async def test_an_agent_is_told_its_mandate_in_a_line(ann: Caller) -> None:
    script = await bounded(ann, verbs=["read", "add"], rows_per_day=20, mode="propose")
    line = (
        "This agent may: read, add; at most 20 rows in 24 hours; what it writes is only proposed."
        " Only the person can change that."
    )
    for who, told in ((script, line), (ann, None), (await by_token(ann), None)):
        for operation in (overview.get, users.capabilities):
            assert orjson.loads((await who.perform(operation)).json)["mandate"] == told


async def test_who_may_not_read_is_shown_no_row_in_a_refusal(ann: Caller) -> None:
    """By a version that is wrong an agent would read every todo, and change nothing."""
    (secret,) = await add(ann, "a secret plan")
    script = await bounded(ann)
    await bound(ann, script, verbs=["complete"])
    refused = await script.perform(todos.complete, [secret], [99])
    (result,) = refused.results
    assert isinstance(result, TodoError)
    assert (result.code, "current" in result.extra) == ("version_conflict", False)
    whole = await ann.perform(todos.complete, [secret], [99])
    assert isinstance(whole.results[0], TodoError)
    assert "current" in whole.results[0].extra


async def test_who_has_an_end_makes_no_token_without_one(ann: Caller) -> None:
    script = await bounded(ann)
    await bound(ann, script, until=datetime(2199, 1, 1, tzinfo=UTC))
    with pytest.raises(OutsideMandate):
        await script.perform(tokens.create, TokenCreate(name="for ever"))


async def test_an_agent_takes_over_no_other(ann: Caller) -> None:
    """The new secret of another's token would make it that agent."""
    other = row_of(await ann.perform(tokens.create, TokenCreate(name="another")))["id"]
    script = await Caller.authenticated(ann.core, "rest", token=await token_of(ann))
    with pytest.raises(Conflict, match="those it made"):
        await script.perform(tokens.rotate, other)
    own = row_of(await script.perform(tokens.create, TokenCreate(name="its own")))["id"]
    assert (await script.perform(tokens.rotate, own)).secret is not None
