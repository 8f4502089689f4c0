"""Tables, and the shapes that go in and out, one file a feature."""

from sqlmodel import SQLModel

from todo_core.models import analytics, changes, installation, lists, overview, tags, todos, tokens, users

METADATA = SQLModel.metadata
"""Every table; the migrations are held to it."""

__all__ = ["METADATA", "analytics", "changes", "installation", "lists", "overview", "tags", "todos", "tokens", "users"]
