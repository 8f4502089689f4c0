"""Name every advisory lock that we take: each kind in a space of its own (`docs/decisions/0030-lock-spaces.md`).

PostgreSQL has two spaces of advisory locks in a database: keys of one `bigint`, and keys of two `integer`. In the
first, writes of people have the positive numbers and idempotency keys the negative ones. What the program does by
itself is in the second, where nothing is that belongs to a person.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

from sqlalchemy import ColumnElement, case, func, literal_column, not_

MIGRATIONS: Final = (7_302_619, 1)
"""The right to migrate a database."""

PURGES: Final = (1_953_457_263, 1)
"""The right to purge."""

FOLLOWERS: Final = (8_412_077, 1)
"""Held, shared, by each connection that listens for changes."""

LARGEST_PERSON: Final = 2**48
"""Ids of people stay below it: nobody adds so many accounts."""

_IS_KEY: Final = -(2**63)
"""The sign of a `bigint`."""


def of_writes(user_id: int) -> int:
    """Return the lock under which a person's writes follow each other: the person's id, a positive number."""
    return int(user_id)


def wait_for_writes(user_id: ColumnElement[int]) -> ColumnElement[Any]:
    """Return the SQL that takes the lock of a person's writes (`of_writes`), and waits for it."""
    return func.pg_advisory_xact_lock(user_id)


def follow() -> ColumnElement[Any]:
    """Return the SQL that takes `FOLLOWERS` until the connection ends, beside others that have it."""
    return func.pg_advisory_lock_shared(*_followers())


def is_followed() -> ColumnElement[bool]:
    """Return the SQL that tells whether some connection listens for changes.

    It takes the lock alone, and gives it back at once. Two that ask in the same moment may each take the other for a
    listener: then a notification is sent that nobody hears.
    """
    takes, gives_back = func.pg_try_advisory_lock(*_followers()), func.pg_advisory_unlock(*_followers())
    return case((takes, not_(gives_back)), else_=literal_column("true"))


def _followers() -> list[ColumnElement[int]]:
    return [literal_column(str(number)) for number in FOLLOWERS]


def of_key(secret: bytes, user_id: int, key: str) -> int:
    """Return the lock of a person's idempotency key: a negative number, which the sender of the key cannot know.

    It is a keyed hash (BLAKE2b, RFC 7693). Without the secret nobody finds a key that has the lock of another's.

    Args:
        secret: The installation's, at most 64 bytes.
        user_id: Whose key it is.
        key: What the client sent.
    """
    digest = hashlib.blake2b(
        key.encode(), key=secret, salt=user_id.to_bytes(16, "big"), person=b"idempotency", digest_size=8
    ).digest()
    return int.from_bytes(digest, "big", signed=True) | _IS_KEY
