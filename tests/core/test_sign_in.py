"""What a valid token does to its user: made at the first, kept up by later ones, admin for as long as they say so."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import count
from typing import Any
from uuid import uuid4

import anyio
import asyncpg
import orjson
import pytest

from tests.core.support import (
    SOMEBODY_WAITS_FOR_A_LOCK,
    CoreOpener,
    acting_as,
    add,
    connected,
    on_the_wire,
    titles_of,
    until,
)
from tests.keys import compact, secret_pair
from tests.support import token_of
from todo_core.boundary.caller import Caller
from todo_core.core import Core
from todo_core.errors import InsufficientScope, InvalidInput, Suspended, Unauthenticated, Unavailable
from todo_core.identity.issuers import LOCAL_ISSUER, OPERATOR_ISSUER
from todo_core.identity.scopes import ALL_SCOPES, USER_SCOPES
from todo_core.models.accounts import AccountQuery
from todo_core.models.tokens import TokenCreate
from todo_core.operations import accounts, changes, tokens, users

WEB = "https://web.example.test"
AGENT = "https://web.example.test/oauth"
OTHER = "https://other.example.test"
SECRETS = {name: f"the secret of {name}, thirty-two bytes" for name in (WEB, AGENT, OTHER)}
ISSUERS: list[dict[str, Any]] = [
    {"issuer": name, "audience": ["todo"], "secret": secret, "admin_roles": ["admin"]}
    | ({"users_of": WEB} if name == AGENT else {})
    for name, secret in SECRETS.items()
]


@pytest.fixture
async def door(another_core: CoreOpener) -> AsyncIterator[Core]:
    """A process that trusts three issuers, two of them for the same people."""
    async with another_core(issuers=ISSUERS, time_zone="Asia/Tokyo") as core:
        yield core


@pytest.fixture
def sub() -> str:
    """A name that no issuer has had yet."""
    return f"ann-{uuid4()}"


THEN = int(time.time()) - 10_000
"""When tokens were issued whose age a test chooses."""
_SECONDS = count(int(time.time()) - 100_000)
"""When each token is issued: a second after the one before."""


def jwt(sub: str, issuer: str = WEB, *, secret: str | None = None, **claims: Any) -> str:
    """A token that nobody has seen, issued after all others."""
    pair = secret_pair((secret or SECRETS[issuer]).encode())
    moments = {"iat": next(_SECONDS), "exp": int(time.time()) + 600}
    usual = {"iss": issuer, "aud": "todo", "sub": sub, "jti": str(uuid4())} | moments
    return compact(pair.header(), usual | claims, pair.sign)


async def enter(door: Core, sub: str, issuer: str = WEB, **claims: Any) -> Caller:
    """Sign in with a new token."""
    return Caller(door, await door.identity.authenticate(jwt(sub, issuer, **claims)), "test")


async def by(door: Core, token: str) -> Caller:
    return Caller(door, await door.identity.authenticate(token), "test")


async def profile(me: Caller) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads((await me.perform(users.get)).json)
    return found


async def is_admin(me: Caller) -> bool:
    try:
        await me.perform(accounts.list_, AccountQuery(limit=1))
    except InsufficientScope as refused:
        if refused.scope != "admin":
            raise
        return False
    return True


async def people_called(connection: asyncpg.Connection, sub: str) -> list[tuple[Any, ...]]:
    rows = await connection.fetch("SELECT issuer, id FROM users WHERE subject = $1 ORDER BY id", sub)
    return [tuple(row) for row in rows]


# --- who it is ---------------------------------------------------------------------------------


@pytest.mark.requirement("LT3")
async def test_a_user_is_made_at_the_first_valid_token_with_what_it_tells(
    door: Core, sub: str, admin: asyncpg.Connection
) -> None:
    me = await enter(door, sub, email="ann@example.test", name="Ann Example")

    assert await people_called(admin, sub) == [(WEB, me.principal.user_id)]
    found = await profile(me)
    assert found == {
        "id": me.principal.user_id,
        "display_name": "Ann Example",
        "email": "ann@example.test",
        "role": "user",
        "time_zone": "Asia/Tokyo",
        "locale": "en",
        "week_start": "monday",
        "new_todos": "last",
        "default_list_id": None,
        "created_at": found["created_at"],
        "updated_at": found["created_at"],
        "version": 1,
    }


@pytest.mark.requirement("LT3", "ID7")
async def test_a_token_that_is_refused_makes_nobody(door: Core, sub: str, admin: asyncpg.Connection) -> None:
    for hostile in (jwt(sub, secret=SECRETS[OTHER]), jwt(sub, exp=1), jwt(sub, aud="another")):
        with pytest.raises(Unauthenticated):
            await door.identity.authenticate(hostile)

    assert await people_called(admin, sub) == []


@pytest.mark.requirement("LT3", "OW1")
async def test_a_user_is_an_issuer_and_a_subject_whatever_else_is_alike(door: Core, sub: str) -> None:
    same = {"email": "ann@example.test", "name": "Ann"}
    me = await enter(door, sub, **same)
    others = [await enter(door, sub, OTHER, **same), await enter(door, sub.upper(), **same)]
    local = await door.identity.local(sub)
    await add(me, "mine")

    assert len({me.principal.user_id, local.user_id, *(other.principal.user_id for other in others)}) == 4
    assert (await enter(door, sub)).principal.user_id == me.principal.user_id
    for other in others:
        assert await titles_of(other) == []


@pytest.mark.requirement("LT3", "OW1")
@pytest.mark.parametrize("order", [(WEB, AGENT), (AGENT, WEB)], ids=["web first", "agent first"])
async def test_two_issuers_with_the_same_users_lead_to_the_same_todos(
    order: tuple[str, str], door: Core, sub: str, admin: asyncpg.Connection
) -> None:
    first, second = [await enter(door, sub, issuer) for issuer in order]
    await add(first, "hers")

    assert await titles_of(second) == ["hers"]
    assert await people_called(admin, sub) == [(WEB, first.principal.user_id)]


@pytest.mark.requirement("LT3")
async def test_an_issuer_of_its_own_cannot_reach_the_users_of_another(door: Core, sub: str) -> None:
    me = await enter(door, sub)

    with pytest.raises(Unauthenticated):
        await door.identity.authenticate(jwt(sub, WEB, secret=SECRETS[OTHER]))
    stranger = await enter(door, sub, OTHER, users_of=WEB, azp=WEB)

    assert stranger.principal.user_id != me.principal.user_id


@pytest.mark.requirement("LT3")
async def test_the_mail_address_is_the_latest_that_a_token_had(door: Core, sub: str) -> None:
    async def mail(**claims: Any) -> Any:
        return (await profile(await enter(door, sub, **claims)))["email"]

    assert await mail() is None
    assert await mail(email="old@example.test") == "old@example.test"
    assert await mail(email="new@example.test") == "new@example.test"
    assert await mail() == "new@example.test"
    assert await mail(email="not storable\x00") == "new@example.test"


@pytest.mark.requirement("LT3")
async def test_the_name_is_the_first_that_a_token_had(door: Core, sub: str) -> None:
    async def name(**claims: Any) -> Any:
        return (await profile(await enter(door, sub, **claims)))["display_name"]

    assert await name() is None
    assert await name(name="Ann") == "Ann"
    assert await name(name="Ann Married") == "Ann"
    assert await name() == "Ann"


@pytest.mark.requirement("LT3")
@pytest.mark.parametrize("claims", [{"email": "ann@example.test"}, {"role": "admin"}], ids=["mail", "role"])
async def test_a_name_may_come_late_as_long_as_the_user_has_not_changed_the_profile(
    claims: dict[str, Any], door: Core, sub: str
) -> None:
    await enter(door, sub)
    await enter(door, sub, **claims)

    assert (await profile(await enter(door, sub, name="Ann")))["display_name"] == "Ann"


@pytest.mark.requirement("LT3")
@pytest.mark.parametrize("chosen", ["Annie", None], ids=["another", "none"])
async def test_the_name_that_the_user_has_chosen_stays(chosen: str | None, door: Core, sub: str) -> None:
    me = await enter(door, sub, name="Ann")
    await me.perform(users.update, {"display_name": chosen})

    again = await profile(await enter(door, sub, name="Ann", email="new@example.test"))

    assert (again["display_name"], again["email"]) == (chosen, "new@example.test")


@pytest.mark.requirement("LT3")
@pytest.mark.parametrize("patch", [{"locale": "fr"}, {"time_zone": "Europe/Vienna", "week_start": "sunday"}], ids=str)
async def test_a_user_who_has_chosen_something_else_is_still_named_by_a_token(
    patch: dict[str, Any], door: Core, sub: str
) -> None:
    me = await enter(door, sub)
    await me.perform(users.update, patch)

    named = await profile(await enter(door, sub, name="Ann"))

    assert named["display_name"] == "Ann"
    assert patch.items() <= named.items()


@pytest.mark.requirement("LT3", "SA3")
async def test_undoing_another_choice_does_not_choose_a_name(door: Core, sub: str) -> None:
    me = await enter(door, sub)
    changed = await me.perform(users.update, {"locale": "fr"})
    await me.perform(changes.undo, changed.change_id)

    assert (await profile(await enter(door, sub, name="Ann")))["display_name"] == "Ann"


@pytest.mark.requirement("LT3", "SA3")
async def test_a_name_that_a_token_brings_is_not_in_the_way_of_undoing_another_choice(door: Core, sub: str) -> None:
    me = await enter(door, sub)
    changed = await me.perform(users.update, {"locale": "fr"})
    await enter(door, sub, name="Ann")

    await me.perform(changes.undo, changed.change_id)

    found = await profile(me)
    assert (found["display_name"], found["locale"]) == ("Ann", "en")


@pytest.mark.requirement("LT3", "OP4")
async def test_a_sign_in_takes_nothing_back_that_the_user_changes_at_the_same_time(
    door: Core, sub: str, admin: asyncpg.Connection, database_url: str
) -> None:
    me = await enter(door, sub, name="Ann")

    async with connected(database_url) as browser, anyio.create_task_group() as tasks, browser.transaction():
        await browser.execute(
            "UPDATE users SET display_name = 'Annie', version = version + 1 WHERE id = $1", me.principal.user_id
        )
        tasks.start_soon(lambda: enter(door, sub, email="new@example.test"))
        await until(admin, SOMEBODY_WAITS_FOR_A_LOCK)

    found = await profile(me)
    assert (found["display_name"], found["email"], found["version"]) == ("Annie", "new@example.test", 3)


@pytest.mark.requirement("LT3", "TD8")
async def test_a_sign_in_with_nothing_new_writes_nothing_and_one_with_something_makes_a_version(
    door: Core, sub: str, admin: asyncpg.Connection
) -> None:
    told = {"email": "ann@example.test", "name": "Ann", "role": "editor"}
    same = {"iat": THEN, "exp": int(time.time()) + 600}
    me = await enter(door, sub, **told | same)
    row = "SELECT xmin, users.* FROM users WHERE id = $1"
    before = await admin.fetchrow(row, me.principal.user_id)

    for claims in (told, {}, {"name": "Another", "role": None}):
        await enter(door, sub, **claims | same)
    assert await admin.fetchrow(row, me.principal.user_id) == before

    await enter(door, sub, email="new@example.test")
    after = await profile(me)
    assert after["version"] == 2
    assert after["updated_at"] > after["created_at"]


@pytest.mark.requirement("LT3")
async def test_where_no_token_makes_an_admin_none_is_remembered_for_its_age(
    another_core: CoreOpener, sub: str, admin: asyncpg.Connection
) -> None:
    """A new token every quarter of an hour would cost a write each."""
    async with another_core(issuers=[issuer | {"admin_roles": []} for issuer in ISSUERS]) as core:
        me = await enter(core, sub)
        row = "SELECT xmin, users.* FROM users WHERE id = $1"
        before = await admin.fetchrow(row, me.principal.user_id)

        await enter(core, sub)

        assert await admin.fetchrow(row, me.principal.user_id) == before
        await admin.execute(
            "UPDATE users SET role = 'admin', role_until = 'infinity' WHERE id = $1", me.principal.user_id
        )
        await enter(core, sub)
        assert (await profile(me))["role"] == "user", "whoever was one by an older configuration is one no more"


@pytest.mark.requirement("LT3", "SA2")
async def test_a_sign_in_is_no_change_of_the_users_own(door: Core, sub: str, admin: asyncpg.Connection) -> None:
    me = await enter(door, sub, email="old@example.test")
    await enter(door, sub, email="new@example.test", role="admin")

    assert await admin.fetchval("SELECT count(*) FROM changes WHERE user_id = $1", me.principal.user_id) == 0


@pytest.mark.requirement("ID1", "DB4")
async def test_a_known_token_signs_in_once(door: Core, sub: str) -> None:
    token = jwt(sub, email="ann@example.test")
    me = await door.identity.authenticate(token)

    with on_the_wire() as wire:
        assert await door.identity.authenticate(token) == me

    assert wire.sent == []


# --- roles -------------------------------------------------------------------------------------


@pytest.mark.requirement("OW5", "ID4")
async def test_the_role_is_the_latest_tokens(door: Core, sub: str) -> None:
    first = await enter(door, sub)
    assert ((await profile(first))["role"], await is_admin(first)) == ("user", False)

    promoted = await enter(door, sub, role="admin")
    assert ((await profile(promoted))["role"], await is_admin(promoted)) == ("admin", True)

    demoted = await enter(door, sub)
    assert ((await profile(demoted))["role"], await is_admin(demoted)) == ("user", False)
    assert not await is_admin(promoted), "the token from before is still remembered"


@pytest.mark.requirement("OW5", "LT3")
async def test_whoever_is_made_as_an_admin_is_one(door: Core, sub: str) -> None:
    me = await enter(door, sub, role=["editor", "admin"])

    assert await is_admin(me)
    assert (await profile(me))["version"] == 1


@pytest.mark.requirement("OW5", "ID4")
async def test_the_scope_admin_is_nothing_without_the_role_and_the_role_needs_no_scope(door: Core, sub: str) -> None:
    only_scope = await enter(door, sub, scope="todos:read admin")
    assert only_scope.principal.scopes == {"todos:read"}
    assert not await is_admin(only_scope)

    only_role = await enter(door, sub, role="admin")
    assert only_role.principal.scopes == USER_SCOPES | {"admin"}
    assert await is_admin(only_role)

    both = await enter(door, sub, role="admin", scope="admin")
    assert both.principal.scopes == {"admin"}
    assert await is_admin(both)

    narrowed = await enter(door, sub, role="admin", scope="todos:read")
    assert narrowed.principal.scopes == {"todos:read"}
    assert not await is_admin(narrowed)


@pytest.mark.requirement("OW5")
async def test_no_role_makes_an_admin_where_none_is_configured(another_core: CoreOpener, sub: str) -> None:
    async with another_core(issuers=[issuer | {"admin_roles": []} for issuer in ISSUERS]) as core:
        me = await enter(core, sub, role="admin", scope="todos:read profile admin")

        assert not await is_admin(me)
        assert (await profile(me))["role"] == "user"


@pytest.mark.requirement("OW5")
async def test_an_issuer_for_anothers_users_takes_no_role_away_by_silence(door: Core, sub: str) -> None:
    boss = await enter(door, sub, role="admin")

    silent = await enter(door, sub, AGENT, scope="profile todos:read admin")
    assert ((await profile(silent))["role"], await is_admin(silent)) == ("admin", False)
    assert await is_admin(boss)

    told = await enter(door, sub, AGENT, scope="profile admin", role="admin")
    assert await is_admin(told)

    await enter(door, sub, AGENT, role="editor")
    assert not await is_admin(boss)


@pytest.mark.requirement("OW5", "ID3", "ID4")
async def test_an_api_token_administers_for_as_long_as_its_user_may(door: Core, sub: str) -> None:
    boss = await enter(door, sub, role="admin")
    with_admin = await by(door, await token_of(boss, "todos:read", "admin"))
    without = await by(door, await token_of(boss, "todos:read", "todos:write", "profile"))
    assert (await is_admin(with_admin), await is_admin(without)) == (True, False)

    await enter(door, sub)
    assert not await is_admin(with_admin)
    assert await titles_of(with_admin) == [], "what a user may do, it still may"

    await enter(door, sub, role="admin")
    assert await is_admin(with_admin)


@pytest.mark.requirement("ID4", "OW5")
async def test_a_token_can_be_given_what_its_maker_has_and_no_more(door: Core, sub: str) -> None:
    async def give(maker: Caller, *scopes: Any) -> bool:
        try:
            made = await maker.perform(tokens.create, TokenCreate(name="t", scopes=list(scopes)))
        except InsufficientScope as refused:
            if refused.scope in maker.principal.scopes:
                raise
            return False
        assert made.secret is not None
        assert (await door.identity.authenticate(made.secret)).scopes == set(scopes)
        return True

    user = await enter(door, sub)
    assert await give(user, *USER_SCOPES)
    assert not await give(user, "todos:read", "admin")
    reader = await by(door, await token_of(user, "todos:read", "profile"))
    assert await give(reader, "profile", "todos:read")
    assert not await give(reader, "todos:write")
    boss = await enter(door, sub, role="admin")
    assert await give(boss, *ALL_SCOPES)
    assert not await give(await enter(door, sub, role="admin", scope="profile"), "admin")
    climber = replace(user, principal=replace(user.principal, scopes=frozenset({"todos:read"})))
    with pytest.raises(InsufficientScope, match="lacks"):
        await climber.perform(tokens.create, TokenCreate(name="t", scopes=["todos:read"]))


@pytest.mark.requirement("OW5")
async def test_a_suspended_user_may_sign_in_and_then_do_nothing(
    door: Core, sub: str, admin: asyncpg.Connection
) -> None:
    me = await enter(door, sub)
    await admin.execute("UPDATE users SET suspended_at = now() WHERE id = $1", me.principal.user_id)

    again = await enter(door, sub, role="admin", email="new@example.test")

    assert again.principal.user_id == me.principal.user_id
    with pytest.raises(Suspended):
        await profile(again)
    assert await admin.fetchval("SELECT suspended_at IS NOT NULL FROM users WHERE id = $1", me.principal.user_id)


# --- how long a role lasts (S13) ----------------------------------------------------------------


def issued(sub: str, at: int, role: str | None = "admin", issuer: str = WEB, ends: int | None = None) -> str:
    """A token that was issued so many seconds after `THEN`, and ends in ten minutes or at that second."""
    exp = {} if ends is None else {"exp": int(time.time()) + ends}
    return jwt(sub, issuer, iat=THEN + at, role=role, **exp)


OVER = -10
"""A token that ended ten seconds ago still signs in, for clocks differ; what it gave has ended."""


@pytest.mark.requirement("OW5", "ID4")
async def test_the_role_ends_with_the_token_that_gave_it_and_an_api_tokens_scope_with_it(door: Core, sub: str) -> None:
    """S13 a: she never signs in again."""
    boss = await by(door, issued(sub, 1))
    agent = await by(door, await token_of(boss, "admin", "profile"))
    assert [await is_admin(one) for one in (boss, agent)] == [True, True]

    await by(door, issued(sub, 2, ends=OVER))

    assert [await is_admin(one) for one in (boss, agent)] == [False, False]
    assert (await profile(agent))["role"] == "user"
    assert await is_admin(await by(door, issued(sub, 3)))
    assert await is_admin(agent), "a newer token gives it anew"


@pytest.mark.requirement("OW5")
@pytest.mark.parametrize("known", [True, False], ids=["seen before", "never seen"])
async def test_a_token_from_before_the_demotion_does_not_bring_the_role_back(
    known: bool, door: Core, another_core: CoreOpener, sub: str
) -> None:
    """S13 b: it has not expired, and whether it was presented before makes no difference."""
    before, demoted = issued(sub, 1), issued(sub, 2, role="user")
    agent = await by(door, await token_of(await by(door, issued(sub, 0)), "admin"))
    if known:
        assert await is_admin(await by(door, before))
    assert not await is_admin(await by(door, demoted))

    async with another_core(issuers=ISSUERS) as other:  # which remembers no token
        again = await by(other, before)

        assert again.principal.scopes == USER_SCOPES
        assert not await is_admin(again)
        assert (await profile(again))["role"] == "user"
    assert not await is_admin(agent)


@pytest.mark.requirement("OW5")
async def test_who_never_was_an_admin_here_does_not_become_one_by_a_token_from_before(door: Core, sub: str) -> None:
    """The demotion was seen while there was nothing to take away."""
    await by(door, issued(sub, 5, role=None))

    assert not await is_admin(await by(door, issued(sub, 4)))
    assert await is_admin(await by(door, issued(sub, 6)))


@pytest.mark.requirement("OW5")
@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["admin first", "user first"])
async def test_of_two_tokens_of_one_second_the_lesser_role_counts(order: tuple[int, int], door: Core, sub: str) -> None:
    both = [issued(sub, 1), issued(sub, 1, role="user")]
    for number in order:
        await by(door, both[number])

    assert not await is_admin(await by(door, issued(sub, 1)))
    assert await is_admin(await by(door, issued(sub, 2)))


@pytest.mark.requirement("OW5")
@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["longer first", "shorter first"])
async def test_of_two_tokens_of_one_second_the_earlier_end_counts(order: tuple[int, int], door: Core, sub: str) -> None:
    both = [issued(sub, 1), issued(sub, 1, ends=OVER)]
    found = [await by(door, both[number]) for number in order]

    assert [await is_admin(one) for one in found] == [False, False]


@pytest.mark.requirement("OW5")
@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["old first", "new first"])
async def test_the_latest_issued_token_decides_in_whatever_order_they_come(
    order: tuple[int, int], door: Core, sub: str
) -> None:
    """An older token that ends later does not prolong what the newer one gave."""
    both = [issued(sub, 1), issued(sub, 2, ends=OVER)]
    found = [await by(door, both[number]) for number in order]

    assert [await is_admin(one) for one in found] == [False, False]


@pytest.mark.requirement("OW5")
async def test_an_older_token_takes_no_role_away(door: Core, sub: str) -> None:
    boss = await by(door, issued(sub, 2))

    await by(door, issued(sub, 1, role="user"))

    assert await is_admin(boss)


@pytest.mark.requirement("OW5")
async def test_two_issuers_of_the_same_people_are_heard_by_age_too(door: Core, sub: str) -> None:
    boss = await by(door, issued(sub, 1, issuer=AGENT))
    assert await is_admin(boss)

    await by(door, issued(sub, 3, role="user"))
    await by(door, issued(sub, 2, issuer=AGENT))
    assert not await is_admin(boss)
    await by(door, jwt(sub, AGENT, iat=THEN + 4))  # is silent, and so prolongs nothing
    assert not await is_admin(boss)


@pytest.mark.requirement("OW5")
async def test_a_token_without_its_age_makes_no_admin_and_says_nothing_of_roles(door: Core, sub: str) -> None:
    ageless = jwt(sub, role="admin", iat=None)
    with pytest.raises(Unauthenticated):  # null is no time
        await by(door, ageless)
    pair = secret_pair(SECRETS[WEB].encode())
    usual = {"iss": WEB, "aud": "todo", "sub": sub, "exp": int(time.time()) + 600}
    nobody = await by(door, compact(pair.header(), usual | {"role": "admin"}, pair.sign))
    assert nobody.principal.scopes == USER_SCOPES
    assert not await is_admin(nobody)

    boss = await by(door, issued(sub, 1))
    await by(door, compact(pair.header(), usual, pair.sign))

    assert await is_admin(boss)


@pytest.mark.requirement("OW5")
@pytest.mark.parametrize("exp", [2**53, 253_402_300_800, 4e15])
async def test_a_token_that_ends_in_ages_makes_an_admin_too(exp: float, door: Core, sub: str) -> None:
    assert await is_admin(await by(door, jwt(sub, role="admin", exp=exp)))


@pytest.mark.requirement("OW5", "OP4")
async def test_of_two_sign_ins_at_once_the_later_issued_token_wins(
    door: Core, sub: str, admin: asyncpg.Connection, database_url: str
) -> None:
    """The older one has read the row as it was, and waits; the newer one's demotion is written first."""
    me = await by(door, issued(sub, 0, role="user"))

    async with connected(database_url) as other, anyio.create_task_group() as tasks, other.transaction():
        await other.execute(
            "UPDATE users SET role_issued_at = to_timestamp($2) WHERE id = $1", me.principal.user_id, THEN + 2
        )
        tasks.start_soon(by, door, issued(sub, 1))
        await until(admin, SOMEBODY_WAITS_FOR_A_LOCK)

    row = await admin.fetchrow(
        "SELECT role, extract(epoch FROM role_issued_at)::int FROM users WHERE id = $1", me.principal.user_id
    )
    assert tuple(row) == ("user", THEN + 2)


@pytest.mark.requirement("OW5")
async def test_who_is_deleted_while_signing_in_is_told_to_try_again_and_begins_anew(
    door: Core, sub: str, admin: asyncpg.Connection, database_url: str
) -> None:
    me = await by(door, issued(sub, 1))
    refusals: list[bool] = []

    async def again() -> None:
        try:
            await by(door, issued(sub, 2))
        except Unavailable as refused:
            refusals.append(refused.retryable)

    async with connected(database_url) as other, anyio.create_task_group() as tasks, other.transaction():
        await other.execute("DELETE FROM users WHERE id = $1", me.principal.user_id)
        tasks.start_soon(again)
        await until(admin, SOMEBODY_WAITS_FOR_A_LOCK)

    assert refusals == [True]
    assert (await by(door, issued(sub, 2))).principal.user_id != me.principal.user_id


@pytest.mark.requirement("OW5")
async def test_a_role_that_goes_on_is_no_new_version_of_the_profile(door: Core, sub: str) -> None:
    boss = await by(door, issued(sub, 1))
    before = await profile(boss)

    await by(door, issued(sub, 2))

    assert await profile(boss) == before


@pytest.mark.requirement("OW5", "OW2")
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE users SET role = 'admin'",
        "UPDATE users SET role_until = 'infinity'",
        "UPDATE users SET role_issued_at = 'infinity'",
        "UPDATE users SET email = 'boss@example.test'",
        "INSERT INTO users (issuer, subject, role) VALUES ('urn:todo-mcp:local', 'boss', 'admin')",
        "INSERT INTO users (issuer, subject) VALUES ('urn:todo-mcp:local', 'boss')",
        "SELECT hash FROM deleted_accounts",
        "DELETE FROM deleted_accounts",
    ],
)
async def test_who_serves_requests_writes_no_role(statement: str, ann: Caller, admin: asyncpg.Connection) -> None:
    async with acting_as(admin, "todo_app", ann.principal.user_id):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with admin.transaction():
                await admin.execute(statement)


@pytest.mark.requirement("OW2")
async def test_signing_in_sees_the_one_user_that_the_token_names_and_no_row_of_any(
    ann: Caller, bob: Caller, admin: asyncpg.Connection
) -> None:
    subject = await admin.fetchval("SELECT subject FROM users WHERE id = $1", ann.principal.user_id)
    async with acting_as(admin, "todo_sign_in", bob.principal.user_id):
        await admin.execute("SELECT set_config('app.issuer', $1, true)", LOCAL_ISSUER)
        await admin.execute("SELECT set_config('app.subject', $1, true)", subject)

        assert await admin.fetchval("SELECT array_agg(id) FROM users") == [ann.principal.user_id]
        assert await admin.execute("UPDATE users SET role = 'user'") == "UPDATE 1"
        for table in ("todos", "lists", "tags", "api_tokens", "changes", "change_entries", "idempotency_keys"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with admin.transaction():
                    await admin.fetch(f"SELECT * FROM {table}")  # noqa: S608
        for change in ("suspended_at = NULL", "issuer = 'x'", "time_zone = 'UTC'"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with admin.transaction():
                    await admin.execute(f"UPDATE users SET {change}")  # noqa: S608


# --- audiences of a transport's own -------------------------------------------------------------


@pytest.mark.requirement("ID1", "ID5")
async def test_a_transport_with_audiences_of_its_own_takes_no_other_token(another_core: CoreOpener, sub: str) -> None:
    both = [ISSUERS[0] | {"audience": ["rest", "mcp"]}]
    settings = {"issuers": both, "rest_audience": "rest", "mcp_audience": "mcp", "login_limit": "1/hour"}
    async with another_core(**settings) as core:
        for audience, face, other in (("rest", "rest", "mcp"), ("mcp", "mcp", "rest"), (["mcp", "x"], "mcp", "rest")):
            token = jwt(sub, aud=audience)
            for _ in range(2):  # remembered, the second time
                assert (await core.identity.authenticate(token, "192.0.2.1", face)).user_id
                with pytest.raises(Unauthenticated):
                    await core.identity.authenticate(token, "192.0.2.1", other)
        everywhere = jwt(sub, aud=["mcp", "rest"])
        me = await core.identity.authenticate(everywhere, None, "rest")
        assert await core.identity.authenticate(everywhere, None, "mcp") == me
        api = await token_of(Caller(core, me, "test"))
        for face in ("rest", "mcp"):
            assert (await core.identity.authenticate(api, None, face)).user_id == me.user_id


@pytest.mark.requirement("ID1")
async def test_by_default_a_persons_session_works_on_both_transports(door: Core, sub: str) -> None:
    session = jwt(sub)

    for face in ("rest", "mcp"):
        assert (await door.identity.authenticate(session, None, face)).user_id


# --- without a token ---------------------------------------------------------------------------


@pytest.mark.requirement("ID6", "OW5")
async def test_a_local_user_has_the_role_that_it_was_last_given(core: Core, sub: str) -> None:
    plain = Caller(core, await core.identity.local(sub), "test")
    assert (plain.principal.scopes, await is_admin(plain)) == (USER_SCOPES, False)

    boss = Caller(core, await core.identity.local(sub, "admin"), "test")
    assert (boss.principal.scopes, await is_admin(boss)) == (USER_SCOPES | {"admin"}, True)
    assert boss.principal.user_id == plain.principal.user_id

    unasked = Caller(core, await core.identity.local(sub), "test")
    assert (unasked.principal.scopes, (await profile(unasked))["role"]) == (USER_SCOPES, "admin")
    assert await is_admin(boss)

    await core.identity.local(sub, "user")
    assert not await is_admin(boss)


@pytest.mark.requirement("ID6")
@pytest.mark.parametrize("name", ["", "x" * 256, "a\x00b", "a\nb", "a\x7f", "\ud800", "a\u2028b"])
async def test_a_name_that_cannot_be_one_is_refused_before_the_database_hears_of_it(name: str, core: Core) -> None:
    with on_the_wire() as wire, pytest.raises(InvalidInput) as refused:
        await core.identity.local(name)

    assert wire.sent == []
    assert not name or name not in str(refused.value)


@pytest.mark.requirement("ID6")
async def test_the_longest_name_is_a_name(core: Core) -> None:
    name = f"{uuid4().hex} Ünï çödé ".ljust(255, "x")

    assert await core.identity.local(name) == await core.identity.local(name)


@pytest.mark.requirement("OW5")
async def test_the_command_line_has_one_account_of_its_own(core: Core, admin: asyncpg.Connection) -> None:
    operator = await core.identity.operator()

    assert await core.identity.operator() == operator
    assert await is_admin(Caller(core, operator, "cli"))
    assert (await core.identity.local("operator")).user_id != operator.user_id
    row = await admin.fetchrow("SELECT issuer, subject, role FROM users WHERE id = $1", operator.user_id)
    assert tuple(row) == (OPERATOR_ISSUER, "operator", "admin")
    assert LOCAL_ISSUER != OPERATOR_ISSUER


@pytest.mark.requirement("LT3", "OW5")
async def test_who_was_deleted_for_good_does_not_come_back_through_another_issuer(
    ada: Caller, another_core: CoreOpener, sub: str
) -> None:
    """Neither one after another nor while they are deleted, on whatever server."""
    outcome: list[str] = []

    async def come_back(door: Core, issuer: str) -> None:
        for _ in range(5):
            try:
                me = await enter(door, sub, issuer, name="Ann")
                await titles_of(me)
                outcome.append("in")
            except (Suspended, Unauthenticated, Unavailable) as refused:
                outcome.append(refused.code)

    async with (
        another_core(issuers=ISSUERS, deletion_is_final=True) as door,
        another_core(issuers=ISSUERS, deletion_is_final=True) as other,
    ):
        me = await enter(door, sub)
        async with anyio.create_task_group() as tasks:
            for core in (door, other):
                for issuer in (WEB, AGENT):
                    tasks.start_soon(come_back, core, issuer)
            tasks.start_soon(replace(ada, core=door).perform, accounts.delete, me.principal.user_id)
        assert {*outcome} <= {"in", "suspended", "unauthenticated", "unavailable"}
        for core in (door, other):
            for issuer in (WEB, AGENT):
                with pytest.raises(Suspended):
                    await titles_of(await enter(core, sub, issuer))
        assert (await enter(door, sub, OTHER)).principal.user_id != me.principal.user_id  # whose people are others


# --- other transactions ------------------------------------------------------------------------

_FAILING = """
CREATE SEQUENCE tries MINVALUE -9 START 1;
GRANT USAGE ON tries TO PUBLIC;
CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF nextval('tries') <= 0 THEN RAISE EXCEPTION 'met another' USING ERRCODE = '{}'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER fail BEFORE INSERT OR UPDATE ON users FOR EACH ROW EXECUTE FUNCTION fail();
"""


@pytest.mark.requirement("ID7", "OP5")
async def test_a_sign_in_that_meets_another_transaction_is_tried_again(
    fresh_database_url: str, another_core: CoreOpener, sub: str
) -> None:
    async with connected(fresh_database_url) as admin, another_core(fresh_database_url, issuers=ISSUERS) as door:

        async def fails(times: int) -> None:
            await admin.execute(f"SELECT setval('tries', {1 - times}, false)")

        for state in ("40P01", "40001"):  # a deadlock, a failed serialization
            await admin.execute(_FAILING.format(state))
            await fails(2)
            me = await enter(door, f"{sub}-{state}")  # who is new
            await fails(2)
            await enter(door, f"{sub}-{state}", name="Ann", email="ann@example.test")  # who has news
            assert (await profile(me))["email"] == "ann@example.test"
            await fails(3)
            with pytest.raises(Unavailable):
                await enter(door, f"{sub}-{state}-b")
            await admin.execute("DROP FUNCTION fail CASCADE; DROP SEQUENCE tries")


@pytest.mark.requirement("ID7")
async def test_a_token_is_looked_up_again_where_a_migration_changed_a_type(
    fresh_database_url: str, another_core: CoreOpener, sub: str
) -> None:
    async with connected(fresh_database_url) as admin, another_core(fresh_database_url, issuers=ISSUERS) as door:
        me = await enter(door, sub)
        token = await token_of(me)
        for change in ("VARCHAR(200)", "TEXT"):
            door.identity.forget((await by(door, token)).principal)
            await enter(door, sub)
            await admin.execute(f"ALTER TABLE users ALTER COLUMN role TYPE {change}")
            await admin.execute(f"ALTER TABLE api_tokens ALTER COLUMN scopes TYPE {change}[]")
            assert (await by(door, token)).principal.user_id == me.principal.user_id
            assert (await enter(door, sub)).principal.user_id == me.principal.user_id
