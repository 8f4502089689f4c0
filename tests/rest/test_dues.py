"""Dues and repeats as objects: exact, and accepted as they were read."""

from __future__ import annotations

from typing import Any, Final

import httpx2
import pytest

from tests.rest.entity_tags import version_of
from tests.rest.problems import problem
from todo_core.boundary.caller import Caller
from todo_core.operations import users

pytestmark = pytest.mark.requirement("TD10", "TD11", "RS1")

Json = dict[str, Any]
TODOS: Final = "/api/v1/todos"


@pytest.fixture(autouse=True)
async def _in_berlin(ann: Caller) -> None:
    await ann.perform(users.update, {"time_zone": "Europe/Berlin"})


async def added(http: httpx2.AsyncClient, **fields: Any) -> tuple[str, Json]:
    """The address of a new todo, and the todo."""
    made = await http.post(TODOS, json={"title": "a", **fields})
    assert made.status_code == 201, made.text
    return made.headers["location"], made.json()


def told(due: Json) -> tuple[str, str | None, str]:
    return due["date"], due["time"], due["kind"]


EXACT: Final[list[tuple[Json, tuple[str, str | None, str]]]] = [
    ({"date": "2026-12-01"}, ("2026-12-01", None, "day")),
    ({"date": "2026-12-01", "time": None}, ("2026-12-01", None, "day")),
    ({"date": "2026-12-01", "time": "17:00"}, ("2026-12-01", "17:00", "time")),
    ({"date": "2026-12-01", "time": "17:00:30"}, ("2026-12-01", "17:00:30", "time")),
    ({"date": "2026-12-01", "time": "00:00"}, ("2026-12-01", "00:00", "time")),
    ({"at": "2026-12-01T16:00:00Z"}, ("2026-12-01", "17:00", "moment")),
    ({"at": "2026-12-01T16:00:00.25+00:00"}, ("2026-12-01", "17:00", "moment")),
    ({"at": "2026-12-01T23:30:00+05:30"}, ("2026-12-01", "19:00", "moment")),
    # With both, the date counts, unless the kind says otherwise.
    ({"date": "2026-12-01", "time": None, "at": "2026-12-03T16:00:00Z"}, ("2026-12-01", None, "day")),
    ({"date": "2026-12-01", "time": "09:00", "kind": "day", "weekday": "Friday"}, ("2026-12-01", "09:00", "time")),
    ({"date": "2026-12-01", "at": "2026-12-01T16:00:00Z", "kind": "moment"}, ("2026-12-01", "17:00", "moment")),
    # What the clocks skip is later by what is skipped, of what they show twice it is the first (RFC 5545, 3.3.5).
    ({"date": "2027-03-28", "time": "02:30"}, ("2027-03-28", "03:30", "time")),
    ({"date": "2027-10-31", "time": "02:30"}, ("2027-10-31", "02:30", "time")),
]


async def test_an_object_is_exact_whatever_the_due_was(http: httpx2.AsyncClient) -> None:
    for given, expected in EXACT:
        _, new = await added(http, due=given)
        assert told(new["due"]) == expected, given
        for before in ("2026-12-24", "2026-12-24T09:00", "2026-12-24T09:00Z", {"date": "2026-12-24", "time": "09:00"}):
            where, _ = await added(http, due=before)
            assert told((await http.patch(where, json={"due": given})).json()["due"]) == expected, (before, given)

    _, first = await added(http, due={"date": "2027-10-31", "time": "02:30"})
    assert first["due"]["at"] == "2027-10-31T00:30:00Z"


READ: Final[list[Json]] = [
    {"due": "2026-12-24"},
    {"due": "2026-12-24T17:00"},
    {"due": "2026-12-24T17:00:30"},
    {"due": "2026-12-24T17:00Z"},
    {"due": "in 90 minutes"},
    {"due": "2026-12-24T17:00", "repeat": "every 2 weeks on thu"},
    {"due": "2026-12-24", "repeat": "every! 3 days, 4 times"},
    {"due": "2026-12-31", "repeat": "monthly"},
    {"repeat": "every weekday until 2099-12-24"},
    {"due": "2026-12-24T17:00", "repeat": "FREQ=WEEKLY;BYDAY=MO,TH;UNTIL=20991224T160000Z"},
    {"due": "2027-03-27T02:30", "repeat": "daily"},
]


async def test_what_was_read_is_written_back_and_changes_nothing(http: httpx2.AsyncClient, ann: Caller) -> None:
    wheres = []
    for fields in READ:
        where, _ = await added(http, **fields)
        wheres.append(where)
        if "repeat" in fields:  # one occurrence is moved, which the repeat does not know of
            moved, row = await added(http, **fields)
            await http.patch(moved, json={"due": "11:15"})
            wheres.append(moved)
    await ann.perform(users.update, {"time_zone": "America/New_York"})

    for zone in ("America/New_York", "Europe/Berlin"):
        await ann.perform(users.update, {"time_zone": zone})
        for where in wheres:
            row = (await http.get(where)).json()
            both = {"due": row["due"], "repeat": row["repeat"]}
            for again in (both, {"due": row["due"]}, {"repeat": row["repeat"]} if row["repeat"] else {}):
                written = await http.patch(where, json=again)
                assert "change-id" not in written.headers, (again, written.text)
                assert version_of(written) == row["version"]
                assert (await http.get(where)).json() == row
            _, copy = await added(http, **both)
            assert (copy["due"], copy["repeat"]) == (row["due"], row["repeat"])


async def test_of_what_was_read_in_another_zone_the_day_and_the_time_count(
    http: httpx2.AsyncClient, ann: Caller
) -> None:
    rows = [await added(http, due=due) for due in ("2026-12-24", "2026-12-24T17:00", "2026-12-24T17:00Z")]
    await ann.perform(users.update, {"time_zone": "America/New_York"})

    for where, row in rows:
        assert "change-id" not in (await http.patch(where, json={"due": row["due"]})).headers


async def test_one_field_of_what_was_read_is_changed_and_sent_back(http: httpx2.AsyncClient) -> None:
    where, row = await added(http, due="2026-12-24T17:00", repeat="every week")

    for change, expected in (
        ({"time": "09:00"}, ("2026-12-24", "09:00", "time")),
        ({"date": "2026-12-25"}, ("2026-12-25", "17:00", "time")),
        ({"time": None}, ("2026-12-24", None, "day")),
    ):
        written = await http.patch(where, json={"due": row["due"] | change})
        assert told(written.json()["due"]) == expected
        assert written.json()["repeat"] == row["repeat"]


async def test_a_repeat_as_an_object_is_exact(http: httpx2.AsyncClient) -> None:
    where, _ = await added(http, due="2026-12-24T17:00")
    weekly = {"rule": "FREQ=WEEKLY;BYDAY=MO", "counts_from": "due", "scheduled": "2026-12-21T09:00:00"}

    row = (await http.patch(where, json={"repeat": weekly})).json()

    assert told(row["due"]) == ("2026-12-24", "17:00", "time")
    assert row["repeat"] == weekly | {"words": "every week on Mon"}
    row = (
        await http.patch(where, json={"repeat": {"rule": "FREQ=DAILY;INTERVAL=3", "counts_from": "completion"}})
    ).json()
    assert (row["repeat"]["words"], row["repeat"]["scheduled"]) == (
        "every 3 days after completion",
        "2026-12-24T17:00:00",
    )
    assert told(row["due"]) == ("2026-12-24", "17:00", "time")
    _, new = await added(http, repeat=weekly)
    assert told(new["due"]) == ("2026-12-21", "09:00", "time")
    ended = (await http.patch(where, json={"repeat": None})).json()
    assert (ended["repeat"], told(ended["due"])) == (None, ("2026-12-24", "17:00", "time"))


REFUSED: Final[list[tuple[Json, str]]] = [
    ({"due": {}}, "due"),
    ({"due": {"time": "17:00"}}, "due"),
    ({"due": {"date": None}}, "due.date"),
    ({"due": {"date": "2026-02-30"}}, "due.date"),
    ({"due": {"date": "tomorrow"}}, "due.date"),
    ({"due": {"date": "2026-W49-2"}}, "due.date"),
    ({"due": {"date": "20261201"}}, "due.date"),
    ({"due": {"date": "1969-12-31"}}, "due"),
    ({"due": {"date": "2200-01-01", "time": "17:00"}}, "due"),
    ({"due": {"date": 20261201}}, "due.date"),
    ({"due": {"date": "2026-12-01", "time": "5pm"}}, "due.time"),
    ({"due": {"date": "2026-12-01", "time": "24:00"}}, "due.time"),
    ({"due": {"date": "2026-12-01", "time": "17:00Z"}}, "due.time"),
    ({"due": {"date": "2026-12-01", "time": "17:00+01:00"}}, "due.time"),
    ({"due": {"date": "2026-12-01", "time": ""}}, "due.time"),
    ({"due": {"date": "2026-12-01", "hour": 17}}, "due.hour"),
    ({"due": {"at": "2026-12-01T16:00:00"}}, "due.at"),
    ({"due": {"at": "tomorrow 5pm"}}, "due.at"),
    ({"due": {"at": None}}, "due.at"),
    ({"due": {"at": "0001-01-01T00:00:00+14:00"}}, "due.at"),
    ({"due": {"at": "2200-01-01T16:00:00Z"}}, "due"),
    ({"due": {"kind": "moment"}}, "due"),
    ({"due": {"kind": "later", "date": "2026-12-01"}}, "due.kind"),
    ({"due": {"date": "2026-12-02", "time": "17:00", "at": "2026-12-01T16:00:00Z", "kind": "moment"}}, "due"),
    ({"due": {"date": "2026-12-01", "time": None, "at": "2026-12-01T16:00:00Z", "kind": "moment"}}, "due"),
    (
        {"due": {"date": "2026-12-01", "at": "2026-12-01T16:00:00Z", "kind": "moment", "time_zone": "../etc/passwd"}},
        "due",
    ),
    ({"due": 5}, "due"),
    ({"due": ["2026-12-01"]}, "due"),
    ({"repeat": {}}, "repeat.rule"),
    ({"repeat": {"rule": "every week"}}, "repeat.rule"),
    ({"repeat": {"rule": "FREQ=HOURLY"}}, "repeat.rule"),
    ({"repeat": {"rule": "FREQ=DAILY", "scheduled": "soon"}}, "repeat.scheduled"),
    ({"repeat": {"rule": "FREQ=DAILY", "scheduled": "2026-12-01T09:00:00Z"}}, "repeat.scheduled"),
    ({"repeat": {"rule": "FREQ=WEEKLY;BYDAY=MO", "scheduled": "2026-12-01"}}, "repeat.scheduled"),
    ({"repeat": {"rule": "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"}}, "repeat.rule"),
    ({"repeat": {"rule": "FREQ=DAILY", "counts_from": "now"}}, "repeat.counts_from"),
    ({"repeat": {"rule": "FREQ=DAILY", "count": 3}}, "repeat.count"),
]


async def test_an_object_that_says_no_due_or_repeat_is_refused_by_its_field(http: httpx2.AsyncClient) -> None:
    where, row = await added(http, due="2026-12-24T17:00")
    for body, field in REFUSED:
        for answer in (await http.patch(where, json=body), await http.post(TODOS, json={"title": "b"} | body)):
            told = problem(answer, 422, "invalid_input")
            assert [one["field"] for one in told["errors"]] == [field], body
            assert "2026-W49" not in answer.text
            assert "passwd" not in answer.text
    batch = await http.post(f"{TODOS}/batch", json={"action": "add", "todos": [{"title": "c", "due": {"date": "x"}}]})
    assert batch.json()["results"][0]["error"]["errors"][0]["field"] == "due.date"
    told = {"next": None, "subtasks_changed": 0, "existing": False, "similar": []}  # what a write tells beside the row
    assert (await http.get(where)).json() | told == row | {"notes": []}
    assert (await http.get(TODOS)).json()["total"] == 1
