"""The profile: read, changed in part, recorded, undone, and never anybody else's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import available_timezones

import anyio
import asyncpg
import orjson
import pytest
import sqlalchemy
from pydantic import TypeAdapter, ValidationError

from tests.core.support import acting_as, add, codes, everything_of, on_the_wire, row_of
from tests.tables import each
from todo_core.boundary.caller import Caller
from todo_core.boundary.results import Changed
from todo_core.errors import IdempotencyKeyReused, InsufficientScope, NotOwner, UndoRefused, VersionConflict
from todo_core.models.lists import ListCreate
from todo_core.models.users import PATCHABLE, ProfilePatch, TimeZone, User
from todo_core.operations import changes, lists, overview, users
from todo_core.storage.statements import Statement, parameter
from todo_core.validation import refuse

pytestmark = pytest.mark.requirement("LT3")

Profile = dict[str, Any]
NEW: Profile = {
    "display_name": None,
    "time_zone": "UTC",
    "locale": "en",
    "week_start": "monday",
    "default_list_id": None,
    "new_todos": "last",
}
WHERE: Profile = {"display_name": "Ann", "time_zone": "Europe/Vienna", "locale": "de-AT", "week_start": "sunday"}
SECRET = "do-not-echo-me"


@pytest.fixture
async def hers(ann: Caller) -> Profile:
    """Another value for everything that Ann can choose, a list of hers among them."""
    made = row_of(await ann.perform(lists.add, [ListCreate(name="Home")]))
    return WHERE | {"default_list_id": made["id"], "new_todos": "first"}


async def profile(me: Caller) -> Profile:
    found: Profile = orjson.loads((await me.perform(users.get)).json)
    return found


async def chosen(me: Caller) -> Profile:
    """What the user can choose of the profile."""
    found = await profile(me)
    return {name: found[name] for name in PATCHABLE}


async def change(me: Caller, if_version: list[int] | None = None, **patch: Any) -> Changed[Any]:
    return await me.perform(users.update, TypeAdapter(ProfilePatch).validate_python(patch), if_version)


def profile_in(changed: Changed[Any]) -> Profile:
    """The profile that a write answered, without what it says beside."""
    return {name: value for name, value in row_of(changed).items() if name != "todos_shown_otherwise"}


async def recorded(me: Caller, change_id: int | None) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads((await me.perform(changes.get, change_id)).json)
    return found


# --- reading and changing ----------------------------------------------------------------------


async def test_a_new_users_profile_has_the_defaults(ann: Caller) -> None:
    found = await profile(ann)

    assert found == NEW | {
        "id": ann.principal.user_id,
        "email": None,
        "role": "user",
        "created_at": found["created_at"],
        "updated_at": found["created_at"],
        "version": 1,
    }


@pytest.mark.parametrize("name", PATCHABLE)
async def test_one_field_changes_and_the_others_stay(name: str, ann: Caller, hers: Profile) -> None:
    assert hers.keys() == NEW.keys() == {*PATCHABLE}
    before = await profile(ann)

    after = profile_in(await change(ann, **{name: hers[name]}))

    assert after == await profile(ann)
    assert after == before | {name: hers[name], "updated_at": after["updated_at"], "version": 2}
    assert datetime.fromisoformat(after["updated_at"]) > datetime.fromisoformat(before["updated_at"])


async def test_all_of_it_changes_at_once_and_the_name_can_be_taken_away(ann: Caller, hers: Profile) -> None:
    assert codes(await change(ann, **hers)) == ["changed"]
    assert await chosen(ann) == hers

    await change(ann, display_name=None)
    assert await chosen(ann) == hers | {"display_name": None}


@pytest.mark.requirement("SA2")
@pytest.mark.parametrize(
    "pick",
    [lambda _: {}, lambda hers: hers, lambda _: {"display_name": "  Ann "}],
    ids=["nothing", "the same", "the same, trimmed"],
)
async def test_what_is_so_already_is_no_change(
    pick: Callable[[Profile], Profile], ann: Caller, hers: Profile, admin: asyncpg.Connection
) -> None:
    await change(ann, **hers)
    before = await everything_of(admin, ann.principal.user_id)

    unchanged = await change(ann, **pick(hers))

    assert (codes(unchanged), unchanged.change_id) == (["unchanged"], None)
    assert profile_in(unchanged) == await profile(ann)
    assert await everything_of(admin, ann.principal.user_id) == before


async def test_a_profile_is_its_users_alone(ann: Caller, hers: Profile, bob: Caller, admin: asyncpg.Connection) -> None:
    before = await everything_of(admin, bob.principal.user_id)

    await change(ann, **hers)

    assert await everything_of(admin, bob.principal.user_id) == before


async def test_the_overview_is_where_the_user_is(ann: Caller) -> None:
    await change(ann, **WHERE)

    told = orjson.loads((await ann.perform(overview.get)).json)

    assert {name: told[name] for name in WHERE} == WHERE


@pytest.mark.requirement("ID4")
async def test_reading_and_changing_need_the_scope_of_the_profile(ann: Caller) -> None:
    without = replace(ann, principal=replace(ann.principal, scopes=frozenset({"todos:read", "todos:write"})))

    for attempt in (without.perform(users.get), change(without, locale="fr")):
        with pytest.raises(InsufficientScope) as refused:
            await attempt
        assert refused.value.scope == "profile"


# --- several writers ---------------------------------------------------------------------------


@pytest.mark.requirement("TD8")
async def test_the_slower_of_two_is_refused_and_shown_the_present_profile(
    ann: Caller, admin: asyncpg.Connection
) -> None:
    await change(ann, [1], locale="fr")
    before = await everything_of(admin, ann.principal.user_id)

    with pytest.raises(VersionConflict) as refused:
        await change(ann, [1], locale="it")

    assert refused.value.as_dict()["current"] == await profile(ann)
    assert refused.value.as_dict()["current"]["version"] == 2
    assert await everything_of(admin, ann.principal.user_id) == before
    with pytest.raises(VersionConflict):
        await change(ann, [1], locale="fr")
    with pytest.raises(VersionConflict):
        await change(ann, [], locale="it")


@pytest.mark.requirement("TD8")
async def test_one_of_several_versions_may_be_the_present_one(ann: Caller) -> None:
    assert codes(await change(ann, [7, 1], locale="fr")) == ["changed"]
    assert codes(await change(ann, [2, 1], locale="fr")) == ["unchanged"]


@pytest.mark.requirement("TD8")
@pytest.mark.parametrize("keyed", [False, True], ids=["without keys", "with keys"])
async def test_of_ten_who_saw_the_same_version_one_wins(keyed: bool, ann: Caller) -> None:
    heard: list[str] = []

    async def write(number: int) -> None:
        me = ann.once(f"key {number}") if keyed else ann
        try:
            heard.extend(codes(await change(me, [1], display_name=f"writer {number}")))
        except VersionConflict as refused:
            heard.append(refused.code)

    async with anyio.create_task_group() as tasks:
        for number in range(10):
            tasks.start_soon(write, number)

    assert sorted(heard) == ["changed"] + ["version_conflict"] * 9
    assert (await profile(ann))["version"] == 2


@pytest.mark.requirement("TD8")
async def test_twelve_changes_at_once_of_different_fields_are_all_kept(ann: Caller, hers: Profile) -> None:
    patches: list[Profile] = [{name: hers[name]} for name in hers] * 2 + [{}] * 2

    async with anyio.create_task_group() as tasks:
        for patch in patches:
            tasks.start_soon(lambda patch=patch: change(ann, **patch))

    assert await chosen(ann) == hers
    assert (await profile(ann))["version"] == 1 + len(hers)


# --- the record, and the way back --------------------------------------------------------------


@pytest.mark.requirement("SA2")
async def test_the_record_has_the_profile_before_and_after(ann: Caller, hers: Profile) -> None:
    before = await profile(ann)
    browser = replace(ann, via="rest", client="a browser")

    changed = await change(browser, **hers)

    found = await recorded(ann, changed.change_id)
    kept = (*PATCHABLE, "version")  # and no e-mail: whoever may read changes need not learn it
    was, now = ({name: row[name] for name in kept} for row in (before, row_of(changed)))
    assert found == {
        "id": changed.change_id,
        "at": found["at"],
        "operation": "users.update",
        "via": "rest",
        "client": "a browser",
        "token_id": None,
        "agent_id": None,
        "request_id": None,
        "proposal_id": None,
        "approved_by": None,
        "undoes": None,
        "undoes_also": [],
        "undone_by": None,
        "entries": [
            {
                "entity": "user",
                "id": ann.principal.user_id,
                "title": None,
                "number": 1,
                "is_new": False,
                "before": was,
                "after": now,
            }
        ],
        "more_entries": 0,
        "next_entry": None,
    }


@pytest.mark.requirement("SA3")
async def test_a_change_can_be_undone_and_the_undo_too(ann: Caller, hers: Profile) -> None:
    await change(ann, display_name="Annie", locale="fr")
    changed = await change(ann, **hers | {"display_name": None})

    undone = await ann.perform(changes.undo, changed.change_id)
    assert await chosen(ann) == NEW | {"display_name": "Annie", "locale": "fr"}
    assert profile_in(undone) == await profile(ann)
    assert (await recorded(ann, undone.change_id))["undoes"] == changed.change_id
    assert (await recorded(ann, changed.change_id))["undone_by"] == undone.change_id

    redone = await ann.perform(changes.undo, undone.change_id)
    assert await chosen(ann) == hers | {"display_name": None}
    assert (await profile(ann))["version"] == 5

    await ann.perform(changes.undo, redone.change_id)
    assert await chosen(ann) == NEW | {"display_name": "Annie", "locale": "fr"}


@pytest.mark.requirement("SA3")
async def test_a_later_change_is_in_the_way_until_it_is_undone(ann: Caller, admin: asyncpg.Connection) -> None:
    first = await change(ann, display_name="first")
    await add(ann, "something else")
    later = await change(ann, locale="fr")
    before = await everything_of(admin, ann.principal.user_id)

    with pytest.raises(UndoRefused) as refused:
        await ann.perform(changes.undo, first.change_id)

    told = refused.value.as_dict()
    assert (told["entity"], told["id"], told["blocked_by"]) == ("user", ann.principal.user_id, later.change_id)
    assert await everything_of(admin, ann.principal.user_id) == before

    await ann.perform(changes.undo, later.change_id)
    await ann.perform(changes.undo, first.change_id)
    assert await chosen(ann) == NEW


@pytest.mark.requirement("SA3")
async def test_undoing_twice_is_refused_with_the_change_that_did_it(ann: Caller, hers: Profile) -> None:
    changed = await change(ann, **hers)
    undone = await ann.perform(changes.undo, changed.change_id)

    with pytest.raises(UndoRefused) as refused:
        await ann.perform(changes.undo, changed.change_id)

    assert refused.value.as_dict()["undone_by"] == undone.change_id
    assert await chosen(ann) == NEW


@pytest.mark.requirement("SA3")
async def test_a_sign_in_in_between_is_not_in_the_way_and_is_not_undone(
    ann: Caller, hers: Profile, admin: asyncpg.Connection
) -> None:
    changed = await change(ann, **hers)
    await admin.execute(
        "UPDATE users SET email = 'new@example.test', role = 'admin', version = version + 1 WHERE id = $1",
        ann.principal.user_id,
    )

    await ann.perform(changes.undo, changed.change_id)

    found = await profile(ann)
    assert await chosen(ann) == NEW
    assert (found["email"], found["role"], found["version"]) == ("new@example.test", "admin", 4)


@pytest.mark.requirement("SA3", "OW4")
async def test_anothers_change_cannot_be_undone(ann: Caller, hers: Profile, bob: Caller) -> None:
    changed = await change(ann, **hers)

    with pytest.raises(NotOwner):
        await bob.perform(changes.undo, changed.change_id)

    assert await chosen(ann) == hers


@pytest.mark.requirement("SA3", "ID4")
async def test_undoing_a_change_of_the_profile_needs_the_scope_of_the_profile(ann: Caller, hers: Profile) -> None:
    changed = await change(ann, **hers)
    agent = replace(ann, principal=replace(ann.principal, scopes=frozenset({"todos:read", "todos:write"})))

    with pytest.raises(InsufficientScope) as refused:
        await agent.perform(changes.undo, changed.change_id)

    assert refused.value.scope == "profile"
    assert await chosen(ann) == hers

    await ann.perform(changes.undo, changed.change_id)
    with pytest.raises(InsufficientScope):  # it is not told either that this was undone
        await agent.perform(changes.undo, changed.change_id)


@pytest.mark.requirement("SA1")
async def test_a_repetition_under_a_key_gets_the_first_answer_and_happens_once(ann: Caller) -> None:
    first = await change(ann.once("key"), display_name="first")
    later = await change(ann, display_name="later")

    again = await change(ann.once("key"), display_name="first")

    assert (again.replayed, again.change_id, row_of(again)) == (True, first.change_id, row_of(first))
    assert await profile(ann) == profile_in(later)
    with pytest.raises(IdempotencyKeyReused):
        await change(ann.once("key"), display_name="another")
    with pytest.raises(IdempotencyKeyReused):
        await change(ann.once("key"), [1], display_name="first")


@pytest.mark.requirement("DB4")
async def test_a_change_costs_a_constant_number_of_statements(ann: Caller, hers: Profile) -> None:
    with on_the_wire() as wire:
        await change(ann, [1], display_name="Annie", locale="fr", week_start="saturday")
    assert len(wire.sent) == 5  # begin, look, revise, record, commit

    with on_the_wire() as wire:
        await change(ann, [2], **hers)
    assert len(wire.sent) == 7  # as above; and the lists, and what is due: nothing

    with on_the_wire() as wire:
        await profile(ann)
    assert len(wire.sent) == 1


# --- what is accepted --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "patch",
    [
        {"display_name": "x"},
        {"display_name": "ü" * 100},
        {"display_name": "👩‍👩‍👧 Ann"},
        {"time_zone": "UTC"},
        {"time_zone": "America/Argentina/Buenos_Aires"},
        {"time_zone": "Etc/GMT+12"},
        {"locale": "en"},
        {"locale": "gsw"},
        {"locale": "de-AT"},
        {"locale": "es-419"},
        {"locale": "zh-Hant-TW"},
        {"week_start": "saturday"},
        {"week_start": "sunday"},
        {"week_start": "monday"},
    ],
    ids=str,
)
async def test_a_usual_value_is_taken_as_it_is(patch: Profile, ann: Caller) -> None:
    assert await change(ann, **patch)
    assert await chosen(ann) == NEW | patch


WRONG: list[tuple[str, Any, str]] = [
    ("display_name", "", "must have at least 1 characters"),
    ("display_name", " \t\n", "must have at least 1 characters"),
    ("display_name", SECRET + "x" * 100, "must have at most 100 characters"),
    ("display_name", f"{SECRET}\x00", "must not contain a NUL character"),
    ("display_name", f"{SECRET}\ud800", "must not contain a lone surrogate"),
    ("display_name", 5, "must be a string"),
    ("display_name", [SECRET], "must be a string"),
    ("time_zone", SECRET, "is not an IANA time zone"),
    ("time_zone", "", "is not an IANA time zone"),
    ("time_zone", "CEST", "is not an IANA time zone"),
    ("time_zone", "europe/vienna", "is not an IANA time zone"),
    ("time_zone", "Europe/Vienna ", "is not an IANA time zone"),
    ("time_zone", "+02:00", "is not an IANA time zone"),
    ("time_zone", "../../etc/passwd", "is not an IANA time zone"),
    ("time_zone", "/usr/share/zoneinfo/UTC", "is not an IANA time zone"),
    ("time_zone", "UTC\x00", "is not an IANA time zone"),
    ("time_zone", None, "must be a string"),
    ("locale", SECRET, "must be a language tag"),
    ("locale", "", "must be a language tag"),
    ("locale", "de_AT", "must be a language tag"),
    ("locale", "e", "must be a language tag"),
    ("locale", "en1", "must be a language tag"),
    ("locale", "en-", "must be a language tag"),
    ("locale", "en-AT-DE", "must be a language tag"),
    ("locale", "en-hant", "must be a language tag"),
    ("locale", "ën", "must be a language tag"),
    ("locale", "DE-at", "must be a language tag"),
    ("locale", "en\n", "must be a language tag"),
    ("locale", "en-" + "x" * 33, "must have at most 35 characters"),
    ("locale", None, "must be a string"),
    ("week_start", SECRET, "must be one of the allowed values"),
    ("week_start", "Monday", "must be one of the allowed values"),
    ("week_start", 1, "must be one of the allowed values"),
    ("week_start", None, "must be one of the allowed values"),
    ("default_list_id", SECRET, "must be a whole number"),
    ("default_list_id", "1", "must be a whole number"),
    ("default_list_id", True, "must be a whole number"),
    ("default_list_id", 0, "must be 1 or more"),
    ("default_list_id", 2**63, "must be 9223372036854775807 or less"),
    ("new_todos", SECRET, "must be one of the allowed values"),
    ("new_todos", None, "must be one of the allowed values"),
    ("role", "admin", "is not a known field"),
    ("email", "ann@example.test", "is not a known field"),
    ("suspended_at", None, "is not a known field"),
    ("version", 1, "is not a known field"),
    ("id", 1, "is not a known field"),
    ("issuer", SECRET, "is not a known field"),
]


@each(("name", "value", "message"), WRONG, ids=[f"{name}={value!r}"[:40] for name, value, _ in WRONG])
def test_what_is_no_value_or_no_field_is_refused_by_name(name: str, value: Any, message: str) -> None:
    with pytest.raises(ValidationError) as error:
        TypeAdapter(ProfilePatch).validate_python({"locale": "en"} | {name: value})

    told = refuse(error.value, ProfilePatch)
    (problem,) = told.errors
    assert problem.field == name
    assert any(problem.message.startswith(one) for one in message.split("|"))
    assert SECRET not in repr(told.as_dict())
    if name == "week_start":
        assert problem.allowed == ["monday", "sunday", "saturday"]
    if message == "is not a known field":
        assert {*problem.allowed} == {*PATCHABLE}


async def test_no_zone_is_accepted_that_postgresql_does_not_know(admin: asyncpg.Connection) -> None:
    """The overview would fail for good: PostgreSQL counts what was done today."""
    known = {row["name"] for row in await admin.fetch("SELECT name FROM pg_timezone_names")}

    for name in {"localtime", *available_timezones()} - known:
        with pytest.raises(ValidationError):
            TypeAdapter(TimeZone).validate_python(name)


@pytest.mark.requirement("OW1", "OW2")
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE users SET suspended_at = NULL",
        "UPDATE users SET issuer = 'another'",
        "UPDATE users SET subject = 'another'",
        "UPDATE users SET id = 1",
        "UPDATE users SET created_at = now()",
        "INSERT INTO users (issuer, subject, suspended_at) VALUES ('an issuer', 'me', NULL)",
        "DELETE FROM users",
    ],
)
async def test_a_request_can_write_nothing_of_its_user_but_the_profile(
    statement: str, ann: Caller, admin: asyncpg.Connection
) -> None:
    async with acting_as(admin, "todo_app", ann.principal.user_id):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied"):
            await admin.execute(statement)


@pytest.mark.requirement("DB3")
@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("role", "superuser"),
        ("week_start", "friday"),
        ("display_name", ""),
        ("display_name", "x" * 101),
        ("email", ""),
        ("email", "x" * 321),
    ],
)
@pytest.mark.usefixtures("ann")
async def test_postgresql_takes_no_value_that_a_profile_cannot_have(
    column: str, value: str, admin: asyncpg.Connection
) -> None:
    """Whoever writes it."""
    wrong = Statement(sqlalchemy.update(User).values({column: parameter("value", sqlalchemy.Text())}))

    with pytest.raises(asyncpg.CheckViolationError, match=f"ck_users_{column}"):
        await admin.execute(wrong.sql, value)
