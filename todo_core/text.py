"""Strings that are safe to store: no NUL, no lone surrogate."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator


def storable(text: str) -> str:
    """Refuse what PostgreSQL's `text` cannot hold.

    Raises:
        ValueError: The text has a NUL character or a lone UTF-16 surrogate.
    """
    if "\x00" in text:
        raise ValueError("must not contain a NUL character")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise ValueError("must not contain a lone surrogate") from None
    return text


Storable = Annotated[str, AfterValidator(storable)]
