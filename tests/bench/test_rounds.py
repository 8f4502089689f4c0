"""What is measured is known or read for the first time, never a mix of both."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bench import rounds, wire
from bench.cases import CASES, Promise
from bench.contests import Contest, Entry
from bench.database import Actor, Todo
from bench.load import Measured
from bench.plan import CONNECTIONS
from bench.workloads import Workload
from tests.faces import http_client
from tests.support import token_of
from todo_app.application import Application
from todo_core.boundary.caller import Caller
from todo_core.core import Core


@contextmanager
def counting() -> Iterator[tuple[int, Counter[str]]]:
    """A server on some port, and how often it was asked for each path."""
    asked: Counter[str] = Counter()
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            with lock:
                asked[self.path] += 1
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_port, asked
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("number", [1, CONNECTIONS + 5])
def test_before_a_measurement_each_request_is_answered_twice(number: int) -> None:
    paths = [f"/{n}" for n in range(number)]
    with counting() as (port, asked):
        Workload(port, [wire.http("GET", path, port, []) for path in paths], lambda *_: True).repeat(CONNECTIONS)

    assert asked == dict.fromkeys(paths, 2)


def contest(done: list[str], *promises: Promise) -> Contest:
    """Two contestants, of which one is asked for the same again and again; what each does is noted."""

    def measure(name: str, connections: int, _: float) -> Measured:
        done.append(f"{name} on {connections}")
        return Measured(1, 1, 1, 1)

    def note(what: str) -> Callable[[], None]:
        return partial(done.append, what)

    again = Entry("again", partial(measure, "again"), note("check again"), note("repeat"))
    once = Entry("once", partial(measure, "once"), note("check once"))
    return Contest("case", "", (again, once), promises, writes=False)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is under way that has to end."""
    monkeypatch.setattr(rounds, "_SETTLE_SECONDS", 0)


@pytest.mark.usefixtures("at_once")
def test_what_may_be_remembered_is_so_before_each_measurement_and_one_connection_is_measured_once() -> None:
    done: list[str] = []
    rounds.play([contest(done)], 2, 1, 1, lambda: None)

    assert done == [
        *("check again", "check once", "once on 32"),
        *("repeat", "again on 32", "again on 1", "once on 32", "once on 1"),
        *("once on 32", "repeat", "again on 32"),
    ]


@pytest.mark.usefixtures("at_once")
def test_one_connection_is_measured_in_each_round_where_a_promise_is_about_it() -> None:
    done: list[str] = []
    results = rounds.play([contest(done, Promise("once", "again", 2, "time"))], 3, 1, 1, lambda: None)

    assert (done.count("again on 1"), done.count("once on 1")) == (3, 3)
    assert results.ratio("case", "once", "again", "time") == 1


async def test_of_single_todos_others_are_read_anew_and_unknown(app: Application, core: Core, ann: Caller) -> None:
    now, token = datetime.now(UTC), await token_of(ann)
    (case,) = (case for case in CASES if case.name == "get-one")
    (beside,) = (one for one in case.beside if one.goes_on)
    async with http_client(app, token) as http:
        new = {"action": "add", "todos": [{"title": f"{number}"} for number in range(30)]}
        assert (await http.post("/api/v1/todos/batch", json=new)).is_success
        rows = (await http.get("/api/v1/todos")).json()["items"]
        todos = [Todo(row["id"], row["title"], 2, row["list_id"], None, True, False) for row in rows]
        actor = Actor(ann.principal.user_id, token, now, now.date(), rows[0]["list_id"], [], todos)
        own, anew = case.asks(actor), beside.asks(actor)
        assert {request.path for request in (*own, *anew)} == {f"/api/v1/todos/{row['id']}" for row in rows}
        assert len(own) + len(anew) == len(rows)
        for request in (*own * 2, *anew):
            answer = (await http.get(request.path)).json()
            assert case.is_right(answer)
            assert beside.is_right(answer)

    theirs = actor.user_id, "todo"
    known = [key[2] for key, one in core.remembered.items() if key[:2] == theirs and one.shown is not None]
    assert known == [row["id"] for row in rows[: len(own)]]


async def test_what_is_read_anew_are_the_rows_of_its_case_and_unknown(
    app: Application, core: Core, ann: Caller
) -> None:
    """Of each case that has it beside its own requests."""
    now, token = datetime.now(UTC), await token_of(ann)
    async with http_client(app, token) as http:
        for title in ("Buy milk and bread 1", "Call the plumber 2", "Fix the kitchen tap 3"):
            for days in (1, 60):
                todo = {"title": title, "priority": "high", "due": {"at": (now + timedelta(days=days)).isoformat()}}
                assert (await http.post("/api/v1/todos", json=todo)).is_success
        rows = (await http.get("/api/v1/todos?status=all")).json()["items"]
        todos = [
            Todo(row["id"], row["title"], 3, row["list_id"], datetime.fromisoformat(row["due"]["at"]), True, False)
            for row in rows
        ]
        actor = Actor(ann.principal.user_id, token, now, now.date(), rows[0]["list_id"], [], todos)
        compared = []
        for case in CASES:
            for beside in [one for one in case.beside if one.goes_on and case.name != "get-one"]:
                own, anew = case.asks(actor), beside.asks(actor)
                assert len({request.path for request in (*own, *anew)}) == len(own) + len(anew), case.name
                known = [(await http.get(request.path)).json() for request in own]
                for turn in (*range(4), *range(len(anew) - 4, len(anew))):
                    answer = (await http.get(anew[turn].path)).json()
                    assert answer["items"] == known[turn % len(own)]["items"] != [], case.name
                    assert answer["total"] == len(answer["items"]) == (anew[turn].rows or answer["total"]), case.name
                    assert beside.is_right(answer), case.name
                compared.append(case.name)

    assert compared == ["list-50", "list-filtered", "search"]
    assert not [key for key in core.remembered if key[0] == actor.user_id]
