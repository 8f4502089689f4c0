"""`todo-mcp review`: what waits is shown on a terminal, and a person answers there."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import time
from pathlib import Path

import anyio
import orjson
import pytest

from tests.app.program import TODO_MCP, Program
from tests.core.support import proposing
from todo_app.reviewing import told
from todo_core.boundary.caller import Caller
from todo_core.core import Core
from todo_core.models.todos import TodoCreate, TodoFilter
from todo_core.operations import todos
from todo_core.settings import Settings

pytestmark = pytest.mark.requirement("SA6")

SECONDS = 60.0


class Terminal:
    """A program before which a person sits."""

    def __init__(self, program: Program, *arguments: str) -> None:
        self._ours, theirs = pty.openpty()
        streams = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
        self._process = subprocess.Popen([TODO_MCP, *arguments], env=program.environment, **streams)  # type: ignore[call-overload]
        os.close(theirs)
        self.shown = ""

    def until(self, text: str) -> None:
        """Wait until a text is shown that was not there before."""
        begin, deadline = len(self.shown), time.monotonic() + SECONDS
        while text not in self.shown[begin:]:
            assert time.monotonic() < deadline, self.shown
            if select.select([self._ours], [], [], 0.1)[0]:
                self.shown += os.read(self._ours, 10_000).decode()

    def types(self, line: str) -> None:
        os.write(self._ours, f"{line}\n".encode())

    def end(self) -> int:
        try:
            return self._process.wait(SECONDS)
        finally:
            self._process.kill()
            os.close(self._ours)


async def _titles(settings: Settings, url: str) -> list[str]:
    async with Core.open(settings, url) as core:
        me = Caller(core, await core.identity.local("ann"), "cli")
        page = await me.perform(todos.list_, TodoFilter(status="all"))
        return [row["title"] for row in orjson.loads(page.json)]


async def _propose(settings: Settings, url: str) -> None:
    async with Core.open(settings, url) as core:
        me = Caller(core, await core.identity.local("ann"), "cli")
        agent = await proposing(me, reason="You said\x1b[2Jso.")
        for title in ("milk", "bread"):
            await agent.perform(todos.add, [TodoCreate(title=title)])


def test_each_proposal_is_shown_and_the_person_answers(
    tmp_path: Path, fresh_database_url: str, settings: Settings
) -> None:
    anyio.run(_propose, settings, fresh_database_url)
    program = Program(tmp_path, {"TODO_DATABASE_URL": fresh_database_url, "TODO_USER": "ann"})

    terminal = Terminal(program, "review")
    terminal.until("[y/n]")
    terminal.types("y")
    terminal.until("[a/r/s/q]")
    terminal.types("a")
    terminal.until("[a/r/s/q]")
    terminal.types("r")
    terminal.until("a note")
    terminal.types("We have some.")
    assert terminal.end() == 0

    assert anyio.run(_titles, settings, fresh_database_url) == ["milk"], terminal.shown
    assert "Claude: 2 x proposals.add" in terminal.shown
    assert "2 proposals wait" in terminal.shown
    assert "the agent says:" in terminal.shown
    assert "\x1b[2J" not in terminal.shown
    assert "todo milk" in terminal.shown


def test_all_that_would_change_is_shown() -> None:
    """Long texts whole, where a todo goes, and how many todos go from sight with a tag."""
    place = {"number": 5, "after": None, "before": None}
    todo = {"id": 1, "title": "milk", "list_id": 7, "parent_id": None, "description": None}
    changed = todo | {"description": "x" * 3000 + "end", "due": {"date": "2026-12-01", "time": None, "kind": "day"}}
    tag = {"id": 2, "name": "shop", "is_deleted": False, "open_todos": 3}
    proposal = {
        "id": 9,
        "agent_id": 4,
        "client": None,
        "via": "mcp:update_todos",
        "operation": "todos.update",
        "said_at": "2026-11-29T10:00:00Z",
        "expires_at": "2026-12-06T10:00:00Z",
        "agent_says": None,
        "entries": [
            {"entity": "todo", "id": 1, "title": "milk", "before": todo | {"place": place, "due": None}}
            | {"after": changed | {"place": place | {"number": 2}}},
            {"entity": "tag", "id": 2, "title": "shop", "before": tag, "after": tag | {"is_deleted": True}},
        ],
        "more_entries": 0,
    }

    shown = "\n".join(" ".join(map(str, line)) for line in told(proposal, {7: "Work"}))

    for text in ("x" * 3000 + "end", "moved up among its neighbours", "it has 3 open todos", "due: none → 2026-12-01"):
        assert text in shown


def test_nothing_that_is_piped_in_answers(tmp_path: Path) -> None:
    nowhere = Program(tmp_path, {"TODO_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"})
    done = subprocess.run(
        [TODO_MCP, "review"], env=nowhere.environment, input="a\na\n", text=True, capture_output=True, check=False
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert "on a terminal" in done.stderr
