"""`todo-mcp import`: shows what becomes of a file, asks, and does it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.app.program import Program
from tests.core.import_files import TODOIST

pytestmark = pytest.mark.requirement("OP1", "LT4")


def test_it_shows_what_becomes_of_a_file_and_does_it_when_told(program: Program, tmp_path: Path) -> None:
    file = tmp_path / "project.csv"
    file.write_text(TODOIST, encoding="utf-8")

    asked = program.run("import", str(file), "--list", "Project")

    assert (asked.returncode, asked.stdout.splitlines()[0]) == (
        2,
        "todoist  6 todos, 1 notes, 1 lists, 2 tags, 1 left out",
    )
    assert "line 15  left out  type  It is neither a task, a note nor a section." in asked.stdout
    assert "Nothing was imported: pass --yes" in asked.stderr
    done = program.run("import", str(file), "--list", "Project", "--yes")
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1].startswith("imported; to take it back, undo change ")
    again = program.run("import", str(file), "--yes")
    assert (again.returncode, again.stdout.splitlines()[-1]) == (0, "Nothing is new.")
    content = json.loads(program.run("export").stdout)
    assert len(content["todos"]) == 6
    assert [row["description"] for row in content["todos"] if row["title"] == "Deep"] == ["Due: jeden Montag"]
    assert [row["name"] for row in content["lists"]] == ["Inbox", "Project"]


def test_what_cannot_be_read_is_one_line(program: Program, tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("Buy milk", encoding="utf-8")

    done = program.run("import", str(file), "--yes")

    assert (done.returncode, done.stdout) == (2, "")
    assert "file is of no format that is known here" in done.stderr
