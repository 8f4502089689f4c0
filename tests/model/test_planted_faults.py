"""The state machine finds what is broken of mandates and proposals: each fault is planted in the product, and found."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, Phase
from hypothesis import settings as how_much
from hypothesis.stateful import run_state_machine_as_test

from tests.model.server import Server
from tests.model.test_state_machine import STEPS, Domain
from todo_core.boundary import effects
from todo_core.boundary.agents import Agent
from todo_core.rules import deciding
from todo_core.rules.schedules import Calendar
from todo_core.settings import Settings

pytestmark = [pytest.mark.exhaustive, pytest.mark.requirement("SA6", "ID9")]


async def _same(*_: Any) -> None:
    """Compare nothing."""


async def _none(*_: Any) -> dict[Any, str]:
    """Concern nobody."""
    return {}


def _allowed(*_: Any, **__: Any) -> None:
    """Refuse nothing."""


def _now(calendar: Calendar) -> datetime:
    return calendar.now


FAULTS: Final[dict[str, tuple[Any, str, Any]]] = {
    "an approval compares nothing": (deciding, "_require_same", _same),
    "words are read at the approval": (Calendar, "said", property(_now)),
    "verbs refuse nothing": (Agent, "require", _allowed),
    "todos under a tag or a list are not compared": (effects, "_concerned", _none),
}


@pytest.fixture(scope="module")
def server(settings: Settings, database_url: str) -> Iterator[Server]:
    found = Server(settings, database_url)
    yield found
    found.close()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(fault: str, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(*FAULTS[fault])
    machine = type("Domain", (Domain,), {"server": server})
    generating = how_much(
        max_examples=200,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        derandomize=True,
        phases=(Phase.generate,),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )

    with pytest.raises(AssertionError):
        run_state_machine_as_test(machine, settings=generating)
