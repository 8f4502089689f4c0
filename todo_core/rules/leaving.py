"""Delete an account: by an admin, or by its person, who is asked by a code."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import Final

from todo_core.boundary.operation import Tx
from todo_core.errors import FieldError, InvalidInput
from todo_core.queries import accounts as queries

PATIENCE: Final = 300
"""Seconds that a deletion may take, which is one statement: nobody is to stay because they have so much."""
LIFETIME: Final = timedelta(minutes=1)
"""How long a code is good."""
_NOT_OURS: Final = "is not a code of this account, or a minute has passed; leave it out for a new one"


async def delete_account(tx: Tx, user_id: int) -> bool:
    """Delete an account with everything in it; return whether it was there.

    Args:
        tx: The transaction, in a role that may: `todo_admin`, or `todo_leaving` for the user's own.
        user_id: The account.
    """
    await tx.allow(PATIENCE)
    return await tx.row(queries.DELETE, id=user_id, final=tx.core.settings.deletion_is_final) is not None


class Codes:
    """Codes by which a person says again that their account is to be deleted: signed, and kept nowhere.

    They are of whoever the issuer knows by that name, not of a row: sent once more within their minute, because no
    answer came, a code deletes what a request in between has made anew.
    """

    def __init__(self, secret: bytes, now: datetime) -> None:
        """Make and open them.

        Args:
            secret: The installation's.
            now: The present moment, with a time zone.
        """
        self._secret = secret
        self._now = now

    def make(self, known_as: str) -> tuple[str, datetime]:
        """Return a code for the account with a hash (`queries.accounts.HELD`), and until when it is good, in UTC."""
        expires_at = (self._now + LIFETIME).astimezone(UTC).replace(microsecond=0)
        return self._code(known_as, int(expires_at.timestamp())), expires_at

    def require(self, code: str, known_as: str) -> None:
        """Refuse a code that is not good for the account with that hash.

        Raises:
            InvalidInput: It is another's, was changed, or has expired.
        """
        until = code.partition(".")[0]
        number = int(until) if until.isascii() and until.isdigit() and len(until) <= 12 else 0
        is_ours = hmac.compare_digest(code.encode("utf-8", "replace"), self._code(known_as, number).encode())
        if not is_ours or number < self._now.timestamp():
            raise InvalidInput(errors=[FieldError("code", _NOT_OURS)])

    def _code(self, known_as: str, until: int) -> str:
        signed = f"{until}.{known_as}".encode()
        return f"{until}.{hashlib.blake2b(signed, key=self._secret, digest_size=16, person=b'leaving').hexdigest()}"
