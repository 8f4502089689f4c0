"""Processes that serve live on when one of them, or the database, does not; and none lives longer than it should."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

import anyio
import psutil
import pytest

from tests.app.postgres import own_postgres, running_in, short_folder
from tests.app.program import Program, Serving, free_port, logs, sentence, until
from todo_app.waiting import wait_for

pytestmark = pytest.mark.slow


def workers_of(serving: Serving) -> list[psutil.Process]:
    """Return the workers that live; one that has just ended is none."""
    found = []
    for child in psutil.Process(serving.process.pid).children():
        with suppress(psutil.NoSuchProcess):  # a zombie, too
            if "multiprocessing.spawn" in " ".join(child.cmdline()):
                found.append(child)
    return found


@pytest.mark.requirement("OP3", "OP4")
def test_a_worker_that_dies_while_the_database_is_down_comes_back_and_none_outlives_the_parent(tmp_path: Path) -> None:
    with own_postgres() as postgres:
        program = Program(tmp_path, {"TODO_DATABASE_URL": postgres.url})
        with program.serve("--workers", "2") as serving:
            until(lambda: serving.stderr.count("worker_serves") == 2, 90, "both workers serve")
            assert "each of the 2 workers counts the rate limits by itself" in serving.stderr
            killed, other = workers_of(serving)
            postgres.crash()
            killed.kill()
            until(lambda: '"exit_code": 3' in serving.stderr, 90, "a new worker could not start")
            assert serving.process.poll() is None

            postgres.start()
            until(lambda: len(workers_of(serving)) == 2 and serving.is_ready(), 90, "there are two workers")
            with serving.http() as http:
                assert http.get("/api/v1/todos").status_code == 200
            events = [
                line for line in logs(serving.stderr[serving.stderr.index("{") :]) if line["event"] == "worker_ended"
            ]
            assert events[0]["exit_code"] == -signal.SIGKILL

            workers = workers_of(serving)
            assert other in workers
            os.kill(serving.process.pid, signal.SIGKILL)
            until(lambda: not any(worker.is_running() for worker in workers), 60, "the workers have ended, too")


@pytest.mark.requirement("OP2", "OP3")
async def test_serve_waits_for_a_database_that_is_not_there_yet(tmp_path: Path) -> None:
    program = Program(tmp_path, {"TODO_DATABASE_URL": f"postgresql://me@127.0.0.1:{free_port()}/x"})
    waited = program.configured(TODO_DATABASE_WAIT="0.7").run("serve", "--port", str(free_port()))
    first, last = waited.stderr.splitlines()
    assert waited.returncode == 1
    assert first == ("todo-mcp: The database cannot be used yet (ConnectionRefusedError); waiting up to 0.7 s for it.")
    assert last.startswith("todo-mcp: The database cannot be used")
    assert "waiting" not in sentence(program.configured(TODO_DATABASE_WAIT="0").run("serve"), 1)

    told, is_told = [], anyio.Event()

    def tell(line: str) -> None:
        told.append(line)
        is_told.set()

    with own_postgres() as postgres:
        postgres.crash()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(wait_for, postgres.url, 60, tell)
            with anyio.fail_after(30):
                await is_told.wait()
            await anyio.to_thread.run_sync(postgres.start)
    assert len(told) == 1


@pytest.mark.requirement("DB2", "OP3", "OP4")
def test_the_embedded_postgresql_is_started_again_and_stops_with_its_last_user() -> None:
    with short_folder() as folder:
        program = Program(folder)
        data = Path(program.environment["TODO_DATA_DIR"]) / "postgres"
        with program.serve() as serving:
            token = serving.token
            os.kill(int((data / "postmaster.pid").read_text().splitlines()[0]), signal.SIGKILL)
            until(lambda: "it was started again" in serving.stderr, 30, "PostgreSQL was started again")
            until(serving.is_ready, 30, "requests are served")
            with serving.http(token) as http:
                assert http.post("/api/v1/todos", json={"title": "Written after that"}).status_code == 201
            os.kill(serving.process.pid, signal.SIGKILL)
            serving.process.wait(timeout=60)
        assert running_in(folder) != []

        assert "first start" in program.answer("token", "list")
        assert running_in(folder) == []

        (data / "PG_VERSION").write_text("17\n")
        said = sentence(program.run("token", "list"), 2)
        assert said.startswith("TODO_DATA_DIR holds data of PostgreSQL 17, and this version of todo-mcp has 18: ")
        assert "todo-mcp backup FILE" in said
