"""Make and check the text of an API token: `todo_` + 43 random characters + a 6-character checksum.

Secret scanners find a leaked token by its prefix. The checksum shows them, and us, that a token is mistyped
without a question to the database. GitHub's tokens do the same.
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
    """Return a new token with 256 random bits."""
    body = secrets.token_urlsafe(32)
    return f"{PREFIX}{body}{_checksum(body)}"


def looks_like(text: str) -> bool:
    """Return whether a token has our prefix, and so is no JWT. It may still be mistyped."""
    return text.startswith(PREFIX)


def is_well_formed(text: str) -> bool:
    """Return whether the length, the characters and the checksum are right."""
    match = _SHAPE.fullmatch(text)
    return match is not None and secrets.compare_digest(match[2], _checksum(match[1]))


def digest(token: str) -> bytes:
    """Return the SHA-256 of the token's text, 32 bytes: the only form in which a token is stored."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def hint(token: str) -> str:
    """Return the prefix and four characters more, by which people tell tokens apart in a list."""
    return token[: len(PREFIX) + 4]


def generate_calendar() -> str:
    """Return a new secret of a calendar address, with 256 random bits. It has no prefix: it is no token."""
    return secrets.token_urlsafe(32)


def hint_of_calendar(secret: str) -> str:
    """Return the first characters of a calendar address's secret, by which people tell addresses apart."""
    return secret[:4]


def _checksum(body: str) -> str:
    """Return the CRC-32 of the random characters, as its six lowest digits in base 36."""
    number, digits = zlib.crc32(body.encode()), ""
    while len(digits) < 6:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return digits
