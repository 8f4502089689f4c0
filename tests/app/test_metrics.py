"""Metrics: a scrape tells what happened, costs requests nothing, and has no label that a caller chose (OP3)."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import time
from contextlib import ExitStack, closing
from pathlib import Path

import httpx2
import psutil
import pytest
from prometheus_client.mmap_dict import MmapedDict, mmap_key

from tests.app.clients import over_http
from tests.app.program import STOP_SECONDS, Program, free_port, logs, until
from tests.app.scrapes import Series, measured, scrape, scraped, series
from todo_app.application import NOTHING, Watch
from todo_app.measuring import exporter
from todo_app.worker import watch_of
from todo_core.settings import Settings

PLANTED = "Planted-Title-8dc1"
SECONDS = 8.0
"""More than a request takes on a busy machine, and less than anything that would wait for an exporter."""


def requests(face: str, method: str, route: str, status: int) -> tuple[str, tuple[tuple[str, str], ...]]:
    return series("todo_requests_total", face=face, method=method, route=route, status=str(status))


@pytest.mark.requirement("OP3")
def test_a_scrape_after_a_known_load_tells_it_figure_by_figure(program: Program) -> None:
    with measured(program, TODO_ADDRESS_LIMIT="off") as (serving, port):
        with serving.http() as http:
            for _ in range(3):
                http.get("/api/v1/todos", params={"text": PLANTED})
            for _ in range(2):
                answer = http.post("/api/v1/todos", json={"title": PLANTED}, headers={"Idempotency-Key": PLANTED})
            made = answer.json()["id"]
            http.patch(f"/api/todos/{made}", json={"title": "Another"})
            http.get(f"/api/v1/todos/{made}")
            http.get(f"/api/v1/todos/{made + 1}")
            http.post("/api/v1/todos", json={"title": "", PLANTED: 1})
            http.post("/api/v1/todos", content=b"{", headers={"Content-Type": "application/json"})
            http.head("/api/v1/todos")
            http.request("PROPFIND", "/api/v1/todos")
            for number in range(5):
                http.get(f"/{PLANTED}/{number}")
            http.get("/api/v1/todos", headers=[(f"x-{number}", "y") for number in range(120)])
        with serving.http("wrong") as http:
            http.delete(f"/api/v1/todos/{made}")

        async def tools() -> None:
            async with over_http(f"{serving.url}/mcp", serving.token, "2026-07-28") as client:
                await client.call_tool("add_todos", {"todos": [{"title": PLANTED}, {"title": "b"}]})
                await client.call_tool("list_todos", {PLANTED: 1})
                await client.call_tool(PLANTED, {})
                await client.list_prompts()

        asyncio.run(tools())
        expected = {
            requests("rest", "GET", "/api/v1/todos", 200): 3,
            requests("rest", "POST", "/api/v1/todos", 201): 2,
            requests("rest", "PATCH", "/api/v1/todos/{todo_id}", 200): 1,
            requests("rest", "GET", "/api/v1/todos/{todo_id}", 200): 1,
            requests("rest", "GET", "/api/v1/todos/{todo_id}", 404): 1,
            requests("rest", "POST", "/api/v1/todos", 422): 1,
            requests("rest", "POST", "/api/v1/todos", 400): 1,
            requests("rest", "HEAD", "/api/v1/todos", 200): 1,
            requests("other", "GET", "none", 404): 5,
            requests("rest", "OTHER", "/api/v1/todos", 405): 1,
            requests("rest", "DELETE", "/api/v1/todos/{todo_id}", 401): 1,
            requests("mcp", "POST", "add_todos", 200): 1,
            requests("mcp", "POST", "list_todos", 422): 1,
            requests("mcp", "POST", "tools/call", 422): 1,
            requests("mcp", "POST", "prompts/list", 200): 1,
            series("todo_request_duration_seconds_count", face="rest", method="POST", route="/api/v1/todos"): 4,
            series("todo_request_duration_seconds_count", face="other", method="GET", route="none"): 5,
            series("todo_refusals_total", face="rest", kind="not_found"): 1,
            series("todo_refusals_total", face="rest", kind="invalid_input"): 1,
            series("todo_refusals_total", face="rest", kind="malformed_json"): 1,
            series("todo_refusals_total", face="rest", kind="unauthenticated"): 1,
            series("todo_refusals_total", face="other", kind="no_such_route"): 5,
            series("todo_refusals_total", face="mcp", kind="invalid_input"): 2,
            series("todo_refusals_total", face="edge", kind="headers_too_large"): 1,
            series("todo_changes_total", face="rest", operation="todos.add"): 1,
            series("todo_changes_total", face="rest", operation="todos.update"): 1,
            series("todo_changes_total", face="mcp", operation="todos.add"): 1,
            series("todo_workers"): 1,
            series("todo_followers"): 0,
            series("todo_database_connections_max"): 8,
            series("todo_database_requests_waiting"): 0,
        }
        # A gauge is set once a second, and an answer is counted when it is sent: a scrape may come before either.
        found = scraped(port, lambda now: {key: now.get(key) for key in expected} == expected)
        told = json.dumps(list(found))
        for said in (PLANTED, PLANTED.lower(), serving.token[5:25], f"/{made}"):
            assert said not in told
        lines = [line for line in logs(serving.stderr) if line["event"] == "request"]
        scraped(port, lambda now: counted(now) == len(lines))
        answered = next(line for line in lines if line["tool"] == "add_todos")
        assert (answered["operation"], answered["status"], answered["refused"]) == ("todos.add", 200, None)
        with serving.http() as http:
            change = http.get(f"/api/v1/changes/{answered['change_id']}").json()
        assert (change["id"], change["via"]) == (answered["change_id"], "mcp:add_todos")
        assert change["agent_id"] == answered["agent"]
        assert change["request_id"] == answered["request_id"]
        assert isinstance(answered["user_id"], int)
        assert isinstance(answered["ms"], float)
        assert PLANTED not in serving.stderr


def counted(now: Series) -> float:
    """How many requests were counted that have a line in the log."""
    keys = [key for key in now if key[0] == "todo_requests_total" and ("face", "health") not in key[1]]
    return sum(now[key] for key in keys)


def has_ended(process: psutil.Process) -> bool:
    """Whether a process has ended; its parent may be gone, and nobody else ask for its exit code."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.mark.requirement("OP3")
def test_nothing_is_measured_unless_asked_for() -> None:
    watch = watch_of(Settings.load())

    assert watch == Watch(watch.watchers)
    assert len(watch.watchers) == 1
    assert Watch() == NOTHING


@pytest.mark.requirement("OP3", "OP4")
def test_an_exporter_that_hangs_or_dies_slows_no_request(program: Program) -> None:
    with measured(program) as (serving, port), serving.http() as http, ExitStack() as scrapers:
        (exporter,) = psutil.Process(serving.process.pid).children()
        exporter.suspend()
        for _ in range(3):
            scraper = scrapers.enter_context(socket.create_connection(("127.0.0.1", port), timeout=5))
            scraper.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        for _ in range(5):
            began = time.monotonic()
            assert http.post("/api/v1/todos", json={"title": "Counted"}).status_code == 201
            assert time.monotonic() - began < SECONDS
        exporter.kill()
        for _ in range(5):
            assert http.get("/api/v1/todos").status_code == 200

        def is_back() -> bool:
            try:
                return scrape(port).get(requests("rest", "POST", "/api/v1/todos", 201)) == 5
            except httpx2.TransportError:
                return False

        until(is_back, 20, "the exporter is back, with all that was counted")
        (another,) = psutil.Process(serving.process.pid).children()
        folder = Path(another.cmdline()[-1])
        assert serving.stop() == 0
        until(lambda: has_ended(another), STOP_SECONDS, "the exporter ends with its server")
        assert not folder.exists()


@pytest.mark.requirement("OP3")
def test_the_exporter_of_a_killed_server_ends(program: Program) -> None:
    with measured(program) as (serving, port):
        (exporter,) = psutil.Process(serving.process.pid).children()
        assert scrape(port)
        os.kill(serving.process.pid, signal.SIGKILL)
        until(lambda: has_ended(exporter), STOP_SECONDS, "it has ended")


@pytest.mark.requirement("OP2", "OP3")
def test_a_wrong_setting_is_a_line_and_exit_code_2(program: Program) -> None:
    port = free_port()
    for wrong in (
        {"TODO_METRICS_PORT": "0"},
        {"TODO_METRICS_PORT": "65536"},
        {"TODO_METRICS_PORT": "http"},
        {"TODO_METRICS_PORT": str(port)},
        {"TODO_METRICS_PORT": str(free_port()), "TODO_METRICS_HOST": "203.0.113.7"},
        {"TODO_METRICS_PORT": str(free_port()), "TODO_METRICS_HOST": "no such host"},
        {"OTEL_TRACES_EXPORTER": "zipkin"},
        {"OTEL_PROPAGATORS": "b3"},
        {"OTEL_PYTHON_TRACER_PROVIDER": "junk"},
    ):
        done = program.configured(**wrong).run("serve", "--port", str(port))
        (line,) = done.stderr.splitlines()
        assert (done.returncode, line.partition(" ")[0]) == (2, "todo-mcp:"), wrong
        assert any(name in line for name in wrong), line
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = program.configured(TODO_METRICS_PORT=str(taken.getsockname()[1])).run("serve", "--port", str(port))
    assert done.returncode == 1
    assert "TODO_METRICS_PORT" in done.stderr


def test_files_that_a_process_has_just_begun_are_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "counter_1.db"
    file.touch()

    def fill(_: float) -> None:
        with closing(MmapedDict(str(file))) as values:
            values.write_value(mmap_key("todo_x", "todo_x_total", [], [], "what"), 3.0, 0.0)

    monkeypatch.setattr(exporter.time, "sleep", fill)

    assert [metric.samples[0].value for metric in exporter.LivingProcesses(tmp_path).collect()] == [3.0]


@pytest.mark.slow
@pytest.mark.requirement("OP3")
def test_the_numbers_of_several_workers_are_one(program: Program) -> None:
    with measured(program, "--workers", "2", TODO_REDIS_URL="") as (serving, port):
        for _ in range(20):  # a connection each, so that both workers serve
            with serving.http() as http:
                assert http.get("/api/v1/todos").status_code == 200
        expected = {
            series("todo_workers"): 2,
            requests("rest", "GET", "/api/v1/todos", 200): 20,
            series("todo_database_connections_max"): 16,
        }
        scraped(port, lambda now: {key: now.get(key) for key in expected} == expected)
        workers = [
            child
            for child in psutil.Process(serving.process.pid).children()
            if "multiprocessing.spawn" in " ".join(child.cmdline())
        ]
        workers[0].kill()
        scraped(port, lambda now: now.get(series("todo_worker_ends_total")) == 1, 30)
        scraped(port, lambda now: now.get(series("todo_workers")) == 2, 60)
        with serving.http() as http:
            assert http.get("/api/v1/todos").status_code == 200
        # What the dead one counted stays.
        scraped(port, lambda now: now.get(requests("rest", "GET", "/api/v1/todos", 200)) == 21)
