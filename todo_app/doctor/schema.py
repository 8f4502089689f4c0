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


async def migrations(database_url: str) -> Finding:
    """Check that the database is at this program's version of the schema, or at the next, which it also serves."""
    revision = await current(database_url)
    if serves(revision):
        return Finding(True, "migrations", f"{revision}, {standing(revision)}")
    advice = "use a newer todo-mcp" if is_newer(revision) else "run `todo-mcp migrate`"
    return Finding(False, "migrations", f"{revision or 'nothing'}, not {SCHEMA_REVISION}; {advice}")


async def check(connection: asyncpg.Connection[Any], roles: Collection[str]) -> AsyncIterator[Finding]:
    """Compare the database with the catalogue, kind by kind.

    Of a database at another revision only what requests need is compared: its migrations may have changed the rest.

    Args:
        connection: A connection as the user of TODO_DATABASE_URL.
        roles: Those of our roles that are there. What is missing with the others goes without saying.
    """
    async with connection.transaction(readonly=True):
        found = await catalogue.differences(connection.fetch, without=set(ROLES) - set(roles))
    is_ours = not found.pop(catalogue.REVISION).missing
    for kind in found if is_ours else catalogue.NEEDED:
        faults = [*_faults(kind, found[kind], only_missing=not is_ours)]
        for fault in faults:
            yield Finding(False, kind, fault)
        if not faults:
            yield Finding(True, kind, f"all {len(found[kind].present)} as migrated" if is_ours else "none is missing")


def _faults(kind: str, found: Differences, *, only_missing: bool) -> Iterator[str]:
    if found.missing:
        yield _told("missing", [mending.missing(kind, name, text) for name, text in found.missing.items()])
    if only_missing:
        return
    if found.changed:
        told = [mending.changed(kind, name, text, found.present[name]) for name, text in found.changed.items()]
        yield _told("changed", told)
    if found.unknown:
        yield _told("too much", [mending.unknown(kind, name) for name in found.unknown])


def _told(what: str, mends: list[str]) -> str:
    more = f" (and {len(mends) - SHOWN} more)" if len(mends) > SHOWN else ""
    return f"{what}{more}; as the owner of the tables: {'; '.join(mends[:SHOWN])}"
