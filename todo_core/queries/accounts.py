"""Accounts in SQL, as `todo_admin`: who they are and how many rows they have."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    FromClause,
    Integer,
    Text,
    and_,
    case,
    cast,
    delete,
    func,
    literal_column,
    not_,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from todo_core.identity.issuers import OPERATOR_ISSUER
from todo_core.models.accounts import AccountRead, DeletedAccount, Held
from todo_core.models.agents import Agent
from todo_core.models.calendars import Calendar
from todo_core.models.changes import Change
from todo_core.models.lists import TodoList
from todo_core.models.notes import Note
from todo_core.models.proposals import Proposal
from todo_core.models.tags import Tag
from todo_core.models.todos import Todo
from todo_core.models.tokens import ApiToken
from todo_core.models.users import User
from todo_core.queries.changes import recorded_for
from todo_core.queries.installation import account_hash
from todo_core.queries.revoking import is_live
from todo_core.queries.roles import role_now
from todo_core.storage import locks
from todo_core.storage.statements import Statement, json_object, parameter

_user = User.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_todo = Todo.__table__  # type: ignore[attr-defined]
_token = ApiToken.__table__  # type: ignore[attr-defined]
_deleted_account = DeletedAccount.__table__  # type: ignore[attr-defined]
_HELD: Final[dict[str, Any]] = {
    "lists": TodoList.__table__,  # type: ignore[attr-defined]
    "tags": Tag.__table__,  # type: ignore[attr-defined]
    "notes": Note.__table__,  # type: ignore[attr-defined]
    "changes": Change.__table__,  # type: ignore[attr-defined]
    "calendars": Calendar.__table__,  # type: ignore[attr-defined]
    "agents": Agent.__table__,  # type: ignore[attr-defined]
    "proposals": Proposal.__table__,  # type: ignore[attr-defined]
}
"""Tables with rows of a person, besides todos and API tokens, by what they are called."""
_people = _user.c.issuer != OPERATOR_ISSUER
"""Not the command line's own account: nobody sees it, suspends it or deletes it."""
_is_it = and_(_people, _user.c.id == parameter("id", BigInteger()))


def _counted(accounts: FromClause) -> tuple[ColumnElement[Any], FromClause]:
    """Return the read shape of `accounts`, and what to select it from."""
    todos = (
        select(
            func.count().filter(_todo.c.deleted_at.is_(None), _todo.c.completed_at.is_(None)).label("open"),
            func.count().filter(_todo.c.deleted_at.is_(None), _todo.c.completed_at.is_not(None)).label("done"),
            func.count().filter(_todo.c.deleted_at.is_not(None)).label("trashed"),
        )
        .where(_todo.c.user_id == accounts.c.id)
        .lateral("its_todos")
    )
    tokens = (
        select(func.count().label("live"))
        .where(_token.c.user_id == accounts.c.id, is_live(_token.c))
        .lateral("its_tokens")
    )
    read = json_object(
        AccountRead,
        accounts.c,
        role=role_now(accounts.c),
        open_todos=todos.c.open,
        done_todos=todos.c.done,
        trashed_todos=todos.c.trashed,
        live_tokens=tokens.c.live,
    )
    return read, accounts.join(todos, true()).join(tokens, true())


_status = parameter("status", Text())
_wanted = and_(_people, or_(_status == "all", (_status == "suspended") == _user.c.suspended_at.is_not(None)))
_page = (
    select(_user)
    .where(_wanted, _user.c.id > parameter("cursor", BigInteger()))
    .order_by(_user.c.id)
    .limit(parameter("limit", Integer()))
    .cte("page")
)
_more = select(_user.c.id).where(_wanted, _user.c.id > select(func.max(_page.c.id)).scalar_subquery())
_account, _accounts = _counted(_page)
PAGE = Statement(
    select(
        func.coalesce(func.json_agg(_account.op("ORDER BY")(_page.c.id)), literal_column("'[]'::json")).label("rows"),
        select(func.count()).select_from(_user).where(_wanted).scalar_subquery().label("total"),
        case((_more.exists(), func.max(_page.c.id))).label("next_cursor"),
    ).select_from(_accounts)
)
"""Read a page of accounts, oldest first, with how many todos and tokens each has.

`status`: `active`, `suspended` or `all`. `cursor`: the id after which the page begins. `limit`: rows of the page.
Columns: `rows`, a JSON array of `AccountRead`; `total`, of every page; `next_cursor`, null on the last page.
"""

_one = select(_user).where(_is_it).cte("one")
_its, _itself = _counted(_one)
ONE = Statement(select(_its.label("row")).select_from(_itself))
"""Read the account with an `id`, as `AccountRead`."""

SUSPEND = Statement(
    update(_user)
    .values(suspended_at=case((parameter("suspended", Boolean()), func.statement_timestamp())))
    .where(_is_it, _user.c.suspended_at.is_(None) == parameter("suspended", Boolean()))
    .returning(_user.c.id)
)
"""Suspend the account with an `id`, or reactivate it where `suspended` is false; no row if it is so already."""

_deleted = delete(_user).where(_is_it).returning(_user.c.id, _user.c.issuer, _user.c.subject).cte("deleted")
_kept = (
    insert(_deleted_account)
    .from_select(
        ["hash"],
        select(account_hash(_deleted.c.issuer, _deleted.c.subject)).where(parameter("final", Boolean())),
    )
    .on_conflict_do_nothing()
    .cte("kept")
)
DELETE = Statement(select(_deleted.c.id).add_cte(_kept))
"""Delete the account with an `id`, and by foreign keys all that is in it: as `todo_admin`, or, their own, as
`todo_leaving`.

`final`: whether to keep a keyed hash of its issuer and subject, by which it is not let in again.
"""

LEAVE = Statement(select(func.set_config("role", literal_column("'todo_leaving'"), True)))
"""Go on in this transaction as `todo_leaving`, which may delete the user's own account and do nothing else."""

_mine = {table: table.c.user_id == parameter("user_id", BigInteger()) for table in (*_HELD.values(), _todo, _token)}


def _held(table: Any, *conditions: ColumnElement[bool]) -> ColumnElement[int]:
    """Return how many rows of a table the user has."""
    return select(func.count()).select_from(table).where(_mine[table], *conditions).scalar_subquery()


_is_trashed = _todo.c.deleted_at.is_not(None)
_myself = _user.c.id == parameter("user_id", BigInteger())
_counts: dict[str, ColumnElement[int]] = {
    "todos": _held(_todo, not_(_is_trashed)),
    "trashed_todos": _held(_todo, _is_trashed),
    "tokens": _held(_token),
    **{name: _held(table) for name, table in _HELD.items()},
}
HELD = Statement(
    select(
        json_object(Held, _user.c, **_counts).label("row"),
        func.encode(account_hash(_user.c.issuer, _user.c.subject), literal_column("'hex'")).label("known_as"),
    ).where(_myself)
)
"""Count what is in the user's own account, as `Held`; and the keyed hash of issuer and subject, in hex."""

_account = parameter("account", BigInteger())
ACT_FOR = Statement(
    select(func.set_config("app.user_id", cast(_account, Text()), True), locks.wait_for_writes(_account))
)
"""Write into the record of the user `account` from here on, and wait for the user's own writes: changes have their ids
in the order of commits."""

TELL = Statement(recorded_for(_account))
"""Record a change of an account for its person, the user `account`, after `ACT_FOR`.

`operation`: its name. `via`: the transport. `client`, `token_id` and `agent_id`: null. `request_id`: the id of the
request, if there is one. `entities`, `entity_ids`, `befores` and `afters`: the account, with its state before and
after, as in `RECORD`.
"""
