"""Check the schema: which version it is of, and whether it is as the migrations made it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterator
from typing import Any, Final

import asyncpg

from todo_app.doctor import mending
from todo_app.doctor.findings import Finding
from todo_app.doctor.roles import ROLES
from todo_core.schema import OF_OTHERS, SCHEMA_REVISION, catalogue
from todo_core.schema.catalogue import Differences
from todo_core.schema.state import Position, may_read_revision
from todo_core.schema.versions import is_newer, serves, standing

SHOWN: Final = 5
"""Most faults of one kind that are shown; the others show when these are mended."""

_AHEAD: Final = dict.fromkeys(catalogue.NEEDED, ("missing",)) | {
    "row-level security": ("changed",),
    "policies": ("changed", "too much"),
}
"""By kind, which faults are told of a database at a revision that this code does not know."""


def migrations(here: Position) -> Finding:
    """Check that the database is at this program's version of the schema, or at the next, which it also serves."""
    revision = here.revision
    if here.is_others:
        return Finding(False, "migrations", OF_OTHERS)
    if serves(revision) and here.is_partly_undone:
        advice = "unless one runs, `todo-mcp migrate` does it again, and `todo-mcp migrate --to` goes on down"
        return Finding(False, "migrations", f"{revision}, which a downgrade has partly undone; {advice}")
    if serves(revision):
        return Finding(True, "migrations", f"{revision}, {standing(revision)}")
    advice = "use a newer todo-mcp" if is_newer(revision) else "run `todo-mcp migrate`"
    return Finding(False, "migrations", f"{revision or 'nothing'}, not {SCHEMA_REVISION}; {advice}")


async def check(
    connection: asyncpg.Connection[Any], roles: Collection[str], *, is_partly_undone: bool
) -> AsyncIterator[Finding]:
    """Compare the database with the catalogue, kind by kind.

    Of a database at a revision that this code does not know, only what requests need and what keeps users apart is
    compared, with the newest revision that it knows: migrations since then may have changed the rest.

    Args:
        connection: A connection as the user of TODO_DATABASE_URL.
        roles: Those of our roles that are there. What others should have is not told to be missing: the role is.
        is_partly_undone: Whether a downgrade has undone a part of the last step.
    """
    async with connection.transaction(readonly=True):
        await may_read_revision(connection)
        differences = await catalogue.differences(connection.fetch, without=set(ROLES) - set(roles))
    is_ahead = bool(differences.pop(catalogue.REVISION).missing)
    # Functions last: those that are too much cannot be dropped before the triggers that run them.
    for kind in _AHEAD if is_ahead else sorted(differences, key=lambda kind: (kind == "functions", kind)):
        faults = [
            _fault(what, mends)
            for what, mends in _faults(kind, differences[kind], is_partly_undone)
            if mends and (not is_ahead or what in _AHEAD[kind])
        ]
        for fault in faults:
            yield Finding(False, kind, fault)
        if not faults:
            number = len(differences[kind].present)
            good = f"none is {' or '.join(_AHEAD[kind])}" if is_ahead else f"all {number} as migrated"
            yield Finding(True, kind, good)


def _faults(kind: str, of_kind: Differences, is_partly_undone: bool) -> Iterator[tuple[str, list[str]]]:
    """Yield each way of being wrong, with how to mend what is wrong in this way."""
    present, unknown = of_kind.present, of_kind.unknown
    yield "missing", [mending.missing(kind, name, text) for name, text in of_kind.missing.items()]
    yield "changed", [mending.changed(kind, name, text, present[name]) for name, text in of_kind.changed.items()]
    yield "too much", [mending.unknown(kind, name, is_partly_undone=is_partly_undone) for name in unknown]


def _fault(what: str, mends: list[str]) -> str:
    """Return in words what is wrong in one way, and how to mend the first of it."""
    more = f" (and {len(mends) - SHOWN} more)" if len(mends) > SHOWN else ""
    return f"{what}{more}; as the owner of the tables: {'; '.join(mends[:SHOWN])}"
