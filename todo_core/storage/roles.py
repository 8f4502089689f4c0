"""The roles of PostgreSQL in which statements run, and who acts in them (`specs/database/schema.md`, Roles)."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

APP_ROLE: Final = "todo_app"
"""Role of every request. It owns nothing and cannot bypass row-level security."""

AGENT_ROLE: Final = "todo_agent"
"""Role of requests of an agent whose mandate names lists: `todo_app` with further policies, which show these alone."""

JANITOR_ROLE: Final = "todo_janitor"
"""Role of the purge. It sees only the trash, deleted lists and tags, expired answers, and changes older than a day."""

ADMIN_ROLE: Final = "todo_admin"
"""Role of operations on accounts. It reads accounts and counts their rows; it cannot read a todo."""

SIGN_IN_ROLE: Final = "todo_sign_in"
"""Role of signing in. It alone makes users and writes their roles, each time those of the one that a token names."""

CALENDAR_ROLE: Final = "todo_calendar"
"""Role of calendar addresses. It sees what the one address shows whose hash it names, and can write no todo."""

LEAVING_ROLE: Final = "todo_leaving"
"""Role in which a person's own account is deleted, within a transaction that begins as `todo_app`."""

Role = Literal["todo_app", "todo_agent", "todo_janitor", "todo_admin", "todo_sign_in", "todo_calendar"]


class Acting(NamedTuple):
    """An agent, as a process knows it: PostgreSQL refuses one that has changed since."""

    agent_id: int
    version: int
    has_lists: bool = False
    """Whether its mandate names lists: then it acts as `todo_agent`, and PostgreSQL refuses it in any other role."""


BY_CONNECTION: Final = frozenset({APP_ROLE, AGENT_ROLE})
"""Roles as which connections begin. For any other, a transaction changes its role."""


def role_of(role: Role, agent: Acting | None) -> Role:
    """Return the role in which somebody acts: an agent whose mandate names lists does so as `todo_agent`."""
    return AGENT_ROLE if role == APP_ROLE and agent is not None and agent.has_lists else role
