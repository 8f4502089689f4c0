"""`todo-mcp stdio`: the MCP server that a desktop agent starts."""

from __future__ import annotations

import json
import subprocess
from typing import Any
from urllib.parse import urlsplit

import anyio
import pytest

from tests.app.clients import LATEST_BY_DEFAULT, call, over_stdio
from tests.app.program import Program, Serving, logs
from tests.contract.project import TOOLS
from tests.core.support import connected
from tests.exhaustive import crossed
from todo_core.text import told_name

INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "wire", "version": "1"},
    },
}
MODERN = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "wire", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}


@pytest.fixture
def shared(serving: Serving, served_program: Program) -> Program:
    """The program on the database of a server that runs beside it."""
    assert serving.is_ready()
    return served_program


@pytest.mark.requirement("MC2", "ID6", "SA3")
@pytest.mark.parametrize("mode", LATEST_BY_DEFAULT)
async def test_a_client_adds_lists_and_undoes(shared: Program, mode: str) -> None:
    async with over_stdio(shared.anew().configured(TODO_USER=f"agent-{mode}"), mode) as client:
        assert {tool.name for tool in (await client.list_tools()).tools} == TOOLS
        added = await call(client, "add_todos", todos=[{"title": "One"}, {"title": "Two", "priority": "high"}])
        listed = await call(client, "list_todos", sort="title", direction="asc")
        assert [todo["title"] for todo in listed["todos"]] == ["One", "Two"]
        await call(client, "undo", change_id=added["change_id"])
        assert (await call(client, "list_todos"))["todos"] == []


@pytest.mark.requirement("ID6", "OW1")
async def test_it_acts_for_the_configured_user_and_for_nobody_else(shared: Program, serving: Serving) -> None:
    async with over_stdio(shared, "2026-07-28") as client:  # the user whose token the server showed
        mine = (await call(client, "add_todos", todos=[{"title": "Ann's, over stdio"}]))["results"][0]["id"]
    async with over_stdio(shared.configured(TODO_USER="bob"), "2026-07-28") as client:
        assert (await call(client, "list_todos", ids=[mine]))["todos"] == []
    with serving.http() as http:
        assert http.get(f"/api/v1/todos/{mine}").json()["title"] == "Ann's, over stdio"


class Wire:
    """`todo-mcp stdio`, and the lines that go in and out."""

    def __init__(self, program: Program) -> None:
        self.process = subprocess.Popen(
            program.words("stdio"),
            env=program.environment,
            cwd=program.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def send(self, line: bytes | dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n")
        self.process.stdin.flush()

    def answer_to(self, number: int | str | None) -> dict[str, Any]:
        """The answer to a request, or to a line that is none; what comes before it must be protocol too."""
        assert self.process.stdout is not None
        while line := self.process.stdout.readline():
            message: dict[str, Any] = json.loads(line)
            assert message["jsonrpc"] == "2.0"
            if "id" in message and message["id"] == number:
                return message
        raise AssertionError(f"stdio ended without an answer to request {number}")

    def close(self) -> tuple[int, bytes, bytes]:
        """End its input: its exit code, and what else came out."""
        try:
            out, err = self.process.communicate(timeout=30)
        finally:
            self.process.kill()
            self.process.wait()
        return self.process.returncode, out, err


PARSE_ERROR, INVALID_REQUEST = -32700, -32600
NO_IDS = (b"null", b"1.5", b"7.0", b"1e3", b"true", b"[]", b"[7]", b'{"a": 1}')
CALL = b"""{"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params":
 {"name": "add_todos", "arguments": {"todos": [{"title": "%b"}]}}}""".replace(b"\n", b"")
BROKEN_LINES: list[tuple[bytes, int]] = [
    (b"", PARSE_ERROR),
    (b"this is not JSON", PARSE_ERROR),
    (b'{"jsonrpc": "2.0", "id": 7, "method"', PARSE_ERROR),
    (b'{"jsonrpc": "2.0", "id": 7, "method": "tools/list"}]', PARSE_ERROR),
    (b"[]", INVALID_REQUEST),
    (b"null", INVALID_REQUEST),
    (b"42", INVALID_REQUEST),
    (b'{"jsonrpc": "1.0", "id": 7, "method": "ping"}', INVALID_REQUEST),
    *((b'{"jsonrpc": "2.0", "method": "ping", "id": %b}' % number, INVALID_REQUEST) for number in NO_IDS),
    (b'{"jsonrpc": "2.0", "id": 7, "method": "ping", "id": null}', INVALID_REQUEST),
    (b'{"jsonrpc": "2.0", "id": 7, "method": 7}', INVALID_REQUEST),
    (b"\xff\xfe\x00", PARSE_ERROR),
    *((CALL % text, PARSE_ERROR) for text in (b"a\xff", b"\xc3", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80")),
    (b'"' + b"x" * 300_000 + b'"', INVALID_REQUEST),
    (b"[" * 20_000, PARSE_ERROR),
]
"""Lines that are no message, with the code that JSON-RPC 2.0 has for them."""


@pytest.mark.requirement("MC2")
def test_broken_lines_are_answered_do_not_end_it_and_only_protocol_comes_out(shared: Program) -> None:
    wire = Wire(shared.configured(TODO_USER="breaker"))
    try:
        wire.send(BROKEN_LINES[1][0])  # before the first request, too
        assert wire.answer_to(None)["error"]["code"] == PARSE_ERROR
        wire.send(INITIALIZE)
        assert wire.answer_to(1)["result"]["serverInfo"]["name"] == "todo-mcp"
        wire.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        for number, (line, code) in enumerate(BROKEN_LINES, 100):
            wire.send(line)
            told = wire.answer_to(None)
            assert told["error"].keys() == {"code", "message"}
            assert told["error"]["code"] == code
            assert len(json.dumps(told)) < 200  # nothing of the line
            wire.send({"jsonrpc": "2.0", "id": number, "method": "tools/list"})
            assert len(wire.answer_to(number)["result"]["tools"]) == len(TOOLS)
        wire.send({"jsonrpc": "2.0", "id": "s", "method": "tools/call", "params": {"name": "list_todos"}})
        assert wire.answer_to("s")["result"]["structuredContent"]["todos"] == []  # nothing was stored
        wire.send(CALL % "\ufffd".encode())  # which one may write
        assert not wire.answer_to(7)["result"]["isError"]
    finally:
        ended, rest, stderr = wire.close()

    assert ended == 0
    assert all(json.loads(line)["jsonrpc"] == "2.0" for line in rest.splitlines())
    said, *logged = stderr.decode().splitlines(keepends=True)
    assert logs("".join(logged)) is not None
    name = urlsplit(shared.settings["TODO_DATABASE_URL"]).path.removeprefix("/")
    assert said.startswith(f"todo-mcp: serving the todos of 'breaker', in the database '{name}' on ")
    assert "postgres:" not in said
    assert b"this is not JSON" not in stderr


@pytest.mark.exhaustive
@pytest.mark.requirement("MC2")
def test_a_request_of_the_new_generation_needs_no_handshake(shared: Program) -> None:
    wire = Wire(shared)
    try:
        wire.send({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": MODERN}})
        assert {tool["name"] for tool in wire.answer_to(1)["result"]["tools"]} == TOOLS
    finally:
        code, rest, _ = wire.close()

    assert code == 0
    assert rest == b""


@pytest.mark.exhaustive
@pytest.mark.requirement("TD7", "ID6")
async def test_it_purges_for_who_never_serves(program: Program, fresh_database_url: str) -> None:
    """Soon after its start, for an agent may run for a minute only."""
    async with over_stdio(program, "2026-07-28") as client:
        added = await call(client, "add_todos", todos=[{"title": "Gone"}])
        await call(client, "delete_todos", ids=[added["results"][0]["id"]])
        assert len((await call(client, "list_todos", status="trashed"))["todos"]) == 1
    async with connected(fresh_database_url) as admin:
        assert await admin.fetchval("SELECT count(*) FROM todos") == 1
    async with (
        connected(fresh_database_url) as admin,
        over_stdio(program.configured(TODO_TRASH_DAYS="0"), "2026-07-28"),
    ):
        with anyio.fail_after(40):
            while await admin.fetchval("SELECT count(*) FROM todos"):  # noqa: ASYNC110  # another process is waited for
                await anyio.sleep(0.1)


CHANGE = {"name": "add_todos", "arguments": {"todos": [{"title": "a"}]}}
LATEST = {"name": "list_changes", "arguments": {"limit": 1}}


@pytest.mark.requirement("SA2", "MC2")
@crossed(generation=["2026-07-28", "2025-11-25"], name={"nul": "a\x00b", "terminal": "\x1b[2Jroot\u202e"})
def test_a_client_may_call_itself_anything(shared: Program, generation: str, name: str) -> None:
    client = {"name": name, "version": "1"}
    is_modern = generation == "2026-07-28"
    meta = {"_meta": MODERN | {"io.modelcontextprotocol/clientInfo": client}} if is_modern else {}
    wire = Wire(shared)
    try:
        if not is_modern:
            wire.send(INITIALIZE | {"params": {**INITIALIZE["params"], "clientInfo": client}})
            wire.answer_to(1)
            wire.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        wire.send({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": CHANGE | meta})
        added = wire.answer_to(2)
        wire.send({"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": LATEST | meta})
        latest = wire.answer_to(3)["result"]["structuredContent"]["changes"][0]
    finally:
        code, _, stderr = wire.close()

    assert not added["result"]["isError"]
    assert latest["client"] == told_name(name, 200)
    assert code == 0
    assert b"crashed" not in stderr


@pytest.mark.requirement("OP2", "MC2")
def test_a_wrong_setting_is_told_on_standard_error_only(shared: Program) -> None:
    done = shared.configured(TODO_TIME_ZONE="Mars/Phobos").run("stdio")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "todo-mcp: TODO_TIME_ZONE is not an IANA time zone, such as Europe/Berlin\n"


@pytest.mark.requirement("OP2", "MC2")
def test_a_tool_that_there_is_not_cannot_be_left_out(shared: Program) -> None:
    done = shared.configured(TODO_MCP_WITHOUT="no_such_tool").run("stdio")

    assert (done.returncode, done.stdout) == (2, "")
    place, refusal = done.stderr.splitlines()
    assert place.startswith("todo-mcp: serving the todos of ")
    assert refusal.startswith("todo-mcp: TODO_MCP_WITHOUT takes names of tools: add_todos, ")
