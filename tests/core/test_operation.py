"""The one boundary: what happens around every operation, and in which order."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any, get_origin, get_type_hints

import asyncpg
import pytest
from sqlalchemy import BigInteger, func, insert, literal, literal_column, select
from structlog.testing import capture_logs

from tests.core.support import CoreOpener, add, as_operation, everything_of, on_the_wire, row_of, titles_of
from tests.support import token_of
from tests.tables import each
from todo_core.boundary.authentication import Principal
from todo_core.boundary.caller import Caller
from todo_core.boundary.counters import Budget
from todo_core.boundary.operation import OPERATIONS, Operation, Tx
from todo_core.boundary.results import Changed, Done
from todo_core.core import Core
from todo_core.errors import Conflict, InsufficientScope, NotForApps, TodoError, TooManyRequests, Unauthenticated
from todo_core.models.todos import Todo, TodoCreate, TodoFilter
from todo_core.operations import todos, tokens
from todo_core.storage.database import ATTEMPTS
from todo_core.storage.statements import Statement, parameter
from todo_core.text.json_text import json_text

_SETTINGS = [
    func.current_setting(name, True).label(name.replace(".", "_"))
    for name in ("transaction_read_only", "role", "app.user_id", "timezone")
]
_AUTOCOMMIT = Statement(select(*_SETTINGS, parameter("user_id", BigInteger()).label("me")))
_IN_A_TRANSACTION = Statement(select(*_SETTINGS))

_NAMELESS = Statement(insert(Todo).values(user_id=parameter("user_id", BigInteger()), list_id=0, title=""))


async def look(tx: Tx, statement: Statement) -> Changed[Any]:
    return Changed([Done(json_text(dict(await tx.one(statement))))])


READ = as_operation(look, effect="reads", scope="todos:read")
WRITE = as_operation(look)


def limited(caller: Caller, *scopes: Any) -> Caller:
    return replace(caller, principal=replace(caller.principal, scopes=frozenset(scopes)))


class _Told:
    """Keeps what each operation leaves of the rate limit."""

    def __init__(self, budgets: list[Budget]) -> None:
        self._budgets = budgets

    def weigh(self) -> int:
        return 0

    def spent(self, budget: Budget) -> None:
        self._budgets.append(budget)

    def began(self, operation: str) -> None: ...

    def acts(self, agent_id: int) -> None: ...

    def changed(self, change_id: int) -> None: ...


def bearer(core: Core, principal: Principal) -> Caller:
    return Caller(core, principal, "test")


@pytest.mark.requirement("ID4")
@each("known", [known for known in OPERATIONS.values() if known.scope], ids=str)
async def test_an_operation_outside_the_tokens_scopes_is_refused_before_the_database_hears_of_it(
    known: Operation[..., Any], ann: Caller
) -> None:
    others = limited(ann, *({"todos:read", "todos:write", "profile", "admin"} - {known.scope}))

    with on_the_wire() as wire, pytest.raises(InsufficientScope) as refused:
        await others.perform(known)

    assert refused.value.as_dict()["required_scope"] == known.scope
    assert wire.sent == []


@pytest.mark.requirement("OW2", "DB1")
@pytest.mark.parametrize("statement", [_AUTOCOMMIT, _IN_A_TRANSACTION], ids=["autocommit", "in a transaction"])
@pytest.mark.parametrize("which", [READ, WRITE], ids=["read", "write"])
@pytest.mark.parametrize("pooler", ["on", "off"])
async def test_every_operation_runs_as_the_powerless_role_and_as_its_caller(
    pooler: str, which: Operation[..., Any], statement: Statement, ann: Caller, another_core: CoreOpener
) -> None:
    async with another_core(database_pooler=pooler) as core:
        seen = row_of(await replace(ann, core=core).perform(which, statement))

    assert seen["role"] == "todo_app"
    assert seen["app_user_id"] == str(ann.principal.user_id)
    assert seen["timezone"] == "UTC"


@pytest.mark.requirement("OW5", "DB1")
@pytest.mark.parametrize("statement", [_AUTOCOMMIT, _IN_A_TRANSACTION], ids=["autocommit", "in a transaction"])
@pytest.mark.parametrize("effect", ["reads", "changes"])
@pytest.mark.parametrize("pooler", ["on", "off"])
async def test_only_an_operation_for_admins_runs_as_the_role_for_accounts_and_the_next_does_not(
    pooler: str, effect: Any, statement: Statement, ada: Caller, another_core: CoreOpener
) -> None:
    for_admins = as_operation(look, effect=effect, scope="admin")
    async with another_core(database_pooler=pooler, database_pool_size=1) as core:
        me = replace(ada, core=core)
        seen = row_of(await me.perform(for_admins, statement))
        after = row_of(await me.perform(READ, statement))

    assert (seen["role"], seen["app_user_id"]) == ("todo_admin", str(ada.principal.user_id))
    assert (after["role"], after["app_user_id"]) == ("todo_app", str(ada.principal.user_id))
    assert seen["timezone"] == "UTC"


# --- what comes before the database ------------------------------------------------------------


@pytest.fixture
async def poor(ann: Caller, another_core: CoreOpener) -> AsyncIterator[Caller]:
    """A user with fifty requests a day."""
    async with another_core(rate_limit="50/day") as core:
        yield replace(ann, core=core)


@pytest.mark.requirement("OP5")
async def test_a_request_costs_one_and_a_batch_its_items(poor: Caller) -> None:
    budgets: list[Budget] = []
    told = replace(poor, told=_Told(budgets))
    await told.perform(todos.list_, TodoFilter())
    await told.perform(todos.add, [TodoCreate(title=str(n)) for n in range(4)])
    await told.perform(todos.update, [{"id": 1}, {"id": 2}])
    await told.perform(todos.complete, [1, 2, 3])
    await told.perform(todos.add, [])
    await told.check()

    assert [budget.remaining for budget in budgets] == [49, 45, 43, 40, 39, 38]


@pytest.mark.requirement("OP5")
async def test_a_batch_that_is_given_by_name_costs_its_items(poor: Caller) -> None:
    budgets: list[Budget] = []
    await replace(poor, told=_Told(budgets)).perform(todos.complete, ids=[1, 2, 3])

    assert [budget.remaining for budget in budgets] == [47]


@pytest.mark.requirement("OP5")
async def test_a_batch_that_costs_too_much_is_refused_before_the_database_hears_of_it_and_costs_nothing(
    poor: Caller,
) -> None:
    await poor.perform(todos.complete, [1] * 40)

    with on_the_wire() as wire, pytest.raises(TooManyRequests) as refused:
        await poor.perform(todos.complete, [1] * 11)
    assert wire.sent == []
    assert 0 < refused.value.as_dict()["retry_after"] <= 86_400

    await poor.perform(todos.complete, [1] * 10)
    for one_more in (poor.perform(todos.list_, TodoFilter()), poor.check()):
        with on_the_wire() as wire, pytest.raises(TooManyRequests):
            await one_more
        assert wire.sent == []


@pytest.mark.requirement("OP5", "ID4")
async def test_what_scope_and_app_refuse_costs_what_was_asked_for(poor: Caller, admin: asyncpg.Connection) -> None:
    budgets: list[Budget] = []
    poor = replace(poor, told=_Told(budgets))
    app = replace(poor, principal=replace(poor.principal, is_delegated=True))
    with pytest.raises(InsufficientScope):
        await limited(poor, "profile").perform(todos.list_, TodoFilter())
    with pytest.raises(InsufficientScope):
        await limited(poor, "profile").perform(todos.complete, [1] * 5)
    with pytest.raises(InsufficientScope):
        await limited(app, "todos:read").perform(tokens.list_)
    with pytest.raises(NotForApps):
        await app.perform(tokens.list_)
    assert [budget.remaining for budget in budgets] == [49, 44, 43, 42]
    await poor.perform(todos.complete, [1] * 42)

    await admin.execute("UPDATE users SET suspended_at = now() WHERE id = $1", poor.principal.user_id)
    for refused in (poor, limited(poor, "profile"), app):
        with pytest.raises(TooManyRequests):
            await refused.perform(tokens.list_)


@pytest.mark.requirement("OP5", "SA1")
async def test_what_is_tried_again_or_repeated_costs_what_one_request_does(poor: Caller) -> None:
    tried = 0

    async def unlucky(_: Tx) -> Changed[Any]:
        nonlocal tried
        tried += 1
        if tried < ATTEMPTS:
            raise asyncpg.SerializationError
        return Changed([])

    budgets: list[Budget] = []
    told = replace(poor, told=_Told(budgets))
    await told.perform(as_operation(unlucky))
    for _ in range(2):
        await told.once("key").perform(todos.add, [TodoCreate(title="a"), TodoCreate(title="b")])

    assert tried == ATTEMPTS
    assert [budget.remaining for budget in budgets] == [49, 47, 45]


@pytest.mark.requirement("ID4", "OW5")
@each("known", OPERATIONS.values(), ids=OPERATIONS)
async def test_an_app_is_refused_tokens_and_accounts_whatever_its_scopes(
    known: Operation[..., Any], ada: Caller
) -> None:
    app = replace(ada, principal=replace(ada.principal, is_delegated=True))

    kept_from_apps = known.name.partition(".")[0] in ("tokens", "calendars", "accounts", "agents", "reviews")
    decides = known.name.startswith(("proposals.approve", "proposals.reject"))
    persons = known.name in ("calendars.create", "users.prepare_deletion", "users.delete")
    assert known.for_apps != (kept_from_apps or decides or persons)
    assert known.for_agents != (known.name.partition(".")[0] in ("agents", "reviews") or decides or persons)
    assert known.for_apps != (NotForApps in known.raises)
    if not known.for_apps:
        with on_the_wire() as wire, pytest.raises(NotForApps):
            await app.perform(known)
        assert wire.sent == []


@pytest.mark.requirement("OW5")
@each("known", OPERATIONS.values(), ids=OPERATIONS)
def test_accounts_are_for_the_role_that_can_read_no_todo_and_nothing_else_is(known: Operation[..., Any]) -> None:
    for_admins = known.name.startswith("accounts.")

    assert (known.role, known.scope == "admin") == ("todo_admin" if for_admins else "todo_app", for_admins)


@pytest.mark.requirement("SA2")
@each("known", OPERATIONS.values(), ids=OPERATIONS)
def test_no_flag_turns_an_operation_into_its_opposite(known: Operation[..., Any]) -> None:
    """The record would name the one where the other happened (decision 21)."""
    parameters = inspect.signature(known.run).parameters.values()

    assert [one.name for one in parameters if "bool" in str(one.annotation)] == []


def test_what_takes_something_away_is_destructive_and_what_gives_it_back_is_not() -> None:
    taking = (
        "todos.delete todos.mix lists.delete tags.merge tags.delete changes.undo changes.undo_several"
        " tokens.rotate tokens.revoke agents.block calendars.revoke users.delete accounts.suspend accounts.delete"
        " proposals.approve proposals.approve_several"
    )

    assert {known.name for known in OPERATIONS.values() if known.destructive} == {*taking.split()}


HEAVY = {"changes.undo_several": 50, "exports.make": 50, "imports.make": 50, "reviews.get": 5}
"""Requests that an operation counts as which takes no items, where that is not one."""


@pytest.mark.requirement("OP5")
@each("known", OPERATIONS.values(), ids=OPERATIONS)
def test_a_batch_is_what_takes_a_list_of_items(known: Operation[..., Any]) -> None:
    batches = {f"todos.{verb}" for verb in ("add", "update", "complete", "reopen", "delete", "restore", "skip", "mix")}
    batches |= {f"lists.{verb}" for verb in ("add", "update", "delete")} | {"changes.undo_several"}
    batches |= {"proposals.approve_several", "proposals.reject_several"}

    assert (known.batch is not None) == (known.name in batches)
    alone = HEAVY.get(known.name, 1)
    assert known.cost([[1, 2, 3], None]) == (alone if known.batch is None else 3)
    assert known.cost([[]]) == known.cost([]) == alone


@pytest.mark.requirement("OP5")
@each("known", OPERATIONS.values(), ids=OPERATIONS)
def test_whatever_takes_a_sequence_first_is_declared_a_batch_and_costs_its_items_by_name_too(
    known: Operation[..., Any],
) -> None:
    hints = [kind for name, kind in get_type_hints(known.run).items() if name not in ("tx", "return")]

    assert (known.batch is not None) == (get_origin(next(iter(hints), None)) is Sequence)
    if known.batch is not None:
        assert known.cost([], {known.batch: [1, 2, 3]}) == 3
        assert known.cost([], {known.batch: []}) == known.cost([], {"another": [1, 2, 3]}) == HEAVY.get(known.name, 1)


# --- the transaction ---------------------------------------------------------------------------


@pytest.mark.requirement("OW1")
@pytest.mark.parametrize("pooler", ["on", "off"])
async def test_only_a_change_may_write(
    pooler: str, ann: Caller, another_core: CoreOpener, admin: asyncpg.Connection
) -> None:
    writes_though_it_reads = as_operation(todos.add.run, effect="reads")
    before = await everything_of(admin, ann.principal.user_id)

    async with another_core(database_pooler=pooler) as core:
        with pytest.raises(asyncpg.PostgresError):
            await replace(ann, core=core).perform(writes_though_it_reads, [TodoCreate(title="sneaked in")])

    assert await everything_of(admin, ann.principal.user_id) == before
    assert row_of(await ann.perform(READ, _IN_A_TRANSACTION))["transaction_read_only"] == "on"
    assert row_of(await ann.perform(WRITE, _IN_A_TRANSACTION))["transaction_read_only"] == "off"


@pytest.mark.requirement("OP4")
@pytest.mark.parametrize("key", [None, "key"])
async def test_the_commit_happens_before_the_answer(ann: Caller, admin: asyncpg.Connection, key: str | None) -> None:
    with on_the_wire() as wire:
        changed = await ann.once(key).perform(todos.add, [TodoCreate(title="durable")])

    assert wire.sent[-1] == "COMMIT" or "write_at_once" in wire.sent[-1]  # which begins and commits
    assert await admin.fetchval("SELECT title FROM todos WHERE id = $1", row_of(changed)["id"]) == "durable"


@pytest.mark.requirement("OW1")
async def test_nothing_is_written_when_the_operation_raises(ann: Caller, admin: asyncpg.Connection) -> None:
    async def change_your_mind(tx: Tx) -> Changed[Any]:
        await todos.add.run(tx, [TodoCreate(title="half done")])
        raise Conflict("never mind")

    before = await everything_of(admin, ann.principal.user_id)
    with pytest.raises(Conflict, match="never mind"):
        await ann.once("key").perform(as_operation(change_your_mind))

    assert await everything_of(admin, ann.principal.user_id) == before


@pytest.mark.requirement("DB1")
async def test_an_unexpected_exception_leaves_no_open_transaction(another_core: CoreOpener, ann: Caller) -> None:
    async def crash(tx: Tx) -> Any:
        await todos.add.run(tx, [TodoCreate(title="half done")])
        raise ZeroDivisionError

    async with another_core(database_pool_size=1) as core:
        with pytest.raises(ZeroDivisionError):
            await bearer(core, ann.principal).perform(as_operation(crash))

        assert await titles_of(bearer(core, ann.principal)) == []


@pytest.mark.requirement("OW1")
async def test_a_broken_constraint_is_a_conflict_that_says_nothing_of_the_database(ann: Caller) -> None:
    async def break_a_rule(tx: Tx) -> Any:
        return await tx.rows(_NAMELESS)

    with pytest.raises(Conflict) as refused:
        await ann.perform(as_operation(break_a_rule))

    assert type(refused.value) is Conflict
    assert refused.value.as_dict() == Conflict().as_dict()
    assert isinstance(refused.value.__cause__, asyncpg.CheckViolationError)
    assert refused.value.__cause__.constraint_name == "ck_todos_title_length"


async def test_a_database_error_that_means_nothing_to_callers_stays_as_it_is(ann: Caller) -> None:
    async def divide(tx: Tx) -> Any:
        return await tx.value(Statement(select(literal_column("1 / 0"))))

    with pytest.raises(asyncpg.DivisionByZeroError) as raised:
        await ann.perform(as_operation(divide))

    assert raised.value.__cause__ is not raised.value  # a chain that ends, whoever renders it


@pytest.mark.requirement("ID3", "ID7")
@pytest.mark.parametrize(
    "end",
    [
        "UPDATE api_tokens SET revoked_at = now() WHERE id = $1",
        "UPDATE api_tokens SET expires_at = now() - interval '1 second' WHERE id = $1",
    ],
    ids=["revoked", "expired"],
)
async def test_a_token_stops_at_once_in_every_process_that_remembers_it(
    end: str, ann: Caller, core: Core, another_core: CoreOpener, admin: asyncpg.Connection
) -> None:
    token = await token_of(ann)
    async with another_core() as other:
        holders = [bearer(process, await process.identity.authenticate(token)) for process in (core, other)]
        for holder in holders:
            await add(holder, "while it lived")
        await admin.execute(end, holders[0].principal.token_id)
        before = await everything_of(admin, ann.principal.user_id)

        for holder in holders:
            with pytest.raises(Unauthenticated) as refused:
                await holder.perform(todos.add, [TodoCreate(title="too late")])
            with pytest.raises(Unauthenticated):
                await holder.once("key").perform(todos.add, [TodoCreate(title="too late")])
            with pytest.raises(Unauthenticated):
                await holder.perform(todos.list_, TodoFilter())

            assert refused.value.as_dict() == Unauthenticated().as_dict()

    assert await everything_of(admin, ann.principal.user_id) == before


@pytest.mark.requirement("ID7")
async def test_why_a_remembered_token_is_refused_is_in_the_log(ann: Caller, core: Core) -> None:
    token = await token_of(ann)
    holder = bearer(core, await core.identity.authenticate(token))
    await ann.perform(tokens.revoke, holder.principal.token_id)

    with capture_logs() as logs, pytest.raises(Unauthenticated):
        await holder.perform(todos.list_, TodoFilter())

    assert [entry["event"] for entry in logs] == ["token_refused"]
    assert token not in repr(logs)


@pytest.mark.requirement("OW1")
async def test_parameters_are_values_and_never_sql(ann: Caller) -> None:
    title = "'; DROP TABLE todos; --"

    await add(ann, title)

    assert await titles_of(ann, text="drop table") == [title]


@pytest.mark.requirement("SA1")
async def test_once_gives_the_same_caller_for_no_key_and_another_for_a_key(ann: Caller) -> None:
    assert ann.once(None) is ann
    assert ann.once("key").idempotency_key == "key"
    assert ann.idempotency_key is None


@pytest.mark.requirement("SA1")
async def test_a_read_takes_no_key(ann: Caller, admin: asyncpg.Connection) -> None:
    for _ in range(2):
        await ann.once("key").perform(READ, _AUTOCOMMIT)

    assert (await everything_of(admin, ann.principal.user_id))["idempotency_keys"] == []


@each("known", OPERATIONS.values(), ids=OPERATIONS)
def test_every_operation_has_a_name_and_words_and_refusals_of_our_family(known: Operation[..., Any]) -> None:
    module, _, function = known.name.partition(".")

    assert known.run.__module__ == f"todo_core.operations.{module}"
    assert known.run.__name__.rstrip("_") == function
    assert known.words.endswith(".")
    assert all(issubclass(refusal, TodoError) for refusal in known.raises)
    assert known.effect == "changes" or not known.destructive


async def test_an_operation_reaches_what_its_process_shares(ann: Caller) -> None:
    async def reach(tx: Tx) -> Any:
        rows = await tx.rows(Statement(select(func.generate_series(1, 3).label("n"))))
        return tx.core, [row["n"] for row in rows], await tx.row(Statement(select(literal(1)).where(literal(False))))

    assert await ann.perform(as_operation(reach, effect="reads", scope="todos:read")) == (ann.core, [1, 2, 3], None)
