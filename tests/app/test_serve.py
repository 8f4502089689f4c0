"""`todo-mcp serve`: one command, and people and agents work the same todos."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import asyncpg
import httpx2
import psutil
import pytest

from tests.app.clients import GENERATIONS, LATEST_BY_DEFAULT, call, over_http
from tests.app.program import START_SECONDS, STOP_SECONDS, TODO_MCP, Program, Serving, logs, until


def ended_before_its_grace_was_over(serving: Serving) -> bool:
    """Wait for the end of a server that nothing keeps; otherwise its log has an error of what still ran."""
    assert serving.process.wait(timeout=STOP_SECONDS) == 0
    return [line for line in logs(serving.stderr) if line["level"] == "error"] == []


@pytest.mark.requirement("OP1")
def test_it_prints_its_addresses_and_each_answers(serving: Serving) -> None:
    lines = [line.split() for line in serving.stdout.splitlines()]

    assert ["REST", "API", f"{serving.url}/api/v1"] in lines
    assert ["API", "docs", f"{serving.url}/docs"] in lines
    assert ["MCP", f"{serving.url}/mcp"] in lines
    with serving.http() as http:
        assert http.get("/api/v1/todos").status_code == 200
        assert "swagger" in http.get("/docs").text.lower()
        assert http.get("/mcp").status_code == 405


@pytest.mark.requirement("OP1", "ID3")
def test_the_token_it_prints_works_for_rest(serving: Serving) -> None:
    with serving.http() as http:
        made = http.post("/api/v1/todos", json={"title": "By the printed token"})
        assert made.status_code == 201
        assert http.get("/api/v1/tokens").status_code == 200
    assert httpx2.get(f"{serving.url}/api/v1/todos", timeout=30).status_code == 401


@pytest.mark.requirement("OP1", "MC2")
@pytest.mark.parametrize("mode", GENERATIONS)
async def test_the_line_for_claude_code_connects_a_client(serving: Serving, mode: str) -> None:
    words = serving.claude_code

    assert words[:6] == ["claude", "mcp", "add", "--transport", "http", "todos"]
    url, flag, header = words[6:]
    assert (url, flag) == (f"{serving.url}/mcp", "--header")
    token = header.removeprefix("Authorization: Bearer ")
    assert token == serving.token
    async with over_http(url, token, mode) as client:
        added = await call(client, "add_todos", todos=[{"title": f"By Claude Code, {mode}"}])
        listed = await call(client, "list_todos", ids=[added["results"][0]["id"]])
    assert listed["showing"] == "1 of 1"


@pytest.mark.requirement("OP1")
def test_the_configuration_for_claude_desktop_names_this_program(serving: Serving, served_program: Program) -> None:
    desktop = serving.claude_desktop["mcpServers"]["todos"]

    assert desktop["command"] == TODO_MCP
    assert desktop["args"] == ["stdio"]
    assert desktop["env"]["TODO_USER"] == "ann"
    assert served_program.settings["TODO_DATABASE_URL"] not in serving.stdout


@pytest.mark.requirement("ID3", "ID7")
def test_the_token_is_shown_at_the_first_start_only(serving: Serving, served_program: Program) -> None:
    with served_program.serve() as again:
        assert "todo_" not in again.stdout
        assert "todo-mcp token create --user ann" in again.stdout
        assert again.claude_code[-1] == "Authorization: Bearer $TODO_TOKEN"
        with again.http(serving.token) as http:
            assert http.get("/api/v1/todos").status_code == 200


@pytest.mark.requirement("OP1")
@pytest.mark.parametrize(("only", "other"), [("rest", "mcp"), ("mcp", "rest")])
@pytest.mark.usefixtures("serving")
def test_only_one_face_is_served_where_only_one_is_wanted(served_program: Program, only: str, other: str) -> None:
    token = served_program.answer("token", "create").strip()
    with served_program.serve("--only", only) as one, one.http(token) as http:
        there = {"rest": http.get("/api/v1/todos").status_code, "mcp": http.post("/mcp", json={}).status_code}
        assert there[only] != 404
        assert there[other] == 404
        assert http.get("/healthz").status_code == 200
        assert ("/mcp" in one.stdout) == (only == "mcp")
        assert ("/api/v1" in one.stdout) == (only == "rest")


@pytest.mark.slow
@pytest.mark.requirement("OP1", "OP3")
def test_two_workers_share_the_work_and_end_together(program: Program) -> None:
    with program.serve("--workers", "2") as serving:
        workers = [
            child
            for child in psutil.Process(serving.process.pid).children()
            if "multiprocessing.spawn" in " ".join(child.cmdline())
        ]
        assert len(workers) == 2
        assert serving.stdout.count(serving.token) == 2  # by itself, and in the line for Claude Code
        with serving.http() as http:
            for number in range(20):
                assert http.post("/api/v1/todos", json={"title": f"Shared {number}"}).status_code == 201
            # A token that one worker revokes is refused by the other, which may remember it.
            made = http.post("/api/v1/tokens", json={"name": "short-lived"}).json()
            with serving.http(made["token"]) as other:
                assert {other.get("/api/v1/todos").status_code for _ in range(10)} == {200}
            assert http.delete(f"/api/v1/tokens/{made['id']}").status_code == 204
            for _ in range(10):
                with serving.http(made["token"]) as other:
                    assert other.get("/api/v1/todos").status_code == 401
            workers[0].kill()
            until(lambda: not workers[0].is_running(), STOP_SECONDS, "the worker is gone")
        with serving.http() as http:
            assert {http.get("/api/v1/todos").status_code for _ in range(10)} == {200}

        assert serving.stop() == 0
        assert not [worker for worker in workers if worker.is_running()]


@contextmanager
def _write_lock(url: str) -> Iterator[Any]:
    """Hold the only user's write lock; yields what lets it go."""
    import asyncio

    loop = asyncio.new_event_loop()
    connection = loop.run_until_complete(asyncpg.connect(url))
    loop.run_until_complete(connection.execute("SELECT pg_advisory_lock(id) FROM users"))
    try:
        yield lambda: loop.run_until_complete(connection.execute("SELECT pg_advisory_unlock_all()"))
    finally:
        loop.run_until_complete(connection.close())
        loop.close()


@pytest.mark.requirement("OP3")
def test_a_server_that_is_told_to_end_says_so_before_it_does(program: Program) -> None:
    with replace(program, settings=program.settings | {"TODO_DRAIN": "600"}).serve() as serving:
        assert serving.is_ready()
        serving.process.send_signal(signal.SIGTERM)
        until(lambda: not serving.is_ready(), STOP_SECONDS, "it is not ready any more")
        with serving.http() as http:
            assert http.post("/api/v1/todos", json={"title": "Served all the same"}).status_code == 201
        assert httpx2.get(f"{serving.url}/healthz", timeout=30).status_code == 200

        serving.process.send_signal(signal.SIGTERM)
        assert ended_before_its_grace_was_over(serving)


@pytest.mark.requirement("OP3")
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT], ids=["sigterm", "ctrl-c"])
def test_a_request_that_runs_when_the_signal_comes_is_answered(program: Program, how: signal.Signals) -> None:
    answers: list[httpx2.Response] = []

    with program.serve() as serving:

        def add() -> None:
            with serving.http() as http:
                answers.append(http.post("/api/v1/todos", json={"title": "Finished all the same"}))

        def refused() -> bool:
            try:
                httpx2.get(f"{serving.url}/healthz", timeout=1)
            except httpx2.ConnectError:
                return True
            except httpx2.TransportError:
                pass
            return False

        with _write_lock(program.settings["TODO_DATABASE_URL"]) as let_go:
            writing = threading.Thread(target=add)
            writing.start()
            until(lambda: _waits_for_a_lock(program), START_SECONDS, "the write waits")
            serving.process.send_signal(how)
            until(refused, STOP_SECONDS, "new connections are refused")
            assert serving.process.poll() is None
            assert not answers
            let_go()
            writing.join(timeout=STOP_SECONDS)
            assert ended_before_its_grace_was_over(serving)

    assert [answer.status_code for answer in answers] == [201]


def _waits_for_a_lock(program: Program) -> bool:
    import asyncio

    async def ask() -> bool:
        connection = await asyncpg.connect(program.settings["TODO_DATABASE_URL"])
        try:
            waiting: bool = await connection.fetchval(
                "SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database"
                " WHERE NOT granted AND locktype = 'advisory' AND datname = current_database())"
            )
            return waiting
        finally:
            await connection.close()

    return asyncio.run(ask())


@pytest.mark.requirement("OP3")
@pytest.mark.parametrize("mode", LATEST_BY_DEFAULT)
async def test_a_connected_mcp_client_does_not_keep_the_server_from_ending(program: Program, mode: str) -> None:
    with program.serve() as serving:
        async with over_http(f"{serving.url}/mcp", serving.token, mode) as client:
            await call(client, "add_todos", todos=[{"title": "Still connected"}])
            serving.process.terminate()
            assert ended_before_its_grace_was_over(serving)


@pytest.mark.requirement("OP1", "OP2")
def test_a_port_that_is_taken_is_said_in_one_line(serving: Serving, served_program: Program) -> None:
    port = serving.url.rpartition(":")[2]

    done = served_program.run("serve", "--port", port)

    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("todo-mcp: ")
    assert port in line
