"""What a comparison with a commit is made of."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from bench import keys
from bench.comparison import cpu, sides
from bench.comparison.command import OutOfTime, at_most
from bench.comparison.report import Comparison
from bench.comparison.rounds import Outcome, Pair, tasks
from bench.comparison.sides import Side
from bench.comparison.stage import stage
from bench.plan import Size
from bench.servers import ROOT

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="there is no git")
needs_linux = pytest.mark.skipif(not cpu.IS_MEASURED, reason="only Linux tells the CPU time of other processes")


def comparison(*rates: tuple[float, float], failed: int = 0) -> Comparison:
    """A comparison of one case, of which each round had these requests per second."""
    here = Side("this", "", Path(), Path("x/bin/todo-mcp"))
    found = Comparison(here, here, len(rates), seconds=1, below=0.97)
    found.pairs["get-one"] = [
        Pair(Outcome(this, 0.001, 0.002, failed), Outcome(that, 0.001, 0.001, 0)) for this, that in rates
    ]
    return found


def printed(found: Comparison) -> str:
    console = Console(file=io.StringIO(), width=160)
    found.show(console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_case_fails_where_its_whole_interval_is_below_the_bound() -> None:
    slower = comparison(*[(900, 1000), (910, 1000), (880, 1000)] * 5)

    assert slower.failures() == ["get-one"]
    assert "0.900 (0.880–0.910)" in printed(slower)
    assert "SLOWER" in printed(slower)


@pytest.mark.parametrize("rates", [(1000, 1000), (969, 1000), (1100, 1000)])
def test_a_case_passes_where_some_of_its_interval_is_not_below_it(rates: tuple[float, float]) -> None:
    passed = comparison(*[rates, (1000, 1000), (990, 1000)] * 5)

    assert passed.failures() == []
    assert "SLOWER" not in printed(passed)


@needs_linux
def test_the_table_has_the_cpu_time_of_both_programs() -> None:
    text = printed(comparison(*[(1000, 1000)] * 15))

    assert "1.000 (1.000–1.000)" in text
    assert "2.000 (2.000–2.000)" in text


def test_a_case_with_failed_requests_fails_however_fast_it_is() -> None:
    assert comparison(*[(2000, 1000)] * 15, failed=1).failures() == ["get-one"]


def test_too_few_rounds_are_shown_without_a_verdict() -> None:
    few = comparison(*[(500, 1000)] * 5)

    assert few.failures() == []
    assert "too few rounds" in printed(few)


@needs_git
def test_both_sides_are_copies_the_working_tree_with_what_is_not_committed(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / ".gitignore").write_text("ignored.txt\n")
    for name in ("kept.txt", "changed.txt", "deleted.txt", "ignored.txt"):
        (project / name).write_text("first")
    commit = ["commit", "-qm", "First"]
    for command in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=Ann", "-c", "user.email=ann@example.test", *commit],
    ):
        subprocess.run(["git", *command], cwd=project, check=True)
    (project / "changed.txt").write_text("second")
    (project / "new").mkdir()
    (project / "new" / "file.txt").write_text("second")
    (project / "deleted.txt").unlink()

    sides.copy_files(project, tmp_path / "this")
    sides.copy_commit(project, "HEAD", tmp_path / "that")

    assert contents(tmp_path / "this") == {"kept.txt": "first", "changed.txt": "second", "new/file.txt": "second"}
    assert contents(tmp_path / "that") == dict.fromkeys(("kept.txt", "changed.txt", "deleted.txt"), "first")


def contents(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != ".gitignore")
    return {path.relative_to(folder).as_posix(): path.read_text() for path in files}


def burn(seconds: float) -> None:
    """Use a CPU for so long."""
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


@needs_linux
def test_the_cpu_time_is_that_of_a_process_and_of_those_it_started() -> None:
    mine = os.getpid()
    before, began = cpu.used(mine), time.process_time()
    burn(0.2)
    alone, spent = cpu.spent(before, cpu.used(mine)), time.process_time() - began
    assert alone == pytest.approx(spent, abs=0.05)

    program = "import time\nwhile time.process_time() < 0.3: pass\nprint(flush=True)\ninput()"
    before = cpu.used(mine)
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert 0.3 <= cpu.spent(before, cpu.used(mine)) < 0.5
        child.communicate(b"\n")


def test_what_takes_too_long_is_ended() -> None:
    with pytest.raises(OutOfTime, match="are over"), at_most(minutes=0.01 / 60):
        threading.Event().wait(60)


def test_what_is_ended_leaves_nothing_running(tmp_path: Path) -> None:
    """The child ends the time as soon as it is waited for: it is told so by its input."""
    program = """
import os, pathlib, signal, sys, threading
pathlib.Path("pid").write_text(str(os.getpid()))
sys.stdin.readline()
os.kill(os.getppid(), signal.SIGALRM)
threading.Event().wait(60)
"""
    with pytest.raises(OutOfTime), at_most(minutes=1):
        subprocess.run([sys.executable, "-c", program], cwd=tmp_path, input=b"waits\n", check=False)

    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


@pytest.mark.slow
@pytest.mark.exhaustive
def test_every_task_is_done_on_what_is_written_through_the_api(tmp_path: Path) -> None:
    here = Side("this", "", ROOT, Path(sys.executable).with_name("todo-mcp"))

    with keys.served() as key_set, stage(here, tmp_path, key_set) as own:
        own.write(Size("test", users=3, todos=200, actors=2), datetime.now(UTC).replace(microsecond=0))
        with own.started() as server:
            server.until_ready()
            for task in tasks():
                task.asked(server.port, own.actors).check(task.name)

    assert {task.case for task in tasks()} >= {"list-50", "search-big", "add-one", "batch-50", "mcp"}
