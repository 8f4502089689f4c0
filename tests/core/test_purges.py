"""The purge: what is past its time goes for good, and nothing else can."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import anyio
import asyncpg
import orjson
import pytest
from structlog.testing import capture_logs

from tests.core.support import (
    SOMEBODY_WAITS_FOR_A_LOCK,
    CoreOpener,
    acting_as,
    add,
    connected,
    everything_of,
    on_the_wire,
    proposing,
    titles_of,
    told,
    until,
    with_server_settings,
)
from tests.pauses import moment
from todo_core.boundary.caller import Caller
from todo_core.core import Core
from todo_core.errors import HistoryDeleted, NotFound, UndoRefused
from todo_core.models.changes import ChangeFilter
from todo_core.models.lists import ListCreate, ListRemoval
from todo_core.models.todos import TodoCreate
from todo_core.operations import changes, lists, proposals, tags, todos
from todo_core.queries import purges as queries
from todo_core.upkeep import purges

pytestmark = pytest.mark.usefixtures("at_once")

_TRASHED_AGO = "UPDATE todos SET deleted_at = now() - $2::interval WHERE id = $1"
MONTH = timedelta(days=30)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server begins to purge when it starts."""
    monkeypatch.setattr(purges, "START_SECONDS", 0)


@pytest.mark.requirement("TD7")
async def test_a_purge_takes_what_has_been_in_the_trash_too_long_and_nothing_else(
    ann: Caller, bob: Caller, admin: asyncpg.Connection
) -> None:
    living, old, fresh = await add(ann, "living", "old", "fresh")
    (bobs,) = await add(bob, "bob's")
    await ann.perform(todos.complete, [living])
    await admin.execute(_TRASHED_AGO, old, MONTH + timedelta(seconds=1))
    await admin.execute(_TRASHED_AGO, fresh, MONTH - timedelta(minutes=1))
    await admin.execute(_TRASHED_AGO, bobs, MONTH + timedelta(days=400))
    recorded = (await everything_of(admin, ann.principal.user_id))["changes"]

    purged = await ann.core.purges.purge()

    assert purged["todos"] >= 2
    assert await titles_of(ann, status="all") == ["living"]
    assert await titles_of(ann, status="trashed") == ["fresh"]
    assert await titles_of(bob, status="trashed") == []
    assert (await everything_of(admin, ann.principal.user_id))["changes"] == recorded
    assert (await ann.core.purges.purge())["todos"] == 0


@pytest.mark.requirement("TD7")
async def test_the_retention_time_is_a_setting(
    ann: Caller, admin: asyncpg.Connection, another_core: CoreOpener
) -> None:
    week_old, fresh = await add(ann, "a week old", "fresh")
    await admin.execute(_TRASHED_AGO, week_old, timedelta(days=7, seconds=1))
    await admin.execute(_TRASHED_AGO, fresh, timedelta(days=6))

    async with another_core(trash_days=7) as core:
        await core.purges.purge()

    assert await titles_of(ann, status="trashed") == ["fresh"]


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """One transaction deletes two rows, and two rows are looked for at once."""
    monkeypatch.setattr(purges, "ANSWERS", 2)
    monkeypatch.setattr(purges, "FOUND", 4)
    kinds = tuple(replace(kind, chunk=2) for kind in purges._kinds())
    monkeypatch.setattr(purges, "_kinds", lambda: kinds)


async def much_to_purge(caller: Caller, admin: asyncpg.Connection) -> None:
    """Five rows of each kind that are past their time, all since the same moment, and none that other tests left."""
    await caller.core.purges.purge()
    made = [row["id"] for row in told(await caller.perform(lists.add, [ListCreate(name=str(n)) for n in range(5)]))]
    for n, list_id in enumerate(made):
        await caller.once(f"key {n}").perform(todos.add, [TodoCreate(title="old", list_id=list_id, tags=[f"tag {n}"])])
    for row in orjson.loads((await caller.perform(tags.list_)).json):
        await caller.perform(tags.delete, row["id"])
    await caller.perform(lists.delete, made, ListRemoval(todos="trash"))
    for table in ("todos", "lists", "tags"):
        await admin.execute(
            f"UPDATE {table} SET deleted_at = now() - $2::interval"  # noqa: S608  # names of ours
            " WHERE user_id = $1 AND deleted_at IS NOT NULL",
            caller.principal.user_id,
            MONTH * 2,
        )
    await admin.execute(
        "UPDATE idempotency_keys SET created_at = now() - $2::interval WHERE user_id = $1",
        caller.principal.user_id,
        MONTH,
    )


async def left_of(caller: Caller, admin: asyncpg.Connection) -> dict[str, int]:
    """How many rows a user has of what is purged; the inbox is none of them."""
    rows = await everything_of(admin, caller.principal.user_id)
    return {
        name: len([row for row in rows[name] if not row.get("is_inbox")])
        for name in ("todos", "lists", "tags", "todo_tags", "idempotency_keys")
    }


NOTHING: Final = {"todos": 0, "lists": 0, "tags": 0, "todo_tags": 0, "idempotency_keys": 0}


@pytest.mark.requirement("TD7", "OP4")
@pytest.mark.usefixtures("small_chunks")
async def test_much_of_every_kind_goes_in_short_transactions(ann: Caller, admin: asyncpg.Connection) -> None:
    await much_to_purge(ann, admin)
    seen: list[dict[str, int]] = []

    with on_the_wire() as wire:
        purged = await ann.core.purges.purge(lambda so_far: seen.append({**so_far}))

    assert await left_of(ann, admin) == NOTHING
    assert {kind: count >= 5 for kind, count in purged.items()} == dict.fromkeys(purged, True) | {
        "changes": False,
        "proposals": False,
    }
    for table in ("todos", "lists", "tags"):
        assert wire.sent.count(getattr(queries, table.upper()).sql) >= 3
    assert seen[-1] == purged
    assert len(seen) >= 10


@pytest.mark.requirement("TD7", "OP4")
@pytest.mark.usefixtures("small_chunks")
async def test_a_server_whose_time_is_up_goes_on_after_a_pause(
    ann: Caller, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await much_to_purge(ann, admin)
    for name in ("TURN_SECONDS", "PAUSE_SECONDS"):
        monkeypatch.setattr(purges, name, 0)

    entries = await logged(ann.core, "purged", times=12)

    assert await left_of(ann, admin) == NOTHING
    assert all(sum(entry[kind] for kind in ("todos", "lists", "tags")) <= 2 for entry in entries)


@pytest.mark.requirement("SA6")
async def test_a_proposal_goes_once_it_was_over_for_as_long_as_trash_is_kept(
    ann: Caller, admin: asyncpg.Connection
) -> None:
    agent = await proposing(ann)
    made = [await agent.perform(todos.add, [TodoCreate(title="x")]) for _ in range(4)]
    waiting, rejected, late, old = (one.proposal.id for one in made)
    await ann.perform(proposals.reject, rejected)
    await admin.execute(
        "UPDATE proposals SET expires_at = now() - $2::interval WHERE id = $1", late, timedelta(days=29)
    )
    await admin.execute("UPDATE proposals SET expires_at = now() - $2::interval WHERE id = $1", old, timedelta(days=31))

    assert (await ann.core.purges.purge())["proposals"] >= 1

    left = await admin.fetch("SELECT id FROM proposals WHERE user_id = $1 ORDER BY id", ann.principal.user_id)
    assert [row["id"] for row in left] == [waiting, rejected, late]


@pytest.mark.requirement("TD7", "OP4")
async def test_one_process_purges_at_a_time(
    ann: Caller, admin: asyncpg.Connection, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purges, "PAUSE_SECONDS", 0)
    (old,) = await add(ann, "old")
    await admin.execute(_TRASHED_AGO, old, MONTH * 2)

    async with connected(database_url) as another, anyio.create_task_group() as tasks:
        purging = another.transaction()
        await purging.start()
        await another.execute(queries.LOCK.sql)
        with on_the_wire() as wire, capture_logs() as logs, anyio.fail_after(10):
            tasks.start_soon(ann.core.purges.run)
            while wire.sent.count(queries.TRY_LOCK.sql) < 2:
                await moment()
        tasks.cancel_scope.cancel()
        assert logs == []
    assert await titles_of(ann, status="trashed") == ["old"]


@pytest.mark.requirement("TD7", "OP1")
async def test_a_purge_on_request_waits_for_another_one(
    ann: Caller, admin: asyncpg.Connection, database_url: str
) -> None:
    (old,) = await add(ann, "old")
    await admin.execute(_TRASHED_AGO, old, MONTH * 2)

    async with connected(database_url) as another, anyio.create_task_group() as tasks:
        purging = another.transaction()
        await purging.start()
        await another.execute(queries.LOCK.sql)
        tasks.start_soon(ann.core.purges.purge)
        await until(admin, SOMEBODY_WAITS_FOR_A_LOCK)
        assert await titles_of(ann, status="trashed") == ["old"]
        await purging.commit()

    assert await titles_of(ann, status="trashed") == []


@pytest.mark.requirement("TD7")
async def test_a_servers_first_purge_is_at_some_time_after_its_start(
    ann: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purges, "START_SECONDS", 300)
    monkeypatch.setattr("random.uniform", lambda least, most: (least + most) / 2)

    with on_the_wire() as wire:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ann.core.purges.run)
            await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()

    assert wire.sent == []


@pytest.mark.requirement("SA1")
async def test_answers_kept_for_retries_go_after_a_day(ann: Caller, admin: asyncpg.Connection) -> None:
    for key in ("old", "fresh"):
        await ann.once(key).perform(todos.add, [TodoCreate(title=key)])
    await admin.execute(
        "UPDATE idempotency_keys SET created_at = now() - interval '24 hours 1 second' WHERE user_id = $1 AND key = $2",
        ann.principal.user_id,
        "old",
    )

    assert (await ann.core.purges.purge())["answers"] >= 1

    kept = (await everything_of(admin, ann.principal.user_id))["idempotency_keys"]
    assert [row["key"] for row in kept] == ["fresh"]


@pytest.mark.requirement("TD7", "SA3")
async def test_what_was_purged_cannot_be_undone(ann: Caller, admin: asyncpg.Connection) -> None:
    (gone,) = await add(ann, "gone")
    deleted = await ann.perform(todos.delete, [gone])
    await admin.execute(_TRASHED_AGO, gone, MONTH * 2)
    await ann.core.purges.purge()

    with pytest.raises(UndoRefused):
        await ann.perform(changes.undo, deleted.change_id)


@pytest.mark.requirement("TD7", "OW2")
async def test_a_mistaken_purge_cannot_reach_a_living_todo(admin: asyncpg.Connection, ann: Caller) -> None:
    await add(ann, "living")
    await ann.once("key").perform(todos.add, [TodoCreate(title="living too")])
    before = await everything_of(admin, ann.principal.user_id)

    async with acting_as(admin, "todo_janitor"):
        await admin.execute("DELETE FROM todos; DELETE FROM idempotency_keys")

    assert await everything_of(admin, ann.principal.user_id) == before


@pytest.mark.requirement("TD7", "OW2")
@pytest.mark.parametrize(
    "statement",
    [
        "SELECT title FROM todos",
        "SELECT reply FROM idempotency_keys",
        "UPDATE todos SET deleted_at = now()",
        "SELECT email FROM users",
        "SELECT operation FROM changes",
        "DELETE FROM change_entries",
        "SELECT FROM api_tokens",
        "SELECT require_active(1, NULL, NULL, NULL)",
        "UPDATE users SET suspended_at = NULL",
    ],
)
async def test_the_janitor_can_do_nothing_but_clean_up(statement: str, admin: asyncpg.Connection) -> None:
    async with acting_as(admin, "todo_janitor"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await admin.execute(statement)


async def logged(core: Core, event: str, times: int = 1) -> list[Mapping[str, Any]]:
    """Let a server's purging run until it has said this so often, and return what it said."""
    with capture_logs() as logs, anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(core.purges.run)
            while [entry["event"] for entry in logs].count(event) < times:
                await moment()
            tasks.cancel_scope.cancel()
    return [entry for entry in logs if entry["event"] == event]


@pytest.mark.requirement("TD7")
async def test_a_server_purges_from_its_start_and_again_and_again(
    ann: Caller, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purges, "INTERVAL_SECONDS", 0)
    (old,) = await add(ann, "old")
    await admin.execute(_TRASHED_AGO, old, MONTH * 2)

    await logged(ann.core, "purged", times=2)

    assert await titles_of(ann, status="trashed") == []


@pytest.mark.requirement("TD7", "OP4")
async def test_without_a_database_a_server_tries_again_later(another_core: CoreOpener) -> None:
    async with another_core() as core:
        await core.database.close()

        await logged(core, "purge_postponed")


@pytest.mark.requirement("TD7", "OP4")
async def test_a_purge_that_loses_against_a_request_does_not_stop_the_server(
    ann: Caller, admin: asyncpg.Connection, database_url: str, another_core: CoreOpener
) -> None:
    first, second = await add(ann, "first", "second")
    for old in (first, second):
        await admin.execute(_TRASHED_AGO, old, MONTH * 2)
    url = with_server_settings(database_url, deadlock_timeout="500ms")

    async with connected(database_url) as request, another_core(url) as core, anyio.create_task_group() as tasks:
        restoring = request.transaction()
        await restoring.start()
        await request.execute("SET LOCAL deadlock_timeout = '1h'")  # the purge finds the deadlock
        await request.execute("UPDATE todos SET deleted_at = NULL WHERE id = $1", second)
        tasks.start_soon(core.purges.run)
        await until(admin, SOMEBODY_WAITS_FOR_A_LOCK)
        await request.execute("UPDATE todos SET deleted_at = NULL WHERE id = $1", first)
        await restoring.commit()
        tasks.cancel_scope.cancel()

    assert await titles_of(ann) == ["first", "second"]


# --- the record --------------------------------------------------------------------------------

_CHANGED_AGO = "UPDATE changes SET at = now() - $2::interval WHERE id = ANY ($1)"


@pytest.mark.requirement("SA2", "SA4")
async def test_the_record_ends_where_a_setting_says_so_and_tells_who_missed_something(
    ann: Caller, bob: Caller, admin: asyncpg.Connection, another_core: CoreOpener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purges, "CHANGES", 2)
    # Ids follow the time, and the purge stops at the first change that stays: not at one that another test dated back.
    await admin.execute("UPDATE changes SET at = now() WHERE at < now()")
    made = [(await ann.perform(todos.add, [TodoCreate(title=str(n))])).change_id for n in range(5)]
    (bobs,) = await add(bob, "bob's")
    await admin.execute(_CHANGED_AGO, made[:3], timedelta(days=7, seconds=1))
    await admin.execute(_CHANGED_AGO, made[3:], timedelta(days=7, minutes=-1))

    async with another_core(history_days=7) as core:
        assert (await core.purges.purge())["changes"] >= 3
        assert (await core.purges.purge())["changes"] == 0
        me = replace(ann, core=core)
        with pytest.raises(NotFound, match="kept for 7 days"):
            await me.perform(changes.undo, made[0])

    kept = orjson.loads((await ann.perform(changes.list_, ChangeFilter())).json)
    assert [change["id"] for change in kept] == made[:2:-1]
    assert await admin.fetchval("SELECT count(*) FROM change_entries WHERE change_id = ANY ($1)", made) == 2
    for since in (0, made[1]):
        with pytest.raises(HistoryDeleted) as told:
            await ann.perform(changes.list_, ChangeFilter(since=since))
        assert told.value.as_dict()["since"] == made[4]
    assert len(orjson.loads((await ann.perform(changes.list_, ChangeFilter(since=made[2]))).json)) == 2
    assert len(orjson.loads((await bob.perform(changes.list_, ChangeFilter(since=0))).json)) == 1
    assert bobs


@pytest.mark.requirement("SA2")
async def test_the_record_is_kept_for_ever_unless_a_setting_ends_it(ann: Caller, admin: asyncpg.Connection) -> None:
    made = await ann.perform(todos.add, [TodoCreate(title="a")])
    await admin.execute(_CHANGED_AGO, [made.change_id], timedelta(days=4000))

    assert (await ann.core.purges.purge())["changes"] == 0

    assert len(orjson.loads((await ann.perform(changes.list_, ChangeFilter())).json)) == 1


_SLOW = """
CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.1); RETURN OLD; END';
CREATE TRIGGER slow BEFORE DELETE ON {} FOR EACH ROW EXECUTE FUNCTION slowly()
"""


@pytest.mark.requirement("SA2", "TD7")
@pytest.mark.exhaustive
@pytest.mark.parametrize(("table", "kind"), [("change_entries", "changes"), ("todo_tags", "tags")])
async def test_rows_that_take_longer_to_delete_than_a_statement_may_go_a_few_at_a_time(
    table: str, kind: str, fresh_database_url: str, another_core: CoreOpener, ann: Caller
) -> None:
    async with (
        another_core(fresh_database_url, history_days=1, database_timeout=0.45) as core,
        connected(fresh_database_url) as admin,
    ):
        me = replace(ann, core=core, principal=await core.identity.local("ann"))
        for n in range(8):
            await me.perform(todos.add, [TodoCreate(title=str(n), tags=[str(n)])])
        await admin.execute("UPDATE changes SET at = now() - interval '2 days'")
        await admin.execute("UPDATE tags SET deleted_at = now() - interval '60 days'")
        await admin.execute(_SLOW.format(table))

        assert (await core.purges.purge())[kind] == 8
