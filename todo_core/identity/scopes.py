"""What a token may do."""

from __future__ import annotations

from typing import Final, Literal

Scope = Literal["todos:read", "todos:write", "profile", "admin"]

USER_SCOPES: Final[frozenset[Scope]] = frozenset({"todos:read", "todos:write", "profile"})
"""What a user's own session may do."""

ALL_SCOPES: Final[tuple[Scope, ...]] = ("todos:read", "todos:write", "profile", "admin")
