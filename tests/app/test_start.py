"""Where the program is started: what lies in that folder, or on `PYTHONPATH`, is not taken for a part of it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.app.program import TODO_MCP, Program, another_project, healthy
from tests.contract.project import ROOT
from todo_app.__main__ import search_elsewhere_last

PROGRAM = (sys.executable, "-m", "todo_app")
SAFE_PROGRAM = (sys.executable, "-P", "-m", "todo_app")


@pytest.mark.requirement("OP1", "DB3")
@pytest.mark.parametrize(
    "command",
    [
        pytest.param((TODO_MCP,), id="todo-mcp"),
        pytest.param(PROGRAM, id="-m", marks=pytest.mark.exhaustive),
        pytest.param(SAFE_PROGRAM, id="-P -m", marks=pytest.mark.exhaustive),
    ],
)
def test_commands_run_in_a_folder_with_the_same_names_that_is_on_the_path(
    unmigrated: Program, command: tuple[str, ...]
) -> None:
    astray = Program(another_project(unmigrated.folder), unmigrated.settings | {"PYTHONPATH": "."}, command)

    assert "up to date" in astray.answer("migrate")
    assert healthy(astray.run("doctor"))


@pytest.mark.requirement("OP1")
@pytest.mark.exhaustive
def test_workers_serve_in_a_folder_with_the_same_names(program: Program) -> None:
    astray = Program(another_project(program.folder), program.settings, PROGRAM)

    with astray.serve("--workers", "2") as serving, serving.http() as http:
        assert http.get("/api/v1/todos").status_code == 200


@pytest.mark.requirement("OP1")
def test_it_starts_where_the_working_directory_is_gone(unmigrated: Program) -> None:
    script = f"cd {unmigrated.folder.name}; rmdir ../{unmigrated.folder.name}; exec {TODO_MCP} migrate"
    started = Program(unmigrated.folder, unmigrated.settings, ("sh", "-c", script))

    assert "up to date" in started.answer()


@pytest.mark.requirement("OP1")
def test_the_folder_it_was_loaded_from_is_searched_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, here, link = tmp_path / "other", str(ROOT), tmp_path / "link"
    other.mkdir()
    link.symlink_to(other)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["other/../other", here]))
    monkeypatch.setattr(sys, "path", [str(tmp_path), str(link), here, "/standard.zip", "/standard", ""])

    search_elsewhere_last()

    assert sys.path == [here, "/standard.zip", "/standard", str(tmp_path), str(link), ""]
