"""Accounts: what an admin sees and does, what it takes at once, and what nobody can see."""

from __future__ import annotations

import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

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
    codes,
    connected,
    everything_of,
    on_the_wire,
    proposing,
    row_of,
    titles_of,
    told,
    until,
)
from tests.keys import compact, secret_pair
from tests.support import AUDIENCE, ISSUER, JWT_SECRET, token_of
from todo_core.boundary.caller import Caller
from todo_core.boundary.operation import OPERATIONS
from todo_core.boundary.results import Page
from todo_core.core import Core
from todo_core.errors import (
    Conflict,
    IdempotencyKeyReused,
    InsufficientScope,
    NotFound,
    Suspended,
    TodoError,
    Unauthenticated,
    UndoRefused,
)
from todo_core.models import METADATA
from todo_core.models.accounts import AccountQuery
from todo_core.models.calendars import CalendarCreate
from todo_core.models.changes import ChangeFilter
from todo_core.models.todos import TodoCreate, TodoFilter
from todo_core.models.tokens import TokenCreate
from todo_core.operations import accounts, calendars, changes, notes, overview, todos, tokens, users

pytestmark = pytest.mark.requirement("OW5")

Account = dict[str, Any]
NewUser = Callable[[], Awaitable[Caller]]
PERSONAL = {"display_name": "Ann Example", "email": "ann@example.test"}


def jwt(sub: str, **claims: Any) -> str:
    """A token of the tests' issuer that nobody has seen."""
    pair = secret_pair(JWT_SECRET.encode())
    usual = {"iss": ISSUER, "aud": AUDIENCE, "sub": sub, "exp": int(time.time()) + 600, "jti": str(uuid4())}
    return compact(pair.header(), usual | claims, pair.sign)


async def by(core: Core, token: str) -> Caller:
    """Whoever a token names, as a request would find out."""
    return Caller(core, await core.identity.authenticate(token), "test")


async def found(admin: Caller, **wanted: Any) -> Page[Any]:
    return await admin.perform(accounts.list_, AccountQuery(**wanted))


def ids(page: Page[Any]) -> list[int]:
    return [row["id"] for row in orjson.loads(page.json)]


async def account(admin: Caller, somebody: Caller) -> Account:
    read: Account = orjson.loads((await admin.perform(accounts.get, somebody.principal.user_id)).json)
    return read


async def suspend(admin: Caller, somebody: Caller) -> Any:
    return await admin.perform(accounts.suspend, somebody.principal.user_id)


async def reactivate(admin: Caller, somebody: Caller) -> Any:
    return await admin.perform(accounts.reactivate, somebody.principal.user_id)


async def delete(admin: Caller, somebody: Caller) -> Any:
    return await admin.perform(accounts.delete, somebody.principal.user_id)


async def fill(somebody: Caller) -> int:
    """Something in every table; the id of the trashed todo."""
    made = [TodoCreate(title=f"private {n}", tags=["private"]) for n in range(6)]
    ids = [row["id"] for row in told(await somebody.perform(todos.add, made))]
    await somebody.perform(notes.add, ids[0], "a private note")
    await somebody.perform(todos.complete, ids[:2])
    await somebody.once("a key").perform(todos.delete, ids[5:])
    renamed = await somebody.perform(users.update, {"display_name": "Ann"})
    assert renamed.change_id is not None
    await somebody.perform(changes.undo, renamed.change_id)
    await somebody.perform(users.update, {"display_name": "Ann Example"})
    token = await token_of(somebody, "todos:read")
    await (await Caller.authenticated(somebody.core, "rest", token=token)).check()
    await somebody.perform(calendars.create, CalendarCreate(name="private"))
    await (await proposing(somebody)).perform(todos.complete, [ids[3]])
    return ids[5]


# --- what an admin sees ------------------------------------------------------------------------


async def test_an_account_shows_whose_it_is_and_how_much_it_holds(
    ada: Caller, ann: Caller, admin: asyncpg.Connection
) -> None:
    await fill(ann)
    revoked = row_of(await ann.perform(tokens.create, TokenCreate(name="revoked")))
    await ann.perform(tokens.revoke, revoked["id"])
    ended = row_of(await ann.perform(tokens.create, TokenCreate(name="ended")))
    await admin.execute("UPDATE api_tokens SET expires_at = now() WHERE id = $1", ended["id"])
    await ann.perform(tokens.create, TokenCreate(name="for ever", expires_in_days=None))
    await admin.execute("UPDATE users SET email = 'ann@example.test' WHERE id = $1", ann.principal.user_id)

    read = await account(ada, ann)

    assert read == {
        "id": ann.principal.user_id,
        "issuer": "urn:todo-mcp:local",
        "subject": read["subject"],
        "email": "ann@example.test",
        "display_name": "Ann Example",
        "role": "user",
        "created_at": read["created_at"],
        "suspended_at": None,
        "open_todos": 3,
        "done_todos": 2,
        "trashed_todos": 1,
        "live_tokens": 2,
    }
    assert read["subject"].startswith("user-")
    assert orjson.loads((await found(ada, cursor=ann.principal.user_id - 1, limit=1)).json) == [read]


async def test_a_new_account_holds_nothing(ada: Caller, ann: Caller) -> None:
    read = await account(ada, ann)

    assert [read[name] for name in ("open_todos", "done_todos", "trashed_todos", "live_tokens")] == [0] * 4
    assert [read[name] for name in ("email", "display_name", "suspended_at")] == [None] * 3
    assert (await account(ada, ada))["role"] == "admin"


async def test_an_account_that_never_was_is_not_found(ada: Caller) -> None:
    for attempt in (
        ada.perform(accounts.get, 2**62),
        ada.perform(accounts.suspend, 2**62),
        ada.perform(accounts.reactivate, 2**62),
        ada.perform(accounts.delete, 2**62),
    ):
        with pytest.raises(NotFound) as refused:
            await attempt
        assert refused.value.detail == "There is no such account."


@dataclass(frozen=True)
class Town:
    """A database with an admin and five people, two of them suspended, and nobody else."""

    admin: Caller
    people: list[Caller]

    @property
    def ids(self) -> list[int]:
        return [one.principal.user_id for one in self.people]


@pytest.fixture
async def town(fresh_database_url: str, another_core: CoreOpener) -> AsyncIterator[Town]:
    async with another_core(fresh_database_url) as core:
        await core.identity.operator()
        people = [Caller(core, await core.identity.local(f"person {n}"), "test") for n in range(5)]
        boss = Caller(core, await core.identity.local("boss", "admin"), "test")
        for n, one in enumerate(people[:4]):
            await add(one, *["a"] * n)
        for suspended in (people[1], people[4]):
            await suspend(boss, suspended)
        yield Town(boss, people)


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 6, 50])
async def test_pages_show_every_account_once_oldest_first(limit: int, town: Town) -> None:
    seen: list[int] = []
    cursor = 0
    for _ in range(10):
        page = await found(town.admin, cursor=cursor, limit=limit)
        assert (page.total, page.page_size) == (6, limit)
        assert len(ids(page)) <= limit
        seen += ids(page)
        if page.next_cursor is None:
            break
        cursor = int(page.next_cursor)
    else:
        pytest.fail("the last page never came")

    assert seen == [*town.ids, town.admin.principal.user_id]


async def test_a_page_that_is_the_last_has_no_cursor_also_when_it_is_full(town: Town) -> None:
    assert (await found(town.admin, limit=6)).next_cursor is None
    assert (await found(town.admin, status="suspended", limit=2)).next_cursor is None
    assert (await found(town.admin, limit=5)).next_cursor == str(town.ids[-1])


async def test_each_account_of_a_page_has_its_own_counts(town: Town) -> None:
    listed = orjson.loads((await found(town.admin)).json)

    assert [row["open_todos"] for row in listed] == [0, 1, 2, 3, 0, 0]
    assert [row["role"] for row in listed] == ["user"] * 5 + ["admin"]


@pytest.mark.parametrize(("status", "wanted"), [("all", [0, 1, 2, 3, 4]), ("active", [0, 2, 3]), ("suspended", [1, 4])])
async def test_a_status_filters_the_accounts_and_their_number(status: str, wanted: list[int], town: Town) -> None:
    bosses = [] if status == "suspended" else [town.admin.principal.user_id]
    expected = [town.ids[n] for n in wanted] + bosses

    page = await found(town.admin, status=status)
    assert (ids(page), page.total, page.next_cursor) == (expected, len(expected), None)

    second = await found(town.admin, status=status, cursor=expected[0], limit=1)
    assert (ids(second), second.total) == (expected[1:2], len(expected))


async def test_beyond_the_last_account_there_is_an_empty_page(town: Town) -> None:
    page = await found(town.admin, cursor=2**63 - 1)

    assert (page.json, page.total, page.next_cursor) == ("[]", 6, None)


async def test_the_command_lines_account_is_not_to_be_seen_suspended_or_deleted(town: Town) -> None:
    operator = await town.admin.core.identity.operator()
    hidden = replace(town.admin, principal=operator)

    assert operator.user_id not in ids(await found(town.admin))
    for attempt in (account(town.admin, hidden), suspend(town.admin, hidden), delete(town.admin, hidden)):
        with pytest.raises(NotFound):
            await attempt
    assert await town.admin.core.identity.operator() == operator
    assert len(ids(await found(replace(hidden, via="cli")))) == 6


@pytest.mark.requirement("DB4")
async def test_a_page_costs_as_many_statements_as_one_account(town: Town) -> None:
    for wanted in ({"limit": 1}, {"limit": 50}):
        with on_the_wire() as wire:
            await found(town.admin, **wanted)
        assert len(wire.sent) == 3  # begin, the page, commit


# --- suspended ---------------------------------------------------------------------------------


async def everything_there_is_to_do(me: Caller) -> AsyncIterator[Awaitable[Any]]:
    yield me.perform(todos.list_, TodoFilter())
    yield me.perform(todos.add, [TodoCreate(title="a")])
    yield me.once("key").perform(todos.add, [TodoCreate(title="a")])
    yield me.perform(users.get)
    yield me.perform(users.update, {"locale": "fr"})
    yield me.perform(tokens.list_)
    yield me.perform(tokens.create, TokenCreate(name="t"))
    yield me.perform(changes.list_, ChangeFilter())
    yield me.perform(overview.get)
    yield me.check()


async def refusals(me: Caller) -> set[type[TodoError] | None]:
    """How each thing is refused; None where something was allowed."""
    heard: set[type[TodoError] | None] = set()
    async for attempt in everything_there_is_to_do(me):
        try:
            await attempt
        except TodoError as refused:
            heard.add(type(refused))
        else:
            heard.add(None)
    return heard


@dataclass(frozen=True)
class Everywhere:
    """One user, signed in with a JWT, an API token and without a token, in two processes that remember it."""

    callers: list[Caller]
    tokens: list[str]

    @property
    def user(self) -> Caller:
        return self.callers[0]

    async def heard(self) -> set[type[TodoError] | None]:
        return set().union(*[await refusals(caller) for caller in self.callers])

    async def entering(self) -> list[Caller]:
        """As a request would: with the token, in both processes."""
        return [await by(core, token) for core in self.cores for token in self.tokens]

    @property
    def cores(self) -> list[Core]:
        return list({id(caller.core): caller.core for caller in self.callers}.values())


@pytest.fixture
async def everywhere(core: Core, another_core: CoreOpener) -> AsyncIterator[Everywhere]:
    """A local user has the same row as a JWT's here: only how it signs in differs."""
    session = jwt(f"ann-{uuid4()}", email=PERSONAL["email"], name=PERSONAL["display_name"])
    async with another_core() as other:
        first = await by(core, session)
        api = await token_of(first)
        callers = [await by(process, token) for process in (core, other) for token in (session, api)]
        callers += [replace(first, core=process, via="stdio") for process in (core, other)]
        found = Everywhere(callers, [session, api])
        assert await found.heard() == {None}
        yield found


async def test_a_suspended_user_can_do_nothing_at_once_and_everywhere(
    everywhere: Everywhere, ada: Caller, admin: asyncpg.Connection
) -> None:
    assert codes(await suspend(ada, everywhere.user)) == ["changed"]
    before = await everything_of(admin, everywhere.user.principal.user_id)

    assert await everywhere.heard() == {Suspended}

    for caller in await everywhere.entering():
        with pytest.raises(Suspended):
            await caller.perform(todos.list_, TodoFilter())
    assert await everything_of(admin, everywhere.user.principal.user_id) == before


async def test_a_reactivated_user_goes_on_where_it_was(everywhere: Everywhere, ada: Caller) -> None:
    await add(everywhere.user, "kept")
    await suspend(ada, everywhere.user)
    assert await everywhere.heard() == {Suspended}

    assert codes(await reactivate(ada, everywhere.user)) == ["changed"]

    assert await everywhere.heard() == {None}
    assert "kept" in await titles_of(everywhere.user)


async def test_a_suspended_local_user_can_do_nothing(ada: Caller, ann: Caller, another_core: CoreOpener) -> None:
    assert await refusals(ann) == {None}
    await suspend(ada, ann)

    async with another_core() as other:
        assert await refusals(replace(ann, core=other)) == {Suspended}
    assert await refusals(ann) == {Suspended}


async def test_nobody_else_is_suspended(ada: Caller, ann: Caller, bob: Caller) -> None:
    await suspend(ada, ann)

    assert await refusals(bob) == {None}
    assert await refusals(ada) == {None}


async def test_suspending_and_reactivating_tell_the_account_and_a_repetition_changes_nothing(
    ada: Caller, ann: Caller, admin: asyncpg.Connection
) -> None:
    active = await account(ada, ann)
    assert codes(await reactivate(ada, ann)) == ["unchanged"]

    first = await suspend(ada, ann)
    assert row_of(first) == await account(ada, ann) == active | {"suspended_at": row_of(first)["suspended_at"]}
    assert row_of(first)["suspended_at"] is not None

    again = await suspend(ada, ann)
    assert (codes(again), again.change_id, row_of(again)) == (["unchanged"], None, row_of(first))

    back = await reactivate(ada, ann)
    assert (codes(back), row_of(back)) == (["changed"], active)
    recorded = (await everything_of(admin, ada.principal.user_id))["changes"]
    assert [row["id"] for row in recorded] == [first.change_id, back.change_id]


@pytest.mark.requirement("SA1")
async def test_a_repetition_under_a_key_gets_the_first_answer(ada: Caller, ann: Caller) -> None:
    first = await suspend(ada.once("key"), ann)
    await reactivate(ada, ann)

    again = await suspend(ada.once("key"), ann)

    assert (again.replayed, row_of(again), again.change_id) == (True, row_of(first), first.change_id)
    assert (await account(ada, ann))["suspended_at"] is None
    with pytest.raises(IdempotencyKeyReused):
        await reactivate(ada.once("key"), ann)


async def test_nobody_suspends_reactivates_or_deletes_themselves(ada: Caller, admin: asyncpg.Connection) -> None:
    before = await everything_of(admin, ada.principal.user_id)

    for attempt in (suspend(ada, ada), reactivate(ada, ada), delete(ada, ada)):
        with pytest.raises(Conflict) as refused:
            await attempt
        assert type(refused.value) is Conflict

    assert await everything_of(admin, ada.principal.user_id) == before


async def test_a_suspended_admin_administers_nothing_and_another_admin_can_do_it(
    core: Core, ada: Caller, ann: Caller
) -> None:
    other = Caller(core, await core.identity.local(f"admin-{uuid4().hex}", "admin"), "test")
    agent = await by(core, await token_of(ada, "admin"))
    await suspend(other, ada)

    for admin in (ada, agent):
        for attempt in (found(admin), account(admin, ann), suspend(admin, ann), delete(admin, ann)):
            with pytest.raises(Suspended):
                await attempt

    assert (await account(other, ann))["suspended_at"] is None


# --- deleted -----------------------------------------------------------------------------------


async def test_deleting_takes_everything_in_every_table(
    ada: Caller, ann: Caller, bob: Caller, admin: asyncpg.Connection
) -> None:
    for one in (ann, bob):
        await fill(one)
        today = "INSERT INTO activity_days VALUES ($1, (now() AT TIME ZONE 'UTC')::date) ON CONFLICT DO NOTHING"
        await admin.execute(today, one.principal.user_id)
    before = await everything_of(admin, ann.principal.user_id, days=True)
    assert before.keys() == METADATA.tables.keys() - {"installation", "write_probe", "deleted_accounts"}
    assert all(before.values()), "each table has something to lose"
    bobs = await everything_of(admin, bob.principal.user_id, days=True)

    deleted = await delete(ada, ann)

    assert (codes(deleted), row_of(deleted)) == (["changed"], {"suspended_at": None})
    assert not any((await everything_of(admin, ann.principal.user_id, days=True)).values())
    assert await everything_of(admin, bob.principal.user_id, days=True) == bobs
    with pytest.raises(NotFound):
        await account(ada, ann)
    with pytest.raises(NotFound):
        await delete(ada, ann)


async def test_a_deleted_user_is_out_at_once_and_everywhere(everywhere: Everywhere, ada: Caller) -> None:
    await delete(ada, everywhere.user)

    with capture_logs() as logs:
        assert await everywhere.heard() == {Unauthenticated}

    assert {entry["event"] for entry in logs} == {"token_refused"}
    assert not [token for token in everywhere.tokens if token in repr(logs)]


@pytest.mark.requirement("LT3")
async def test_whoever_was_deleted_and_comes_back_is_somebody_new_with_nothing(
    everywhere: Everywhere, ada: Caller
) -> None:
    await fill(everywhere.user)
    await delete(ada, everywhere.user)
    session, api = everywhere.tokens

    newcomers = []
    for core in everywhere.cores:
        for _ in range(2):
            with pytest.raises(Unauthenticated):
                await titles_of(await by(core, session))
        core.identity._ended._entries.clear()  # as it is after a minute
        newcomers.append(await by(core, session))
        assert await titles_of(newcomers[-1], status="all") == []
        for _ in range(2):
            with pytest.raises(Unauthenticated):
                await titles_of(await by(core, api))

    assert newcomers[0].principal == newcomers[1].principal
    assert newcomers[0].principal.user_id > everywhere.user.principal.user_id
    profile = orjson.loads((await newcomers[0].perform(users.get)).json)
    assert (profile["version"], profile["email"], profile["locale"]) == (1, PERSONAL["email"], "en")
    for empty in (tokens.list_, OPERATIONS["changes.list"]):
        page = await newcomers[0].perform(empty, *([ChangeFilter()] if empty is not tokens.list_ else []))
        assert page.json == "[]"


async def test_a_suspended_account_can_be_deleted_and_whoever_comes_back_is_not_suspended(
    everywhere: Everywhere, ada: Caller
) -> None:
    await suspend(ada, everywhere.user)
    await delete(ada, everywhere.user)

    core, session = everywhere.user.core, everywhere.tokens[0]
    with pytest.raises(Unauthenticated):
        await titles_of(await by(core, session))
    core.identity._ended._entries.clear()  # as it is after a minute
    assert await titles_of(await by(core, session)) == []


@pytest.mark.requirement("LT3")
async def test_where_deletion_is_final_nobody_comes_back(
    ada: Caller, another_core: CoreOpener, admin: asyncpg.Connection
) -> None:
    sub, kept = f"ann-{uuid4()}", "SELECT count(*) FROM deleted_accounts"
    async with another_core(deletion_is_final=True) as strict, another_core() as lenient:
        boss = replace(ada, core=strict)
        me, namesake = await by(strict, jwt(sub)), await by(strict, jwt(sub.upper()))
        api, before = await token_of(me), await admin.fetchval(kept)

        await delete(boss, me)

        assert await admin.fetchval(kept) == before + 1
        for _ in range(3):
            with pytest.raises(Suspended, match="deleted for good"):
                await by(strict, jwt(sub))
            with pytest.raises(Unauthenticated):
                await by(strict, api)
        assert await titles_of(await by(strict, jwt(f"{sub}-another"))) == []
        assert await titles_of(await by(strict, jwt(sub.upper()))) == []
        assert (await strict.identity.local(sub)).user_id, "of another issuer"

        back = await by(lenient, jwt(sub))  # the way back from a mistake
        assert (await by(strict, jwt(sub))).principal.user_id == back.principal.user_id
        await delete(replace(boss, core=lenient), namesake)
        assert await titles_of(await by(strict, jwt(sub.upper()))) == [], "it was not final where it was done"
        await delete(boss, back)
        assert await admin.fetchval(kept) == before + 1
        with pytest.raises(Suspended):
            await by(strict, jwt(sub))


@pytest.mark.requirement("SA2")
async def test_of_who_may_not_come_back_nothing_is_kept_that_tells_who_it_was(
    ada: Caller, another_core: CoreOpener, admin: asyncpg.Connection
) -> None:
    sub = f"ann-{uuid4()}"
    async with another_core(deletion_is_final=True) as strict:
        await delete(replace(ada, core=strict), await by(strict, jwt(sub, email=PERSONAL["email"])))

    (row,) = await admin.fetch("SELECT hash FROM deleted_accounts ORDER BY deleted_at DESC LIMIT 1")
    plain = hashlib.sha256(f"{ISSUER}\0{sub}".encode()).digest()
    key = await admin.fetchval("SELECT cursor_key FROM installation")
    assert row["hash"] == hashlib.sha256(key + plain).digest() != plain


async def test_a_write_that_meets_the_deletion_leaves_nothing_behind(
    ann: Caller, admin: asyncpg.Connection, database_url: str
) -> None:
    """The write has begun, as one who may; the account goes before it commits."""
    (todo,) = await add(ann, "mine")
    outcome: list[str] = []

    async def write() -> None:
        try:
            outcome.extend(codes(await ann.perform(todos.add, [TodoCreate(title="late")])))
        except TodoError as refused:
            outcome.append(refused.code)

    async with connected(database_url) as other, anyio.create_task_group() as tasks, other.transaction():
        await other.execute("DELETE FROM users WHERE id = $1", ann.principal.user_id)
        tasks.start_soon(write)
        await until(admin, SOMEBODY_WAITS_FOR_A_LOCK)

    assert outcome in (["conflict"], ["unauthenticated"])
    assert todo
    assert not any((await everything_of(admin, ann.principal.user_id)).values())
    with pytest.raises(Unauthenticated):
        await titles_of(ann)


@pytest.mark.requirement("SA2")
async def test_of_two_admins_who_delete_an_account_at_once_one_is_told_that_it_is_gone(
    ada: Caller, ann: Caller, admin: asyncpg.Connection, database_url: str
) -> None:
    outcome: list[str] = []

    async def delete_too() -> None:
        try:
            outcome.extend(codes(await delete(ada, ann)))
        except TodoError as refused:
            outcome.append(refused.code)

    async with connected(database_url) as other, anyio.create_task_group() as tasks, other.transaction():
        await other.execute("DELETE FROM users WHERE id = $1", ann.principal.user_id)
        tasks.start_soon(delete_too)
        await until(admin, SOMEBODY_WAITS_FOR_A_LOCK)

    assert outcome == ["not_found"]
    assert (await everything_of(admin, ada.principal.user_id))["changes"] == []


async def test_of_two_admins_who_suspend_an_account_at_once_both_are_told_that_it_is_suspended(
    ada: Caller, ann: Caller, admin: asyncpg.Connection, database_url: str
) -> None:
    outcome = []

    async def suspend_too() -> None:
        outcome.append(await suspend(ada, ann))

    async with connected(database_url) as other, anyio.create_task_group() as tasks, other.transaction():
        await other.execute("UPDATE users SET suspended_at = now() WHERE id = $1", ann.principal.user_id)
        tasks.start_soon(suspend_too)
        await until(admin, SOMEBODY_WAITS_FOR_A_LOCK)

    assert codes(outcome[0]) == ["unchanged"]
    assert row_of(outcome[0])["suspended_at"] is not None


# --- the record --------------------------------------------------------------------------------


@pytest.mark.requirement("SA2")
async def test_what_an_admin_did_is_in_the_admins_record_and_not_yet_in_the_users(
    ada: Caller, ann: Caller, admin: asyncpg.Connection
) -> None:
    before = await everything_of(admin, ann.principal.user_id)
    suspended = await suspend(replace(ada, via="rest", client="a console"), ann)

    change = orjson.loads((await ada.perform(changes.get, suspended.change_id)).json)

    (entry,) = change["entries"]
    assert (change["operation"], change["via"], change["client"]) == ("accounts.suspend", "rest", "a console")
    assert entry == {
        "entity": "account",
        "id": ann.principal.user_id,
        "title": None,
        "number": 1,
        "is_new": False,
        "before": {"suspended_at": None},
        "after": {"suspended_at": row_of(suspended)["suspended_at"]},
    }
    after = await everything_of(admin, ann.principal.user_id)
    assert after["changes"] == before["changes"] == []


@pytest.mark.requirement("SA2")
@pytest.mark.parametrize("key", [None, "key"], ids=["without a key", "with a key"])
async def test_nothing_personal_of_a_deleted_account_is_left_anywhere(
    key: str | None, ada: Caller, core: Core, admin: asyncpg.Connection
) -> None:
    sub = f"ann-{uuid4()}"
    ann = await by(core, jwt(sub, email=PERSONAL["email"], name=PERSONAL["display_name"]))
    await fill(ann)
    await suspend(ada, ann)

    deleted = await delete(ada.once(key), ann)

    (entry,) = orjson.loads((await ada.perform(changes.get, deleted.change_id)).json)["entries"]
    assert (entry["entity"], entry["id"]) == ("account", ann.principal.user_id)
    assert (entry["before"].keys(), entry["after"]) == ({"suspended_at"}, {"is_deleted": True})
    kept = repr(await everything_of(admin, ada.principal.user_id))
    assert str(ann.principal.user_id) in kept
    assert [word for word in (sub, *PERSONAL.values(), "private") if word in kept] == []


@pytest.mark.requirement("SA3")
async def test_what_was_done_to_an_account_cannot_be_undone(ada: Caller, ann: Caller, bob: Caller) -> None:
    done = [await suspend(ada, ann), await reactivate(ada, ann), await delete(ada, bob)]

    for change in done:
        with pytest.raises(UndoRefused) as refused:
            await ada.perform(changes.undo, change.change_id)
        assert "account" in refused.value.detail

    assert (await account(ada, ann))["suspended_at"] is None
    with pytest.raises(NotFound):
        await account(ada, bob)


# --- what PostgreSQL lets an admin do ----------------------------------------------------------


@pytest.mark.requirement("OW2")
@pytest.mark.parametrize(
    "statement",
    [
        "SELECT title FROM todos",
        "SELECT description FROM todos",
        "SELECT id FROM todos",
        "SELECT * FROM todos",
        "SELECT count(*) FROM todos WHERE title LIKE '%secret%'",
        "UPDATE todos SET deleted_at = now()",
        "UPDATE todos SET completed_at = NULL",
        "DELETE FROM todos",
        "INSERT INTO todos (user_id, title) VALUES (1, 'a')",
        "SELECT hash FROM api_tokens",
        "SELECT name FROM api_tokens",
        "SELECT scopes FROM api_tokens",
        "UPDATE api_tokens SET revoked_at = NULL",
        "DELETE FROM api_tokens",
        "UPDATE users SET role = 'admin'",
        "UPDATE users SET issuer = 'another'",
        "UPDATE users SET email = NULL",
        "INSERT INTO users (issuer, subject) VALUES ('an issuer', 'me')",
        "UPDATE changes SET via = 'nobody'",
        "DELETE FROM changes",
        "UPDATE change_entries SET after = '{}'",
        "DELETE FROM change_entries",
        "DELETE FROM idempotency_keys",
        "SELECT id FROM installation",
        "UPDATE installation SET cursor_key = ''",
        "SELECT hash FROM deleted_accounts",
        "DELETE FROM deleted_accounts",
        "SELECT belong_to_another('todo', '{1}')",
        "TRUNCATE users",
    ],
)
async def test_an_admin_can_read_and_change_nothing_else(
    statement: str, ada: Caller, ann: Caller, admin: asyncpg.Connection
) -> None:
    await fill(ann)

    async with acting_as(admin, "todo_admin", ada.principal.user_id):
        assert (
            await admin.fetchval("SELECT require_active($1, NULL, NULL, NULL)", ada.principal.user_id)
            == ada.principal.user_id
        )
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied"):
            await admin.execute(statement)


@pytest.mark.requirement("OW2")
async def test_an_admin_sees_of_the_record_and_of_answers_only_their_own(
    ada: Caller, ann: Caller, admin: asyncpg.Connection
) -> None:
    await fill(ann)
    await suspend(ada.once("mine"), ann)

    async with acting_as(admin, "todo_admin", ada.principal.user_id):
        for table in ("changes", "change_entries", "idempotency_keys"):
            rows = await admin.fetch(f"SELECT user_id FROM {table}")  # noqa: S608  # our own tables
            assert [row["user_id"] for row in rows] == [ada.principal.user_id]
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await admin.execute(
                "INSERT INTO changes (user_id, operation, via) VALUES ($1, 'todos.add', 'rest')",
                ann.principal.user_id,
            )


@pytest.mark.requirement("OW2", "ID4")
async def test_postgresql_lets_nobody_act_as_an_admin_whose_role_is_not(
    ada: Caller, ann: Caller, admin: asyncpg.Connection, database_url: str
) -> None:
    ask = "SELECT require_active($1, NULL, NULL, NULL)"

    async def sqlstate(user_id: int, role: str = "todo_admin") -> str | None:
        async with connected(database_url) as connection:
            try:
                async with connection.transaction():
                    await connection.execute(f"SET LOCAL ROLE {role}; SET LOCAL app.user_id = '{user_id}'")
                    await connection.execute(ask, user_id)
            except asyncpg.PostgresError as refused:
                return refused.sqlstate
        return None

    assert await sqlstate(ada.principal.user_id) is None
    assert await sqlstate(ann.principal.user_id) == "TD4AD"
    assert await sqlstate(ann.principal.user_id, "todo_app") is None
    assert await sqlstate(2**62) == "TD401"
    assert await sqlstate(0) == "TD401"
    await admin.execute("UPDATE users SET role = 'user' WHERE id = $1", ada.principal.user_id)
    assert await sqlstate(ada.principal.user_id) == "TD4AD"
    await admin.execute("UPDATE users SET role = 'admin', suspended_at = now() WHERE id = $1", ada.principal.user_id)
    assert await sqlstate(ada.principal.user_id) == "TD403"


@pytest.mark.requirement("OW2", "ID3")
async def test_nobody_acts_as_a_user_that_is_not_their_own(ada: Caller, ann: Caller, admin: asyncpg.Connection) -> None:
    async with acting_as(admin, "todo_app", ann.principal.user_id):
        with pytest.raises(asyncpg.PostgresError) as refused:
            await admin.execute("SELECT require_active($1, NULL, NULL, NULL)", ada.principal.user_id)

    assert refused.value.sqlstate == "TD401"


@pytest.mark.requirement("ID4")
async def test_an_admin_needs_the_scope_too(ada: Caller, ann: Caller) -> None:
    limited = replace(ada, principal=replace(ada.principal, scopes=ada.principal.scopes - {"admin"}))

    for attempt in (found(limited), account(limited, ann), suspend(limited, ann), delete(limited, ann)):
        with on_the_wire() as wire, pytest.raises(InsufficientScope) as refused:
            await attempt
        assert (refused.value.scope, wire.sent) == ("admin", [])


# --- API tokens --------------------------------------------------------------------------------


@pytest.mark.requirement("ID3")
async def test_a_revoked_token_stops_at_once_in_another_process(
    ann: Caller, another_core: CoreOpener, admin: asyncpg.Connection
) -> None:
    token = await token_of(ann)
    async with another_core() as other:
        here, there = [await by(core, token) for core in (ann.core, other)]
        assert await refusals(there) == {None}
        before = await everything_of(admin, ann.principal.user_id)

        await ann.perform(tokens.revoke, here.principal.token_id)

        assert await refusals(there) == await refusals(here) == {Unauthenticated}
        for core in (ann.core, other):
            with pytest.raises(Unauthenticated):
                await core.identity.authenticate(token)
    after = await everything_of(admin, ann.principal.user_id)
    assert after["todos"] == before["todos"]
    assert await refusals(ann) == {None}


@pytest.mark.requirement("ID3")
async def test_an_admins_revoked_token_administers_nothing(ada: Caller, ann: Caller) -> None:
    agent = await by(ada.core, await token_of(ada, "admin"))
    assert (await account(agent, ann))["id"] == ann.principal.user_id
    await ada.perform(tokens.revoke, agent.principal.token_id)

    for attempt in (found(agent), suspend(agent, ann), delete(agent, ann)):
        with pytest.raises(Unauthenticated):
            await attempt

    assert (await account(ada, ann))["suspended_at"] is None
