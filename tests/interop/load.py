"""Writers that never give up: every write has a key, and is repeated until it is acknowledged."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple
from uuid import uuid4

import asyncpg
import httpx2

from tests.faces import call

RETRY_SECONDS = 60.0
Transport = Literal["rest", "mcp-2026", "mcp-2025"]


class Write(NamedTuple):
    """A write, as each transport has it."""

    tool: str
    arguments: dict[str, Any]
    path: str
    """Of the REST API, to be posted to."""
    body: dict[str, Any] | None


class Ack(NamedTuple):
    """What a success told."""

    ids: tuple[int, ...]
    """Of the todos, in the order of the request."""
    change_id: int
    replayed: bool
    """Whether it was done before, under the same key."""


def adding(title: str) -> Write:
    """Return the write that adds one todo."""
    return Write("add_todos", {"todos": [{"title": title}]}, "/todos", {"title": title})


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
    patience: float = RETRY_SECONDS
    """Seconds for which a write is repeated."""

    @property
    def count(self) -> int:
        """Return how many writes are acknowledged."""
        return len(self.acknowledged)

    async def write_until_stopped(self, name: str, transport: Transport, token: str) -> None:
        async with self.client(token) as http:
            number = 0
            while not self.stopped and not self.wrong:
                number += 1
                await self._write(http, transport, f"{name}-{number}-{uuid4().hex[:8]}")

    def client(self, token: str) -> httpx2.AsyncClient:
        """Return a client of one person."""
        return httpx2.AsyncClient(base_url=self.url, headers={"Authorization": f"Bearer {token}"}, timeout=30)

    async def _write(self, http: httpx2.AsyncClient, transport: Transport, title: str) -> None:
        self.begun.add(title)
        if (ack := await self.until_done(http, transport, adding(title), title)) is not None:
            (self.acknowledged[title],) = ack.ids

    async def until_done(self, http: httpx2.AsyncClient, transport: Transport, write: Write, key: str) -> Ack | None:
        """Send a write until it is acknowledged, and return what that told; None if somebody was told what is wrong."""
        deadline = time.monotonic() + self.patience
        while not self.wrong and time.monotonic() < deadline:
            began = time.monotonic()
            if (ack := await self._tried(http, transport, write, key)) is not None:
                return ack
            self.slowest = max(self.slowest, time.monotonic() - began)
            await asyncio.sleep(0.05)
        self.wrong.append(f"{write.tool} {key} was never acknowledged")
        return None

    async def _tried(self, http: httpx2.AsyncClient, transport: Transport, write: Write, key: str) -> Ack | None:
        try:
            return await self.send(http, transport, write, key)
        except httpx2.TransportError as error:
            self.told[type(error).__name__] += 1
            return None

    async def send(self, http: httpx2.AsyncClient, transport: Transport, write: Write, key: str) -> Ack | None:
        """Send a write once, and return what its success told; None if it was refused."""
        return await (self._rest(http, write, key) if transport == "rest" else self._mcp(http, transport, write, key))

    async def _rest(self, http: httpx2.AsyncClient, write: Write, key: str) -> Ack | None:
        answer = await http.post(f"/api/v1{write.path}", json=write.body, headers={"Idempotency-Key": key})
        self.told[f"rest {answer.status_code}"] += 1
        if not answer.is_success:
            self._refused(answer, "application/problem+json")
            return None
        told = answer.json()
        replayed = answer.headers.get("idempotent-replayed") == "true"
        if "results" not in told:
            return Ack((told["id"],), int(answer.headers["change-id"]), replayed)
        return self._accepted([item["item"] for item in told["results"]], told["change_id"], replayed, told)

    async def _mcp(self, http: httpx2.AsyncClient, transport: Transport, write: Write, key: str) -> Ack | None:
        answer = await call(http, transport, write.tool, write.arguments | {"idempotency_key": key})
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
        items = [None if "error" in item else item for item in told["results"]]
        return self._accepted(items, told.get("change_id"), told.get("replayed", False), told)

    def _accepted(self, items: list[Any], change_id: int | None, replayed: bool, told: Any) -> Ack | None:
        """Return what a success told; each of its items must have been taken."""
        if None in items or change_id is None:
            self.wrong.append(str(told))
            return None
        return Ack(tuple(item["id"] for item in items), change_id, replayed)

    def _refused(self, answer: httpx2.Response, media_type: str) -> None:
        """A refusal must say that it is worth trying again, and when."""
        told = answer.json()
        if "jsonrpc" in told:  # of a whole request at /mcp
            told = told["error"]["data"]
        if not (
            (answer.status_code == 503 or told.get("error_code") == "request_in_progress")
            and told.get("retryable") is True
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
        while self.count < count:
            is_in_time = time.monotonic() < deadline and not self.wrong
            assert is_in_time, f"{self.count} of {count} writes: {self.told} {self.wrong[:3]}"
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
