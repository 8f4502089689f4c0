"""Check the schema: which version it is of, and whether it is as the migrations made it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterator
from typing import Any, Final

import asyncpg

from todo_app.doctor import mending
from todo_app.doctor.findings import Finding
from todo_app.doctor.roles import ROLES
from todo_core.schema import SCHEMA_REVISION, catalogue
from todo_core.schema.catalogue import Differences
from todo_core.schema.state import current
from todo_core.schema.versions import is_newer, serves, standing

SHOWN: Final = 5
"""Most faults of one kind that are shown; the others show when these are mended."""

_AHEAD: Final = dict.fromkeys(catalogue.NEEDED, ("missing",)) | {
    "row-level security": ("changed",),
    "policies": ("changed", "too much"),
}
"""By kind, which faults are told of a database at a revision that this code does not know."""


async def migrations(database_url: str) -> Finding:
    """Check that the database is at this program's version of the schema, or at the next, which it also serves."""
    revision = await current(database_url)
    if serves(revision):
        return Finding(True, "migrations", f"{revision}, {standing(revision)}")
    advice = "use a newer todo-mcp" if is_newer(revision) else "run `todo-mcp migrate`"
    return Finding(False, "migrations", f"{revision or 'nothing'}, not {SCHEMA_REVISION}; {advice}")


async def check(connection: asyncpg.Connection[Any], roles: Collection[str]) -> AsyncIterator[Finding]:
    """Compare the database with the catalogue, kind by kind.

    Of a database at a revision that this code does not know, only what requests need and what keeps users apart is
    compared, with the newest revision that it knows: migrations since then may have changed the rest.

    Args:
        connection: A connection as the user of TODO_DATABASE_URL.
        roles: Those of our roles that are there. What is missing with the others goes without saying.
    """
    async with connection.transaction(readonly=True):
        found = await catalogue.differences(connection.fetch, without=set(ROLES) - set(roles))
    is_ahead = bool(found.pop(catalogue.REVISION).missing)
    for kind in _AHEAD if is_ahead else found:
        faults = [
            _told(what, mends)
            for what, mends in _faults(kind, found[kind])
            if mends and (not is_ahead or what in _AHEAD[kind])
        ]
        for fault in faults:
            yield Finding(False, kind, fault)
        if not faults:
            good = f"none is {' or '.join(_AHEAD[kind])}" if is_ahead else f"all {len(found[kind].present)} as migrated"
            yield Finding(True, kind, good)


def _faults(kind: str, found: Differences) -> Iterator[tuple[str, list[str]]]:
    yield "missing", [mending.missing(kind, name, text) for name, text in found.missing.items()]
    yield (
        "changed",
        [mending.changed(kind, name, text, found.present[name]) for name, text in found.changed.items()],
    )
    yield "too much", [mending.unknown(kind, name) for name in found.unknown]


def _told(what: str, mends: list[str]) -> str:
    more = f" (and {len(mends) - SHOWN} more)" if len(mends) > SHOWN else ""
    return f"{what}{more}; as the owner of the tables: {'; '.join(mends[:SHOWN])}"
