"""Tasks for agents: what a person says, what it must lead to, and scripts that do it right and wrong.

`README.md` beside this file says how a task is written.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import asyncpg
import httpx2

from tests.agents import state
from tests.faces import Json, call, http_client
from tests.mcp.tokens import tokens
from tests.support import token_of
from todo_app.application import Application
from todo_core.boundary.caller import Caller

NOW: Final = datetime(2026, 12, 2, 10, 0, tzinfo=UTC)
"""A Wednesday, at which every task happens; people are in UTC unless a task moves them."""
Script = Sequence[Sequence[Any]]
"""Calls: a tool, its arguments and, where it must be refused, the code of the error."""


@dataclass(frozen=True, slots=True)
class Task:
    """A folder of `tasks/`."""

    name: str
    prompt: str
    """What the person says."""
    seed: Script
    """Makes what the person has at the beginning."""
    oracle: Script
    wrong: Mapping[str, Script]
    """Scripts that must not pass, by what is wrong with them."""
    mandate: Json | None = None
    """What the agent may do; None for everything that the person may."""
    end: Json = field(default_factory=dict)
    """What must be otherwise at the end (`state.wrong`)."""
    answer: Sequence[str] | None = None
    """Titles that the agent's answer must have, and no others of the seed."""

    def wrong_ways(self) -> Mapping[str, Script]:
        """Return the scripts that must not pass; where something is to be done, doing nothing is one."""
        return self.wrong if not self.end and self.answer is None else {"does nothing": [], **self.wrong}


def load() -> list[Task]:
    """Return all tasks."""
    files = sorted(Path(__file__).parent.glob("tasks/*/task.toml"))
    return [Task(path.parent.name, **tomllib.loads(path.read_text(encoding="utf-8"))) for path in files]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a script came to."""

    problems: list[str]
    """What is wrong with the end."""
    calls: int
    errors: int
    tokens: int
    """Of all arguments and answers; a number counts as one, so that ids do not."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody new, with what the seed of a task made, and a token for one agent."""

    task: Task
    subject: str
    token: str
    before: state.State

    async def problems(self, database: asyncpg.Connection[Any], said: str) -> list[str]:
        """Return what is wrong now, and with what the agent said at last."""
        found = state.wrong(self.before, await state.read(database, self.subject), self.task.end)
        if self.task.answer is None:
            return found
        titles = {row["title"] for row in self.before["todos"]}
        named = {title for title in titles if title in said}
        return found if named == {*self.task.answer} else [*found, f"the answer names {sorted(named)}"]


@dataclass(frozen=True, slots=True)
class Stage:
    """The application at `NOW`, and its database."""

    app: Application
    database: asyncpg.Connection[Any]

    async def person(self, task: Task) -> Person:
        """Make a person, and with another token than that of the agent what the task begins with."""
        subject = f"agents-{uuid4().hex}"
        caller = Caller(self.app.core, await self.app.core.identity.local(subject), "test")
        token, others = await token_of(caller, mandate=task.mandate), await token_of(caller)
        await self.play(task.seed, others)
        return Person(task, subject, token, await state.read(self.database, subject))

    async def outcome(self, task: Task, script: Script) -> Outcome:
        """Let a new person's agent do what a script says; at last it says what the last tool answered."""
        person = await self.person(task)
        played = await self.play(script, person.token)
        problems = await person.problems(self.database, played[-1][1] if played else "")
        texts = [_without_numbers(json.dumps(arguments) + text) for arguments, text in played]
        errors = sum(len(step) > 2 for step in script)
        return Outcome(problems, len(script), errors, sum(map(tokens, texts)))

    async def play(self, script: Script, token: str) -> list[tuple[Json, str]]:
        """Call tools; return the arguments and the answer of each call.

        An agent can name only ids that it was told: `$Buy milk` is the id that the latest answer with one has for this
        title, `$change` the latest change.
        """
        played: list[tuple[Json, str]] = []
        known: Json = {}
        async with http_client(self.app, token) as http:
            for tool, given, *code in script:
                arguments = _resolved(given, known)
                text = await _answer(http, tool, arguments, *code)
                known.update(_ids(json.loads(text)))
                played.append((arguments, text))
        return played


async def _answer(http: httpx2.AsyncClient, tool: str, arguments: Json, code: str | None = None) -> str:
    result = (await call(http, "mcp-2026", tool, arguments)).json()["result"]
    text: str = result["content"][0]["text"]
    told = json.loads(text)
    assert told.get("code") == code, f"{tool}: {text}"
    assert "error" not in [key for item in told.get("results", ()) for key in item], f"{tool}: {text}"
    return text


def _resolved(given: Any, known: Json) -> Any:
    match given:
        case str() if given.startswith("$"):
            assert given[1:] in known, f"no answer told {given}"
            return known[given[1:]]
        case dict():
            return {name: _resolved(value, known) for name, value in given.items()}
        case list():
            return [_resolved(item, known) for item in given]
    return given


def _ids(answer: Any, title: str = "") -> Iterator[tuple[str, int]]:
    """Yield the ids that an answer tells, each with its title; of a series at last that of what comes next."""
    if isinstance(answer, list):
        for item in answer:
            yield from _ids(item, title)
    if isinstance(answer, dict):
        title = answer.get("title", title)
        if title and "id" in answer:
            yield title, answer["id"]
        if "change_id" in answer:
            yield "change", answer["change_id"]
        for number, change in enumerate(answer.get("changes", ())):
            yield f"change {number + 1}" if number else "change", change["id"]
        for value in answer.values():
            yield from _ids(value, title)


def _without_numbers(text: str) -> str:
    return re.sub(r"\d+", "0", text)
