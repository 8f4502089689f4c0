"""Text that means one thing: strings that can be stored, JSON that parses one way."""

from __future__ import annotations

import json
import unicodedata
from typing import Annotated, Any

import orjson
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


def name_key(name: str) -> str:
    """What two spellings of one name share: no case, no compatibility variants (Unicode caseless matching, NFKC)."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def strict_json(raw: bytes) -> Any:
    """Parse JSON as RFC 8259 has it, with nothing that two parsers may read in two ways.

    Raises:
        ValueError: It is not JSON, has NaN or Infinity, names something twice, or nests too deep.
    """
    try:
        return json.loads(raw.decode(), object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("nests too deep") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("names something twice")
    return found


def _refuse_constant(_: str) -> None:
    raise ValueError("has NaN or Infinity")


def json_text(value: object) -> str:
    """Return compact JSON, for a `jsonb` parameter."""
    return orjson.dumps(value).decode()


Storable = Annotated[str, AfterValidator(storable)]
