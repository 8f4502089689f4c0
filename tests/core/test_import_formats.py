"""What becomes of files of each format, and of what is none."""

from __future__ import annotations

import codecs
import gzip
import io
import zipfile
from collections import Counter
from dataclasses import replace
from typing import Any, Final

import orjson
import pytest

from tests.core.furnished import exported
from tests.core.import_files import FILES, ICS, MICROSOFT, TODOIST, calendar, vtodo
from tests.core.imported import import_, read_here
from tests.core.support import CoreOpener
from tests.tables import each
from todo_core.boundary.caller import Caller
from todo_core.errors import InvalidInput
from todo_core.models.imports import ImportFile, ImportQuery
from todo_core.operations import imports, users
from todo_core.rules.importing import reading

pytestmark = [pytest.mark.requirement("LT4"), pytest.mark.same_statements]  # as test_imports.py

Brief = dict[str, Any]


async def brief(me: Caller) -> dict[str, Brief]:
    """What an account has, by the titles of todos: the fields that are not as usual."""
    content = orjson.loads(await exported(me))
    lists = {row["id"]: row["name"] for row in content["lists"]}
    titles = {row["id"]: row["title"] for row in content["todos"]}
    notes: dict[int, list[str]] = {}
    for note in content["notes"]:
        notes.setdefault(note["todo_id"], []).append(note["text"])
    return {
        row["title"]: {
            name: value
            for name, value in {
                "list": None if lists[row["list_id"]] == "Inbox" else lists[row["list_id"]],
                "below": titles.get(row["parent_id"]),
                "text": row["description"],
                "priority": None if row["priority"] == "medium" else row["priority"],
                "tags": row["tags"],
                "start": row["start"],
                "due": None if row["due"] is None else _due(row["due"]),
                "repeat": row["repeat"] and row["repeat"]["rule"],
                "done": row["completed_at"] and row["completed_at"][:19],
                "trashed": row["deleted_at"] is not None,
                "made": row["created_at"][:4] if row["created_at"] < "2026" else None,
                "source": row["source"],
                "notes": notes.get(row["id"]),
            }.items()
            if value
        }
        for row in content["todos"]
    }


def _due(due: dict[str, Any]) -> str:
    return str(due["at"] if due["kind"] == "moment" else " ".join(filter(None, (due["date"], due["time"]))))


AT_CHRISTMAS: Final = "2026-12-24 17:30"
EXPECTED: Final[dict[str, dict[str, Brief]]] = {
    "ics": {
        "Day, and more": {"due": "2026-12-24", "priority": "urgent", "tags": ["a", "b", "c"]},
        "Floating": {"due": AT_CHRISTMAS, "priority": "low", "text": "one\ntwo"},
        "Berlin": {"due": AT_CHRISTMAS},
        "Chicago": {"due": "2026-12-24T23:30:00Z", "source": "https://example.test/1"},
        "Office": {"due": "2026-12-24T14:30:00Z"},
        "Nowhere": {"due": AT_CHRISTMAS},
        "UTC": {"due": "2026-12-24T10:00:00Z", "start": "2026-12-24"},
        "Weekly": {"due": "2026-12-21 09:00", "repeat": "FREQ=WEEKLY;BYDAY=MO;COUNT=6"},
        "Hourly": {"due": "2026-12-24 09:00", "text": "Repeats: FREQ=HOURLY"},
        "Done": {"done": "2026-01-02T03:04:05", "made": "2025"},
        "Cancelled": {"trashed": True},
        "First": {"below": "Day, and more"},
        "Child": {"below": "Day, and more"},
        "Lost": {},
        "Bad": {},
        "Only a description": {"text": "Only a description\nin lines"},
        "No end": {},
    },
    "todoist": {
        "Top": {
            "due": "2026-12-24",
            "priority": "urgent",
            "tags": ["home"],
            "text": "Details",
            "notes": ["First note\nin lines"],
        },
        "Below": {"below": "Top", "repeat": "FREQ=WEEKLY;BYDAY=FR"},
        "Deep": {"below": "Below", "text": "Due: jeden Montag"},
        "Top again": {"due": "2026-12-31", "priority": "high"},
        "Heading": {"tags": ["Later"]},
        "Strange": {"tags": ["Later"], "text": "Repeats: ev day at 9am until tea"},
    },
    "ticktick": {
        "All day": {
            "list": "Project",
            "text": "Text",
            "priority": "high",
            "tags": ["a", "b", "Doing"],
            "due": "2026-12-24",
            "made": "2025",
        },
        "Timed": {
            "list": "Project",
            "priority": "low",
            "due": AT_CHRISTMAS,
            "made": "2025",
            "repeat": "FREQ=DAILY;INTERVAL=2",
        },
        "Elsewhere": {"list": "Project", "below": "All day", "due": "2026-12-24T17:30:00Z", "made": "2025"},
        "Done": {"text": "- one", "done": "2025-02-01T10:00:00", "made": "2025"},
    },
    "microsoft": {
        "Task": {
            "list": "Groceries",
            "priority": "high",
            "tags": ["Red"],
            "text": "One\ntwo",
            "made": "2025",
            "due": "2026-12-31",
            "repeat": "FREQ=MONTHLY;BYDAY=TH;BYSETPOS=-1",
            "source": "https://example.test/1",
        },
        "Step": {"list": "Groceries", "below": "Task"},
        "Done": {"list": "Groceries", "priority": "low", "due": "2026-12-24", "done": "2026-01-02T04:00:00"},
    },
    "google": {
        "Parent": {"list": "Mine", "due": "2026-12-24", "text": "Text"},
        "Child": {"list": "Mine", "below": "Parent", "done": "2026-01-02T03:04:05"},
        "Gone": {"list": "Mine", "trashed": True},
    },
    "json": {
        "a": {"list": "Home", "due": "2026-12-24", "tags": ["t"], "notes": ["n"]},
        "b": {"list": "Home", "below": "a", "done": "2026-01-02T03:04:05"},
    },
}
TOLD: Final[dict[str, set[tuple[str, str, str]]]] = {
    "ics": {
        *{("line 43", "changed", "due"), ("line 54", "lost", "exdate"), ("line 54", "lost", "valarm")},
        *{("line 65", "changed", "repeat"), ("line 71", "left_out", "recurrence-id")},
    },
    "todoist": {
        *{("line 3", "lost", "deadline"), ("line 3", "lost", "duration"), ("line 3", "lost", "responsible")},
        *{("line 3", "lost", "file"), ("line 9", "changed", "due"), ("line 10", "changed", "deadline")},
        *{("line 12", "changed", "section"), ("line 12", "changed", "heading"), ("line 13", "changed", "repeat")},
        *{("line 13", "changed", "priority"), ("line 13", "changed", "section"), ("line 15", "left_out", "type")},
    },
    "ticktick": {
        *{("line 8", "lost", "folder name"), ("line 8", "lost", "reminder"), ("line 8", "changed", "section")},
        *{("line 9", "lost", "folder name"), ("line 11", "changed", "priority"), ("line 11", "lost", "order")},
        ("line 11", "changed", "checklist"),
    },
    "microsoft": {
        *{("value.0.tasks.0", kind, name) for kind, name in (("changed", "status"), ("changed", "body"))},
        *{("value.0.tasks.0", "lost", "reminder"), ("value.0.tasks.0", "changed", "due")},
        ("value.0.tasks.0.checklistItems.1", "left_out", "item"),
    },
    "google": {
        *{("items.0.items.2", "changed", "deleted"), ("items.0.items.2", "changed", "hidden")},
        *{("items.0.items.3", "left_out", "title"), ("items.0.items.4", "left_out", "item")},
    },
    "json": set(),
}
"""Some of what is told of the file of each format: where, what and of which field."""


@pytest.mark.parametrize("form", FILES)
async def test_each_format_comes_in_as_its_table_says(form: str, ann: Caller) -> None:
    if form != "json":
        await ann.perform(users.update, {"time_zone": "Europe/Berlin"})

    said = await import_(ann, FILES[form], into="Tasks, mine" if form == "ics" else None)

    assert said["format"] == form
    found = await brief(ann)
    if form == "ics":
        assert {row.pop("list") for row in found.values()} == {"Tasks, mine"}
        assert [title for title in found if title in ("Child", "First")] == ["First", "Child"]
    if form == "todoist":
        assert found["Below"].pop("due") >= "2026-11"  # the next Friday
    made = {"Step": found["Step"].pop("done")} if form == "microsoft" else {}  # it was done now
    assert found == EXPECTED[form], made
    told = {(one["at"], one["kind"], one["field"]) for one in said["remarks"]}
    assert told >= TOLD[form]
    if form in ("todoist", "ticktick", "google", "json"):
        assert told == TOLD[form] | {one for one in told if one[2] == "folder name"}
    again = await import_(ann, FILES[form])
    assert (again["todos"], again["change_id"], again["existing"]) == (0, None, len(found))


def _zip() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("Tasks.json", b"0" * 5_000_000)
    return target.getvalue()


REFUSED: Final[dict[str, tuple[bytes, str]]] = {
    "nothing": (b" \r\n", "is empty"),
    "zip": (_zip(), "is packed"),
    "gzip": (gzip.compress(FILES["ics"]), "is packed"),
    "markup": (b"<html><body>BEGIN</body></html>", "is of no format"),
    "prose": (b"Buy milk\nand bread", "is of no format"),
    "our table": (b'"id","parent_id","list","repeat_counts_from"\r\n', "export as JSON"),
    "half a JSON": (FILES["json"][:-20], "is no whole JSON"),
    "a hundred thousand levels": (b'{"format":"todo-mcp","todos":' + b"[" * 100_000, "nests too deep"),
    "a later version": (b'{"format":"todo-mcp","version":2}', "a later version"),
    "a million lines": (b"TYPE,CONTENT\n" + b"task,x\n" * 600_000, "has more than 5,000 items"),
    "much memory": (b'{"format":"todo-mcp","version":1,"todos":[' + b"{}," * 1_600_000 + b"{}]}", "5,000 items"),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_what_is_no_file_is_refused(name: str, ann: Caller) -> None:
    content, message = REFUSED[name]

    with pytest.raises(InvalidInput) as refused:
        await import_(ann, content)

    ((error,), extra) = refused.value.errors, refused.value.extra
    assert (error.field, extra) == ("file", {})
    assert message in error.message


async def test_a_format_that_is_named_counts(ann: Caller) -> None:
    for form, content in (("json", ICS), ("ics", FILES["google"]), ("google", TODOIST)):
        with pytest.raises(InvalidInput) as refused:
            await import_(ann, content, form)  # type: ignore[arg-type]  # it is one
        assert "the format that you name" in refused.value.errors[0].message, form


async def test_reading_has_an_end(ann: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """In time by the processor, by the clock, and in memory."""
    lines = ("DUE;TZID=Europe/Berlin:20261224T173000", "CATEGORIES:a,b", "RRULE:FREQ=DAILY", "CREATED:20260101T000000Z")
    many = calendar(*(vtodo(f"UID:{n}", f"SUMMARY:{n}", *lines, *lines[3:] * 60) for n in range(4_999))).encode()
    large = b'{"format":"todo-mcp","version":1,"todos":[' + b"{}," * 1_600_000 + b"{}]}"
    for name, value, content, word in (
        ("_SECONDS", 1, many, "long"),
        ("_WAIT", 0.01, many, "long"),
        ("_MEGABYTES", 90, large, "memory"),
    ):
        with monkeypatch.context() as bounded:
            bounded.setattr(reading, name, value)
            with pytest.raises(InvalidInput) as refused:
                await reading.read(ann, ImportQuery(), ImportFile(content))
            assert word in refused.value.errors[0].message, name


async def test_a_file_is_read_in_each_encoding_that_programs_write(ann: Caller) -> None:
    text = TODOIST.replace("Top @home", "Ärger €5 @home").replace("\u201c", "")
    for encoding, content in {
        "utf-8-sig": text.encode("utf-8-sig"),
        "utf-16": text.encode("utf-16"),
        "utf-16-le": text.encode("utf-16-le"),
        "utf-16-be with a mark": codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
        "cp1252": text.encode("cp1252"),
        "with NUL": text.replace("Details", "De\0tails").encode(),
    }.items():
        said = (
            (await replace(ann, dry_run=True).perform(imports.make, ImportQuery(), read_here(content))).one().as_dict()
        )
        assert (said["todos"], said["existing"]) == (6, 0), encoding
        told = [one["field"] for one in said["remarks"]].count("encoding")
        assert told == (encoding in ("cp1252", "with NUL")), encoding


LONG: Final = "long " * 2_000


async def test_what_is_too_long_deep_many_or_hidden_comes_in_otherwise_and_is_told(ann: Caller) -> None:
    chain = [{"id": n, "title": f"level {n}", "list_id": 1, "parent_id": n - 1 or None} for n in range(1, 10)]
    circle = [
        {"id": 20, "title": "x", "list_id": 1, "parent_id": 21},
        {"id": 21, "title": "y", "list_id": 1, "parent_id": 20},
    ]
    others = [
        {"id": 30, "title": LONG, "list_id": 1, "description": LONG, "tags": [*(f"{n}" for n in range(30)), "t" * 60]},
        {
            "id": 31,
            "title": "a\u202eb\0\nc\u2028",
            "list_id": 1,
            "description": "\ue000\u200b\u200b\u200b\u200b\u200bx",
        },
        {"id": 32, "title": "\u200b", "list_id": 99, "source": "javascript:alert(1)", "start": "2027-01-02"},
        {"id": 33, "title": "done", "list_id": 1, "completed_at": "9999-01-01T00:00:00Z", "created_at": "0001-01-01"},
        {"id": 34, "title": "open below", "list_id": 1, "parent_id": 33, "due": {"kind": "moment", "at": "never"}},
        {"id": 35, "title": "in the trash", "list_id": 1, "deleted_at": "2026-01-01T00:00:00Z"},
        {"id": 36, "title": "below", "list_id": 1, "parent_id": 35},
        {"id": 36, "title": "twice", "list_id": 1, "key": "k"},
        {"id": 37, "title": "twice", "list_id": 1, "key": "k"},
        {"id": 38, "title": 7},
    ]
    lists = [{"id": 1, "name": "L" * 300}]
    file = {"format": "todo-mcp", "version": 1, "lists": lists, "todos": chain + circle + others}

    said = await import_(ann, orjson.dumps(file))

    rows = orjson.loads(await exported(ann))["todos"]
    by_id = {row["id"]: row for row in rows}
    depths = {row["title"]: _depth(row, by_id) for row in rows}
    assert [depths[f"level {n}"] for n in range(1, 10)] == [0, 1, 2, 3, 4, 5, 5, 5, 5]
    assert sorted(depths[name] for name in "xy") == [0, 1]
    found = await brief(ann)
    long = next(row for title, row in found.items() if title.startswith("long"))
    assert [len(long["text"]), len(long["tags"])] == [1_000, 20]
    assert "".join("".join(long["notes"]).split()).count("long") == 4_000
    assert found["ab c"]["text"] == "\ue000x"
    assert found["Untitled"] == {"start": "2027-01-02"}
    assert found["done"] == {"list": "L" * 100}
    assert found["open below"]["text"] == "Due: never"
    assert found["below"]["trashed"]
    summary: Counter[tuple[str, str]] = Counter()
    for one in said["summary"]:
        summary[one["kind"], one["field"]] += one["count"]
    assert summary["changed", "parent"] == 4
    for told in [
        ("changed", "title"),
        ("lost", "source"),
        ("left_out", "key"),
        ("changed", "completed"),
        ("left_out", "item"),
    ]:
        assert told in summary, told
    assert said["left_out"] == 2


def _depth(row: dict[str, Any], rows: dict[int, dict[str, Any]]) -> int:
    return 0 if row["parent_id"] is None else 1 + _depth(rows[row["parent_id"]], rows)


async def test_a_later_file_adds_below_what_is_here(ann: Caller) -> None:
    await import_(ann, calendar(vtodo("UID:1", "SUMMARY:one")))
    later = calendar(vtodo("UID:1", "SUMMARY:other"), vtodo("UID:2", "SUMMARY:two", "RELATED-TO:1"))

    said = await import_(ann, later)

    assert (said["todos"], said["existing"]) == (1, 1)
    assert await brief(ann) == {"one": {}, "two": {"below": "one"}}


@pytest.mark.requirement("OP5")
async def test_it_costs_what_a_full_batch_does_and_nothing_is_read_for_who_may_not(
    ann: Caller, another_core: CoreOpener
) -> None:
    async with another_core(rate_limit="100/hour") as core:
        me = replace(ann, core=core)
        for _ in range(2):
            await import_(me, TODOIST)
        file = ImportFile(TODOIST.encode())
        with pytest.raises(Exception, match="limit"):
            await me.perform(imports.make, ImportQuery(), file)
        assert file.parts is None


def test_a_task_of_graph_is_no_list() -> None:
    tasks = orjson.dumps({"value": MICROSOFT["value"][0]["tasks"]})
    file = read_here(tasks)
    assert file.parts is not None
    assert file.parts[0] == "microsoft"


ZONES: Final = ("Europe/Berlin", "EUROPE/BERLIN", "W. Europe Standard Time", "W. EUROPE STANDARD TIME")


@each("name", ZONES)
def test_a_zone_is_known_in_any_case(name: str) -> None:
    file = read_here(calendar(vtodo("SUMMARY:a", f"DUE;TZID={name}:20261224T173000")).encode())
    assert file.parts is not None
    (item,) = file.parts[1]
    assert (item.due, item.remarks) == ({"local": "2026-12-24T17:30:00", "zone": "Europe/Berlin"}, [])


def test_a_zone_with_an_endless_name_spoils_its_todo_alone() -> None:
    """It is looked for as a file, whose name may not be that long."""
    wrong = vtodo("SUMMARY:a", f"DUE;TZID={'T' * 3000}:20261224T173000")
    file = read_here(calendar(wrong, vtodo("SUMMARY:b")).encode())
    assert file.parts is not None
    left_out, item = file.parts[1]
    assert (left_out.remark.kind, item.title) == ("left_out", "b")
