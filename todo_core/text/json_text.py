"""Parse JSON that comes in strictly, and write compact JSON."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import suppress
from typing import Any

import orjson


class RepeatedNameError(ValueError):
    """An object has a name twice, and parsers differ in which one counts (RFC 8259, section 4)."""

    def __init__(self, name: str) -> None:
        super().__init__("names something twice")
        self.name = name
        """As it was sent."""


def strict_json(raw: bytes) -> Any:
    """Parse JSON (RFC 8259); refuse what two parsers may read differently.

    Raises:
        RepeatedNameError: An object has one name twice.
        ValueError: It is not JSON, has NaN or Infinity, or nests too deep.
    """
    # What is written again just as it came has no name twice. Most clients send it so, and this is much faster.
    with suppress(ValueError, TypeError):
        value = orjson.loads(raw)
        if orjson.dumps(value) == raw:
            return value
    try:
        return json.loads(raw.decode(), object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("nests too deep") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        counts = Counter(name for name, _ in pairs)
        raise RepeatedNameError(next(name for name, count in counts.items() if count > 1))
    return members


def _refuse_constant(_: str) -> None:
    raise ValueError("has NaN or Infinity")


def json_text(value: object) -> str:
    """Return compact JSON, for a `jsonb` parameter."""
    return orjson.dumps(value).decode()
