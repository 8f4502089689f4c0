"""`todo-mcp export`: everything of a local user, into a file or to standard output."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.app.program import TODO_MCP, Program, sentence
from todo_core.models.exports import Export

pytestmark = pytest.mark.requirement("OP1", "LT4")


def test_it_writes_a_file_for_its_owner_alone_or_to_standard_output(program: Program, tmp_path: Path) -> None:
    file = tmp_path / "todos.json"
    program.answer("token", "create", "--user", "ann")

    done = program.run("export", str(file), "--history", "--user", "ann")

    assert (done.returncode, done.stdout, done.stderr.splitlines()[-1]) == (0, "", "0 todos")
    assert file.stat().st_mode & 0o777 == 0o600
    content = json.loads(file.read_bytes())
    Export.model_validate_json(file.read_bytes())
    assert content["profile"]["role"] == "user"
    assert content["history"] is not None
    again = program.run("export", str(file))
    assert (again.returncode, again.stdout) == (2, "")
    assert json.loads(file.read_bytes()) == content
    for words in ((), ("-",)):
        assert json.loads(program.answer("export", *words, "--user", "ann"))["format"] == "todo-mcp"
    assert not (program.folder / "-").exists()


def test_what_only_reads_or_ends_something_makes_nobody(program: Program) -> None:
    for words in (("export",), ("watch",), ("token", "list"), ("token", "rotate", "7"), ("token", "revoke", "7")):
        assert sentence(program.run(*words), 2).endswith(
            "user is nobody here yet; `todo-mcp token create --user NAME` makes a local user."
        ), words
    assert program.answer("user", "list") == ""


def test_an_output_that_takes_nothing_is_no_fault_of_the_database(program: Program) -> None:
    environment = program.environment
    program.answer("token", "create")
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([TODO_MCP, "export"], env=environment, stdout=full, stderr=subprocess.PIPE, check=False)

    assert done.returncode == 1
    assert b"The export cannot be written" in done.stderr
    assert b"database" not in done.stderr


def test_a_folder_that_is_not_there_leaves_nothing(program: Program, tmp_path: Path) -> None:
    program.answer("token", "create")

    done = program.run("export", "--format", "ics", str(tmp_path / "missing" / "todos.ics"))

    assert done.returncode == 2
    assert "FILE: cannot be made" in " ".join(done.stderr.split())
    assert [*tmp_path.glob("missing*")] == []
