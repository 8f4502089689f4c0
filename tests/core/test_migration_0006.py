"""Schema 0006, by which privileges end: a database with people and tokens in it goes up, down, and on after a kill."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import asyncpg
import pytest

from tests.core.support import CoreOpener, acting_as, connected
from tests.core.test_migrations import catalogue, walls
from tests.core.test_rolling_steps import killed_before
from tests.databases import migrate_empty
from todo_core.identity.issuers import LOCAL_ISSUER
from todo_core.identity.scopes import USER_SCOPES
from todo_core.schema import SCHEMA_REVISION, SCHEMA_STEPS
from todo_core.schema.migrate import migrate
from todo_core.schema.state import current

pytestmark = [pytest.mark.requirement("DB3", "OW5"), pytest.mark.slow]

BEFORE, FIRST, ROLLED, FINISHED = "0005_finish", "0006", "0006_backfill", "0006_finish"
WEB = "https://web.example.test"
PEOPLE = {(WEB, "boss"): "admin", (WEB, "ann"): "user", (LOCAL_ISSUER, "ada"): "admin"}

# What the version before does at a sign-in, as `todo_app`.
_OLD_SIGN_IN = (
    "INSERT INTO users (issuer, subject, time_zone, role, email, display_name) VALUES ($1, $2, 'UTC', $3, 'a@b', 'A')"
    " ON CONFLICT DO NOTHING RETURNING users.id, users.role, users.email"
)
_OLD_RENEWAL = (
    "UPDATE users SET role = $3, email = 'c@d', display_name = 'B', version = version + 1, updated_at = now()"
    " WHERE issuer = $1 AND subject = $2"
)


async def old_sign_in(connection: asyncpg.Connection, issuer: str, subject: str, role: str) -> None:
    async with acting_as(connection, "todo_app"):
        await connection.execute(
            "SELECT set_config('app.issuer', $1, true), set_config('app.subject', $2, true)", issuer, subject
        )
        await connection.fetch(_OLD_SIGN_IN, issuer, subject, role)
        assert await connection.execute(_OLD_RENEWAL, issuer, subject, role) == "UPDATE 1"


async def populated(url: str) -> None:
    """A database of the version before, with people in it, and two tokens each."""
    await migrate_empty(url, BEFORE)
    async with connected(url) as admin:
        for (issuer, subject), role in PEOPLE.items():
            await old_sign_in(admin, issuer, subject, role)
        await admin.execute(
            "INSERT INTO api_tokens (user_id, name, hint, hash, scopes)"
            " SELECT id, 'kept', 'todo_', sha256((id || n)::bytea), '{admin}' FROM users, (VALUES ('a'), ('b')) v (n)"
        )


async def is_admin(admin: asyncpg.Connection, subject: str) -> bool:
    """Whether PostgreSQL lets somebody administer accounts."""
    user_id = await admin.fetchval("SELECT id FROM users WHERE subject = $1", subject)
    async with acting_as(admin, "todo_admin", user_id):
        try:
            async with admin.transaction():
                await admin.execute("SELECT require_active($1, NULL)", user_id)
        except asyncpg.PostgresError as refused:
            if refused.sqlstate != "TD4AD":
                raise
            return False
    return True


async def rows(admin: asyncpg.Connection) -> list[Any]:
    """What no step may change."""
    people = await admin.fetch("SELECT id, issuer, subject, role, email, display_name, version FROM users ORDER BY id")
    made = await admin.fetch("SELECT id, user_id, name, hash, scopes, revoked_at FROM api_tokens ORDER BY id")
    return [tuple(row) for row in (*people, *made)]


async def test_who_was_an_admin_before_is_one_for_a_day_and_local_admins_have_no_end(empty_database_url: str) -> None:
    url = empty_database_url
    await populated(url)
    async with connected(url) as admin:
        before = await rows(admin)

        await migrate(url, FIRST)

        assert await rows(admin) == before
        assert [await is_admin(admin, who) for who in ("boss", "ann", "ada")] == [True, False, True]
        until = await admin.fetchval("SELECT role_until FROM users WHERE subject = 'boss'")
        assert timedelta(hours=23) < until - datetime.now(UTC) <= timedelta(days=1)

        await admin.execute("UPDATE users SET role_until = now()")
        assert [await is_admin(admin, who) for who in ("boss", "ann", "ada")] == [False, False, True]
        await migrate(url, FINISHED)
        assert [await is_admin(admin, who) for who in ("boss", "ann", "ada")] == [False, False, True]


async def test_the_version_before_signs_people_in_until_the_finish(empty_database_url: str) -> None:
    url = empty_database_url
    await populated(url)
    async with connected(url) as admin:
        for revision in (FIRST, ROLLED):
            await migrate(url, revision)
            await old_sign_in(admin, WEB, f"new at {revision}", "admin")
            assert await is_admin(admin, f"new at {revision}"), "for a day"
            await old_sign_in(admin, WEB, "ann", "user")

        await migrate(url, FINISHED)

        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await old_sign_in(admin, WEB, "late", "admin")


async def test_this_version_signs_people_in_from_the_step_on_that_it_needs(
    empty_database_url: str, another_core: CoreOpener
) -> None:
    url = empty_database_url
    await populated(url)
    for revision in SCHEMA_STEPS[SCHEMA_STEPS.index(SCHEMA_REVISION) :]:
        await migrate(url, revision)
        async with another_core(url) as core:
            await core.readiness.require()
            assert (await core.identity.local(f"somebody at {revision}")).scopes == USER_SCOPES


async def test_on_the_way_down_whoever_is_an_admin_no_more_stays_none(empty_database_url: str) -> None:
    """The version before knows no end."""
    url = empty_database_url
    await populated(url)
    await migrate(url, finish=True)
    async with connected(url) as admin:
        await admin.execute("INSERT INTO users (issuer, subject, role) VALUES ($1, 'lapsed', 'admin')", WEB)
        await admin.execute("UPDATE users SET role_until = now() WHERE subject = 'lapsed'")

        await migrate(url, BEFORE)

        assert [await is_admin(admin, who) for who in ("boss", "ada", "lapsed", "ann")] == [True, True, False, False]
        await old_sign_in(admin, WEB, "lapsed", "admin")
        assert await is_admin(admin, "lapsed")


@pytest.mark.exhaustive
async def test_after_a_kill_at_any_statement_on_the_way_up_or_down_the_next_run_goes_on(
    empty_database_url: str,
) -> None:
    url = empty_database_url
    await populated(url)
    shapes = {BEFORE: await catalogue(url) | await walls(url)}
    await migrate(url, FINISHED)
    shapes[FINISHED] = await catalogue(url) | await walls(url)
    async with connected(url) as admin:
        before = await rows(admin)
    last = dict.fromkeys(shapes, 0)
    """The last statement of each way before which it was killed."""
    for number in count(1):
        for there in (BEFORE, FINISHED):
            with killed_before(number) as killer:
                try:
                    await migrate(url, there)
                except Exception:
                    assert killer.has_struck
            if killer.has_struck:
                last[there] = number
                await migrate(url, there)

            assert await current(url) == there
            assert await catalogue(url) | await walls(url) == shapes[there]
            async with connected(url) as admin:
                assert await rows(admin) == before
        if max(last.values()) < number:
            break
    assert min(last.values()) > 20
