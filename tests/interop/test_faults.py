"""The server and its database are killed, restarted, frozen and hung up on, under load.

What is proved: nothing acknowledged is lost, nothing is done twice, nobody sees a 500. Made
deliberately wrong (the reply of a key not stored in the write's own transaction; a transport error
taken for an answer; the commit after the answer) each of these tests fails.
"""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import struct
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import httpx2
import pytest

from tests.app.postgres import OwnPostgres, own_postgres
from tests.app.program import Program, Serving, free_port, until
from tests.faces import call
from tests.interop.load import Load, everything, nothing_lost_and_nothing_twice
from todo_core.upkeep.readiness import READY_FOR

pytestmark = pytest.mark.slow
TIMEOUT_SECONDS = 1.0
ROUNDS = pytest.mark.parametrize("rounds", [1, pytest.param(5, marks=pytest.mark.exhaustive)])
"""How often it happens."""


@pytest.fixture
def postgres() -> Iterator[OwnPostgres]:
    with own_postgres() as server:
        yield server


@pytest.fixture
def program(tmp_path: Path, postgres: OwnPostgres) -> Program:
    found = Program(tmp_path, {"TODO_DATABASE_URL": postgres.url, "TODO_DATABASE_TIMEOUT": str(TIMEOUT_SECONDS)})
    found.answer("migrate")
    return found


def tokens(program: Program, count: int = 3) -> list[str]:
    return [program.answer("token", "create", "--user", f"user-{number}").strip() for number in range(count)]


@asynccontextmanager
async def served(program: Program, port: int) -> AsyncIterator[Serving]:
    """Serve, while clients go on in this process."""
    context = program.serve(port=port)
    serving = await asyncio.to_thread(context.__enter__)
    try:
        yield serving
    finally:
        await asyncio.to_thread(context.__exit__, None, None, None)


@pytest.mark.requirement("OP4", "SA1", "SA2")
@ROUNDS
async def test_a_server_killed_in_mid_write_loses_nothing_and_does_nothing_twice(
    program: Program, postgres: OwnPostgres, rounds: int
) -> None:
    port = free_port()
    load = Load(f"http://127.0.0.1:{port}", tokens(program))

    async def kill_and_start_again() -> None:
        for round_ in range(rounds):
            async with served(program, port) as serving:
                await load.reached(60 * (2 * round_ + 1))
                serving.process.kill()
                await asyncio.to_thread(serving.process.wait)
        async with served(program, port):
            await load.reached(len(load.acknowledged) + 60)
            load.stopped = True
            await load.reached(len(load.begun))

    await load.run(8, kill_and_start_again())

    assert load.wrong == []
    assert load.told["ConnectError"] > 0
    await nothing_lost_and_nothing_twice(load, postgres.url)


@pytest.mark.requirement("OP4", "SA1", "SA2")
@pytest.mark.parametrize("rounds", [3, pytest.param(5, marks=pytest.mark.exhaustive)])
async def test_a_database_that_restarts_loses_nothing_and_is_back_within_a_second(
    program: Program, postgres: OwnPostgres, rounds: int
) -> None:
    """Of several times that it was away the shortest tells: other programs of a busy machine had the fewest turns."""
    back: list[float] = []
    with program.serve() as serving:
        load = Load(serving.url, tokens(program))

        def refusals() -> tuple[int, int]:
            return load.told["rest 503"], load.told["mcp 503"] + load.told["mcp unavailable"]

        async def restart() -> None:
            for _ in range(rounds):
                await load.reached(len(load.acknowledged) + 60)
                await asyncio.to_thread(postgres.crash)
                before = refusals()
                while any(now < then + 5 for now, then in zip(refusals(), before, strict=True)):
                    assert not load.wrong
                    await asyncio.sleep(0.01)
                await asyncio.to_thread(postgres.start)
                since = time.monotonic()
                await load.reached(len(load.acknowledged) + 1)
                back.append(time.monotonic() - since)
            await load.reached(len(load.acknowledged) + 60)

        await load.run(8, restart())
        until(lambda: httpx2.get(f"{serving.url}/readyz").status_code == 200, 30, "it is ready again")

    assert load.wrong == []
    assert min(back) < 1.5, back
    await nothing_lost_and_nothing_twice(load, postgres.url)


async def asked_in_time(http: httpx2.AsyncClient) -> httpx2.Response:
    """Whether it is ready, told within a time limit of its own."""
    began = time.monotonic()
    answer = await http.get("/readyz")
    assert time.monotonic() - began < TIMEOUT_SECONDS + 2
    return answer


@pytest.mark.exhaustive  # by default tests/app/test_broken_servers.py, without a server of programs
@pytest.mark.requirement("OP4", "RS3", "MC4")
async def test_a_database_that_hangs_is_told_in_time_and_waited_for(program: Program, postgres: OwnPostgres) -> None:
    with program.serve() as serving:
        load = Load(serving.url, tokens(program))

        async def hang() -> None:
            await load.reached(30)
            postgres.freeze()
            frozen = time.monotonic()
            # A server at full load: more requests wait than it has connections.
            await asyncio.sleep(2 * TIMEOUT_SECONDS)
            async with httpx2.AsyncClient(base_url=serving.url, timeout=30) as http:
                while (answer := await asked_in_time(http)).status_code == 200:
                    assert time.monotonic() - frozen < READY_FOR + 2, "the answer from before is still given"
                assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
                assert (await http.get("/healthz")).status_code == 200
            postgres.thaw()
            since, before = time.monotonic(), len(load.acknowledged)
            await load.reached(before + 30, 15)
            assert time.monotonic() - since < 10

        await load.run(16, hang())

    assert load.wrong == []
    assert load.told["rest 503"] > 0
    assert load.slowest < TIMEOUT_SECONDS + 2
    await nothing_lost_and_nothing_twice(load, postgres.url)


def _request(path: str, token: str, body: bytes, extra: str = "") -> bytes:
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n{extra}"
        f"Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def _hang_up(serving: Serving, request: bytes, after: float, *, reset: bool) -> None:
    """Send a request, and be gone before its answer."""
    where = urlsplit(serving.url)
    with socket.create_connection((where.hostname, where.port)) as connection:
        connection.sendall(request)
        time.sleep(after)
        if reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.mark.exhaustive
@pytest.mark.requirement("OP4", "SA1", "SA2")
async def test_clients_that_hang_up_in_mid_write_leave_nothing_half_done(
    program: Program, postgres: OwnPostgres
) -> None:
    with program.serve() as serving:
        (token,) = tokens(program, 1)
        host = f"Host: {urlsplit(serving.url).netloc}\r\n"
        begun: list[str] = []

        def hang_up(number: int) -> None:
            title = f"gone-{number}"
            begun.append(title)
            if number % 2:
                body, path, extra = (
                    json.dumps({"title": title}).encode(),
                    "/api/v1/todos",
                    f"Idempotency-Key: {title}\r\n",
                )
            else:
                arguments = {"todos": [{"title": title}], "idempotency_key": title}
                message = {"method": "tools/call", "params": {"name": "add_todos", "arguments": arguments}}
                body, path = json.dumps({"jsonrpc": "2.0", "id": 1} | message).encode(), "/mcp"
                extra = "MCP-Protocol-Version: 2025-11-25\r\n"
            request = _request(path, token, body, extra).replace(b"Host: 127.0.0.1\r\n", host.encode())
            if number % 10 == 9:
                request = request[:-5]  # not even the whole body
            _hang_up(serving, request, (number % 7) * 0.002, reset=number % 3 == 0)

        for number in range(120):
            await asyncio.to_thread(hang_up, number)
        async with httpx2.AsyncClient(
            base_url=serving.url, headers={"Authorization": f"Bearer {token}"}, timeout=30
        ) as http:
            # The server is whole: more requests at once than it has connections.
            assert {
                answer.status_code for answer in await asyncio.gather(*(http.get("/api/v1/todos") for _ in range(24)))
            } == {200}
            await _no_transaction_is_left(postgres.url)
            rows, recorded = await everything(postgres.url)
            assert sorted(recorded) == sorted(todo_id for todo_id, _ in rows)
            committed = {title for _, title in rows}
            assert len(committed) == len(rows)
            assert 0 < len(committed) < len(begun)
            assert committed.isdisjoint(f"gone-{number}" for number in range(9, 120, 10))

            # Each asks again with its key, and has what it asked for, once.
            for number in range(0, 120, 2):
                title = f"gone-{number}"
                arguments = {"todos": [{"title": title}], "idempotency_key": title}
                again = (await call(http, "mcp-2025", "add_todos", arguments)).json()["result"]
                assert again["structuredContent"].get("replayed", False) == (title in committed)
            rows, recorded = await everything(postgres.url)
            titles = [title for _, title in rows]
            assert sorted(set(titles)) == sorted(titles)
            assert {f"gone-{number}" for number in range(0, 120, 2)} <= set(titles)
            assert sorted(recorded) == sorted(todo_id for todo_id, _ in rows)


async def _no_transaction_is_left(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        deadline = time.monotonic() + 10
        while left := await connection.fetch(
            "SELECT state FROM pg_stat_activity WHERE application_name = 'todo-mcp' AND state <> 'idle'"
        ):
            assert time.monotonic() < deadline, left
            await asyncio.sleep(0.05)
    finally:
        await connection.close()


@pytest.mark.requirement("OP4", "OP3")
@pytest.mark.exhaustive
def test_a_server_starts_to_serve_again_after_its_database_was_away_at_a_stop(
    program: Program, postgres: OwnPostgres
) -> None:
    """A database that is gone does not keep a server from ending either."""
    with program.serve() as serving:
        postgres.crash()
        until(lambda: httpx2.get(f"{serving.url}/readyz").status_code == 503, 10, "readiness is refused")
        began = time.monotonic()
        serving.stop(signal.SIGTERM)
        assert time.monotonic() - began < 8
    postgres.start()
    with program.serve() as serving:
        assert httpx2.get(f"{serving.url}/readyz").status_code == 200
