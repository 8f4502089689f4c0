"""Who is calling, in SQL: users by their tokens' subject, API tokens by their hash.

Nobody is `app.user_id` yet. Row-level security shows the one user, or the one token, that the settings name.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import LargeBinary, Text, and_, case, func, not_, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from todo_core.models.tokens import ApiToken
from todo_core.models.users import User
from todo_core.storage.statements import Statement, parameter

_user = User.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_token = ApiToken.__table__  # type: ignore[attr-defined]
_issuer, _subject = parameter("issuer", Text()), parameter("subject", Text())
_hash = parameter("hash", LargeBinary())
_is_subject = and_(_user.c.issuer == _issuer, _user.c.subject == _subject)

_has_no_name = and_(_user.c.display_name.is_(None), not_(_user.c.is_name_chosen))
"""A name that the user took away stays away; one that was never there may come with a later token."""
_signed_in = (_user.c.id, _user.c.role, _user.c.email, _has_no_name.label("has_no_name"))

SET_SUBJECT = Statement(
    select(func.set_config("app.issuer", _issuer, True), func.set_config("app.subject", _subject, True))
)
"""Let this transaction see and make the user that `issuer` knows as `subject`."""

FIND_USER = Statement(select(*_signed_in).where(_is_subject))
"""Find the user that `issuer` knows as `subject`, by `uq_users_issuer_subject`.

`has_no_name`: whether a token may bring the display name.
"""

ADD_USER = Statement(
    insert(_user)
    .values(
        issuer=_issuer,
        subject=_subject,
        time_zone=parameter("time_zone", Text()),
        role=parameter("role", Text()),
        email=parameter("email", Text()),
        display_name=parameter("name", Text()),
    )
    .on_conflict_do_nothing()
    .returning(*_signed_in)
)
"""Make the user that `issuer` knows as `subject`, with a `time_zone`, `role`, `email` and display `name`.

Gives no row if another transaction was faster. Columns as in `FIND_USER`.
"""

RENEW_USER = Statement(
    update(_user)
    .where(_is_subject)
    .values(
        role=parameter("role", Text()),
        email=parameter("email", Text()),
        display_name=case((_has_no_name, parameter("name", Text())), else_=_user.c.display_name),
        version=_user.c.version + 1,
        updated_at=func.now(),
    )
)
"""Set `role` and `email` of the user that `issuer` knows as `subject`, and the `name` where a token may bring one."""

_last_use_is_old = func.coalesce(_token.c.last_used_at <= func.now() - timedelta(minutes=1), True)

SET_TOKEN = Statement(select(func.set_config("app.token_hash", func.encode(_hash, "hex"), True)))
"""Let this transaction see the API token with the SHA-256 `hash`."""

FIND_TOKEN = Statement(
    select(
        _token.c.id,
        _token.c.user_id,
        _token.c.scopes,
        _last_use_is_old.label("last_use_is_old"),
    ).where(
        _token.c.hash == _hash,
        _token.c.revoked_at.is_(None),
        or_(_token.c.expires_at.is_(None), _token.c.expires_at > func.now()),
    )
)
"""Find the live API token with a `hash`, by `uq_api_tokens_hash`.

`last_use_is_old` tells whether its last use was stored more than a minute ago.
"""

RENEW_LAST_USE = Statement(
    update(_token).where(_token.c.hash == _hash, _last_use_is_old).values(last_used_at=func.now())
)
"""Store that the API token with a `hash` is used now, unless another process has stored so in the last minute."""
