"""Whether a user is an admin, in SQL."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, literal_column, or_

from todo_core.identity.issuers import LOCAL_ISSUER, OPERATOR_ISSUER


def is_admin(users: Any) -> ColumnElement[bool]:
    """Return the condition that a user is an admin now; `require_active` has the same.

    The command line makes admins without an end: whoever runs it has the database anyway.

    Args:
        users: Columns of `users`.
    """
    is_local = users.issuer.in_([LOCAL_ISSUER, OPERATOR_ISSUER])
    return and_(users.role == literal_column("'admin'"), or_(users.role_until > func.now(), is_local))


def role_now(users: Any) -> ColumnElement[str]:
    """Return the role that counts now; see `is_admin`."""
    return case((is_admin(users), literal_column("'admin'")), else_=literal_column("'user'"))
