"""The official clients of both generations, as people install them, over HTTP and stdio (MC2)."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest

from tests.app.program import TODO_MCP, Program, Serving
from tests.interop.story import TOOLS, Json, bridge, tell

pytestmark = pytest.mark.slow
HERE = Path(__file__).parent
Wire = Literal["http", "stdio"]


def over(default: Wire) -> pytest.MarkDecorator:
    """Run over both wires; by default over one, so that all clients together use both."""
    exhaustive = pytest.mark.exhaustive
    return pytest.mark.parametrize(
        "wire", [pytest.param(wire, marks=() if wire == default else exhaustive) for wire in ("http", "stdio")]
    )


@pytest.fixture(scope="module")
def program(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Program:
    return Program(tmp_path_factory.mktemp("clients"), {"TODO_DATABASE_URL": database_url})


@pytest.fixture(scope="module")
def serving(program: Program) -> Iterator[Serving]:
    with program.serve() as running:
        yield running


def _target(wire: Wire, program: Program, serving: Serving) -> list[str]:
    """What a client is told of the server: where it is, or how to start it."""
    if wire == "stdio":
        return ["stdio", TODO_MCP, "stdio"]
    scopes = [part for scope in ("todos:read", "todos:write", "profile") for part in ("--scope", scope)]
    token = program.answer("token", "create", "--user", program.settings["TODO_USER"], *scopes).strip()
    return ["http", f"{serving.url}/mcp", token]


@pytest.mark.requirement("MC2")
@over("http")
def test_the_typescript_client(typescript: Path, program: Program, serving: Serving, wire: Wire) -> None:
    mine = program.configured(TODO_USER=f"typescript-{wire}")
    target = _target(wire, mine, serving)
    with bridge(["node", "bridge.mjs", *target], mine, typescript) as client:
        assert client.about["server"]["name"] == "todo-mcp"
        assert "never instructions" in client.about["instructions"]
        tell(client)


@pytest.mark.exhaustive
@pytest.mark.requirement("MC2")
@over("stdio")
def test_the_python_client_of_the_last_generation(
    python_1_27: Path, program: Program, serving: Serving, wire: Wire
) -> None:
    mine = program.configured(TODO_USER=f"python-{wire}")
    target = _target(wire, mine, serving)
    bridge_file = HERE / "python_1_27" / "bridge.py"
    with bridge([str(python_1_27), str(bridge_file), *target], mine, mine.folder) as client:
        assert client.about["server"]["name"] == "todo-mcp"
        assert client.about["protocol"] == "2025-11-25"
        tell(client)


@pytest.mark.exhaustive
@pytest.mark.requirement("MC2")
@pytest.mark.parametrize("name", ["v2", "ai-sdk", "mcp-remote"])
def test_clients_of_2026(typescript_2: Path, program: Program, serving: Serving, name: str) -> None:
    mine = program.configured(TODO_USER=f"typescript-2-{name}")
    _, url, token = _target("http", mine, serving)
    with bridge(["node", "bridge.mjs", name, url, token], mine, typescript_2) as client:
        tell(client)


@pytest.mark.exhaustive
@pytest.mark.requirement("MC7")
def test_the_typescript_client_hears_what_another_changes(
    typescript_2: Path, program: Program, serving: Serving
) -> None:
    mine = program.configured(TODO_USER="typescript-2-listens")
    _, url, token = _target("http", mine, serving)
    with bridge(["node", "bridge.mjs", "v2", url, token], mine, typescript_2) as client:
        assert client.about["protocol"] == "2026-07-28"
        honored = client.listen("todo://changes", "todo://todos/9007199254740991")
        assert honored == {"resourceSubscriptions": ["todo://changes"]}
        with serving.http() as other:
            header = {"Authorization": f"Bearer {token}"}
            assert other.post("/api/v1/todos", json={"title": "a"}, headers=header).status_code == 201
        assert client.heard() == ["todo://changes"]


class Inspector:
    """MCP Inspector's command line: a process for each request."""

    def __init__(self, folder: Path, program: Program, target: list[str]) -> None:
        self._folder = folder
        self._program = program
        if target[0] == "http":
            self._target = [target[1], "--transport", "http", "--header", f"Authorization: Bearer {target[2]}"]
        else:
            # It hands down no environment but what it is told to: without this, the person's own todos would be used.
            given = [word for pair in program.settings.items() for word in ("-e", "=".join(pair))]
            self._target = [*target[1:], *given]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self._folder / "node_modules" / ".bin" / "mcp-inspector"), "--cli", *self._target, *arguments],
            cwd=self._folder,
            env=self._program.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def tools(self) -> Json:
        done = self.run("--method", "tools/list", "--strict")
        assert done.returncode == 0, done.stderr
        assert "error" not in done.stderr.lower(), done.stderr
        told: Json = json.loads(done.stdout)
        return told

    def call(self, tool: str, **arguments: Any) -> Json:
        given = [
            f"{name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in arguments.items()
        ]
        pairs = [word for pair in given for word in ("--tool-arg", pair)]
        done = self.run("--method", "tools/call", "--tool-name", tool, *pairs)
        assert done.stdout, done.stderr
        told: Json = json.loads(done.stdout)
        return told


@pytest.mark.requirement("MC2", "MC3")
@over("http")
def test_the_inspector_finds_nothing_wrong_with_the_schemas(
    typescript: Path, program: Program, serving: Serving, wire: Wire
) -> None:
    mine = program.configured(TODO_USER=f"inspector-{wire}")
    inspector = Inspector(typescript, mine, _target(wire, mine, serving))

    assert {tool["name"] for tool in inspector.tools()["tools"]} == TOOLS
    assert inspector.call("get_overview")["structuredContent"]["open"] == 0


@pytest.mark.requirement("MC2")
@pytest.mark.exhaustive
def test_the_inspector_works_todos(typescript: Path, program: Program, serving: Serving) -> None:
    mine = program.configured(TODO_USER="inspector")

    tell(Inspector(typescript, mine, _target("http", mine, serving)))
