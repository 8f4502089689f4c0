"""Compare entity tags (RFC 9110 §8.8.3)."""

from __future__ import annotations


def matches(if_none_match: str, tag: str) -> bool:
    """Return whether one of the header's entity tags is `tag`, compared weakly (RFC 9110 §13.1.2)."""
    tags = [part.strip().removeprefix("W/") for part in if_none_match.split(",")]
    return "*" in tags or tag in tags
