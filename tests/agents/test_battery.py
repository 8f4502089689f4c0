"""Forty tasks: the right way leads to the right end, wrong ways do not, and the right way becomes no longer.

`report.toml` has what the right way of each takes now: calls, refused calls, and tokens of arguments and answers.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Final

import pytest

from tests.agents.battery import Outcome, Stage, Task, load
from tests.tables import each

pytestmark = pytest.mark.requirement("MC12")

TASKS: Final = load()
REPORT: Final = Path(__file__).with_name("report.toml")
HEAD: Final = "# What the oracle of each task takes: calls, refused calls, tokens. `--update-specs` writes it.\n\n"


@pytest.fixture(scope="module")
async def oracles(stage: Stage) -> dict[str, Outcome]:
    """What the right way came to, by task."""
    return {task.name: await stage.outcome(task, task.oracle) for task in TASKS}


def test_there_are_forty_tasks_with_two_wrong_ways_each() -> None:
    assert len(TASKS) >= 40
    assert [task.name for task in TASKS if len(task.wrong) < 2] == []


@each("task", TASKS, ids=[task.name for task in TASKS])
async def test_the_right_way_leads_to_the_right_end(oracles: dict[str, Outcome], task: Task) -> None:
    assert oracles[task.name].problems == []


WRONG: Final = [(task, name) for task in TASKS for name in task.wrong_ways()]


@each("task, way", WRONG, ids=[f"{task.name}, {way}" for task, way in WRONG])
async def test_no_wrong_way_does(stage: Stage, task: Task, way: str) -> None:
    assert (await stage.outcome(task, task.wrong_ways()[way])).problems


async def test_the_right_way_takes_no_more_than_it_did(
    oracles: dict[str, Outcome], request: pytest.FixtureRequest
) -> None:
    taken = {name: [found.calls, found.errors, found.tokens] for name, found in oracles.items()}
    taken["all"] = [sum(numbers) for numbers in zip(*taken.values(), strict=True)]
    if request.config.getoption("--update-specs"):
        REPORT.write_text(HEAD + "".join(f"{name} = {numbers}\n" for name, numbers in taken.items()), encoding="utf-8")
    allowed = tomllib.loads(REPORT.read_text(encoding="utf-8"))

    assert taken.keys() == allowed.keys()
    assert {name: numbers for name, numbers in taken.items() if any(map(int.__gt__, numbers, allowed[name]))} == {}
