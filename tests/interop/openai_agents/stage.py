"""Where a story is played: a server, people with their agents, and the database to look into at its end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from subprocess import PIPE, Popen
from threading import Timer
from typing import Any
from uuid import uuid4

import asyncpg
import httpx2
import jwt

from tests.app.program import Program
from tests.support import AUDIENCE, ISSUER, JWT_SECRET

Json = dict[str, Any]
RUNNER = Path(__file__).with_name("runner.py")
PATIENCE_SECONDS = 30.0
RUN_SECONDS = 120.0

_TODOS = """
SELECT todos.id, todos.title, todos.description, lists.name AS list, parent.title AS parent,
       CASE todos.priority WHEN 2 THEN NULL ELSE (ARRAY['low', 'medium', 'high', 'urgent'])[todos.priority] END
           AS priority,
       CASE WHEN todos.due_date IS NOT NULL AND todos.due_time IS NULL THEN todos.due_date::text
            ELSE to_char(todos.due_at AT TIME ZONE users.time_zone, 'YYYY-MM-DD HH24:MI') END AS due,
       to_char(todos.due_at AT TIME ZONE 'UTC', 'HH24:MI') AS utc,
       todos.repeat ->> 'words' AS repeat, todos.completed_at IS NOT NULL AS done,
       todos.deleted_at IS NOT NULL AS trashed, todos.version,
       ARRAY(SELECT tags.name FROM todo_tags JOIN tags ON tags.id = tag_id
             WHERE todo_id = todos.id AND tags.deleted_at IS NULL ORDER BY tags.name) AS tags
FROM todos JOIN users ON users.id = todos.user_id JOIN lists ON lists.id = todos.list_id
LEFT JOIN todos AS parent ON parent.id = todos.parent_id
WHERE users.subject = $1 ORDER BY todos.id
"""
"""Everything of a person's todos, by id; a due date where the person is."""
_LISTS = """
SELECT name FROM lists JOIN users ON users.id = lists.user_id
WHERE subject = $1 AND deleted_at IS NULL AND NOT is_inbox ORDER BY position
"""
_TAGS = """
SELECT name FROM tags JOIN users ON users.id = tags.user_id WHERE subject = $1 AND deleted_at IS NULL ORDER BY name
"""
_WRITES = """
SELECT via, api_tokens.name AS agent FROM changes JOIN users ON users.id = changes.user_id
JOIN api_tokens ON api_tokens.id = changes.token_id WHERE subject = $1 ORDER BY changes.id
"""
"""What agents changed: only they have API tokens here."""


def told(pointer: str) -> Json:
    """In a script: what the model was told at a JSON Pointer into the answers of the conversation."""
    return {"$answer": pointer}


def call(tool: str, **arguments: Any) -> Json:
    """In a script: a tool call."""
    return {"tool": tool, "arguments": arguments}


def zone_where_it_is_morning() -> str:
    """A time zone where midnight is far, so that no day ends while a story is played."""
    offset = 10 - datetime.now(UTC).hour
    offset = offset if offset > -13 else offset + 24
    return f"Etc/GMT{-offset:+d}"  # these names have the sign of POSIX: west is positive


@dataclass(frozen=True, slots=True)
class Run:
    """What an agent did at one request."""

    said: str
    shown: list[str]
    """Tools that the model was shown."""
    calls: list[Json]
    text: str

    @property
    def answers(self) -> list[Any]:
        """What the model was told at each of its calls."""
        return [call["answer"] for call in self.calls]


@dataclass(slots=True)
class Agent:
    """An agent of a person, with an API token of its own."""

    name: str
    token: str
    stage: Stage
    runs: list[Run] = field(default_factory=list)

    def does(
        self, said: str, *turns: list[Json] | str | Json, prompt: str | None = None, timeout: float = PATIENCE_SECONDS
    ) -> Run:
        """Let it do what the person says.

        Args:
            said: The person's words, for the reader: the script decides.
            turns: What the model says each time that it is asked: calls, at last a text.
            prompt: A prompt of the server's that the person picks, in place of words of their own.
            timeout: Seconds that it waits for an answer of the server.
        """
        wanted: Json = {"said": said, "prompt": prompt, "timeout": timeout, "turns": turns}
        wanted |= {"url": f"{self.stage.url}/mcp", "token": self.token}
        self.runs.append(Run(**self.stage.runner.ask(wanted)))
        return self.runs[-1]

    @property
    def calls(self) -> int:
        """Tool calls so far."""
        return sum(len(run.calls) for run in self.runs)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with todos."""

    subject: str
    token: str
    stage: Stage

    def send(self, method: str, path: str, body: Json | None) -> Json:
        """A request of the person's own, over REST."""
        url, headers = f"{self.stage.url}/api/v1{path}", {"Authorization": f"Bearer {self.token}"}
        answer: Json = httpx2.request(method, url, json=body, headers=headers, timeout=30).raise_for_status().json()
        return answer

    def agent(self, name: str = "assistant", *scopes: str) -> Agent:
        """Give an agent a token."""
        wanted = {"name": name, "scopes": scopes or ["todos:read", "todos:write", "profile"]}
        return Agent(name, self.send("POST", "/tokens", wanted)["token"], self.stage)

    def rows(self, sql: str) -> list[Json]:
        """What the database has of this person, without what is empty."""
        found = self.stage.query(sql, self.subject)
        return [{name: value for name, value in row.items() if value not in (None, False, [])} for row in found]

    def todos(self, *names: str) -> list[Json]:
        """The person's todos as the database has them: their titles, and of these columns what is not empty."""
        return [{name: row[name] for name in ("title", *names) if name in row} for row in self.rows(_TODOS)]

    @contextmanager
    def writes_wait(self) -> Iterator[None]:
        """Until the block ends, the person's writes wait for the lock that each of them takes."""
        (user,) = self.stage.query("SELECT id FROM users WHERE subject = $1", self.subject)
        with asyncio.Runner() as loop:
            connection = loop.run(asyncpg.connect(self.stage.database_url))
            loop.run(connection.execute("SELECT pg_advisory_lock($1)", user["id"]))
            try:
                yield
            finally:
                loop.run(connection.close())

    def lists(self) -> list[str]:
        """The names of the person's lists, in their order, without the inbox."""
        return [row["name"] for row in self.rows(_LISTS)]

    def tags(self) -> list[str]:
        """The names of the person's tags."""
        return [row["name"] for row in self.rows(_TAGS)]

    def writes(self) -> list[tuple[str, str]]:
        """Who changed anything, and with which tool, in order."""
        return [(row["agent"], row["via"].removeprefix("mcp:")) for row in self.rows(_WRITES)]


class Runner:
    """The process in which agents run."""

    def __init__(self, process: Popen[str]) -> None:
        self._process = process

    def ask(self, wanted: Json) -> Json:
        """Let it play a run; it is killed if that takes too long."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        watchdog = Timer(RUN_SECONDS, self._process.kill)
        watchdog.start()
        try:
            self._process.stdin.write(json.dumps(wanted) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        finally:
            watchdog.cancel()
        assert line, "the agents' process ended"
        told: Json = json.loads(line)
        assert "failed" not in told, told["failed"]
        return told


@contextmanager
def running(python: Path, folder: Path) -> Iterator[Runner]:
    """Start the process of the agents."""
    with (folder / "agents.err").open("w") as stderr:
        process = Popen([python, RUNNER], stdin=PIPE, stdout=PIPE, stderr=stderr, text=True, cwd=folder)
    try:
        yield Runner(process)
    finally:
        process.kill()
        process.communicate()


@dataclass(frozen=True, slots=True)
class Stage:
    """A server, its database, and the process of the agents."""

    url: str
    database_url: str
    runner: Runner

    def person(self, time_zone: str) -> Person:
        """Somebody who signs in for the first time, there."""
        subject = uuid4().hex
        claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": subject, "exp": 4_000_000_000}
        found = Person(subject, jwt.encode(claims, JWT_SECRET, "HS256"), self)
        found.send("PATCH", "/users/me", {"time_zone": time_zone})
        return found

    def query(self, sql: str, *values: Any) -> list[Json]:
        """Rows of the database, seen by its owner: no policy hides any."""

        async def ask() -> list[Json]:
            connection = await asyncpg.connect(self.database_url)
            try:
                return [dict(row) for row in await connection.fetch(sql, *values)]
            finally:
                await connection.close()

        return asyncio.run(ask())


@contextmanager
def set_up(database_url: str, python: Path, folder: Path) -> Iterator[Stage]:
    """Start the server and the agents' process."""
    settings = {
        "TODO_DATABASE_URL": database_url,
        "TODO_JWT_SECRET": JWT_SECRET,
        "TODO_JWT_ISSUER": ISSUER,
        "TODO_JWT_AUDIENCE": AUDIENCE,
    }
    # The SDK takes a while to load: it does so while the server starts.
    with running(python, folder) as runner, Program(folder, settings).serve() as serving:
        yield Stage(serving.url, database_url, runner)
