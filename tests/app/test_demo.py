"""The demonstration, besides what tests/app/test_embedded.py and test_wheel.py show of it."""

from __future__ import annotations

import subprocess
import sys

import pytest

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
