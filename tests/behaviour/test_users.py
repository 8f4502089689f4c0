"""The profile: read, changed in part, cleared, undone."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.faces import PROFILE, Face, FaceName, Json, Profile, RefusedError, RestFace
from tests.support import zone_of_another_day
from tests.tables import each

pytestmark = pytest.mark.requirement("LT3")

NEW = {"display_name": None, "time_zone": "UTC", "locale": "en", "week_start": "monday"}
CHANGED = {"display_name": "Ann", "time_zone": "Europe/Vienna", "locale": "de-AT", "week_start": "sunday"}


async def profile(me: Face) -> Json:
    """What can be changed of the profile, as the overview shows it to every face."""
    told = await me.overview()
    return {name: told.get(name) for name in PROFILE}


async def version(me: Face) -> int:
    return (await me.update_profile()).version


async def test_a_new_user_has_a_profile_that_the_overview_shows(me: Face) -> None:
    assert await profile(me) == NEW
    assert (await me.update_profile()).row == NEW


@pytest.mark.requirement("SA2")
async def test_an_update_changes_what_it_names_and_tells_the_version_and_the_change(me: Face) -> None:
    before = await version(me)

    changed = await me.update_profile(**CHANGED)

    assert (changed.row, changed.version, changed.replayed) == (CHANGED, before + 1, False)
    assert await profile(me) == CHANGED
    (latest,) = await me.changes(limit=1)
    assert (latest["id"], latest["operation"]) == (changed.change, "users.update")


@pytest.mark.parametrize("name", PROFILE)
async def test_what_is_left_out_stays(me: Face, name: str) -> None:
    changed = await me.update_profile(**{name: CHANGED[name]})

    assert changed.row == NEW | {name: CHANGED[name]}
    assert await profile(me) == changed.row


async def test_the_name_can_be_cleared_and_nothing_else_goes_with_it(me: Face) -> None:
    await me.update_profile(**CHANGED)

    cleared = await me.update_profile(clear=["display_name"])

    assert cleared.row == CHANGED | {"display_name": None}
    assert await profile(me) == cleared.row


async def test_the_name_is_trimmed(me: Face) -> None:
    assert (await me.update_profile(display_name="  Ann \n")).row["display_name"] == "Ann"
    assert (await me.update_profile(display_name="x" * 100)).row["display_name"] == "x" * 100


@pytest.mark.parametrize("locale", ["en", "de-AT", "zh-Hant-TW", "es-419", "sr-Latn"])
@pytest.mark.parametrize("zone", ["UTC", "America/Argentina/Buenos_Aires"])
async def test_every_usual_locale_and_zone_is_taken_as_it_is_written(me: Face, locale: str, zone: str) -> None:
    changed = await me.update_profile(locale=locale, time_zone=zone)

    assert (changed.row["locale"], changed.row["time_zone"]) == (locale, zone)


@pytest.mark.requirement("SA2")
@pytest.mark.parametrize("again", [{}, CHANGED, {"locale": "de-AT"}], ids=["nothing", "the same", "a part of it"])
async def test_what_is_so_already_is_no_change(me: Face, again: Json) -> None:
    changed = await me.update_profile(**CHANGED)

    repeated = await me.update_profile(**again)

    assert repeated == replace(changed, change_id=None)
    assert (await me.overview())["last_change_id"] == changed.change


@pytest.mark.requirement("MC1")
@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Etc/GMT+12"])
async def test_the_overview_tells_the_date_of_the_new_zone(me: Face, zone: str) -> None:
    """These two are 26 hours apart: at least one of them has another date than the zone from before."""
    await me.update_profile(time_zone=zone)

    told = await me.overview()

    now = datetime.fromisoformat(told["now"])
    there = now.astimezone(ZoneInfo(zone))
    assert told["time_zone"] == zone
    in_utc, on_the_wall = timedelta(0), there.utcoffset()  # an agent reads the clock that the person sees
    assert now.utcoffset() == (in_utc if isinstance(me, RestFace) else on_the_wall)
    assert (told["today"], told["weekday"]) == (there.date().isoformat(), f"{there:%A}")


async def test_a_todo_done_now_was_done_today_in_every_zone(me: Face, noon: str) -> None:
    await me.complete(*(await me.add({"title": "a"})).accepted)

    for zone in (zone_of_another_day(), noon):
        await me.update_profile(time_zone=zone)
        assert (await me.overview())["completed_today"] == 1


@each(
    ("name", "value"),
    [
        ("display_name", ""),
        ("display_name", " \t "),
        ("display_name", "x" * 101),
        ("display_name", "a\x00b"),
        ("display_name", 5),
        ("time_zone", "Mars/Olympus_Mons"),
        ("time_zone", "europe/vienna"),
        ("time_zone", "+02:00"),
        ("time_zone", "../../etc/passwd"),
        ("time_zone", ""),
        ("locale", ""),
        ("locale", "english"),
        ("locale", "de_AT"),
        ("locale", "en-" + "x" * 40),
        ("locale", "en\n"),
        ("locale", ["en"]),
        ("week_start", "tuesday"),
        ("week_start", "Monday"),
        ("week_start", 1),
        ("role", "admin"),
        ("email", "ann@example.com"),
        ("id", 1),
        ("version", 7),
        ("suspended_at", "2026-11-21T09:00:00Z"),
        ("colour", "red"),
    ],
)
async def test_what_is_no_value_or_no_field_is_refused_by_name_and_changes_nothing(
    me: Face, name: str, value: Any
) -> None:
    with pytest.raises(RefusedError) as refused:
        await me.update_profile(**({"locale": "fr"} | {name: value}))

    assert refused.value.code == "invalid_input"
    assert [problem["field"] for problem in refused.value.told["errors"]] == [name]
    assert await profile(me) == NEW


@pytest.mark.parametrize("name", ["time_zone", "locale", "week_start"])
async def test_only_the_name_can_be_cleared(me: Face, name: str) -> None:
    await me.update_profile(**CHANGED)

    with pytest.raises(RefusedError) as refused:
        await me.update_profile(clear=[name])

    assert refused.value.code == "invalid_input"
    assert await profile(me) == CHANGED


async def test_a_week_begins_on_one_of_three_days_which_the_refusal_lists(me: Face) -> None:
    with pytest.raises(RefusedError) as refused:
        await me.update_profile(week_start="friday")

    (problem,) = refused.value.told["errors"]
    assert problem["allowed"] == ["monday", "sunday", "saturday"]
    for day in problem["allowed"]:
        assert (await me.update_profile(week_start=day)).row["week_start"] == day


@pytest.mark.requirement("TD8")
async def test_the_slower_of_two_writers_is_refused_with_the_present_profile(me: Face) -> None:
    seen = await version(me)
    faster = await me.update_profile(display_name="faster", if_version=seen)

    with pytest.raises(RefusedError) as refused:
        await me.update_profile(display_name="slower", if_version=seen)

    assert refused.value.code == "version_conflict"
    current = refused.value.told["current"]
    assert (current["display_name"], current["version"]) == ("faster", faster.version)
    assert (await profile(me))["display_name"] == "faster"
    assert (await me.update_profile(display_name="slower", if_version=current["version"])).version == seen + 2


@pytest.mark.requirement("TD8")
@pytest.mark.parametrize("keyed", [False, True])
async def test_of_many_writers_at_once_that_saw_the_same_version_one_is_let_through(me: Face, keyed: bool) -> None:
    seen = await version(me)

    async def write(number: int) -> Profile | str:
        try:
            key = f"k{number}" if keyed else None
            return await me.update_profile(display_name=f"writer {number}", if_version=seen, key=key)
        except RefusedError as refused:
            return refused.code

    told = await asyncio.gather(*(write(number) for number in range(6)))

    (winner,) = [one for one in told if isinstance(one, Profile)]
    assert sorted(one for one in told if isinstance(one, str)) == ["version_conflict"] * 5
    assert await profile(me) == winner.row


@pytest.mark.requirement("SA1")
async def test_a_repetition_gets_the_first_answer_and_happens_once(me: Face) -> None:
    first = await me.update_profile(display_name="first", key="k")
    later = await me.update_profile(display_name="later")

    again = await me.update_profile(display_name="first", key="k")

    assert again == replace(first, replayed=True)
    assert await profile(me) == later.row
    with pytest.raises(RefusedError) as refused:
        await me.update_profile(display_name="another", key="k")
    assert refused.value.code == "idempotency_key_reused"
    assert await profile(me) == later.row


@pytest.mark.requirement("SA3")
async def test_a_change_of_the_profile_can_be_undone_and_the_undo_too(me: Face) -> None:
    await me.update_profile(display_name="old", locale="fr")
    changed = await me.update_profile(clear=["display_name"], time_zone="Asia/Tokyo", week_start="saturday")

    undone = await me.undo(changed.change)
    assert await profile(me) == NEW | {"display_name": "old", "locale": "fr"}

    redone = await me.undo(undone.change)
    assert await profile(me) == changed.row

    await me.undo(redone.change)
    assert await profile(me) == NEW | {"display_name": "old", "locale": "fr"}


@pytest.mark.requirement("SA3")
async def test_a_later_change_of_the_profile_is_in_the_way_of_undoing_an_earlier_one(me: Face) -> None:
    first = await me.update_profile(display_name="first")
    later = await me.update_profile(locale="fr")

    with pytest.raises(RefusedError) as refused:
        await me.undo(first.change)

    assert (refused.value.code, refused.value.told["blocked_by"]) == ("undo_refused", later.change)
    assert await profile(me) == NEW | {"display_name": "first", "locale": "fr"}


@pytest.mark.requirement("SA2", "SA4")
async def test_the_record_shows_the_profile_before_and_after(me: Face, face_name: FaceName) -> None:
    changed = await me.update_profile(display_name="Ann", locale="fr")

    (latest,) = await me.changes(limit=1)

    assert latest["via"] == ("rest" if face_name == "rest" else "mcp:update_profile")
    if face_name == "rest":
        (entry,) = latest["entries"]
        assert entry["entity"] == "user"
        assert (entry["before"]["locale"], entry["after"]["locale"]) == ("en", "fr")
        assert (entry["before"]["version"], entry["after"]["version"]) == (changed.version - 1, changed.version)
    else:
        (row,) = latest["rows"]
        assert row == {
            "user": row["user"],
            "before": {"display_name": None, "locale": "en"},
            "after": {"display_name": "Ann", "locale": "fr"},
        }


@pytest.mark.requirement("OW1")
async def test_nobody_changes_or_sees_the_profile_of_another(me: Face, other: Face) -> None:
    await me.update_profile(**CHANGED)

    assert await profile(other) == NEW
    await other.update_profile(display_name="Bob")
    assert await profile(me) == CHANGED
