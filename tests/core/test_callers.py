"""A caller, as the boundary passes it on."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from todo_core.boundary.agents import Agent
from todo_core.boundary.caller import Caller


def test_a_caller_by_whom_an_agent_acts_is_the_same_in_all_else() -> None:
    values: dict[str, Any] = {field.name: object() for field in fields(Caller)}
    caller, agent = Caller(**values), Agent(7, 1)

    acting, same = caller.acting_by(agent), replace(caller, agent=agent)

    assert [getattr(acting, name) for name in values] == [getattr(same, name) for name in values]
    assert acting.acting_by(agent) is acting
    assert caller.agent is values["agent"]
