"""Say how to mend one thing of the schema: the statement of SQL where one is enough.

A kind, a name and a definition are as `todo_core.schema.catalogue` has them.
"""

from __future__ import annotations

from typing import Final

from todo_core.schema.state import POLICY_OF_A_RUN

_DROPPED: Final = {"indexes": "INDEX", "policies": "POLICY", "owner's policies": "POLICY", "triggers": "TRIGGER"}
"""By kind, what `DROP` calls it."""


def missing(kind: str, name: str, definition: str) -> str:
    """Return how to make what the database lacks."""
    match kind:
        case "grants":
            return f"GRANT {name} {definition}".rstrip()
        case "policies" | "owner's policies":
            return f"CREATE POLICY {name} {definition}"
        case "constraints":
            constraint, _, table = name.rpartition(" ON ")
            return f"ALTER TABLE {table} ADD CONSTRAINT {constraint} {definition}"
        case "indexes" | "triggers":
            return definition
        case _:
            return f"restore {name} as migrations/versions/ has it"


def changed(kind: str, name: str, definition: str, present: str) -> str:
    """Return how to bring back the catalogue's definition of something that has another one at present."""
    if kind == "row-level security":
        how = "ENABLE ROW LEVEL SECURITY, FORCE" if definition == "forced" else "DISABLE"
        return f"ALTER TABLE {name} {how} ROW LEVEL SECURITY"
    if kind == "grants":
        return f"REVOKE GRANT OPTION FOR {_from(name)}"
    if kind == "constraints":
        constraint, _, table = name.rpartition(" ON ")
        if present == f"{definition} NOT VALID":
            return f"ALTER TABLE {table} VALIDATE CONSTRAINT {constraint}"
        return f"ALTER TABLE {table} DROP CONSTRAINT {constraint}; {missing(kind, name, definition)}"
    if kind in _DROPPED:
        return f"DROP {_DROPPED[kind]} {name}; {missing(kind, name, definition)}"
    parts = present.split(", ")
    return f"restore {name} to {', '.join(part for part in definition.split(', ') if part not in parts)}"


def unknown(kind: str, name: str, *, is_partly_undone: bool) -> str:
    """Return how to take away what is too much.

    Args:
        kind: Grants, policies, triggers or functions.
        name: Which one.
        is_partly_undone: Whether a step of the schema is, so that it may be that step's.
    """
    if kind == "grants":
        return f"REVOKE {_from(name)}"
    if is_partly_undone or name.startswith(f"{POLICY_OF_A_RUN} ON "):
        return f"`todo-mcp migrate`, which drops {name}"
    return f"DROP {'FUNCTION' if kind == 'functions' else _DROPPED[kind]} {name}"


def _from(grant: str) -> str:
    before, _, role = grant.rpartition(" TO ")
    return f"{before} FROM {role}"
