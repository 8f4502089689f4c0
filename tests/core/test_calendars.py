"""Calendar addresses: what is at one, for whom, and that nobody is told more."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from dateutil.rrule import rrulestr
from icalendar import Calendar

from tests.core.home import SATURDAY, Home
from tests.core.support import CoreOpener, acting_as, row_of, told
from todo_core.boundary.caller import Caller
from todo_core.errors import NotFound, NotOwner, TooManyRequests
from todo_core.identity import api_tokens
from todo_core.models.calendars import CalendarCreate, Shows
from todo_core.models.changes import ChangeFilter
from todo_core.models.lists import ListCreate, ListRemoval
from todo_core.models.todos import TodoCreate
from todo_core.operations import accounts, calendars, changes, lists, todos
from todo_core.rules import calendars as reading
from todo_core.rules.exporting import as_calendar

pytestmark = pytest.mark.requirement("LT4")


async def made(me: Caller, **fields: Any) -> str:
    secret = (await me.perform(calendars.create, CalendarCreate(name="x", **fields))).secret
    assert secret is not None
    return secret


async def shown(me: Caller, secret: str) -> Calendar:
    content = await reading.read(me.core, secret, None)
    assert content.count(b"\r\n") == content.count(b"\n")
    assert max(map(len, content.split(b"\r\n"))) <= 75
    found: Calendar = Calendar.from_ical(content)
    return found


async def titles(me: Caller, secret: str) -> set[str]:
    return {str(part["summary"]) for part in (await shown(me, secret)).walk() if "summary" in part}


async def test_the_three_kinds_of_due_are_events_or_todos(home: Home) -> None:
    me = home.me
    new = [
        TodoCreate(title="a day", due="2026-12-24", description="one\ntwo; three", priority="urgent"),
        TodoCreate(title="a time", due="2026-12-24 17:30"),
        TodoCreate(title="a moment", due="2026-12-24T17:00:00+03:00"),
        TodoCreate(title="done", due="2026-11-01"),
        TodoCreate(title="without a due"),
        TodoCreate(title="long ago", due="2025-01-01"),
        TodoCreate(title="far away", due="2029-06-01"),
    ]
    ids = {row["title"]: row["id"] for row in told(await me.perform(todos.add, new))}
    await me.perform(todos.complete, [ids["done"]])

    calendar = await shown(me, await made(me))

    assert str(calendar["refresh-interval"].to_ical().decode()) == "PT1H"
    events = {str(event["summary"]): event for event in calendar.walk("VEVENT")}
    assert events.keys() == {"a day", "a time", "a moment", "\u2713 done"}
    assert [events[title].decoded("dtstart") for title in ("a day", "a time", "a moment")] == [
        date(2026, 12, 24),
        datetime(2026, 12, 24, 17, 30),  # noqa: DTZ001  # floating
        datetime(2026, 12, 24, 14, tzinfo=UTC),
    ]
    assert str(events["a day"]["description"]) == "one\ntwo; three"
    vtodos = {str(todo["summary"]): todo for todo in (await shown(me, await made(me, shows="todos"))).walk("VTODO")}
    assert vtodos.keys() == {"a day", "a time", "a moment", "done"}
    assert vtodos["a day"].decoded("due") == date(2026, 12, 24)
    assert [str(vtodos[title]["status"]) for title in ("a day", "done")] == ["NEEDS-ACTION", "COMPLETED"]


@pytest.mark.parametrize("shows", ["events", "todos"])
async def test_a_series_has_a_rule_and_exceptions(home: Home, shows: Shows) -> None:
    """It is Saturday, 2026-11-28 or so: `SATURDAY` says which."""
    me, today = home.me, SATURDAY.date()
    new = [
        TodoCreate(title="plain", due=str(today + timedelta(days=2)), repeat="every day"),
        TodoCreate(title="missed", due=str(today - timedelta(days=3)), repeat="every day"),
        TodoCreate(title="moved", due=f"{today + timedelta(days=2)} 09:00", repeat="every day, 9 times"),
        TodoCreate(title="done before", due=str(today), repeat="every week"),
        TodoCreate(title="after", due=str(today), repeat="3 days after completion"),
    ]
    ids = {row["title"]: row["id"] for row in told(await me.perform(todos.add, new))}
    await me.perform(todos.update, [{"id": ids["moved"], "due": f"{today + timedelta(days=4)} 10:00"}])
    await me.perform(todos.complete, [ids["done before"]])

    calendar = await shown(me, await made(me, shows=shows))
    parts = [part for part in calendar.walk() if "summary" in part]
    found: dict[str, list[Any]] = {}
    for part in parts:
        found.setdefault(str(part["summary"]).removeprefix("\u2713 "), []).append(part)

    (plain,) = found["plain"]
    assert (plain.decoded("dtstart"), plain["rrule"].to_ical()) == (today + timedelta(days=2), b"FREQ=DAILY")
    assert "exdate" not in plain
    (missed,) = found["missed"]
    left_out = [day.dt for line in missed["exdate"] for day in line.dts]
    assert left_out == [today - timedelta(days=2), today - timedelta(days=1), today]
    series, exception = found["moved"]
    first = datetime.combine(today + timedelta(days=2), datetime.min.time()).replace(hour=9)
    assert (series.decoded("dtstart"), series["rrule"].to_ical()) == (first, b"FREQ=DAILY;COUNT=9")
    assert str(series["uid"]) == str(exception["uid"])
    assert exception.decoded("recurrence-id") == first
    moved_to = (first + timedelta(days=2)).replace(hour=10)
    assert exception.decoded("dtstart") == moved_to
    assert [line.dts[0].dt for line in series["exdate"]] == [first + timedelta(days=1), first + timedelta(days=2)]
    assert sorted("rrule" in part for part in found["done before"]) == [False, True]
    assert "rrule" not in found["after"][0]


async def test_a_series_of_moments_stays_at_its_hour_when_the_clocks_change(home: Home) -> None:
    me = home.me
    (row,) = told(await me.perform(todos.add, [TodoCreate(title="x", due="2027-03-26 09:00", repeat="every day")]))
    await me.perform(todos.update, [{"id": row["id"], "due": "2027-03-27T10:00:00Z"}])

    calendar = await shown(me, await made(me))
    assert [str(zone["tzid"]) for zone in calendar.walk("VTIMEZONE")] == ["Europe/Berlin"]
    series, exception = calendar.walk("VEVENT")
    begin = series.decoded("dtstart")
    zone = begin.tzinfo
    assert begin == datetime(2027, 3, 26, 8, tzinfo=UTC)
    assert exception.decoded("recurrence-id") == begin
    assert exception.decoded("dtstart") == datetime(2027, 3, 27, 10, tzinfo=UTC)
    left_out = [moment.dt for moment in series["exdate"].dts]
    assert left_out == [datetime(2027, 3, 27, 9, tzinfo=zone)]
    rule = rrulestr(series["rrule"].to_ical().decode(), dtstart=begin)
    assert [moment.astimezone(UTC).hour for moment in rule[:4]] == [8, 8, 7, 7]


async def test_an_address_shows_its_list_or_all_that_are_not_archived(ann: Caller, bob: Caller) -> None:
    home, old = told(await ann.perform(lists.add, [ListCreate(name="Home"), ListCreate(name="Old")]))
    due = str(datetime.now(UTC).date())
    new = [TodoCreate(title="in none", due=due), TodoCreate(title="home", due=due, list_id=home["id"])]
    await ann.perform(todos.add, [*new, TodoCreate(title="old", due=due, list_id=old["id"])])
    await ann.perform(lists.update, [{"id": old["id"], "is_archived": True}])
    await bob.perform(todos.add, [TodoCreate(title="bob's", due=due)])
    everything, of_home, of_old = (
        await made(ann),
        await made(ann, list_id=home["id"]),
        await made(ann, list_id=old["id"]),
    )

    assert await titles(ann, everything) == {"in none", "home"}
    assert await titles(ann, of_home) == {"home"}
    assert await titles(ann, of_old) == {"old"}
    assert await titles(ann, await made(bob)) == {"bob's"}
    await ann.perform(lists.delete, [home["id"]], ListRemoval(todos="trash"))
    with pytest.raises(NotFound):
        await titles(ann, of_home)
    for list_id, error in ((2**62, NotFound), (home["id"], NotFound)):
        with pytest.raises(error):
            await made(ann, list_id=list_id)
    with pytest.raises(NotOwner):
        await made(bob, list_id=old["id"])


async def test_what_is_not_there_any_more_is_as_what_never_was(
    ann: Caller, ada: Caller, bob: Caller, admin: asyncpg.Connection
) -> None:
    secret, revoked = await made(ann), await made(ann)
    row = await admin.fetchrow("SELECT id FROM calendars WHERE hash = $1", api_tokens.digest(revoked))
    await titles(ann, revoked)
    assert row is not None
    with pytest.raises(NotOwner):
        await bob.perform(calendars.revoke, row["id"])
    with pytest.raises(NotFound):
        await bob.perform(calendars.revoke, 2**62)
    assert (await ann.perform(calendars.revoke, row["id"])).one().changed
    assert not (await ann.perform(calendars.revoke, row["id"])).one().changed

    answers = []
    for wrong in (revoked, api_tokens.generate_calendar(), "", "x", "\ud800", "x" * 4000):
        with pytest.raises(NotFound) as refused:
            await reading.read(ann.core, wrong, None)
        answers.append(refused.value.as_dict())
    await titles(ann, secret)
    await ada.perform(accounts.suspend, ann.principal.user_id)
    with pytest.raises(NotFound) as refused:
        await reading.read(ann.core, secret, None)
    answers.append(refused.value.as_dict())
    await ada.perform(accounts.reactivate, ann.principal.user_id)
    await titles(ann, secret)
    await ada.perform(accounts.delete, ann.principal.user_id)
    with pytest.raises(NotFound) as refused:
        await reading.read(ann.core, secret, None)
    assert all(answer == refused.value.as_dict() for answer in answers)


@pytest.mark.usefixtures("one_window")
async def test_wrong_secrets_count_like_wrong_tokens_and_right_ones_pass(ann: Caller, another_core: CoreOpener) -> None:
    secret = await made(ann)
    async with another_core(login_limit="2/hour") as core:
        for _ in range(2):
            with pytest.raises(NotFound):
                await reading.read(core, "wrong", "192.0.2.1")
        with pytest.raises(TooManyRequests):
            await reading.read(core, "wrong", "192.0.2.1")
        assert await reading.read(core, secret, "192.0.2.1")


async def test_its_role_sees_what_the_address_shows_and_nothing_else(
    ann: Caller, bob: Caller, admin: asyncpg.Connection
) -> None:
    (home,) = told(await ann.perform(lists.add, [ListCreate(name="Home")]))
    mine = row_of(await ann.perform(todos.add, [TodoCreate(title="x", list_id=home["id"])]))["id"]
    await ann.perform(todos.add, [TodoCreate(title="elsewhere")])
    await bob.perform(todos.add, [TodoCreate(title="his")])
    await made(bob)
    digest = api_tokens.digest(await made(ann, list_id=home["id"]))

    async with acting_as(admin, "todo_calendar"):
        for table in ("calendars", "users", "lists", "todos"):
            assert await admin.fetchval(f"SELECT count(id) FROM {table}") == 0, table  # noqa: S608
        await admin.execute("SELECT set_config('app.calendar_hash', $1, true)", digest.hex())
        for table in ("calendars", "users", "lists"):
            assert await admin.fetchval(f"SELECT count(id) FROM {table}") == 1, table  # noqa: S608
        assert await admin.fetchval("SELECT array_agg(id) FROM todos") == [mine]
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await admin.execute("UPDATE todos SET title = 'y'")
    async with acting_as(admin, "todo_calendar"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await admin.fetch("SELECT email FROM users")


async def test_the_secret_is_nowhere_and_the_record_names_the_address(ann: Caller, admin: asyncpg.Connection) -> None:
    from tests.core.test_leaving import tables_with

    secret = await made(ann)
    await titles(ann, secret)

    assert await tables_with(admin, secret) == set()
    page = (await ann.perform(changes.list_, ChangeFilter(entity="calendar"))).json
    assert '"calendars.create"' in page
    app = replace(ann, principal=replace(ann.principal, is_delegated=True))
    assert '"calendars.create"' not in (await app.perform(changes.list_, ChangeFilter())).json
    assert await admin.fetchval("SELECT last_used_at FROM calendars WHERE hash = $1", api_tokens.digest(secret))


async def test_it_goes_with_its_list_once_that_is_purged(ann: Caller, admin: asyncpg.Connection) -> None:
    (home,) = told(await ann.perform(lists.add, [ListCreate(name="Home")]))
    await made(ann, list_id=home["id"])
    await ann.perform(lists.delete, [home["id"]], ListRemoval(todos="trash"))
    await admin.execute("UPDATE lists SET deleted_at = now() - interval '400 days' WHERE id = $1", home["id"])

    await ann.core.purges.purge()

    assert await admin.fetchval("SELECT count(*) FROM calendars WHERE user_id = $1", ann.principal.user_id) == 0


async def test_a_calendar_that_is_too_large_shows_what_comes_next(ann: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    due = str(datetime.now(UTC).date() + timedelta(days=1))
    later = str(datetime.now(UTC).date() + timedelta(days=2))
    await ann.perform(todos.add, [TodoCreate(title="b", due=later), TodoCreate(title="a", due=due)])
    monkeypatch.setattr(as_calendar, "MOST_BYTES", 400)

    assert await titles(ann, await made(ann)) == {"a"}, "what comes next is first"
