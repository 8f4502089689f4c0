"""Tables, and the shapes of input and output, one file a feature."""

from sqlmodel import SQLModel

from todo_core.models import (
    accounts,
    agents,
    analytics,
    calendars,
    changes,
    exports,
    imports,
    installation,
    lists,
    notes,
    overview,
    proposals,
    reviews,
    tags,
    todos,
    tokens,
    users,
)

METADATA = SQLModel.metadata
"""Every table. A test compares it with the migrated schema."""

__all__ = [
    "METADATA",
    "accounts",
    "agents",
    "analytics",
    "calendars",
    "changes",
    "exports",
    "imports",
    "installation",
    "lists",
    "notes",
    "overview",
    "proposals",
    "reviews",
    "tags",
    "todos",
    "tokens",
    "users",
]
