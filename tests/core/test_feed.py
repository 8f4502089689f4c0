"""What the record of changes shows to whom: the rows that the caller's scopes cover (S12)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import asyncpg
import orjson
import pytest

from tests.core.support import CoreOpener, add, connected
from todo_core.boundary.caller import Caller
from todo_core.errors import HistoryDeleted, InsufficientScope, NotFound, UndoRefused
from todo_core.identity.scopes import ALL_SCOPES, Scope
from todo_core.models.changes import ChangeFilter
from todo_core.models.lists import ListCreate
from todo_core.models.tokens import TokenCreate
from todo_core.operations import accounts, changes, lists, tokens, users
from todo_core.queries import history as queries
from todo_core.storage.statements import Statement

pytestmark = pytest.mark.requirement("ID4", "SA4")

Change = dict[str, Any]


def narrowed(somebody: Caller, *scopes: Scope, app: bool = False) -> Caller:
    """The same user, by a token with these scopes alone; or by an app's."""
    return replace(somebody, principal=replace(somebody.principal, scopes=frozenset(scopes), is_delegated=app))


async def feed(me: Caller, **wanted: Any) -> list[Change]:
    found: list[Change] = orjson.loads((await me.perform(changes.list_, ChangeFilter(limit=200, **wanted))).json)
    return found


async def kinds(me: Caller) -> set[str]:
    """The kinds of rows that somebody finds, which every way to read says alike."""
    latest = await feed(me)
    assert sorted(await feed(me, since=0), key=lambda one: -one["id"]) == latest
    for change in latest:
        assert orjson.loads((await me.perform(changes.get, change["id"])).json) == change
        assert change["entries"]
    return {entry["entity"] for change in latest for entry in change["entries"]}


async def everything(me: Caller, other: Caller) -> dict[str, int]:
    """A change of each kind; its ids by the operation."""
    done = {
        "todo": await me.perform(lists.add, [ListCreate(name="a list")]),
        "user": await me.perform(users.update, {"display_name": "Ada Secret"}),
        "token": await me.perform(tokens.create, TokenCreate(name="a secret name")),
        "account": await me.perform(accounts.suspend, other.principal.user_id),
    }
    await add(me, "a todo")
    return {name: changed.change_id for name, changed in done.items() if changed.change_id is not None}


COVERED: list[tuple[list[Scope], bool, set[str]]] = [
    (["todos:read"], False, {"todo", "list"}),
    (["todos:read", "todos:write"], False, {"todo", "list"}),
    (["todos:read", "profile"], False, {"todo", "list", "user", "token"}),
    (["todos:read", "admin"], False, {"todo", "list", "account"}),
    ([*ALL_SCOPES], False, {"todo", "list", "user", "token", "account"}),
    (["todos:read"], True, {"todo", "list"}),
    (["todos:read", "todos:write", "profile"], True, {"todo", "list", "user"}),
    ([*ALL_SCOPES], True, {"todo", "list", "user"}),
]


@pytest.mark.parametrize(("scopes", "app", "shown"), COVERED)
async def test_a_caller_finds_the_rows_that_its_scopes_cover(
    scopes: list[Scope], app: bool, shown: set[str], ada: Caller, bob: Caller
) -> None:
    everyone = narrowed(ada, *ALL_SCOPES)
    made = await everything(everyone, bob)
    me = narrowed(ada, *scopes, app=app)

    assert await kinds(me) == shown
    told = orjson.dumps(await feed(me)).decode()
    assert ("a secret name" in told) == ("token" in shown)
    assert ("Ada Secret" in told) == ("user" in shown)
    for name in made.keys() - shown - {"todo"}:
        with pytest.raises(NotFound):
            await me.perform(changes.get, made[name])


async def test_pages_and_cursors_are_those_of_what_is_shown(ann: Caller) -> None:
    """Hidden changes between, before and after."""

    async def hidden() -> None:
        await ann.perform(tokens.create, TokenCreate(name="hidden"))
        await ann.perform(users.update, {"display_name": f"name {await newest()}"})

    async def newest() -> int:
        return max((change["id"] for change in await feed(ann)), default=0)

    reader = narrowed(ann, "todos:read")
    await hidden()
    shown = []
    for title in "abcde":
        await add(ann, title)
        shown.append(await newest())
        await hidden()

    async def page(**wanted: Any) -> tuple[list[int], str | None, int | None]:
        found = await reader.perform(changes.list_, ChangeFilter(limit=2, **wanted))
        assert found.has_more is (found.next_cursor is not None)
        return [change["id"] for change in orjson.loads(found.json)], found.next_cursor, found.since

    assert await page(since=0) == (shown[:2], str(shown[1]), shown[1])
    assert await page(since=shown[1]) == (shown[2:4], str(shown[3]), shown[3])
    assert await page(since=shown[3]) == (shown[4:], None, shown[4])
    assert await page(since=shown[4]) == ([], None, shown[4])
    assert await page(since=await newest()) == ([], None, await newest())
    assert await page() == ([shown[4], shown[3]], str(shown[3]), shown[4])
    assert await page(before=shown[3]) == ([shown[2], shown[1]], str(shown[1]), None)
    assert await page(before=shown[1]) == ([shown[0]], None, None)
    assert [change["id"] for change in await feed(reader)] == shown[::-1]


@pytest.mark.requirement("OW6")
async def test_a_follower_goes_on_behind_very_many_changes_that_it_may_not_see(
    ann: Caller, admin: asyncpg.Connection
) -> None:
    async def hide(count: int) -> int:
        made: int = await admin.fetchval(
            """
            WITH made AS (
                INSERT INTO changes (user_id, operation, via)
                SELECT $1, 'tokens.create', 'test' FROM generate_series(1, $2) RETURNING id
            ), rows AS (
                INSERT INTO change_entries (user_id, change_id, number, entity, entity_id, after)
                SELECT $1, id, 1, 'token', 1, '{}' FROM made
            )
            SELECT max(id) FROM made
            """,
            ann.principal.user_id,
            count,
        )
        return made

    async def page(since: int) -> tuple[int, int | None]:
        found = await reader.perform(changes.list_, ChangeFilter(since=since, limit=2))
        assert not found.has_more
        return len(orjson.loads(found.json)), found.since

    reader = narrowed(ann, "todos:read")
    await add(ann, "a")
    (shown,) = await feed(reader)
    await hide(queries.HIDDEN - 1)
    assert await page(0) == (1, shown["id"])
    assert await page(shown["id"]) == (0, shown["id"])
    newest = await hide(1)
    assert await page(0) == (1, newest)
    assert await page(shown["id"]) == (0, newest)
    assert await page(newest) == (0, newest)

    await add(ann, "b")
    assert (await page(newest))[0] == 1


async def test_who_may_see_nothing_of_a_record_finds_it_empty(ann: Caller) -> None:
    await ann.perform(tokens.create, TokenCreate(name="hidden"))

    page = await narrowed(ann, "todos:read").perform(changes.list_, ChangeFilter())

    assert (page.json, page.has_more, page.next_cursor, page.since) == ("[]", False, None, 0)


async def test_of_a_change_of_several_kinds_the_covered_rows_are_shown(ann: Caller, admin: asyncpg.Connection) -> None:
    """None is made so today; the rule is one of rows."""
    made = await ann.perform(lists.add, [ListCreate(name="a list")])
    await admin.execute(
        "INSERT INTO change_entries (user_id, change_id, number, entity, entity_id, after)"
        " VALUES ($1, $2, 99, 'token', 1, '{}')",
        ann.principal.user_id,
        made.change_id,
    )

    assert await kinds(ann) == {"list", "token"}
    assert await kinds(narrowed(ann, "todos:read")) == {"list"}


async def test_the_record_that_was_deleted_names_the_latest_change_that_is_shown(
    ann: Caller, admin: asyncpg.Connection
) -> None:
    await add(ann, "a")
    (shown,) = await feed(ann)
    await ann.perform(tokens.create, TokenCreate(name="hidden"))
    await admin.execute(
        "UPDATE users SET changes_deleted_through = $2 WHERE id = $1", ann.principal.user_id, shown["id"] - 1
    )

    for me in (ann, narrowed(ann, "todos:read")):
        with pytest.raises(HistoryDeleted) as refused:
            await me.perform(changes.list_, ChangeFilter(since=0))
        assert refused.value.extra["since"] == (await feed(me))[0]["id"]


@pytest.mark.requirement("SA3")
async def test_what_is_hidden_is_not_undone_by_who_cannot_see_it(ada: Caller, bob: Caller) -> None:
    everyone = narrowed(ada, *ALL_SCOPES)
    made = await everything(everyone, bob)
    writer = narrowed(ada, "todos:read", "todos:write")
    an_app = narrowed(ada, *ALL_SCOPES, app=True)

    with pytest.raises(InsufficientScope) as refused:
        await writer.perform(changes.undo, made["user"])
    assert refused.value.scope == "profile"
    for name in ("token", "account"):
        for me in (writer, an_app):
            with pytest.raises(NotFound):
                await me.perform(changes.undo, made[name])
        with pytest.raises(UndoRefused):
            await everyone.perform(changes.undo, made[name])


@pytest.mark.requirement("OW5")
async def test_who_is_an_admin_no_more_finds_no_account(ada: Caller, bob: Caller, admin: asyncpg.Connection) -> None:
    """The scope of an API token outlives the role; the row of the user does not."""
    everyone = narrowed(ada, *ALL_SCOPES)
    await everything(everyone, bob)
    assert "account" in await kinds(everyone)

    await admin.execute("UPDATE users SET role = 'user' WHERE id = $1", ada.principal.user_id)

    assert await kinds(everyone) == {"todo", "list", "user", "token"}


# --- what an admin did -------------------------------------------------------------------------


@pytest.mark.requirement("OW5", "SA2")
async def test_a_person_reads_what_an_admin_did_to_their_account(ada: Caller, ann: Caller) -> None:
    await add(ann, "before")
    suspended = await ada.once("key").perform(accounts.suspend, ann.principal.user_id)
    await replace(ada, via="rest", client="a console").perform(accounts.reactivate, ann.principal.user_id)
    await add(ann, "after")

    last, ended, begun, first = await feed(ann)

    moment = orjson.loads(suspended.touched[0].after)["suspended_at"]
    assert (first["operation"], last["operation"]) == ("todos.add", "todos.add")
    assert [change["operation"] for change in (begun, ended)] == ["accounts.suspend", "accounts.reactivate"]
    for change, before, after in ((begun, None, moment), (ended, moment, None)):
        assert change["entries"] == [
            {
                "entity": "account",
                "id": ann.principal.user_id,
                "title": None,
                "number": 1,
                "is_new": False,
                "before": {"suspended_at": before},
                "after": {"suspended_at": after},
            }
        ]
        assert (change["via"], change["client"], change["token_id"]) == ("rest", None, None), "not who the admin is"
    assert await kinds(narrowed(ann, "todos:read")) == {"todo"}
    assert await kinds(narrowed(ann, *ALL_SCOPES, app=True)) == {"todo"}
    with pytest.raises(UndoRefused):
        await ann.perform(changes.undo, ended["id"])
    assert [change["operation"] for change in await feed(narrowed(ada, *ALL_SCOPES))] == [
        "accounts.reactivate",
        "accounts.suspend",
    ]


@pytest.mark.requirement("OW5", "SA2")
async def test_a_reactivation_that_changes_nothing_or_is_rehearsed_is_not_told(
    ada: Caller, ann: Caller, admin: asyncpg.Connection
) -> None:
    await ada.perform(accounts.reactivate, ann.principal.user_id)
    await ada.perform(accounts.suspend, ann.principal.user_id)
    await replace(ada, dry_run=True).perform(accounts.reactivate, ann.principal.user_id)

    assert await admin.fetchval("SELECT count(*) FROM changes WHERE user_id = $1", ann.principal.user_id) == 0


@pytest.mark.requirement("OW5")
async def test_a_person_who_is_writing_does_not_hold_a_suspension_up(
    ada: Caller, ann: Caller, admin: asyncpg.Connection
) -> None:
    """What waits for the person's own writes is the record of it, and that waits until they are let in again."""
    async with admin.transaction():
        await admin.execute("SELECT pg_advisory_xact_lock($1)", ann.principal.user_id)

        suspended = await ada.perform(accounts.suspend, ann.principal.user_id)

    assert suspended.change_id is not None


# --- the cost ----------------------------------------------------------------------------------


@pytest.mark.requirement("DB5")
@pytest.mark.parametrize(
    "statement",
    [queries.LATEST, queries.SINCE, queries.LATEST_OF_ROW, queries.SINCE_OF_ROW],
    ids=["latest", "since", "of a row", "of a row since"],
)
async def test_a_page_costs_the_same_however_long_the_record_is(
    statement: Statement, fresh_database_url: str, another_core: CoreOpener
) -> None:
    """The entries of the page's changes are looked at, and none of the others; a join would read all."""
    async with another_core(fresh_database_url) as core, connected(fresh_database_url) as admin:
        me = (await core.identity.local("ann")).user_id
        await admin.execute(
            """
            WITH made AS (
                INSERT INTO changes (user_id, operation, via)
                SELECT $1, 'todos.add', 'test' FROM generate_series(1, 3000) RETURNING id
            )
            INSERT INTO change_entries (user_id, change_id, number, entity, entity_id, after)
            SELECT $1, id, n, 'todo', n, '{}' FROM made, generate_series(1, 5) n
            """,
            me,
        )
        await admin.execute("ANALYZE")
        wanted = {"user_id": me, "limit": 50, "since": 0, "before": 2**62, "shown": ["todo"], "rows": True}
        narrowed = {
            "made_from": None,
            "made_until": None,
            "client": None,
            "agent": None,
            "entity": "todo",
            "entity_id": 3,
        }
        asked = statement.arguments(wanted | narrowed)
        plan = await admin.fetchval("EXPLAIN (ANALYZE, FORMAT JSON) " + statement.sql, *asked)

    assert max(_rows(orjson.loads(plan)[0]["Plan"])) <= 50 * 5


def _rows(plan: dict[str, Any]) -> list[float]:
    """How many rows each step of a plan came to, all its repetitions together."""
    below = [count for step in plan.get("Plans", []) for count in _rows(step)]
    return [plan["Actual Rows"] * plan["Actual Loops"], *below]
