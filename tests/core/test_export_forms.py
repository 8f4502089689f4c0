"""Exports for other programs: CSV that runs nowhere, iCalendar that calendars read."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import pytest
from dateutil.rrule import rrulestr
from icalendar import Calendar, Timezone, Todo

from tests.core.furnished import exported, furnish
from tests.core.support import row_of
from tests.tables import each
from todo_core.boundary.caller import Caller
from todo_core.models.todos import TodoCreate
from todo_core.operations import todos
from todo_core.rules.exporting import as_csv, content_lines, zones

pytestmark = pytest.mark.requirement("LT4")

# --- CSV ---------------------------------------------------------------------------------------

HOSTILE: Final = (
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    " =1",
    "\u00a0=1",
    "\u200b=1",
    "x;\ufeff\u200e =1",
    "\uff1d1",
    "\uff0b1",
    "\uff0d1",
    "\uff201",
    "x;=1+1",
    "x; =1+1",
    "x,=1+1",
    'x"=1+1',
    "x\";=cmd|' /C calc'!A0",
    "x\n=1+1",
    "x\n\n  @SUM(A1)",
    "x\t-2+3",
    "x|=1",
    "'=1",
    '"=HYPERLINK(""http://evil.test"")"',
    '="a"',
    ";;=1",
)
DANGEROUS: Final = "=+-@\uff1d\uff0b\uff0d\uff20"


@each("text", HOSTILE)
def test_no_text_becomes_a_formula_however_it_is_cut(text: str) -> None:
    line = as_csv._lines([[as_csv.harmless(text), "other"]])

    for delimiter in ",;\t|":
        for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_NONE):
            for row in csv.reader(io.StringIO(line, newline=""), delimiter=delimiter, quoting=quoting):
                for cell in row:
                    begin = cell.strip('" \t\r\n\u00a0\u200b\u200e\ufeff')[:1]
                    assert begin not in [*DANGEROUS], (delimiter, cell)


@each("text", ["milk", "a - b", "1+1=2", "me@example.test", "x=1", "2026-12-24", "e-mail", "'tis", ""])
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert as_csv.harmless(text) == text


async def test_a_table_has_a_row_for_each_todo(ann: Caller) -> None:
    ids = await furnish(ann)
    await ann.perform(todos.update, [{"id": ids["moment"], "title": "=moment"}])

    content = await exported(ann, "csv")

    assert content.startswith(b"\xef\xbb\xbf")
    assert content.count(b"\r\n") == content.count(b"\r") == len(ids) + 1
    rows = {row["id"]: row for row in csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""))}
    assert rows.keys() == {str(todo_id) for todo_id in ids.values()}
    assert rows[str(ids["moment"])]["title"] == "'=moment"
    assert rows[str(ids["moment"])]["due_at"] == "2026-12-24T14:00:00Z"
    time_row = rows[str(ids["time"])]
    assert (time_row["list"], time_row["due_date"], time_row["due_time"], time_row["due_at"]) == (
        "Home, sweet; home",
        "2026-12-24",
        "17:30",
        "",
    )
    assert time_row["description"] == "one\ntwo; three, \\four"
    assert time_row["parent_id"] == str(ids["day"])
    assert rows[str(ids["day"])]["tags"] == "a, b,c"
    assert [rows[str(ids[title])]["status"] for title in ("day", "done", "trashed")] == ["open", "done", "trashed"]
    assert rows[str(ids["after"])]["repeat_counts_from"] == "completion"


# --- iCalendar ---------------------------------------------------------------------------------


async def test_todos_are_vtodos(ann: Caller) -> None:
    ids = await furnish(ann)

    content = await exported(ann, "ics")

    assert content.count(b"\r\n") == content.count(b"\n")
    assert max(map(len, content.split(b"\r\n"))) <= 75
    calendar = Calendar.from_ical(content)
    assert str(calendar["version"]) == "2.0"
    found = {str(todo["summary"]): todo for todo in calendar.walk("VTODO")}
    assert found.keys() == ids.keys() - {"trashed", "in a deleted list"}
    assert {name: found["day"].decoded(name) for name in ("due", "dtstart", "priority")} == {
        "due": date(2026, 12, 24),
        "dtstart": date(2026, 12, 1),
        "priority": 1,
    }
    assert [str(name) for name in found["day"]["categories"].cats] == ["a", "b,c"]
    assert found["time"].decoded("due") == datetime(2026, 12, 24, 17, 30)  # noqa: DTZ001  # floating
    assert str(found["time"]["description"]) == "one\ntwo; three, \\four"
    assert str(found["time"]["related-to"]) == str(found["day"]["uid"])
    assert found["moment"].decoded("due") == datetime(2026, 12, 24, 14, tzinfo=UTC)
    assert found["moment"].decoded("dtstart") == datetime(2026, 12, 23, 23, tzinfo=UTC)
    assert found["series"].decoded("dtstart") == found["series"].decoded("due")
    assert found["series"]["rrule"].to_ical() == b"FREQ=WEEKLY;UNTIL=20270301T235959;BYDAY=FR"
    assert str(found["after"]["url"]) == "https://example.test/ü?a=1,2"
    assert b"\r\nX-TODO-MCP-LIST:Home\\, sweet\\; home\r\n" in content
    assert str(found["done"]["status"]) == "COMPLETED"
    assert found["done"]["completed"].to_ical().endswith(b"Z")
    assert len({str(todo["uid"]) for todo in found.values()}) == len(found)
    places = [int(found[title]["x-apple-sort-order"]) for title in ("series", "moment", "after")]
    assert places == sorted(places)


async def test_a_moment_that_repeats_is_by_the_clocks_of_its_owner(ann: Caller) -> None:
    """In UTC it would be at 10:15 from the end of March on, and on a Thursday where it is Friday."""
    await furnish(ann)  # somebody in Berlin
    new = TodoCreate(title="early", due="2027-03-19 00:15", repeat="every friday until 2027-12-31")
    todo_id = row_of(await ann.perform(todos.add, [new]))["id"]
    await ann.perform(todos.update, [{"id": todo_id, "due": "2027-03-18T23:15:00Z"}])

    calendar = Calendar.from_ical(await exported(ann, "ics"))

    (zone,) = calendar.walk("VTIMEZONE")
    (todo,) = (todo for todo in calendar.walk("VTODO") if str(todo["summary"]) == "early")
    assert str(zone["tzid"]) == todo["dtstart"].params["TZID"] == todo["due"].params["TZID"] == "Europe/Berlin"
    assert todo["rrule"].to_ical() == b"FREQ=WEEKLY;UNTIL=20271231T225959Z;BYDAY=FR"
    rule = rrulestr(todo["rrule"].to_ical().decode(), dtstart=todo.decoded("dtstart"))
    found = [moment.astimezone(UTC) for moment in rule[:3]]
    assert found == [datetime(2027, 3, day, hour, 15, tzinfo=UTC) for day, hour in ((18, 23), (25, 23))] + [
        datetime(2027, 4, 1, 22, 15, tzinfo=UTC)
    ]


@each(
    "key",
    ["Europe/Berlin", "America/New_York", "Africa/Casablanca", "Asia/Kolkata", "Australia/Lord_Howe", "Europe/Dublin"],
)
def test_a_zone_is_told_as_it_is(key: str) -> None:
    lines = zones.vtimezone(key, 2026)
    told = Timezone.from_ical("\r\n".join(lines)).to_tz(lookup_tzid=False)
    zone = ZoneInfo(key)

    def offset(moment: datetime) -> timedelta | None:
        assert moment.astimezone(told).utcoffset() == moment.astimezone(zone).utcoffset(), moment
        return moment.astimezone(zone).utcoffset()

    day, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC)
    while day < end:
        if offset(day) != offset(day + timedelta(days=1)):  # clocks change in between, at the same moment
            for half_hours in range(1, 48):
                offset(day + timedelta(minutes=30 * half_hours))
        day += timedelta(days=1)


def test_utc_needs_no_zone() -> None:
    assert zones.vtimezone("UTC", 2026) == ()
    moment = datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"))
    assert content_lines.dated("DUE", moment) == "DUE;TZID=Europe/Berlin:20261025T023000"
    assert content_lines.dated("DUE", moment.replace(fold=1)) == "DUE:20261025T013000Z", "the second of two"


async def test_uids_are_those_of_this_installation_and_stay(ann: Caller) -> None:
    row_of(await ann.perform(todos.add, [TodoCreate(title="x")]))
    uids = [str(todo["uid"]) for _ in range(2) for todo in Calendar.from_ical(await exported(ann, "ics")).walk("VTODO")]

    assert uids[0] == uids[1]
    assert uids[0].endswith(".todo-mcp")


FOLDED: Final = ("x" * 300, "ü" * 150, "x" + "😀" * 80, "a,b;c\\d\ne" * 30, "\\n", "", "x" * 67, "x" * 68, "ends in \\")


@each("text", FOLDED)
def test_long_lines_are_folded_between_characters_and_read_as_they_were(text: str) -> None:
    content = content_lines.folded(["BEGIN:VTODO", f"SUMMARY:{content_lines.escaped(text)}", "END:VTODO"])

    assert max(map(len, content.split(b"\r\n"))) <= 75
    for line in content.split(b"\r\n"):
        line.decode()
    assert str(Todo.from_ical(content)["summary"]) == text
