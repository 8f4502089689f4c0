"""A person deletes their account: in two steps, as themselves, and nothing of them is left."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import orjson
import pytest

from tests.core.support import CoreOpener, acting_as, connected, row_of, told
from tests.pauses import moment
from tests.support import bearing, token_of
from todo_core.boundary.caller import Caller
from todo_core.core import Core
from todo_core.errors import InvalidInput, NotForAgents, NotForApps, Suspended, Unauthenticated
from todo_core.models.calendars import CalendarCreate
from todo_core.models.exports import ExportQuery
from todo_core.models.lists import ListCreate
from todo_core.models.todos import TodoCreate
from todo_core.models.tokens import TokenCreate
from todo_core.operations import calendars, events, exports, lists, notes, todos, tokens, users
from todo_core.upkeep.live import hub
from todo_core.upkeep.live.follower import OverError
from todo_core.upkeep.live.view import Form

pytestmark = pytest.mark.requirement("LT4")

WORD = "xylophone"
KEPT = "SELECT count(*) FROM deleted_accounts"
PATIENCE = 20.0


async def planted(core: Core) -> Caller:
    """Somebody who has the word in each text that a person, a client or an issuer chooses."""
    me = Caller(core, await core.identity.local(f"{WORD} {uuid4().hex}"), "test", client=WORD)
    await me.perform(users.update, {"display_name": WORD, "time_zone": "Europe/Berlin"})
    (home,) = told(await me.perform(lists.add, [ListCreate(name=WORD)]))
    new = TodoCreate(
        title=WORD, description=WORD, tags=[WORD], key=WORD, source=f"https://{WORD}.test/", list_id=home["id"]
    )
    made = row_of(await me.once(f"{WORD}-key").perform(todos.add, [new]))
    await me.perform(notes.add, made["id"], WORD)
    await me.perform(tokens.create, TokenCreate(name=WORD))
    await me.perform(calendars.create, CalendarCreate(name=WORD, list_id=home["id"]))
    await me.perform(todos.update, [{"id": made["id"], "title": f"{WORD} again"}])
    await core.activity._flush()
    return me


async def tables_with(admin: asyncpg.Connection, word: str) -> set[str]:
    """The tables of which a row has a word, in any column as text."""
    names = await admin.fetch(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
    )
    asked = {
        row["relname"]: f'SELECT EXISTS (SELECT FROM "{row["relname"]}" t WHERE t::text ILIKE $1)'  # noqa: S608
        for row in names
    }
    return {name for name, sql in asked.items() if await admin.fetchval(sql, f"%{word}%")}


async def rows_of(admin: asyncpg.Connection, user_id: int) -> dict[str, int]:
    """How many rows each table has of a user."""
    names = await admin.fetch(
        "SELECT table_name FROM information_schema.columns WHERE table_schema = 'public' AND column_name = 'user_id'"
    )
    counts = {
        row[0]: await admin.fetchval(f'SELECT count(*) FROM "{row[0]}" WHERE user_id = $1', user_id)  # noqa: S608
        for row in names
    }
    return {name: count for name, count in counts.items() if count}


async def code_of(me: Caller) -> str:
    told_of: dict[str, Any] = orjson.loads((await me.perform(users.prepare_deletion)).json)
    return str(told_of["code"])


async def test_nothing_of_a_person_is_left_in_any_table(core: Core, bob: Caller, admin: asyncpg.Connection) -> None:
    me = await planted(core)
    user_id = me.principal.user_id
    bobs, kept = await rows_of(admin, bob.principal.user_id), await admin.fetchval(KEPT)
    before = await tables_with(admin, WORD)
    owned = (await rows_of(admin, user_id)).keys()
    # The search itself finds the word in every kind of row.
    assert before >= {
        "users", "lists", "todos", "tags", "notes", "api_tokens", "calendars", "changes", "change_entries",
        "idempotency_keys",
    }  # fmt: skip

    told_of = orjson.loads((await me.perform(users.prepare_deletion)).json)
    assert (told_of["is_deleted"], told_of["held"]["todos"], told_of["held"]["notes"]) == (False, 1, 1)
    assert (await rows_of(admin, user_id)).keys() == owned, "the first step changes nothing"
    deleted = orjson.loads((await me.perform(users.delete, told_of["code"])).one().json)

    assert (deleted["is_deleted"], deleted["code"]) == (True, None)
    assert await tables_with(admin, WORD) == set()
    assert await rows_of(admin, user_id) == {}
    assert await rows_of(admin, bob.principal.user_id) == bobs
    assert await admin.fetchval(KEPT) == kept, "nothing is kept unasked"
    assert user_id not in core.customs
    assert user_id not in core.activity._day_ends
    assert user_id not in core.activity._waiting


async def test_where_deletion_is_final_a_hash_is_kept_and_keeps_them_out(
    another_core: CoreOpener, admin: asyncpg.Connection
) -> None:
    async with another_core(deletion_is_final=True) as core:
        name, kept = f"{WORD} {uuid4().hex}", await admin.fetchval(KEPT)
        me = Caller(core, await core.identity.local(name), "test")
        await me.perform(users.delete, await code_of(me))

        with pytest.raises(Suspended, match="for good"):
            await core.identity.local(name)
    assert await admin.fetchval(KEPT) == kept + 1
    assert await tables_with(admin, WORD) == set()


async def test_every_process_refuses_at_once_and_streams_end(
    another_core: CoreOpener, core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By word of it, not at the next look."""

    async def look(_: object) -> None:
        pass

    monkeypatch.setattr(hub.Hub, "_look", look)
    me = Caller(core, await core.identity.local(uuid4().hex), "test")
    secret = (await me.perform(tokens.create, TokenCreate(name="x", scopes=["todos:read"]))).secret
    assert secret is not None
    form: Form[dict[str, Any]] = Form(rows=False, make=lambda change: change)
    async with another_core() as other:
        there = await Caller.authenticated(other, "test", token=secret)
        position = await there.perform(events.follow)
        with other.live.following(there, position, form) as far, core.live.following(me, position, form) as near:
            while not other.live._listening.is_hearing:
                await moment()
            await me.perform(todos.add, [TodoCreate(title="x")])
            assert await far.next(PATIENCE)
            await me.perform(users.delete, await code_of(me))

            for follower in (near, far):
                with pytest.raises(OverError):
                    await follower.next(PATIENCE)
        with pytest.raises(Unauthenticated):
            await there.perform(users.capabilities)
        with pytest.raises(Unauthenticated):
            await me.perform(users.get)


async def test_a_code_is_of_one_person_and_of_one_minute(ann: Caller, bob: Caller, another_core: CoreOpener) -> None:
    now = [datetime.now(UTC)]
    async with another_core(clock=lambda: now[0]) as core:
        me = replace(ann, core=core)
        code = await code_of(me)
        for wrong in (
            code[:-1] + ("0" if code[-1] != "0" else "1"),
            await code_of(replace(bob, core=core)),
            "",
            "\ud800",
            "9" * 99,
        ):
            with pytest.raises(InvalidInput) as refused:
                await me.perform(users.delete, wrong)
            assert [error.field for error in refused.value.errors] == ["code"]
        now[0] += timedelta(seconds=61)
        with pytest.raises(InvalidInput):
            await me.perform(users.delete, code)
        code = await code_of(me)
        now[0] += timedelta(seconds=58)
        assert (await replace(me, dry_run=True).perform(users.delete, code)).dry_run
        await me.perform(users.get)
        await me.perform(users.delete, code)


async def test_sent_again_within_its_minute_it_comes_to_the_same(core: Core, admin: asyncpg.Connection) -> None:
    """A session that is still good makes an account anew, as for anybody: the code is good for that, too."""
    name = f"{WORD} {uuid4().hex}"
    me = Caller(core, await core.identity.local(name), "test")
    code = await code_of(me)
    await me.perform(users.delete, code)
    again = Caller(core, await core.identity.local(name), "test")
    assert again.principal.user_id != me.principal.user_id

    await again.perform(users.delete, code)
    assert await tables_with(admin, WORD) == set()


async def test_no_agent_deletes_the_account_or_makes_an_address(ann: Caller) -> None:
    code = await code_of(ann)
    app = replace(ann, principal=replace(ann.principal, is_delegated=True))
    token = await bearing(ann, await token_of(ann, "profile"))
    for agent in (app, token, replace(ann, via="mcp")):
        for attempt in (
            lambda me: me.perform(users.prepare_deletion),
            lambda me: me.perform(users.delete, code),
            lambda me: me.perform(calendars.create, CalendarCreate(name="x")),
        ):
            with pytest.raises((NotForApps, NotForAgents)):
                await attempt(agent)
    await ann.perform(users.get)


async def test_the_role_of_leaving_deletes_its_own_account_alone(
    ann: Caller, bob: Caller, admin: asyncpg.Connection
) -> None:
    async with acting_as(admin, "todo_leaving", ann.principal.user_id):
        assert await admin.fetchval("SELECT array_agg(id) FROM users") == [ann.principal.user_id]
        assert await admin.execute("DELETE FROM users WHERE id = $1", bob.principal.user_id) == "DELETE 0"
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await admin.fetch("SELECT email FROM users")


async def test_an_export_that_is_fetched_does_not_outlive_it(ann: Caller) -> None:
    file = await ann.perform(exports.make, ExportQuery())
    await ann.perform(users.delete, await code_of(ann))
    file.close()
    assert not len(ann.core.exporting)


_SLOW = """
CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(2.5); RETURN NULL; END';
CREATE TRIGGER slow BEFORE DELETE ON users EXECUTE FUNCTION slowly()
"""


@pytest.mark.slow
async def test_who_has_very_much_may_leave_too(another_core: CoreOpener, fresh_database_url: str) -> None:
    """More than one statement may delete in the usual time."""
    async with (
        connected(fresh_database_url) as admin,
        another_core(fresh_database_url, database_timeout="1") as core,
    ):
        me = Caller(core, await core.identity.local("ann"), "test")
        await admin.execute(_SLOW)
        await me.perform(users.delete, await code_of(me))
        assert await admin.fetchval("SELECT count(*) FROM users WHERE id = $1", me.principal.user_id) == 0
