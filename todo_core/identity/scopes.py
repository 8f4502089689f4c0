"""Name the scopes: what a token may do."""

from __future__ import annotations

from typing import Final, Literal

Scope = Literal["todos:read", "todos:write", "todos:propose", "profile", "admin"]

USER_SCOPES: Final[frozenset[Scope]] = frozenset({"todos:read", "todos:write", "profile"})
"""Scopes of a user's own session."""

ALL_SCOPES: Final[tuple[Scope, ...]] = ("todos:read", "todos:write", "todos:propose", "profile", "admin")
"""Every scope, in the order in which they are listed to people."""
