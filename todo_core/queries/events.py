"""Following the record of changes as it grows, in SQL."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import BigInteger, Text, cast, column, func, literal_column, select
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
one that a purge deleted. `shown`: as in `changes.LATEST`. Reads `pk_changes` and `pk_change_entries`."""


def _latest_of_each() -> Any:
    """Return what reads the latest change of many people, each in the rights of that person.

    `app.user_id` is set for each before anything of that person's is read: OFFSET keeps the planner from reordering.
    """
    asked = (
        func.unnest(parameter("user_ids", ARRAY(BigInteger)), parameter("token_ids", ARRAY(BigInteger)))
        .table_valued(column("user_id", BigInteger()), column("token_id", BigInteger()))
        .render_derived("asked")
    )
    acting = cast(func.set_config("app.user_id", cast(asked.c.user_id, Text()), True), BigInteger())
    me = select(func.require_active(acting, asked.c.token_id).label("user_id")).offset(literal_column("0"))
    them = me.lateral("me")
    latest = select(func.max(_change.c.id).label("id")).where(_change.c.user_id == them.c.user_id)
    theirs = latest.offset(literal_column("0")).lateral("theirs")
    each = asked.join(them, literal_column("true")).join(theirs, literal_column("true"))
    return select(them.c.user_id, theirs.c.id.label("newest")).select_from(each)


LATEST_OF_EACH = Statement(_latest_of_each())
"""Read the latest change of each person in `user_ids`, null if there is none, and check the right of each to act.

`token_ids`: of each, the API token, or null. PostgreSQL refuses the statement as in `Database.begin` if one of them may
not act any more. Reads `pk_changes` once for each.
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
