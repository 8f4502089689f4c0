"""API tokens: their text, how they are used, and how they are made and revoked."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import asyncpg
import orjson
import pytest
from structlog.testing import capture_logs

from tests.core.support import (
    SOMEBODY_WAITS_FOR_A_LOCK,
    add,
    codes,
    connected,
    everything_of,
    on_the_wire,
    row_of,
    until,
)
from tests.support import token_of
from todo_core.boundary.authentication import Identity
from todo_core.boundary.caller import Caller
from todo_core.core import Core
from todo_core.errors import InsufficientScope, NotFound, NotOwner, Unauthenticated, UndoRefused
from todo_core.identity.api_tokens import digest, generate, hint, is_well_formed, looks_like
from todo_core.models.tokens import TokenCreate
from todo_core.operations import changes, tokens

WELL_FORMED = "todo_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA3dk0p2"


def fresh(core: Core) -> Identity:
    """A process that remembers no token."""
    return Identity(core.settings, core.database, core.limits, core.clock)


# --- the text ----------------------------------------------------------------------------------


@pytest.mark.requirement("ID3")
def test_a_token_is_a_prefix_256_random_bits_and_a_checksum() -> None:
    made = {generate() for _ in range(100)}

    assert len(made) == 100
    assert all(is_well_formed(token) and looks_like(token) and len(token) == 54 for token in made)


@pytest.mark.requirement("ID3")
def test_every_mistyped_character_is_noticed() -> None:
    token = generate()

    for position in range(len(token)):
        other = "a" if token[position] != "a" else "b"
        assert not is_well_formed(token[:position] + other + token[position + 1 :])


@pytest.mark.requirement("ID3")
@pytest.mark.parametrize("change", ["{}\n", "{} ", " {}", "{}0", "{}\x00", "{}\ud800"])
def test_nothing_may_stand_around_a_token(change: str) -> None:
    assert not is_well_formed(change.format(generate()))


@pytest.mark.requirement("ID3")
def test_the_checksum_stays_what_it_is() -> None:
    assert is_well_formed(WELL_FORMED)
    assert hint(WELL_FORMED) == "todo_AAAA"
    assert digest(WELL_FORMED) != digest(generate())
    assert not looks_like("eyJhbGciOiJIUzI1NiJ9.e30.AAAA")


# --- using one ---------------------------------------------------------------------------------


@pytest.mark.requirement("ID3", "ID4")
async def test_a_token_acts_for_its_maker_within_its_scopes(ann: Caller, core: Core) -> None:
    token = await token_of(ann, "todos:read")

    principal = await fresh(core).authenticate(token)

    assert principal.user_id == ann.principal.user_id
    assert principal.scopes == {"todos:read"}
    (listed,) = orjson.loads((await ann.perform(tokens.list_)).json)
    assert listed["id"] == principal.token_id


@pytest.mark.requirement("ID3", "SA2")
async def test_only_a_hash_of_it_is_stored(ann: Caller, admin: asyncpg.Connection) -> None:
    token = await token_of(ann)

    stored = await everything_of(admin, ann.principal.user_id)

    assert stored["api_tokens"][0]["hash"] == digest(token)
    assert token[9:] not in repr(stored)


@pytest.mark.requirement("ID3", "ID7")
async def test_a_mistyped_token_is_refused_without_asking_the_database(core: Core) -> None:
    token = generate()
    mistyped = token[:-1] + ("a" if token[-1] != "a" else "b")

    with capture_logs() as logs, on_the_wire() as wire, pytest.raises(Unauthenticated) as refused:
        await fresh(core).authenticate(mistyped)

    assert wire.sent == []
    assert refused.value.as_dict() == Unauthenticated().as_dict()
    assert logs[0]["reason"] == "api token with a wrong shape or checksum"
    assert mistyped not in repr(logs)


@pytest.mark.requirement("ID3", "ID7")
@pytest.mark.parametrize(
    ("end", "reason"),
    [
        ("UPDATE api_tokens SET revoked_at = now() WHERE hash = $1", "revoked or expired"),
        ("UPDATE api_tokens SET expires_at = now() WHERE hash = $1", "revoked or expired"),
        ("DELETE FROM api_tokens WHERE hash = $1", "unknown"),
    ],
    ids=["revoked", "expired", "unknown"],
)
async def test_an_ended_token_is_refused_and_only_the_log_has_the_reason(
    end: str, reason: str, ann: Caller, core: Core, admin: asyncpg.Connection
) -> None:
    token = await token_of(ann)
    await admin.execute(end, digest(token))

    with capture_logs() as logs, pytest.raises(Unauthenticated) as refused:
        await fresh(core).authenticate(token)

    assert refused.value.as_dict() == Unauthenticated().as_dict()
    assert [entry["reason"] for entry in logs] == [f"api token {reason}"]
    assert token not in repr(logs)


@pytest.mark.requirement("ID3")
async def test_the_last_use_is_written_at_most_once_a_minute(
    ann: Caller, core: Core, admin: asyncpg.Connection
) -> None:
    async def use() -> datetime:
        await fresh(core).authenticate(token)
        used: datetime = await admin.fetchval("SELECT last_used_at FROM api_tokens WHERE hash = $1", digest(token))
        return used

    async def used_ago(age: timedelta) -> datetime:
        then: datetime = await admin.fetchval(
            "UPDATE api_tokens SET last_used_at = now() - $2::interval WHERE hash = $1 RETURNING last_used_at",
            digest(token),
            age,
        )
        return then

    token = await token_of(ann)
    began = await admin.fetchval("SELECT now()")
    assert began <= await use()
    recent = await used_ago(timedelta(seconds=50))
    assert await use() == recent
    await used_ago(timedelta(seconds=61))
    assert began <= await use()


@pytest.mark.requirement("ID3")
async def test_of_two_processes_at_once_one_writes_the_last_use(
    ann: Caller, core: Core, admin: asyncpg.Connection, database_url: str
) -> None:
    token = await token_of(ann)

    async with connected(database_url) as other, anyio.create_task_group() as tasks:
        renewing = other.transaction()
        await renewing.start()
        last_use = "UPDATE api_tokens SET last_used_at = now() WHERE hash = $1 RETURNING last_used_at"
        written = await other.fetchval(last_use, digest(token))
        tasks.start_soon(fresh(core).authenticate, token)
        await until(admin, SOMEBODY_WAITS_FOR_A_LOCK)
        await renewing.commit()

    assert await admin.fetchval("SELECT last_used_at FROM api_tokens WHERE hash = $1", digest(token)) == written


@pytest.mark.requirement("ID3", "DB4")
async def test_a_known_token_costs_no_statement(ann: Caller, core: Core) -> None:
    remembering, token = fresh(core), await token_of(ann)
    first = await remembering.authenticate(token)

    with on_the_wire() as wire:
        assert await remembering.authenticate(token) == first

    assert wire.sent == []


# --- making, listing and revoking --------------------------------------------------------------


@pytest.mark.requirement("ID3", "SA2", "SA3")
async def test_a_new_token_is_shown_once_and_recorded_without_its_secret(ann: Caller) -> None:
    made = await ann.perform(
        tokens.create, TokenCreate(name="laptop", scopes=["todos:read", "todos:read"], expires_in_days=2)
    )

    row = row_of(made)
    assert made.secret is not None
    assert row["name"] == "laptop"
    assert row["hint"] == made.secret[:9]
    assert row["scopes"] == ["todos:read"]
    assert datetime.fromisoformat(row["expires_at"]) - datetime.now(UTC) < timedelta(days=2, seconds=1)
    assert datetime.fromisoformat(row["expires_at"]) - datetime.now(UTC) > timedelta(days=1, hours=23)
    recorded = orjson.loads((await ann.perform(changes.get, made.change_id)).json)
    assert recorded["entries"] == [
        {
            "entity": "token",
            "id": row["id"],
            "title": "laptop",
            "number": 1,
            "is_new": True,
            "before": None,
            "after": row,
        }
    ]


@pytest.mark.requirement("ID3")
async def test_tokens_are_listed_oldest_first_with_those_that_ended(ann: Caller, bob: Caller) -> None:
    made = [row_of(await ann.perform(tokens.create, TokenCreate(name=name))) for name in ("one", "two")]
    await bob.perform(tokens.create, TokenCreate(name="bob's"))
    await ann.perform(tokens.revoke, made[0]["id"])

    page = await ann.perform(tokens.list_)

    listed = orjson.loads(page.json)
    assert [row["name"] for row in listed] == ["one", "two"]
    assert [row["revoked_at"] is None for row in listed] == [False, True]
    assert page.total == 2


@pytest.mark.requirement("ID3")
async def test_a_token_that_never_expires_has_no_end(ann: Caller) -> None:
    made = await ann.perform(tokens.create, TokenCreate(name="for ever", expires_in_days=None))

    assert row_of(made)["expires_at"] is None


@pytest.mark.requirement("ID4")
@pytest.mark.parametrize("scope", ["admin", "todos:write"])
async def test_nobody_can_give_a_token_more_than_they_may_do(
    scope: Any, ann: Caller, admin: asyncpg.Connection
) -> None:
    limited = replace(ann, principal=replace(ann.principal, scopes=frozenset({"profile", "todos:read"})))

    with pytest.raises(InsufficientScope) as refused:
        await limited.perform(tokens.create, TokenCreate(name="climber", scopes=["todos:read", scope]))

    assert refused.value.scope == scope
    assert (await everything_of(admin, ann.principal.user_id))["api_tokens"] == []


@pytest.mark.requirement("ID3", "SA3")
async def test_revoking_is_for_good_and_a_repeat_changes_nothing(ann: Caller) -> None:
    token = row_of(await ann.perform(tokens.create, TokenCreate(name="lost")))

    revoked = await ann.perform(tokens.revoke, token["id"])
    again = await ann.perform(tokens.revoke, token["id"])

    assert (codes(revoked), codes(again)) == (["changed"], ["unchanged"])
    assert row_of(again) == row_of(revoked)
    assert again.change_id is None
    with pytest.raises(UndoRefused):
        await ann.perform(changes.undo, revoked.change_id)


@pytest.mark.requirement("OW4", "ID3")
async def test_another_users_token_is_refused_as_such_and_a_missing_one_as_missing(ann: Caller, bob: Caller) -> None:
    token = await token_of(ann)
    (row,) = orjson.loads((await ann.perform(tokens.list_)).json)

    with pytest.raises(NotOwner):
        await bob.perform(tokens.revoke, row["id"])
    with pytest.raises(NotFound):
        await bob.perform(tokens.revoke, 2**62)

    holder = Caller(ann.core, await fresh(ann.core).authenticate(token), "test")
    assert await add(holder, "it still works")
