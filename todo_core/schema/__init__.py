"""The database's schema: which one this code is written for, where a database stands, and how it gets there.

The steps themselves are Alembic's, in the project's folder `migrations/`; a wheel carries a copy of it in this package.
Code of two neighbouring versions serves while they run (`docs/decisions/0023-migrations-that-roll.md`).
"""

from typing import Final

SCHEMA_STEPS: Final = ("0022",)
"""The revisions of the newest schema, in their order. A test compares them with `migrations/versions/`."""

SCHEMA_REVISION: Final = SCHEMA_STEPS[0]
"""The first revision that this code serves on."""

OF_OTHERS: Final = (
    "The database has tables, and none of them is ours. Check TODO_DATABASE_URL; if it is the right one,"
    " `todo-mcp migrate --adopt` makes ours beside them."
)
"""What people are told of a database that is another program's."""


class SchemaError(Exception):
    """The schema cannot be brought where it should be. The message says why, and what to do."""
