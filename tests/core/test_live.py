"""Whoever follows changes is told of each one: once, in the order of commits, soon, and only what they may see."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from time import monotonic
from typing import Any, Final

import anyio
import asyncpg
import orjson
import pytest
from sqlalchemy import select, text
from structlog.testing import capture_logs

from tests.core.support import CoreOpener, add, as_operation, until
from tests.core.test_at_once import alone
from tests.core.test_mandates import bounded
from tests.pauses import moment
from todo_core.boundary.caller import Caller
from todo_core.boundary.operation import Tx
from todo_core.core import Core
from todo_core.errors import HistoryDeleted, TodoError, TooManyRequests, Unavailable
from todo_core.models.changes import ChangeFilter
from todo_core.models.tokens import TokenCreate
from todo_core.operations import accounts, changes, events, tokens
from todo_core.queries.adding import ADD_PLAIN
from todo_core.queries.events import CHANNEL, NOTIFY
from todo_core.storage.roles import AGENT_ROLE, Role
from todo_core.storage.statements import Statement
from todo_core.upkeep.live import hub as hubs
from todo_core.upkeep.live import listening, view
from todo_core.upkeep.live.follower import Credential, Follower, OverError
from todo_core.upkeep.live.view import Form

pytestmark = pytest.mark.requirement("SA5")

IDS: Final[Form[int]] = Form(rows=False, make=lambda change: int(change["id"]))
LISTENERS: Final = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name ~ 'listening$'"
)


@pytest.fixture
async def quick(ann: Caller, another_core: CoreOpener, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Caller]:
    """Ann in a process that does at once what else happens after seconds."""
    for name in ("BEAT", "POLL", "LINGER", "RETRY"):
        monkeypatch.setattr(hubs, name, 0.1)
    async with elsewhere(ann, another_core) as there:
        yield there


@asynccontextmanager
async def following(caller: Caller, since: int | None = None) -> AsyncIterator[Follower[int]]:
    """Somebody who follows, from now on or from a change on."""
    position = await caller.perform(events.follow, since)
    with caller.core.live.following(caller, position, IDS) as follower:
        yield follower


async def told(follower: Follower[int], count: int) -> list[int]:
    """The ids of the next changes, so many."""
    ids: list[int] = []
    with anyio.fail_after(10):
        while len(ids) < count:
            ids += [event.told for event in await follower.next(10)]
    return ids


async def recorded(caller: Caller, since: int) -> list[int]:
    """The ids of all changes after one, as the record has them."""
    found = await caller.perform(changes.list_, ChangeFilter(since=since, limit=200))
    return [row["id"] for row in orjson.loads(found.json)]


async def over(follower: Follower[int]) -> None:
    """Return once the follower is told that there will be nothing more."""
    with anyio.fail_after(10):
        try:
            while True:
                await follower.next(10)
        except OverError:
            return


@asynccontextmanager
async def elsewhere(caller: Caller, another_core: CoreOpener, **changed: Any) -> AsyncIterator[Caller]:
    """The same person in another process."""
    async with another_core(**changed) as core:
        yield replace(caller, core=core)


async def test_while_nobody_follows_nothing_listens_and_nothing_is_sent(
    quick: Caller, admin: asyncpg.Connection
) -> None:
    send, sent = anyio.create_memory_object_stream[str](100)
    await until(admin, f"SELECT ({LISTENERS}) = 0")
    await admin.add_listener(CHANNEL, lambda *word: send.send_nowait(str(word[-1])))
    await add(quick, "unheard")
    with anyio.fail_after(10), send, sent:
        async with following(quick):
            await until_heard(quick.core)
            assert await admin.fetchval(LISTENERS) == 1
            assert (await sent.receive())[0] == "?"  # before which nobody was told of the change
            await add(quick, "heard")
            (_, change_id) = await recorded(quick, 0)
            assert await sent.receive() == f"{quick.principal.user_id}:{change_id}"
        await admin.reset()
    await until(admin, f"SELECT ({LISTENERS}) = 0")


async def test_followers_are_told_at_once_where_what_is_prepared_was_thrown_away(
    ann: Caller, another_core: CoreOpener
) -> None:
    """Where something between us and PostgreSQL sends DEALLOCATE ALL (decision 24)."""
    async with elsewhere(ann, another_core, database_pool_size=1) as me, following(me) as follower:
        await until_heard(me.core)
        await add(me, "first")  # the read of what changed is prepared with it
        await told(follower, 1)
        with capture_logs() as logs:
            async with me.core.database.begin() as transaction:
                await transaction.fetch("DEALLOCATE ALL")
            await add(ann, "second")
            await told(follower, 1)

    assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == []


async def test_other_processes_are_notified_where_what_is_prepared_was_thrown_away(
    another_core: CoreOpener, admin: asyncpg.Connection
) -> None:
    send, sent = anyio.create_memory_object_stream[str](100)
    async with another_core(database_pool_size=1) as core:
        await admin.add_listener(CHANNEL, lambda *word: send.send_nowait(str(word[-1])))
        with anyio.fail_after(10), send, sent:
            for payload in ("prepared", "sent again"):
                await core.database.tell(NOTIFY, payloads=[payload])
                while await sent.receive() != payload:
                    pass
                async with core.database.begin() as transaction:
                    await transaction.fetch("DEALLOCATE ALL")
        await admin.reset()


async def test_followers_are_told_of_what_is_committed_whatever_becomes_of_its_answer(
    ann: Caller, admin: asyncpg.Connection
) -> None:
    """A write at once is committed before what its answer says besides is looked for (decision 84)."""

    async def fail_later(tx: Tx) -> None:
        assert tx.origin is not None
        await tx.rows_at_once(ADD_PLAIN, **alone("written") | tx.origin.parameters())
        await tx.value(Statement(select(text("1 / 0"))))

    send, sent = anyio.create_memory_object_stream[str](100)
    await admin.add_listener(CHANNEL, lambda *word: send.send_nowait(str(word[-1])))
    with anyio.fail_after(10), send, sent:
        async with following(ann) as follower:
            await until_heard(ann.core)
            with pytest.raises(Unavailable):
                await ann.perform(as_operation(fail_later, at_once=True))
            (change_id,) = await recorded(ann, 0)
            assert await told(follower, 1) == [change_id]
            while (word := await sent.receive()).startswith("?"):  # somebody asks whether it is heard
                pass
            assert word == f"{ann.principal.user_id}:{change_id}"
        await admin.reset()


async def test_who_catches_up_is_told_also_where_what_a_connection_had_prepared_was_thrown_away(
    ann: Caller, another_core: CoreOpener
) -> None:
    await add(ann, "first")
    ids = await recorded(ann, 0)
    async with another_core(database_pool_size=1) as core:
        me = replace(ann, core=core)
        async with following(me), following(me, 0) as follower:  # what was before the first is not kept
            assert await told(follower, 1) == ids
        async with following(me), following(me, 0) as follower:
            await until_heard(core)
            async with core.database.begin() as transaction:
                await transaction.fetch("DEALLOCATE ALL")
            assert await told(follower, 1) == ids


async def test_a_follower_is_told_of_each_change_once_in_order(ann: Caller) -> None:
    async with following(ann) as follower:
        begin = follower.cursor
        async with anyio.create_task_group() as tasks:
            for number in range(12):
                tasks.start_soon(add, ann, f"todo {number}")

        assert await told(follower, 12) == await recorded(ann, begin)
        assert await follower.next(0.1) == ()


@pytest.mark.requirement("MC7")
async def test_what_another_process_changes_is_heard_within_a_second(
    ann: Caller, another_core: CoreOpener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "SETTLED_SECONDS", 60.0)  # no look finds it
    took = [float("inf")]
    async with elsewhere(ann, another_core) as there, following(ann) as follower, following(there) as other:
        await until_heard(ann.core, there.core)
        await add(there, "found by the look that comes with hearing")
        for one in (follower, other):
            await told(one, 1)
        while len(took) < 5 and min(took) >= 1:  # of several, because the machine may be busy
            begin = follower.cursor
            await add(there, "there")
            await add(ann, "here")
            began = monotonic()
            assert await told(follower, 2) == await recorded(ann, begin)
            assert await told(other, 2) == await recorded(ann, begin)
            took.append(monotonic() - began)
    assert min(took) < 1, took


async def until_heard(*cores: Core) -> None:
    """Return once each process hears what others change."""
    with anyio.fail_after(10):
        while not all(core.live._listening.is_hearing for core in cores):
            await moment()


async def test_nobody_is_told_of_the_changes_of_another_or_of_what_their_scopes_hide(ann: Caller, bob: Caller) -> None:
    reading = replace(ann, principal=replace(ann.principal, scopes=frozenset({"todos:read"})))
    async with following(ann) as all_of_it, following(reading) as part, following(bob) as of_bob:
        await add(bob, "bob's")
        made = await ann.perform(tokens.create, TokenCreate(name="hidden"))
        await add(ann, "ann's")

        first, second = await told(all_of_it, 2)
        assert first == made.change_id
        assert await told(part, 1) == [second]
        assert len(await told(of_bob, 1)) == 1
        for follower in (all_of_it, part, of_bob):
            assert await follower.next(0.1) == ()


@pytest.mark.parametrize("kept", [1_000, 3])
async def test_who_comes_back_is_told_of_all_that_came_since(
    ann: Caller, monkeypatch: pytest.MonkeyPatch, kept: int
) -> None:
    monkeypatch.setattr(view, "KEPT", kept)
    monkeypatch.setattr(view, "PAGE", 4)
    async with following(ann) as follower:
        begin = follower.cursor
        for number in range(9):
            await add(ann, f"todo {number}")
        everything = await recorded(ann, begin)
        async with following(ann, begin) as again, following(ann, everything[4]) as later:
            assert await told(again, 9) == everything
            assert await told(later, 4) == everything[5:]
            await add(ann, "one more")
            newest = await recorded(ann, everything[-1])
            assert await told(again, 1) == await told(later, 1) == newest
        assert await told(follower, 10) == everything + newest


async def test_a_number_that_is_no_change_of_ones_own_leads_to_the_next_one_that_is(ann: Caller, bob: Caller) -> None:
    async with following(ann, 2**63 - 1) as made_up, following(ann, 0) as from_the_first:
        await add(bob, "bob's")
        (of_bob,) = await recorded(bob, 0)
        async with following(ann, of_bob) as of_another:
            await add(ann, "ann's")
            mine = await recorded(ann, 0)
            assert [await told(one, 1) for one in (made_up, of_another, from_the_first)] == [mine] * 3


async def test_after_deleted_changes_nobody_follows_as_if_there_were_none(
    ann: Caller, admin: asyncpg.Connection
) -> None:
    await add(ann, "old")
    (old,) = await recorded(ann, 0)
    await admin.execute("UPDATE users SET changes_deleted_through = $1 WHERE id = $2", old, ann.principal.user_id)
    with pytest.raises(HistoryDeleted) as refused:
        await ann.perform(events.follow, 0)
    assert refused.value.extra == {"since": old}


async def test_to_be_told_costs_no_rate_limit_and_no_place_but_to_read_what_was_missed_does(
    ann: Caller, another_core: CoreOpener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view, "KEPT", 4)
    async with elsewhere(ann, another_core, rate_limit="50/hour") as me, following(me) as follower:
        begin = follower.cursor
        for number in range(46):
            await add(me, f"todo {number}")
            assert len(await told(follower, 1)) == 1
        assert len(me.core.places) == 0
        async with following(me, begin) as behind:
            assert len(await told(behind, 40)) >= 40
        with pytest.raises(TooManyRequests):
            async with following(me, begin) as behind:
                await told(behind, 40)


async def test_there_are_so_many_places_for_a_person_and_for_all(
    ann: Caller, bob: Caller, another_core: CoreOpener
) -> None:
    async with another_core() as core:
        core.live.most = hubs.OF_A_PERSON
        person, other = replace(ann, core=core), replace(bob, core=core)
        mine, theirs = [await one.perform(events.follow) for one in (person, other)]
        with ExitStack() as places:
            for _ in range(hubs.OF_A_PERSON):
                places.enter_context(core.live.following(person, mine, IDS))
            for one, position, words in ((person, mine, "one person"), (other, theirs, "server")):
                with pytest.raises(Unavailable, match=words) as refused:
                    places.enter_context(core.live.following(one, position, IDS))
                assert refused.value.retry_after == hubs.FULL_SECONDS
        with core.live.following(person, mine, IDS):
            pass


async def test_a_process_that_ends_ends_those_who_follow_and_takes_no_more(
    ann: Caller, another_core: CoreOpener
) -> None:
    async with elsewhere(ann, another_core) as me, following(me) as follower:
        me.core.live.close()
        await over(follower)
        with pytest.raises(Unavailable):
            async with following(me):
                pass


@pytest.mark.requirement("ID3")
async def test_who_may_not_follow_any_more_is_told_nothing_more(ann: Caller, ada: Caller, quick: Caller) -> None:
    made = await ann.perform(tokens.create, TokenCreate(name="to be revoked"))
    token = orjson.loads(made.one().json)["id"]
    by_token = replace(quick, principal=replace(quick.principal, token_id=token))
    briefly = replace(quick, principal=replace(quick.principal, expires_at=datetime.now(UTC).timestamp() + 0.3))
    async with following(quick) as stays, following(by_token) as ends, following(briefly) as expires:
        await over(expires)
        await ann.perform(tokens.revoke, token)
        await over(ends)
        assert len(await told(stays, 1)) == 1
        await ada.perform(accounts.suspend, ann.principal.user_id)
        await over(stays)


async def test_a_lost_connection_is_made_again_and_what_was_missed_is_found(
    ann: Caller, another_core: CoreOpener, admin: asyncpg.Connection
) -> None:
    async with elsewhere(ann, another_core) as there, following(ann) as follower:
        await until_heard(ann.core)
        with capture_logs() as logs:
            await admin.execute(LISTENERS.replace("count(*)", "pg_terminate_backend(pid)"))
            await add(there, "while nobody hears")
            assert len(await told(follower, 1)) == 1
            with anyio.fail_after(10):  # what was missed may be found before it is known that something was
                while not logs:
                    await moment()
        assert [entry["event"] for entry in logs] == ["listening_lost"]


@pytest.mark.parametrize("pooler", ["on", "off"])
async def test_where_nothing_can_be_heard_the_record_is_looked_at(
    quick: Caller, bob: Caller, another_core: CoreOpener, monkeypatch: pytest.MonkeyPatch, pooler: str
) -> None:
    """With a declared pooler nothing listens; a connection that hears nothing is found out by the word it lacks."""
    async with following(bob):
        await until_heard(bob.core)  # else what an earlier test began to prove would be proved elsewhere
    monkeypatch.setattr(listening, "PROOF_SECONDS", 0.2)
    monkeypatch.setattr(listening.events, "CHANNEL", "elsewhere")
    with capture_logs() as logs:
        async with elsewhere(quick, another_core, database_pooler=pooler) as me, following(me) as follower:
            with anyio.fail_after(10):
                while pooler == "off" and not logs:
                    await moment()
            await add(quick, "unheard")
            assert len(await told(follower, 1)) == 1
            # Each person's record is looked at in their own name: row-level security shows nobody else's.
            others = replace(bob, core=me.core)
            async with following(others) as of_bob:
                for one, follows in ((quick, follower), (replace(bob, core=quick.core), of_bob)):
                    await add(one, "unheard, too")
                    assert len(await told(follows, 1)) == 1
            assert not me.core.live._listening.is_hearing
    assert [entry["event"] for entry in logs] == ["listening_hears_nothing"] * (pooler == "off")


async def test_what_nobody_told_of_is_found_at_the_next_look(
    ann: Caller, quick: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if a process had died between a commit and its word of it."""
    async with following(quick) as follower:
        monkeypatch.setattr(ann.core.live._announcer, "announce", lambda *_: None)
        await until_heard(quick.core)
        await add(ann, "untold")
        assert len(await told(follower, 1)) == 1


async def test_whoever_cannot_be_looked_at_is_told_nothing_more(
    quick: Caller, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever keeps the rights from being looked at: a right that may have ended is not taken for one."""
    monkeypatch.setattr(hubs, "BLIND", 0.2)
    async with following(quick) as follower:
        await admin.execute("ALTER FUNCTION latest_change(bigint, bigint, bigint, integer) RENAME TO no_more")
        try:
            with pytest.raises(OverError):
                await follower.next(10)
        finally:
            await admin.execute("ALTER FUNCTION no_more(bigint, bigint, bigint, integer) RENAME TO latest_change")


async def test_who_cannot_be_looked_at_in_one_role_ends_nobody_in_another(
    quick: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the login lost the role of agents with lists meanwhile."""
    monkeypatch.setattr(hubs, "BLIND", 0.2)
    agent = await bounded(quick, lists=[])
    look_at = hubs.Hub._look_at

    async def fails(self: hubs.Hub, credentials: Sequence[Credential], role: Role) -> None:
        if role == AGENT_ROLE:
            raise Unavailable
        await look_at(self, credentials, role)

    async with following(quick) as of_person, following(await agent.check()) as of_agent:
        monkeypatch.setattr(hubs.Hub, "_look_at", fails)
        with pytest.raises(OverError):
            await of_agent.next(10)
        await add(quick, "a")
        assert len(await told(of_person, 1)) == 1


async def test_whatever_is_sent_on_the_channel_does_no_harm(ann: Caller, admin: asyncpg.Connection) -> None:
    async with following(ann) as follower:
        await until_heard(ann.core)
        for payload in ("", ":", "x:1", "1:x", f"{ann.principal.user_id}:{2**80}", "²:³", "?"):
            await admin.execute("SELECT pg_notify('todo_changes', $1)", payload)
        await add(ann, "real")
        assert len(await told(follower, 1)) == 1


async def test_a_view_that_cannot_be_read_is_read_later_and_others_meanwhile(
    bob: Caller, quick: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = view.View.read
    failing = False

    async def fails(self: view.View[int], *args: object) -> object:
        page = await read(self, *args)  # type: ignore[arg-type]
        if failing and self.user_id == quick.principal.user_id:
            raise Unavailable
        return page

    monkeypatch.setattr(view.View, "read", fails)
    bobs = replace(bob, core=quick.core)
    async with following(quick) as of_ann, following(bobs) as of_bob:
        failing = True
        await add(quick, "ann's")
        await add(bobs, "bob's")
        assert len(await told(of_bob, 1)) == 1
        assert await of_ann.next(0.1) == ()
        failing = False
        assert len(await told(of_ann, 1)) == 1


async def test_what_is_changed_while_a_view_is_read_is_told_without_another_word(
    ann: Caller, another_core: CoreOpener, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = view.View.read
    is_read, may_go_on = anyio.Event(), anyio.Event()

    async def slow(self: view.View[int], *args: object) -> object:
        page = await read(self, *args)  # type: ignore[arg-type]
        is_read.set()
        await may_go_on.wait()
        return page

    monkeypatch.setattr(hubs, "POLL", 60.0)
    async with elsewhere(ann, another_core, database_pooler="on") as me, following(me) as follower:
        monkeypatch.setattr(view.View, "read", slow)
        await add(me, "read")
        with anyio.fail_after(10):
            await is_read.wait()
        await add(me, "while that is read")
        may_go_on.set()
        assert len(await told(follower, 2)) == 2


def test_refusals_of_places_are_those_that_one_may_try_again() -> None:
    error: TodoError = Unavailable("full", 10)
    assert (error.status, error.retryable, error.retry_after, Unavailable().retry_after) == (503, True, 10, 1)
