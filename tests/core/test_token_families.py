"""API tokens that API tokens make: they end with their maker, and never can do more (S10)."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import asyncpg
import orjson
import pytest

from tests.core.support import (
    SOMEBODY_WAITS_FOR_A_LOCK,
    CoreOpener,
    codes,
    connected,
    everything_of,
    row_of,
    titles_of,
    until,
)
from tests.support import token_of
from todo_core.boundary.caller import Caller
from todo_core.core import Core
from todo_core.errors import Conflict, InsufficientScope, NotOwner, TodoError, Unauthenticated, UndoRefused
from todo_core.identity.scopes import Scope
from todo_core.models.changes import ChangeFilter
from todo_core.models.tokens import TokenCreate
from todo_core.operations import changes, tokens

pytestmark = pytest.mark.requirement("ID3", "ID4")

ALL_OF_ANN: list[Scope] = ["todos:read", "todos:write", "profile"]


async def by(core: Core, token: str) -> Caller:
    """Whoever a token names, as a request would find out."""
    return Caller(core, await core.identity.authenticate(token), "test")


async def make(maker: Caller, days: int | None = None, *scopes: Scope) -> tuple[dict[str, Any], Caller]:
    """The row of a new token, and who has it."""
    wanted = TokenCreate(name="made", scopes=list(scopes) or ALL_OF_ANN, expires_in_days=days)
    made = await maker.perform(tokens.create, wanted)
    assert made.secret is not None
    return row_of(made), await by(maker.core, made.secret)


async def chain(maker: Caller, length: int) -> list[tuple[dict[str, Any], Caller]]:
    """Tokens of which each made the next."""
    found = []
    for _ in range(length):
        row, maker = await make(maker)
        found.append((row, maker))
    return found


async def works(holder: Caller) -> bool:
    try:
        await titles_of(holder)
    except Unauthenticated:
        return False
    return True


async def listed(somebody: Caller) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = orjson.loads((await somebody.perform(tokens.list_)).json)
    return rows


async def revoked(somebody: Caller) -> set[int]:
    return {row["id"] for row in await listed(somebody) if row["revoked_at"] is not None}


# --- making ------------------------------------------------------------------------------------


@pytest.mark.parametrize("days", [None, 1, 90, 3650])
async def test_a_token_makes_none_that_outlives_it(ann: Caller, days: int | None) -> None:
    parent, holder = await make(ann, 30)

    child, _ = await make(holder, days)

    ends = datetime.fromisoformat(child["expires_at"])
    assert ends <= datetime.fromisoformat(parent["expires_at"])
    assert days != 1 or ends - datetime.now(UTC) <= timedelta(days=1)
    assert child["made_by"] == parent["id"]


async def test_what_a_person_makes_depends_on_no_token(ann: Caller) -> None:
    """A session, as today: no maker, and no end where none is asked for."""
    row, _ = await make(ann)

    assert (row["made_by"], row["expires_at"]) == (None, None)


async def test_a_token_without_an_end_may_make_another_that_still_is_its_own(ann: Caller) -> None:
    parent, holder = await make(ann)

    child, _ = await make(holder)

    assert (child["made_by"], child["expires_at"]) == (parent["id"], None)


async def test_no_chain_of_tokens_gains_a_scope_or_a_day(ann: Caller) -> None:
    parent, holder = await make(ann, 5, "profile", "todos:read")
    for _ in range(4):
        with pytest.raises(InsufficientScope):
            await make(holder, None, "todos:write")
        child, holder = await make(holder, None, "profile", "todos:read")
        assert child["expires_at"] == parent["expires_at"]


# --- revoking ----------------------------------------------------------------------------------


async def test_revoking_a_token_revokes_what_it_made_however_deep(ann: Caller, another_core: CoreOpener) -> None:
    family = await chain(ann, 6)
    (_, first), (branch, _) = family[0], await make(family[2][1])
    aside, unrelated = await make(ann)
    async with another_core() as other:
        elsewhere = replace(family[5][1], core=other)
        assert await works(elsewhere)

        change = await ann.perform(tokens.revoke, family[0][0]["id"])

        assert not await works(elsewhere)
    assert [await works(holder) for _, holder in family] == [False] * 6
    assert not await works(first)
    assert await works(unrelated)
    gone = {row["id"] for row, _ in family} | {branch["id"]}
    assert await revoked(ann) == gone
    assert aside["id"] not in gone
    entries = orjson.loads((await ann.perform(changes.get, change.change_id)).json)["entries"]
    assert {entry["id"] for entry in entries} == gone
    assert all(entry["after"]["revoked_at"] is not None for entry in entries)
    with pytest.raises(UndoRefused):
        await ann.perform(changes.undo, change.change_id)


async def test_revoking_in_the_middle_leaves_what_is_above(ann: Caller) -> None:
    family = await chain(ann, 4)

    await ann.perform(tokens.revoke, family[2][0]["id"])

    assert [await works(holder) for _, holder in family] == [True, True, False, False]


async def test_a_token_that_revokes_its_maker_ends_with_it(ann: Caller) -> None:
    (parent, _), (_, child) = await chain(ann, 2)

    await child.perform(tokens.revoke, parent["id"])

    assert not await works(child)
    with pytest.raises(Unauthenticated):
        await make(child)


@pytest.mark.parametrize("key", [None, "a key"])
async def test_a_token_that_is_made_while_its_maker_is_revoked_does_not_outlive_it(
    key: str | None, ann: Caller, admin: asyncpg.Connection, database_url: str
) -> None:
    """The making has begun, as one who may, and waits for its turn to write; the revocation comes first."""
    parent, holder = await make(ann)
    outcome: list[str] = []

    async def late() -> None:
        try:
            await holder.once(key).perform(tokens.create, TokenCreate(name="late"))
        except TodoError as refused:
            outcome.append(refused.code)
        else:
            outcome.append("made")

    async with connected(database_url) as other, anyio.create_task_group() as tasks, other.transaction():
        await other.execute("UPDATE api_tokens SET revoked_at = now() WHERE id = $1", parent["id"])
        tasks.start_soon(late)
        await until(admin, SOMEBODY_WAITS_FOR_A_LOCK)

    assert outcome == ["unauthenticated"]
    assert [row["name"] for row in (await everything_of(admin, ann.principal.user_id))["api_tokens"]] == ["made"]


async def test_of_making_and_revoking_at_once_nothing_survives(ann: Caller) -> None:
    for _ in range(5):
        parent, holder = await make(ann)

        async def once_more(maker: Caller = holder) -> None:
            try:
                await maker.perform(tokens.create, TokenCreate(name="racing"))
            except Unauthenticated:
                return

        async with anyio.create_task_group() as tasks:
            for number in range(6):
                tasks.start_soon(once_more)
                if number == 2:
                    tasks.start_soon(ann.perform, tokens.revoke, parent["id"])

        rows = orjson.loads((await ann.perform(tokens.list_)).json)
        assert [row for row in rows if row["made_by"] == parent["id"] and row["revoked_at"] is None] == []


async def test_a_repeated_revocation_changes_nothing_in_a_family(ann: Caller) -> None:
    family = await chain(ann, 2)
    await ann.perform(tokens.revoke, family[0][0]["id"])

    again = await ann.perform(tokens.revoke, family[0][0]["id"])

    assert again.change_id is None


# --- rotating ----------------------------------------------------------------------------------


async def test_rotating_keeps_name_scopes_and_expiry_and_ends_the_old_family(ann: Caller) -> None:
    (grandparent, _), (parent, holder), (_, child) = await chain(ann, 3)

    rotated = await ann.perform(tokens.rotate, parent["id"])

    assert rotated.secret is not None
    heir = row_of(rotated)
    kept = ("name", "scopes", "expires_at", "made_by")
    assert {name: heir[name] for name in kept} == {name: parent[name] for name in kept}
    assert heir["made_by"] == grandparent["id"]
    new = await by(ann.core, rotated.secret)
    assert [await works(one) for one in (new, holder, child)] == [True, False, False]
    entries = orjson.loads((await ann.perform(changes.get, rotated.change_id)).json)["entries"]
    assert [entry["id"] for entry in entries if entry["before"] is None] == [heir["id"]]
    assert len(entries) == 3

    await ann.perform(tokens.revoke, grandparent["id"])
    assert not await works(new), "the new one is its grandmother's still"


async def test_what_has_ended_is_not_rotated_nor_a_token_by_itself(
    ann: Caller, bob: Caller, admin: asyncpg.Connection
) -> None:
    row, holder = await make(ann)
    with pytest.raises(Conflict, match="itself"):
        await holder.perform(tokens.rotate, row["id"])
    with pytest.raises(NotOwner):
        await bob.perform(tokens.rotate, row["id"])
    assert await works(holder)

    await admin.execute("UPDATE api_tokens SET expires_at = now() WHERE id = $1", row["id"])
    with pytest.raises(Conflict, match="expired"):
        await ann.perform(tokens.rotate, row["id"])
    gone, _ = await make(ann)
    await ann.perform(tokens.revoke, gone["id"])
    with pytest.raises(Conflict, match="revoked"):
        await ann.perform(tokens.rotate, gone["id"])


async def test_a_token_does_not_rotate_one_that_it_comes_from(ann: Caller) -> None:
    """It would end with that one, and whoever has the new secret would be another agent."""
    (first, one), (_, two), (_, three) = await chain(ann, 3)

    for descendant in (two, three):
        with pytest.raises(Conflict, match="those it made"):
            await descendant.perform(tokens.rotate, first["id"])

    assert [await works(holder) for holder in (one, two, three)] == [True] * 3
    assert len(await listed(ann)) == 3


async def test_rotating_gives_nobody_what_they_lack(ann: Caller, core: Core) -> None:
    """Whoever rotates a stronger token would hold its secret, and of an equal one be the agent that has it."""
    strong, _ = await make(ann)
    equal, _ = await make(ann, None, "profile", "todos:read")
    weak, holder = await make(ann, 7, "profile", "todos:read")
    for other in (strong, equal):
        with pytest.raises(Conflict, match="those it made"):
            await holder.perform(tokens.rotate, other["id"])

    own, _ = await make(holder, None, "todos:read")
    rotated = await holder.perform(tokens.rotate, own["id"])

    heir = row_of(rotated)
    assert (heir["made_by"], heir["expires_at"]) == (weak["id"], weak["expires_at"])
    await ann.perform(tokens.revoke, weak["id"])
    with pytest.raises(Unauthenticated):
        await by(core, rotated.secret or "")


async def test_a_dry_run_of_a_rotation_shows_no_secret_and_ends_nothing(ann: Caller) -> None:
    row, holder = await make(ann)

    rehearsed = await replace(ann, dry_run=True).perform(tokens.rotate, row["id"])

    assert rehearsed.secret is None
    assert await works(holder)
    assert len(orjson.loads((await ann.perform(changes.list_, ChangeFilter())).json)) == 1


async def test_a_token_of_somebody_else_is_no_maker(ann: Caller, bob: Caller, admin: asyncpg.Connection) -> None:
    """The key carries the owner."""
    hers = await token_of(ann)
    found = (await by(ann.core, hers)).principal.token_id
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await admin.execute(
            "INSERT INTO api_tokens (user_id, name, hint, hash, scopes, made_by) VALUES ($1, 'x', 'x', 'x', '{}', $2)",
            bob.principal.user_id,
            found,
        )


async def test_of_rotations_and_revocations_at_once_on_two_servers_one_is_first(
    ann: Caller, another_core: CoreOpener
) -> None:
    """At most one token works in the end: that of the one rotation, if no revocation came before."""
    for _ in range(4):
        row, _ = await make(ann)
        secrets: list[str] = []
        outcome: list[str] = []

        async def rotate(me: Caller, old: int) -> None:
            try:
                secrets.append((await me.perform(tokens.rotate, old)).secret or "")  # noqa: B023  # of this round
            except Conflict as refused:
                outcome.append(refused.code)  # noqa: B023

        async def revoke(me: Caller, old: int) -> None:
            outcome.extend(codes(await me.perform(tokens.revoke, old)))  # noqa: B023

        async with another_core() as other, anyio.create_task_group() as tasks:
            for me in (ann, replace(ann, core=other)):
                tasks.start_soon(rotate, me, row["id"])
                tasks.start_soon(revoke, me, row["id"])
                tasks.start_soon(rotate, me, row["id"])

        assert len(secrets) == 1 - outcome.count("changed")
        assert outcome.count("conflict") == 4 - len(secrets)
        live = [token for token in await listed(ann) if token["id"] >= row["id"] and token["revoked_at"] is None]
        assert len(live) == len(secrets)
        for secret in secrets:
            assert await works(await by(ann.core, secret))


async def test_what_a_token_makes_while_it_is_revoked_does_not_outlive_it(
    ann: Caller, another_core: CoreOpener
) -> None:
    for _ in range(4):
        row, holder = await make(ann)
        made: list[str] = []

        async def go_on(me: Caller) -> None:
            with suppress(Unauthenticated):
                made.append((await me.perform(tokens.create, TokenCreate(name="made"))).secret or "")  # noqa: B023

        async with another_core() as other, anyio.create_task_group() as tasks:
            for core in (ann.core, other):
                tasks.start_soon(go_on, replace(holder, core=core))
                tasks.start_soon(ann.perform, tokens.revoke, row["id"])
                tasks.start_soon(go_on, replace(holder, core=core))

        for secret in made:
            with pytest.raises(Unauthenticated):
                await by(ann.core, secret)
