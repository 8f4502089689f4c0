"""Nothing is lost, doubled or out of order, whatever ends in the middle: followers against the record of changes."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import anyio
import httpx2
import pytest

from tests.app import program as program_module
from tests.app.postgres import OwnPostgres, own_postgres
from tests.app.program import Program, Serving, free_port, until
from tests.app.test_processes import workers_of

pytestmark = [pytest.mark.requirement("SA5"), pytest.mark.slow]


PAUSE_SECONDS = 0.02
"""Between the changes of a writer: small runs have changes in every state of the servers, and not too many."""


@dataclass
class Story:
    """One person's changes, while servers come and go at one address."""

    url: str
    token: str
    made: int = 0
    """Changes that were acknowledged."""
    is_calm: bool = False
    """Whether nothing is broken any more."""
    is_over: bool = False
    """Whether everybody has heard everything."""
    heard: list[list[int]] = field(default_factory=list)
    """What each follower was told, change by change."""
    reconnects: int = 0

    def client(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(
            base_url=f"{self.url}/api/v1", headers={"Authorization": f"Bearer {self.token}"}, timeout=20
        )

    async def write(self, least: int) -> None:
        """Make changes while servers are broken, so many at least, each once, however often it has to be asked for."""
        made = 0
        async with self.client() as http:
            while made < least or not self.is_calm:
                headers = {"Idempotency-Key": uuid4().hex}
                while True:
                    with suppress(httpx2.TransportError):
                        answer = await http.post("/todos", json={"title": "x"}, headers=headers)
                        if answer.status_code == 201:
                            break
                    await asyncio.sleep(0.05)
                made += 1
                self.made += 1
                await asyncio.sleep(PAUSE_SECONDS)

    async def follow(self, leave_after: float) -> None:
        """Follow from the first change on, leave now and then in the middle, and come back."""
        heard: list[int] = []
        self.heard.append(heard)
        async with self.client() as http:
            while not self.is_over:
                with suppress(httpx2.TransportError, TimeoutError):
                    async with asyncio.timeout(random.uniform(0.2, 2) * leave_after):  # noqa: S311
                        await self._read(http, heard)
                self.reconnects += 1
                await asyncio.sleep(0.05)

    async def _read(self, http: httpx2.AsyncClient, heard: list[int]) -> None:
        last = {"Last-Event-ID": str(heard[-1] if heard else 0)}
        async with http.stream("GET", "/events", headers=last) as stream:
            if stream.status_code != 200:
                assert stream.status_code in (429, 502, 503)
                return
            block: list[str] = []
            async for line in stream.aiter_lines():
                if line:
                    block.append(line)
                    continue
                if "event: change" in block:
                    heard.append(int(next(one for one in block if one.startswith("id: "))[4:]))
                block = []

    async def record(self) -> list[int]:
        """Every change that there is."""
        ids: list[int] = []
        async with self.client() as http:
            since: int | str | None = 0
            while since is not None:
                page = (await http.get("/changes", params={"since": since, "limit": 200, "rows": "false"})).json()
                ids += [change["id"] for change in page["items"]]
                since = page["next_cursor"]
        return ids


@contextmanager
def served(program: Program, port: int) -> Iterator[Serving]:
    with program.serve("--workers", "2", port=port) as serving:
        until(lambda: serving.stderr.count("worker_serves") == 2, 90, "both workers serve")
        yield serving


async def break_everything(program: Program, postgres: OwnPostgres, story: Story, port: int, rounds: int) -> None:
    """Kill a worker and the database, and end the server, so many times; then serve until everybody has heard all."""

    def one_round() -> None:
        with served(program, port) as serving:
            time.sleep(1)
            workers_of(serving)[0].kill()
            time.sleep(1)
            postgres.crash()
            postgres.start()
            until(serving.is_ready, 90, "it serves again")
            time.sleep(1)
            serving.stop()

    def the_rest() -> None:
        with program.serve(port=port):
            until(lambda: story.is_over, 900, "everybody has heard everything")

    for _ in range(rounds):
        await anyio.to_thread.run_sync(one_round)
    story.is_calm = True
    await anyio.to_thread.run_sync(the_rest)


@pytest.mark.parametrize(
    ("changes", "leave_after", "rounds"),
    [pytest.param(300, 1.0, 1, id="small"), pytest.param(10_002, 4.0, 6, marks=pytest.mark.exhaustive, id="whole")],
)
async def test_no_change_is_lost_doubled_or_out_of_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: int, leave_after: float, rounds: int
) -> None:
    for name in ("START_SECONDS", "STOP_SECONDS"):  # of several processes, beside those who write and follow
        monkeypatch.setattr(program_module, name, 90.0)
    port = free_port()
    with own_postgres() as postgres:
        program = Program(tmp_path / "program", {"TODO_DATABASE_URL": postgres.url, "TODO_RATE_LIMIT": "off"})
        with program.serve(port=port) as serving:
            story = Story(serving.url, serving.token)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(break_everything, program, postgres, story, port, rounds)
            for _ in range(4):
                tasks.start_soon(story.follow, leave_after)
            async with anyio.create_task_group() as writers:
                for _ in range(3):
                    writers.start_soon(story.write, changes // 3)
            record: list[int] = []
            with anyio.fail_after(120):
                while not record or any(heard[-1:] != record[-1:] for heard in story.heard):
                    await asyncio.sleep(0.2)
                    with suppress(httpx2.TransportError, KeyError):
                        record = await story.record()
            story.is_over = True
    assert story.reconnects >= 9 * rounds
    assert len(record) >= story.made >= changes // 3 * 3
    for heard in story.heard:
        assert heard == record
