"""What we write for calendars, as programs of others read it: Debian's vdirsyncer, todoman and khal.

vdirsyncer fetches a calendar address, and an export, into a folder with a file for each UID; the other two read these.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest

from tests.app.program import Program, Serving

pytestmark = [pytest.mark.slow, pytest.mark.exhaustive, pytest.mark.requirement("LT4")]

PROGRAMS: Final = ("vdirsyncer", "todoman", "khal")
ZONE: Final = ZoneInfo("Europe/Berlin")
DAY: Final = date.today() + timedelta(days=10)  # noqa: DTZ011  # of the programs, which take the machine's clock
TITLES: Final = ("a day", "a time; with, marks \\ and 🎄", "a moment", "series", "moved", "child", "done")
_SYNC: Final = """
[general]
status_path = "{folder}/status"
[pair {name}]
a = "{name}_there"
b = "{name}_here"
collections = null
[storage {name}_there]
{there}
[storage {name}_here]
type = "filesystem"
path = "{folder}/{name}"
fileext = ".ics"
"""
_TODOMAN: Final = """
path = "{folder}/{name}"
date_format = "%Y-%m-%d"
time_format = "%H:%M"
cache_path = "{folder}/{name}.cache"
"""
_KHAL: Final = """
[calendars]
[[ours]]
path = {folder}/{name}
[sqlite]
path = {folder}/{name}.db
[locale]
timeformat = %H:%M
dateformat = %Y-%m-%d
longdateformat = %Y-%m-%d
datetimeformat = %Y-%m-%d %H:%M
longdatetimeformat = %Y-%m-%d %H:%M
local_timezone = Europe/Berlin
default_timezone = Europe/Berlin
"""


@pytest.fixture
def program(tmp_path: Path, fresh_database_url: str) -> Program:
    if missing := [name for name in PROGRAMS if shutil.which(name) is None]:
        pytest.skip(f"{', '.join(missing)} is not installed (Debian: apt-get install {' '.join(PROGRAMS)})")
    return Program(tmp_path / "program", {"TODO_DATABASE_URL": fresh_database_url})


@pytest.fixture
def serving(program: Program) -> Iterator[Serving]:
    with program.serve() as running:
        yield running


def furnish(serving: Serving) -> None:
    """Give somebody in Berlin one of everything."""
    with serving.http() as me:
        assert me.patch("/api/v1/users/me", json={"time_zone": "Europe/Berlin"}).status_code == 200
        fields: list[dict[str, Any]] = [
            {"due": str(DAY), "description": "two\nlines", "priority": "urgent", "tags": ["x, y"]},
            {"due": f"{DAY} 17:30"},
            {"due": f"{DAY}T14:00:00Z"},
            {"due": f"{DAY} 09:00", "repeat": "every day, 5 times"},
            {"due": f"{DAY} 11:00", "repeat": "every day"},
            {"due": str(DAY), "parent_index": 0},
            {"due": str(DAY)},
        ]
        new = [{"title": title, **one} for title, one in zip(TITLES, fields, strict=True)]
        made = me.post("/api/v1/todos/batch", json={"action": "add", "todos": new}).json()
        ids = {row["item"]["title"]: row["item"]["id"] for row in made["results"]}
        assert me.patch(f"/api/v1/todos/{ids['done']}/complete").status_code == 200
        for title, due in (("series", f"{DAY}T08:00:00Z"), ("moved", f"{DAY + timedelta(days=1)}T12:00:00Z")):
            assert me.patch(f"/api/v1/todos/{ids[title]}", json={"due": due}).status_code == 200


def run(folder: Path, *words: str) -> str:
    """Run a program where nobody's settings are, and return what it prints."""
    environment = {
        **os.environ,
        "HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder),
        "LC_ALL": "C.UTF-8",
        "TZ": ZONE.key,
    }
    done = subprocess.run(words, capture_output=True, text=True, env=environment, timeout=60, check=False)
    assert done.returncode == 0, (words, done.stdout, done.stderr)
    return done.stdout


def fetched(folder: Path, name: str, there: str) -> Path:
    """Have vdirsyncer fetch what is there, and return the folder with a file for each UID."""
    settings = folder / f"{name}.sync"
    settings.write_text(_SYNC.format(folder=folder, name=name, there=there))
    (folder / name).mkdir()
    run(folder, "vdirsyncer", "--config", str(settings), "discover", name)
    run(folder, "vdirsyncer", "--config", str(settings), "sync", name)
    return folder / name


def todos_in(folder: Path, name: str) -> list[tuple[str, str, bool]]:
    """What todoman finds in a folder: title, due where the person is, whether it is done."""
    settings = folder / f"{name}.py"
    settings.write_text(_TODOMAN.format(folder=folder, name=name))
    told = json.loads(run(folder, "todoman", "--config", str(settings), "--porcelain", "list", "--status", "ANY"))
    return sorted(
        (row["summary"], f"{datetime.fromtimestamp(row['due'], ZONE):%Y-%m-%d %H:%M}", row["completed"]) for row in told
    )


def events_in(folder: Path, name: str) -> list[str]:
    """What khal shows of three days: begin and title, in order."""
    settings = folder / f"{name}.khal"
    settings.write_text(_KHAL.format(folder=folder, name=name))
    words = ("--day-format", "", "--format", "{start-date} {start-time} {title}", str(DAY), "3d")
    return run(folder, "khal", "--config", str(settings), "list", *words).splitlines()


def test_debians_programs_read_exports_and_addresses(serving: Serving, program: Program, tmp_path: Path) -> None:
    furnish(serving)
    with serving.http() as me:
        (tmp_path / "export.ics").write_text(me.get("/api/v1/export?format=ics").text, newline="")
    fetched(tmp_path, "export", f'type = "singlefile"\npath = "{tmp_path}/export.ics"')
    for shows in ("events", "todos"):
        address = program.answer("calendar", "create", "--shows", shows).strip()
        fetched(tmp_path, shows, f'type = "http"\nurl = "{serving.url}{address}"')
    first, second, third = (str(DAY + timedelta(days=n)) for n in range(3))

    expected = [
        ("a day", f"{first} 00:00", False),
        ("a moment", f"{first} 15:00", False),
        ("a time; with, marks \\ and 🎄", f"{first} 17:30", False),
        ("child", f"{first} 00:00", False),
        ("done", f"{first} 00:00", True),
        ("moved", f"{second} 13:00", False),
        ("series", f"{first} 09:00", False),
    ]
    assert todos_in(tmp_path, "export") == expected
    # The series stands where it began, and its open occurrence by itself: todoman shows both.
    assert todos_in(tmp_path, "todos") == sorted([*expected, ("moved", f"{first} 11:00", False)])
    assert sorted(events_in(tmp_path, "events")) == sorted(
        [
            *(f"{first}  {title}" for title in ("a day", "child", "✓ done")),
            *(f"{first} 15:00 a moment", f"{first} 17:30 {TITLES[1]}", f"{second} 13:00 moved", f"{third} 11:00 moved"),
            *(f"{day} 09:00 series" for day in (first, second, third)),
        ]
    )
