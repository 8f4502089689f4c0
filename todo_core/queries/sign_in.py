"""Who is calling, in SQL: users by their tokens' subject, API tokens by their hash.

Nobody is `app.user_id` yet. Row-level security shows the one user, to `todo_sign_in`, or the one token that the
settings name.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Double,
    LargeBinary,
    Select,
    Text,
    and_,
    case,
    func,
    literal_column,
    not_,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from todo_core.models.accounts import DeletedAccount
from todo_core.models.tokens import ApiToken
from todo_core.models.users import User
from todo_core.queries.installation import account_hash
from todo_core.queries.revoking import is_live
from todo_core.queries.roles import is_admin
from todo_core.storage.statements import Statement, parameter

_user = User.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_token = ApiToken.__table__  # type: ignore[attr-defined]
_issuer, _subject = parameter("issuer", Text()), parameter("subject", Text())
_hash = parameter("hash", LargeBinary())
_is_subject = and_(_user.c.issuer == _issuer, _user.c.subject == _subject)

_has_no_name = and_(_user.c.display_name.is_(None), not_(_user.c.is_name_chosen))
"""A name that the user took away stays away; one that was never there may come with a later token."""

_role, _email, _name = (parameter(name, Text()) for name in ("role", "email", "name"))
_issued_at = func.to_timestamp(parameter("issued_at", Double()))
_ends_at = func.to_timestamp(parameter("ends_at", Double()))
_is_newer = or_(_user.c.role_issued_at.is_(None), _issued_at > _user.c.role_issued_at)
_is_as_old = _issued_at == _user.c.role_issued_at
_ADMIN: ColumnElement[str] = literal_column("'admin'")
_new_role = case(
    (_role.is_(None), _user.c.role),
    (or_(_issued_at.is_(None), _is_newer), _role),
    # Of two tokens of the same second, nobody knows which is the later one: what is less counts.
    (and_(_is_as_old, _role != _ADMIN), _role),
    else_=_user.c.role,
)
_new_until = case(
    (_issued_at.is_(None), _user.c.role_until),
    (_is_newer, _ends_at),
    (_is_as_old, func.least(_user.c.role_until, _ends_at)),
    else_=_user.c.role_until,
)
_new_issued_at = func.greatest(_user.c.role_issued_at, _issued_at)
_new_email = func.coalesce(_email, _user.c.email)
_new_name = case((_has_no_name, func.coalesce(_name, _user.c.display_name)), else_=_user.c.display_name)


def _differs(*pairs: tuple[ColumnElement[Any], ColumnElement[Any]]) -> ColumnElement[bool]:
    """Return the condition that in one of these pairs the two are not the same."""
    return or_(*(stored.is_distinct_from(new) for stored, new in pairs))


_shown = _differs((_user.c.role, _new_role), (_user.c.email, _new_email), (_user.c.display_name, _new_name))
"""Whether the token changes something that the profile shows."""
_has_news = or_(_shown, _differs((_user.c.role_until, _new_until), (_user.c.role_issued_at, _new_issued_at)))

SET_SUBJECT = Statement(
    select(func.set_config("app.issuer", _issuer, True), func.set_config("app.subject", _subject, True))
)
"""Let this transaction see and make the user that `issuer` knows as `subject`."""

FIND_USER = Statement(
    select(_user.c.id, is_admin(_user.c).label("is_admin"), _has_news.label("has_news")).where(_is_subject)
)
"""Find the user that `issuer` knows as `subject`, by `uq_users_issuer_subject`.

The other parameters, of a token: `role`, null where it says nothing of one; `issued_at` and `ends_at`, in seconds since
the epoch, null where the role has no end; `email` and `name`, null where it has none. Columns: `id`; `is_admin`,
whether the user is one now; `has_news`, whether the token has something that is not stored.
"""

_deleted = DeletedAccount.__table__  # type: ignore[attr-defined]
_same: Select[Any] = select(literal_column("1")).where(_deleted.c.hash == account_hash(_issuer, _subject))
IS_DELETED = Statement(select(_same.exists().label("is_deleted")))
"""Tell whether the user that `issuer` knows as `subject` was deleted for good."""

ADD_USER = Statement(
    insert(_user)
    .values(
        issuer=_issuer,
        subject=_subject,
        time_zone=parameter("time_zone", Text()),
        role=func.coalesce(_role, literal_column("'user'")),
        role_until=_ends_at,
        role_issued_at=_issued_at,
        email=_email,
        display_name=_name,
    )
    .on_conflict_do_nothing()
    .returning(_user.c.id, is_admin(_user.c).label("is_admin"))
)
"""Make the user that `issuer` knows as `subject`, with a `time_zone` and what the token says.

Gives no row if another transaction was faster. `role`, `issued_at`, `ends_at`, `email` and `name`, and the columns, are
as in `FIND_USER`.
"""

RENEW_USER = Statement(
    update(_user)
    .where(_is_subject)
    .values(
        role=_new_role,
        role_until=_new_until,
        role_issued_at=_new_issued_at,
        email=_new_email,
        display_name=_new_name,
        version=_user.c.version + case((_shown, literal_column("1")), else_=literal_column("0")),
        updated_at=case((_shown, func.now()), else_=_user.c.updated_at),
    )
    .returning(_user.c.id, is_admin(_user.c).label("is_admin"))
)
"""Store what a token says of the user that `issuer` knows as `subject`.

Of the role, the latest-issued token decides, and until when `admin` counts: by the row as it is when this transaction
has it, so two tokens at once end as one after the other. Gives no row if the user is gone. `role`, `issued_at`,
`ends_at`, `email` and `name`, and the columns, are as in `FIND_USER`.
"""

_last_use_is_old = func.coalesce(_token.c.last_used_at <= func.now() - timedelta(minutes=1), True)

SET_TOKEN = Statement(select(func.set_config("app.token_hash", func.encode(_hash, "hex"), True)))
"""Let this transaction see the API token with the SHA-256 `hash`."""

FIND_TOKEN = Statement(
    select(
        _token.c.id,
        _token.c.user_id,
        _token.c.scopes,
        _token.c.name,
        _last_use_is_old.label("last_use_is_old"),
        is_live(_token.c).label("is_live"),
    ).where(_token.c.hash == _hash)
)
"""Find the API token with a `hash`, by `uq_api_tokens_hash`.

`last_use_is_old` tells whether its last use was stored more than a minute ago, `is_live` whether it works.
"""

RENEW_LAST_USE = Statement(
    update(_token).where(_token.c.hash == _hash, _last_use_is_old).values(last_used_at=func.now())
)
"""Store that the API token with a `hash` is used now, unless another process has stored so in the last minute."""
