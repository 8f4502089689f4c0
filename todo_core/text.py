"""Check strings for PostgreSQL, fold names for comparison, and parse JSON strictly."""

from __future__ import annotations

import json
import unicodedata
from typing import Annotated, Any

import orjson
from pydantic import AfterValidator


def storable(text: str) -> str:
    """Return the text, if PostgreSQL's `text` can hold it.

    Raises:
        ValueError: It has a NUL character or a lone UTF-16 surrogate.
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
    """Fold a name, so that spellings that differ in case or compatibility variants are equal.

    Source: Unicode Standard, section 3.13, compatibility caseless matching; here with NFKC instead of NFKD.
    """
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def strict_json(raw: bytes) -> Any:
    """Parse JSON (RFC 8259); refuse what two parsers may read differently.

    Raises:
        ValueError: It is not JSON, has NaN or Infinity, an object with one name twice, or nests too deep.
    """
    try:
        return json.loads(raw.decode(), object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("nests too deep") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("names something twice")
    return members


def _refuse_constant(_: str) -> None:
    raise ValueError("has NaN or Infinity")


def json_text(value: object) -> str:
    """Return compact JSON, for a `jsonb` parameter."""
    return orjson.dumps(value).decode()


Storable = Annotated[str, AfterValidator(storable)]
