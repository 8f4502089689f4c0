"""Which rows of the record of changes a caller may see: those that the caller's scopes cover (ID4)."""

from __future__ import annotations

from typing import Final

from todo_core.boundary.caller import Caller
from todo_core.identity.scopes import Scope
from todo_core.models.changes import OWN_ACCOUNT, Entity

_COVERED: Final[dict[Scope, tuple[str, ...]]] = {
    "todos:read": ("todo", "list", "tag", "note", "proposal"),
    "profile": ("user",),
}
"""Kinds of rows, by the scope that covers them."""
_COVERED_FOR_PEOPLE: Final[dict[Scope, tuple[str, ...]]] = {
    "profile": ("token", "agent", "calendar", OWN_ACCOUNT),
    "admin": ("account",),
}
"""The same, of rows that no app may see, as no app may run the operations that change them."""


def shown_to(caller: Caller) -> list[str]:
    """Return the kinds of rows of changes that a caller may see; `OWN_ACCOUNT` is one account alone."""
    covered = [_COVERED] if caller.principal.is_delegated else [_COVERED, _COVERED_FOR_PEOPLE]
    return [kind for kinds in covered for scope, names in kinds.items() if caller.may(scope) for kind in names]


def shown_of(entity: Entity, caller: Caller) -> list[str]:
    """Return what a caller may see of one kind of rows: an account may be the caller's own alone."""
    own = [OWN_ACCOUNT] if entity == "account" else []
    return [kind for kind in shown_to(caller) if kind in (entity, *own)]
