"""The state machine finds what is broken of mandates and proposals: each fault is planted in the product, and found."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, Phase
from hypothesis import settings as how_much
from hypothesis.stateful import run_state_machine_as_test

from tests.core.support import connected
from tests.model.server import Server
from tests.model.test_state_machine import STEPS, Domain
from todo_core.boundary import effects
from todo_core.boundary.agents import Agent
from todo_core.rules import adding, deciding
from todo_core.rules.reverting import undoing
from todo_core.rules.schedules import Calendar
from todo_core.settings import Settings
from todo_core.storage.transactions import Row

pytestmark = [pytest.mark.exhaustive, pytest.mark.requirement("SA6", "ID9")]


async def _same(*_: Any) -> None:
    """Compare nothing."""


async def _as_they_are(_: Any, items: Any) -> Any:
    """Place nothing."""
    return items


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


async def _no_rows(*_: Any) -> set[int]:
    """Find nothing that an agent does not see."""
    return set()


def _all_lists(proposal: Row) -> Agent:
    return replace(_proposer(proposal), lists=None, own_lists=True)


_proposer: Final = deciding._proposer
OF_LISTS: Final[dict[str, tuple[Any, str, Any]]] = {
    "an undo reaches into hidden lists": (undoing, "_beyond_lists", _no_rows),
    "an approval forgets the lists": (deciding, "_proposer", _all_lists),
    "a new todo comes where the agent sees nothing": (adding, "_within_lists", _as_they_are),
}
POLICIES: Final = ("todos", "lists", "tags", "change_entries")
"""Tables whose policy for agents with a mandate on lists is planted away, in the database."""


@pytest.mark.parametrize("fault", [*FAULTS, *OF_LISTS])
def test_a_planted_fault_is_found(fault: str, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(*(FAULTS | OF_LISTS)[fault])
    _require_found(server)


@pytest.mark.parametrize("table", POLICIES)
def test_a_policy_that_lets_all_pass_is_found(table: str, server: Server, database_url: str) -> None:
    with _open(server, database_url, table):
        _require_found(server)


@contextmanager
def _open(server: Server, database_url: str, table: str) -> Iterator[None]:
    """Have a policy of `todo_agent` show everything of a person."""

    async def altered(show: str | None) -> str:
        async with connected(database_url) as connection:
            policy = await connection.fetchrow(
                "SELECT policyname, qual FROM pg_policies WHERE tablename = $1 AND 'todo_agent' = ANY (roles)"
                " AND cmd IN ('ALL', 'SELECT')",
                table,
            )
            await connection.execute(f"ALTER POLICY {policy['policyname']} ON {table} USING ({show or 'true'})")
            qual: str = policy["qual"]
            return qual

    held = server.run(altered(None))
    try:
        yield
    finally:
        server.run(altered(held))


def _require_found(server: Server) -> None:
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
