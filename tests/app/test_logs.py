"""Logs: one JSON object a line, with the request's id, and never a secret or what people wrote (ID7)."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import asyncpg
import httpx2
import jwt
import pytest

from tests.app.clients import GENERATIONS, over_http
from tests.app.program import Program, Serving, logs, until
from tests.support import AUDIENCE, ISSUER, JWT_SECRET, MISTAKE

PLANTED = "Planted-Title-8dc1"
PASSWORD = "hunter2"


def _execute(program: Program, sql: str) -> None:
    async def execute() -> None:
        connection = await asyncpg.connect(program.settings["TODO_DATABASE_URL"])
        try:
            await connection.execute(sql)
        finally:
            await connection.close()

    asyncio.run(execute())


@pytest.fixture
def logged(program: Program) -> Program:
    """The program, with everything that may be a secret and the most talkative log."""
    return program.configured(
        TODO_JWT_SECRET=JWT_SECRET, TODO_JWT_ISSUER=ISSUER, TODO_JWT_AUDIENCE=AUDIENCE, TODO_LOG_LEVEL="debug"
    )


def _jwt(**claims: Any) -> str:
    usual = {"iss": ISSUER, "aud": AUDIENCE, "sub": "subject-4711", "exp": 4_000_000_000}
    return jwt.encode(usual | claims, JWT_SECRET, algorithm="HS256")


@pytest.mark.requirement("OP3", "ID7")
def test_requests_good_and_bad_leave_no_secret_and_no_title_in_the_log(logged: Program) -> None:
    signed, expired = _jwt(), _jwt(exp=1_000_000_000)
    with logged.serve() as serving:
        token = serving.token
        broken = token[:-1] + ("0" if token[-1] != "0" else "1")
        for bearer in (token, broken, signed, expired, signed[:-3], "todo_", "x" * 9000):
            with serving.http(bearer) as http:
                http.post("/api/v1/todos", json={"title": PLANTED}, headers={"Idempotency-Key": PLANTED})
                http.post("/api/v1/todos", json={"title": PLANTED, PLANTED: 1})
                http.post("/api/v1/todos", content=b'{"title": "' + PLANTED.encode())
                http.get(f"/api/v1/todos?text={PLANTED}&cursor={PLANTED}")
                http.get("/api/v1/todos/1")
                http.get(f"/api/v1/todos/{PLANTED}")
                http.get(f"/{PLANTED}/{PLANTED}")
                http.request("GET", "/mcp", headers={"User-Agent": PLANTED, "Host": PLANTED})
                http.post("/mcp", json={"jsonrpc": "2.0", "id": PLANTED, "method": PLANTED})
                http.post("/mcp", content=PLANTED.encode())
                http.get("/api/v1/todos", headers={"X-Request-Id": "given-by-the-client"})

        async def tools(mode: str) -> None:
            async with over_http(f"{serving.url}/mcp", token, mode) as client:
                await client.call_tool("add_todos", {"todos": [{"title": PLANTED}, {"title": PLANTED, PLANTED: 1}]})
                await client.call_tool("list_todos", {"text": PLANTED})
                await client.call_tool("list_todos", {PLANTED: PLANTED})
                await client.call_tool("update_todos", {"todos": PLANTED})

        for mode in (parameter.values[0] for parameter in GENERATIONS):
            asyncio.run(tools(str(mode)))
        serving.stop()
        text, printed = serving.stderr, serving.stdout

    lines = logs(text)
    requests = [line for line in lines if line["event"] == "request"]
    assert len(requests) > 50
    assert all(line["request_id"] and line["timestamp"] and line["level"] for line in requests)
    assert {line["route"] for line in requests} >= {"/api/v1/todos/{todo_id:member}", "/mcp", None}
    assert "given-by-the-client" in {line["request_id"] for line in requests}
    refused = [line for line in lines if line["event"] == "token_refused"]
    assert {line["reason"] for line in refused} >= {"jwt expired", "api token with a wrong shape or checksum"}
    assert all(line["request_id"] for line in refused)
    for secret in (
        token,
        token[10:30],
        broken,
        signed,
        signed.split(".")[2],
        expired,
        JWT_SECRET,
        PLANTED,
        "subject-4711",
    ):
        assert secret not in text
    assert JWT_SECRET not in printed
    assert logged.settings["TODO_DATABASE_URL"] not in text


@pytest.fixture
def crashing(logged: Program) -> Iterator[Serving]:
    """A server with a mistake in how it adds todos: a fault that is nobody's input."""
    with logged.serve() as serving:
        _execute(logged, MISTAKE)
        yield serving


@pytest.mark.requirement("ID7", "RS3", "MC4")
def test_a_crash_is_told_and_logged_without_what_people_wrote(crashing: Serving) -> None:
    token = crashing.token
    with crashing.http() as http:
        answer = http.post("/api/v1/todos", json={"title": PLANTED})
        assert answer.status_code == 500
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["error_code"] == "internal_error"
    with crashing.http() as http:  # the connection of a crash is closed
        assert http.get("/api/v1/todos").json()["total"] == 0

    async def tool() -> Any:
        async with over_http(f"{crashing.url}/mcp", token, "2026-07-28") as client:
            return await client.call_tool("add_todos", {"todos": [{"title": PLANTED}]})

    result = asyncio.run(tool())
    assert result.is_error
    assert "internal_error" in result.content[0].text
    crashing.stop()

    crashes = [line for line in logs(crashing.stderr) if "crashed" in line["event"]]
    assert {line["event"] for line in crashes} == {"request_crashed", "tool_crashed"}
    assert all("DivisionByZeroError" in str(line) for line in crashes)
    for secret in (PLANTED, token, JWT_SECRET):
        assert secret not in crashing.stderr


QUOTES = """
CREATE FUNCTION quotes() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'has %', NEW.title USING ERRCODE = 'division_by_zero', DETAIL = NEW.title; END $$;
CREATE TRIGGER quotes BEFORE INSERT ON todos FOR EACH ROW EXECUTE FUNCTION quotes()
"""
"""An error of PostgreSQL that quotes the row, as that of a unique constraint or of a cast does."""


@pytest.mark.requirement("ID7")
def test_an_error_of_the_database_is_logged_without_what_it_quotes(logged: Program) -> None:
    with logged.serve() as serving:
        _execute(logged, QUOTES)
        with serving.http() as http:
            assert http.post("/api/v1/todos", json={"title": PLANTED}).status_code == 500
        serving.stop()

    (crash,) = (line for line in logs(serving.stderr) if line["event"] == "request_crashed")
    (fault, *_) = crash["exception"]
    assert (fault["exc_type"], fault["sqlstate"]) == ("DivisionByZeroError", "22012")
    assert any(frame["name"] == "_change" for frame in fault["frames"])
    assert PLANTED not in serving.stderr


LIBRARIES = """
import logging
from todo_app import logs
logs.configure("debug")
logging.getLogger("mcp.server.transport_security").warning(f"Invalid Host header: {'Planted'}")
logging.getLogger("mcp.server.runner").warning("dropped %r: malformed params", "Planted")
logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
try:
    try:
        {}["Planted"]
    except KeyError as error:
        error.add_note("Planted")
        raise ExceptionGroup("Planted", [ValueError("Planted"), SyntaxError("Planted")]) from error
except ExceptionGroup:
    logging.getLogger("asyncio").exception("Task %s", "Planted")
"""


@pytest.mark.requirement("ID7", "OP3")
def test_what_libraries_say_of_a_request_is_not_logged() -> None:
    done = subprocess.run([sys.executable, "-c", LIBRARIES], capture_output=True, text=True, check=True)

    told = [(line["event"], line["logger"]) for line in logs(done.stderr)]
    assert told == [
        ("library_message", "mcp.server.transport_security"),
        ("library_message", "mcp.server.runner"),
        ("Invalid HTTP request received.", "uvicorn.error"),
        ("library_message", "asyncio"),
    ]
    group, cause = logs(done.stderr)[-1]["exception"]
    assert [group["exc_type"], cause["exc_type"]] == ["ExceptionGroup", "KeyError"]
    assert [[inner["exc_type"] for inner in trace] for trace in group["exceptions"]] == [
        ["ValueError"],
        ["SyntaxError"],
    ]
    assert "Planted" not in json.dumps(logs(done.stderr))


@pytest.mark.requirement("OP3")
def test_a_crash_is_logged_under_the_id_that_its_answer_carries(crashing: Serving) -> None:
    with crashing.http() as http:
        answer = http.post("/api/v1/todos", json={"title": PLANTED}, headers={"X-Request-Id": "the-crash"})
    crashing.stop()

    (crash,) = (line for line in logs(crashing.stderr) if line["event"] == "request_crashed")
    assert crash["request_id"] == "the-crash"
    assert answer.headers["x-request-id"] == "the-crash"


@pytest.mark.requirement("OP3", "OP4")
def test_readiness_tells_a_database_that_is_behind_and_health_does_not_ask(logged: Program) -> None:
    with logged.serve() as serving, httpx2.Client(base_url=serving.url, timeout=30) as http:
        assert http.get("/readyz").status_code == 200
        _execute(logged, "UPDATE alembic_version SET version_num = '0000'")
        until(lambda: http.get("/readyz").status_code == 503, 30, "readiness is refused")
        behind = http.get("/readyz")
        assert (behind.status_code, behind.json()["error_code"]) == (503, "unavailable")
        assert behind.headers["retry-after"]
        assert http.get("/healthz").json() == {"status": "ok"}
