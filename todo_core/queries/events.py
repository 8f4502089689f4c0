"""Following the record of changes as it grows, in SQL."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Integer, Text, column, func, select
from sqlalchemy.dialects.postgresql import ARRAY

from todo_core.models.changes import Change
from todo_core.models.users import User
from todo_core.queries.history import newest_shown
from todo_core.storage import locks
from todo_core.storage.statements import Statement, parameter

CHANNEL: Final = "todo_changes"
"""On which processes that follow changes listen. A payload is `<user id>:<change id>`, the user's latest change; one
that begins with `?` asks whether a connection hears."""

_change = Change.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_user = User.__table__  # type: ignore[attr-defined]

POSITION = Statement(
    select(
        newest_shown().scalar_subquery().label("newest"),
        _user.c.changes_deleted_through.label("deleted_through"),
    ).where(_user.c.id == parameter("user_id", BigInteger()))
)
"""Read the id of the latest change of which the caller may see something, null if there is none, and that of the latest
one that a purge deleted. `shown`: as in `history.LATEST`. Reads `pk_changes` and `pk_change_entries`."""


_asked = (
    func.unnest(
        parameter("user_ids", ARRAY(BigInteger)),
        parameter("token_ids", ARRAY(BigInteger)),
        parameter("agent_ids", ARRAY(BigInteger)),
        parameter("versions", ARRAY(Integer)),
    )
    .table_valued(
        column("user_id", BigInteger()),
        column("token_id", BigInteger()),
        column("agent_id", BigInteger()),
        column("version", Integer()),
    )
    .render_derived("asked")
)
LATEST_OF_EACH = Statement(select(_asked.c.user_id, func.latest_change(*_asked.c).label("newest")))
"""Read the latest change of each person in `user_ids`, null if there is none, and check the right of each to act.

`token_ids`: of each, the API token, or null. `agent_ids` and `versions`: of each, the agent, and what was known of it,
or nulls. PostgreSQL refuses the statement as in `Database.begin` if one of them may not act any more. Reads
`pk_changes` once for each.
"""

NOTIFY = Statement(
    select(
        func.set_config("synchronous_commit", "off", True),
        func.pg_notify(CHANNEL, func.unnest(parameter("payloads", ARRAY(Text)))),
    )
)
"""Send each of the `payloads` to whoever listens on `CHANNEL`, without waiting for the disk: nothing is stored."""

HEAR = Statement(select(locks.follow()))
"""Say to those who write, until the connection ends, that somebody listens."""
