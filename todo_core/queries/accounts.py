"""Accounts in SQL, as `todo_admin`: who they are and how many rows they have."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    FromClause,
    Integer,
    Text,
    and_,
    case,
    delete,
    func,
    literal_column,
    or_,
    select,
    true,
    update,
)

from todo_core.identity.issuers import OPERATOR_ISSUER
from todo_core.models.accounts import AccountRead
from todo_core.models.todos import Todo
from todo_core.models.tokens import ApiToken
from todo_core.models.users import User
from todo_core.storage.statements import Statement, json_object, parameter

_user = User.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_todo = Todo.__table__  # type: ignore[attr-defined]
_token = ApiToken.__table__  # type: ignore[attr-defined]
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
        .where(
            _token.c.user_id == accounts.c.id,
            _token.c.revoked_at.is_(None),
            or_(_token.c.expires_at.is_(None), _token.c.expires_at > func.now()),
        )
        .lateral("its_tokens")
    )
    read = json_object(
        AccountRead,
        accounts.c,
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

DELETE = Statement(delete(_user).where(_is_it).returning(_user.c.id))
"""Delete the account with an `id`, and by foreign keys all that is in it."""
