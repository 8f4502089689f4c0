"""The text of an API token: `todo_` + 43 random characters + a 6-character checksum.

The prefix lets secret scanners find a leaked token and the checksum lets them, and us, tell a
mistyped one without asking the database, as GitHub's tokens do.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import zlib
from typing import Final

PREFIX: Final = "todo_"
_SHAPE: Final = re.compile(r"todo_([A-Za-z0-9_-]{43})([0-9a-z]{6})", re.ASCII)
_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"


def generate() -> str:
    """A new token, with 256 random bits."""
    body = secrets.token_urlsafe(32)
    return f"{PREFIX}{body}{_checksum(body)}"


def looks_like(text: str) -> bool:
    """Whether this is an API token rather than a JWT, mistyped or not."""
    return text.startswith(PREFIX)


def is_well_formed(text: str) -> bool:
    """Whether the shape and the checksum are right."""
    found = _SHAPE.fullmatch(text)
    return found is not None and secrets.compare_digest(found[2], _checksum(found[1]))


def digest(token: str) -> bytes:
    """What is stored of a token: SHA-256 of its text."""
    return hashlib.sha256(token.encode()).digest()


def hint(token: str) -> str:
    """Its first characters, to tell tokens apart in a list."""
    return token[: len(PREFIX) + 4]


def _checksum(body: str) -> str:
    number, digits = zlib.crc32(body.encode()), ""
    while len(digits) < 6:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return digits
