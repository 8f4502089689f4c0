"""The demonstration, besides what tests/app/test_embedded.py and test_wheel.py show of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.app.program import Program

_TELL_NOBODY = """
import os, sys
from todo_app.demo import OrderlyConsole
reading, writing = os.pipe()
os.close(reading)
os.dup2(writing, sys.stdout.fileno())
console = OrderlyConsole()
for _ in range(3):
    console.print("nobody reads this")
print("cleared away", file=sys.stderr)
"""


@pytest.mark.requirement("OP1")
def test_a_reader_that_leaves_early_does_not_end_it_in_the_middle() -> None:
    done = subprocess.run([sys.executable, "-c", _TELL_NOBODY], capture_output=True, text=True, timeout=30, check=False)

    assert (done.returncode, done.stderr) == (0, "cleared away\n")


@pytest.mark.skipif(os.geteuid() != 0, reason="only for root PostgreSQL runs as another user, who can be kept out")
@pytest.mark.requirement("OP1")
def test_what_keeps_the_server_from_starting_is_said(tmp_path: Path) -> None:
    done = Program(tmp_path / "home", {"TMPDIR": str(tmp_path)}).run("demo")  # a folder of pytest's is root's alone

    assert done.returncode != 0
    assert done.stderr.startswith("todo-mcp: As root, PostgreSQL runs as the user pgserver, who may not enter")
