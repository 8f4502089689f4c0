"""Without a database configured, everything is in one folder, and starts and ends by itself."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from mcp import Client, StdioServerParameters, stdio_client

from tests.app.clients import call
from tests.app.postgres import running_in, short_folder
from tests.app.program import TODO_MCP, Program, tools_named, until
from tests.contract.project import TOOLS


@pytest.fixture
def folder() -> Iterator[Path]:
    with short_folder() as found:
        yield found


@pytest.mark.slow
@pytest.mark.requirement("DB2", "OP1", "OP3", "OP8", "ID6")
async def test_serve_and_claude_desktop_share_the_embedded_database(folder: Path) -> None:
    program = Program(folder)
    with program.serve() as serving:
        assert len(running_in(folder)) == 1
        with serving.http() as http:
            http.post("/api/v1/todos", json={"title": "Made in the browser"}).raise_for_status()

        assert "FAIL" not in program.answer("doctor")
        desktop = serving.claude_desktop["mcpServers"]["todos"]
        server = StdioServerParameters(
            command=desktop["command"], args=desktop["args"], env=program.environment | desktop["env"], cwd=folder
        )
        async with Client(stdio_client(server)) as client:
            (seen,) = (await call(client, "list_todos"))["todos"]
            await call(client, "complete_todos", ids=[seen["id"]])
        assert seen["title"] == "Made in the browser"

        # The desktop agent ended, and PostgreSQL went on for the server.
        with serving.http() as http:
            assert http.get(f"/api/v1/todos/{seen['id']}").json()["is_completed"] is True
        assert serving.stop() == 0

    assert running_in(folder) == []
    assert "1 of 1" in _listed(program)


def _listed(program: Program) -> str:
    """What a later start finds."""
    rows = program.answer("token", "list").splitlines()
    return f"{len([row for row in rows if 'first start' in row])} of {len(rows)}"


@pytest.mark.slow
@pytest.mark.requirement("DB2", "OP3")
@pytest.mark.parametrize(
    "how",
    [
        pytest.param(signal.SIGTERM, id="sigterm"),
        pytest.param(signal.SIGINT, id="ctrl-c", marks=pytest.mark.exhaustive),
    ],
)
def test_a_stdio_server_that_is_told_to_end_leaves_no_database_running(folder: Path, how: signal.Signals) -> None:
    program = Program(folder)
    process = subprocess.Popen(
        [TODO_MCP, "stdio"],
        env=program.environment,
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b'{"jsonrpc": "2.0", "id": 1, "method": "ping"}\n')
        process.stdin.flush()
        assert process.stdout.readline()
        assert len(running_in(folder)) == 1

        process.send_signal(how)
        process.wait(timeout=8)
        until(lambda: not running_in(folder), 5, "PostgreSQL has stopped with its last user")
    finally:
        process.kill()
        process.communicate()


@pytest.mark.slow
@pytest.mark.exhaustive  # the installed program does so by default (test_wheel.py)
@pytest.mark.requirement("OP1", "DB2", "SA3")
def test_the_demonstration_names_every_tool_and_leaves_nothing(folder: Path) -> None:
    done = Program(folder / "home", {"TMPDIR": str(folder)}).run("demo", timeout=90)

    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert tools_named(done.stdout) == sorted(TOOLS)
    for tool in ("add_todos", "list_todos", "update_todos", "complete_todos", "delete_todos", "undo", "list_changes"):
        assert re.search(rf"^ +{tool}\(", done.stdout, re.MULTILINE), tool
    assert running_in(folder) == []
    # `.lockfile` is the embedded PostgreSQL's own, one for the whole machine.
    assert [path.name for path in folder.iterdir() if path.name != ".lockfile"] == ["home"]


@pytest.mark.requirement("DB2", "OP2")
def test_a_data_folder_that_cannot_be_one_is_named(folder: Path) -> None:
    (folder / "file").write_text("not a folder")

    done = Program(folder / "home", {"TODO_DATA_DIR": str(folder / "file")}).run("token", "list")

    assert done.returncode in (1, 2)
    (line,) = done.stderr.splitlines()
    assert "TODO_DATA_DIR" in line
