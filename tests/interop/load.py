"""Writers that never give up: every write has a key, and is repeated until it is acknowledged."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import uuid4

import asyncpg
import httpx2

from tests.faces import call

RETRY_SECONDS = 60.0
Transport = Literal["rest", "mcp-2026", "mcp-2025"]


@dataclass
class Load:
    """What writers did, and what they were told."""

    url: str
    tokens: list[str]
    acknowledged: dict[str, int] = field(default_factory=dict)
    """The id of each todo whose write was answered with success, by its title."""
    begun: set[str] = field(default_factory=set)
    told: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    """Answers that no client should ever see."""
    slowest: float = 0.0
    """Seconds of the slowest answer that was a refusal."""
    stopped: bool = False

    async def write_until_stopped(self, name: str, transport: Transport, token: str) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx2.AsyncClient(base_url=self.url, headers=headers, timeout=30) as http:
            number = 0
            while not self.stopped:
                number += 1
                await self._write(http, transport, f"{name}-{number}-{uuid4().hex[:8]}")

    async def _write(self, http: httpx2.AsyncClient, transport: Transport, title: str) -> None:
        self.begun.add(title)
        deadline = time.monotonic() + RETRY_SECONDS
        while time.monotonic() < deadline:
            began = time.monotonic()
            try:
                todo_id = await (self._rest(http, title) if transport == "rest" else self._mcp(http, transport, title))
            except httpx2.TransportError as error:
                self.told[type(error).__name__] += 1
                todo_id = None
            if todo_id is not None:
                self.acknowledged[title] = todo_id
                return
            self.slowest = max(self.slowest, time.monotonic() - began)
            await asyncio.sleep(0.05)
        self.wrong.append(f"{title} was never acknowledged")

    async def _rest(self, http: httpx2.AsyncClient, title: str) -> int | None:
        answer = await http.post("/api/v1/todos", json={"title": title}, headers={"Idempotency-Key": title})
        self.told[f"rest {answer.status_code}"] += 1
        if answer.status_code == 201:
            found: int = answer.json()["id"]
            return found
        self._refused(answer, "application/problem+json")
        return None

    async def _mcp(self, http: httpx2.AsyncClient, transport: Transport, title: str) -> int | None:
        arguments = {"todos": [{"title": title}], "idempotency_key": title}
        answer = await call(http, transport, "add_todos", arguments)
        if answer.status_code != 200:
            self.told[f"mcp {answer.status_code}"] += 1
            self._refused(answer, "application/json")
            return None
        result = answer.json().get("result")
        if result is None:
            self.wrong.append(f"mcp: {answer.text}")
            return None
        told = json.loads(result["content"][0]["text"])
        if result["isError"]:
            self.told[f"mcp {told['code']}"] += 1
            if not (told["code"] in ("unavailable", "request_in_progress") and told["retryable"]):
                self.wrong.append(f"mcp: {told}")
            return None
        self.told["mcp success"] += 1
        found: int = told["results"][0]["id"]
        return found

    def _refused(self, answer: httpx2.Response, media_type: str) -> None:
        """A refusal must say that it is worth trying again, and when."""
        told = answer.json()
        if not (
            (answer.status_code == 503 or told.get("error_code") == "request_in_progress")
            and told["retryable"] is True
            and answer.headers.get("retry-after", "").isdigit()
            and answer.headers["content-type"] == media_type
        ):
            self.wrong.append(f"{answer.status_code}: {answer.text}")

    async def run(self, writers: int, disturb: Any) -> None:
        """Write while `disturb` (a coroutine) runs, and until everything begun is acknowledged."""
        transports: list[Transport] = ["rest", "mcp-2026", "rest", "mcp-2025"]
        async with asyncio.TaskGroup() as group:
            for number in range(writers):
                token = self.tokens[number % len(self.tokens)]
                group.create_task(self.write_until_stopped(f"w{number}", transports[number % 4], token))
            try:
                await disturb
            finally:
                self.stopped = True

    async def reached(self, count: int, seconds: float = 60) -> None:
        """Wait until so many writes are acknowledged."""
        deadline = time.monotonic() + seconds
        while len(self.acknowledged) < count:
            assert time.monotonic() < deadline, f"{len(self.acknowledged)} of {count} writes: {self.told} {self.wrong}"
            await asyncio.sleep(0.01)


async def everything(url: str) -> tuple[list[tuple[int, str]], list[int]]:
    """Every todo with its title, and the todo that each change record made; read past row-level security."""
    connection = await asyncpg.connect(url)
    try:
        rows = [(row["id"], row["title"]) for row in await connection.fetch("SELECT id, title FROM todos")]
        recorded = [
            row["id"]
            for row in await connection.fetch("SELECT entity_id AS id FROM change_entries WHERE entity = 'todo'")
        ]
    finally:
        await connection.close()
    return rows, recorded


async def nothing_lost_and_nothing_twice(load: Load, url: str) -> None:
    """Every acknowledged write is there once, under the id that was told, with one change record."""
    rows, recorded = await everything(url)
    titles = Counter(title for _, title in rows)
    assert [title for title, count in titles.items() if count > 1] == []
    assert {title: todo_id for todo_id, title in rows if title in load.acknowledged} == load.acknowledged
    assert set(titles) == load.begun
    assert Counter(recorded) == Counter(todo_id for todo_id, _ in rows)
