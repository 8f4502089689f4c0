"""The same tasks, done by a real model that knows the instructions, the tools and what the person says."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from typing import Final

import pytest

from tests.agents.battery import NOW, Stage, load
from tests.interop.installing import python_environment
from tests.interop.openai_agents.stage import Runner, running
from tests.mcp.tokens import tokens
from tests.serving import served
from todo_core.settings import Settings

KEY: Final = "OPENAI_API_KEY"
MODEL: Final = os.environ.get("TODO_TEST_MODEL", "gpt-5-mini")
MOST_WRONG: Final = 8
"""Of forty-seven tasks. What a model does varies from run to run: the report is for people, this for what is broken."""
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        KEY not in os.environ, reason=f"{KEY} is not set: no model does the tasks (tests/agents/README.md)"
    ),
]


@pytest.fixture
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    """The process with the OpenAI Agents SDK."""
    with running(python_environment("openai_agents", tmp_path_factory), tmp_path_factory.mktemp("model")) as found:
        yield found


@pytest.fixture
async def url(settings: Settings, database_url: str) -> AsyncIterator[str]:
    """The address at which the application answers over HTTP, at the moment and with the database of the stage."""
    async with served(settings, database_url, clock=lambda: NOW) as (_, found):
        yield found


@pytest.mark.requirement("MC12")
async def test_a_model_does_most_tasks(
    stage: Stage, url: str, runner: Runner, capsys: pytest.CaptureFixture[str]
) -> None:
    report, wrong = [], []
    for task in load():
        person = await stage.person(task)
        wanted = {"url": url, "token": person.token, "timeout": 30, "prompt": None, "said": task.prompt}
        told = await asyncio.to_thread(runner.ask, wanted | {"turns": None, "model": MODEL})
        problems = await person.problems(stage.database, told["text"])
        errors = sum("code" in call["answer"] for call in told["calls"] if isinstance(call["answer"], dict))
        spent = sum(tokens(str(call["arguments"]) + str(call["answer"])) for call in told["calls"])
        report.append(
            f"{task.name}: {len(told['calls'])} calls, {errors} refused, {spent} tokens, {problems or 'right'}"
        )
        wrong += [task.name] if problems else []
    with capsys.disabled():
        print(f"\n{MODEL}: {len(report) - len(wrong)} of {len(report)} right", *report, sep="\n")

    assert len(wrong) <= MOST_WRONG, wrong
