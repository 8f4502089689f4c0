"""Compare a database's schema with what the migrations of this version make of it.

`catalogue.json` is what PostgreSQL says of a migrated database: by revision, by kind, by name, a definition. It has
every revision that this code knows and serves on: the newest whole, and of each before it what is otherwise there,
with null for what is not there. A test makes it (`pytest tests/contract --update-specs`) and holds it to the
migrations; `catalogue.sql` reads the same of any database. The words are the same on PostgreSQL 15 to 18. Where a name
and a definition make a statement of SQL (`CREATE POLICY name definition`), they are written as in it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Collection, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import asyncpg

from todo_core.schema import SCHEMA_STEPS

FILE: Final = Path(__file__).with_name("catalogue.json")
REVISION: Final = "revision"
"""The kind with one name: the revision of the database, or the newest where this code does not know that."""
NEEDED: Final = ("columns", "functions", "grants")
"""The kinds of what a request cannot do without: PostgreSQL refuses it (`storage.faults.MISSING`)."""

Definitions = dict[str, str]
"""The definitions of one kind, by name."""
Fetch = Callable[[str], Awaitable[list[asyncpg.Record]]]
"""Runs SQL and returns its rows, each time in the same transaction."""

_SQL: Final = Path(__file__).with_name("catalogue.sql").read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Differences:
    """What of one kind is not as the catalogue has it."""

    missing: Definitions
    """What the database lacks."""
    changed: Definitions
    """What has another definition in the database; here with that of the catalogue."""
    unknown: tuple[str, ...]
    """Grants and policies that allow more than the catalogue does. More of another kind does no harm."""
    present: Definitions
    """All that the database has."""


async def read(fetch: Fetch) -> dict[str, Definitions]:
    """Return what a database has, by kind; as a role that may read `alembic_version`."""
    await fetch("SELECT set_config('search_path', 'public', true)")
    found: dict[str, Definitions] = {}
    for row in await fetch(_SQL):
        found.setdefault(row["kind"], {})[row["name"]] = " ".join(row["definition"].split())
    return found


async def differences(fetch: Fetch, *, without: Collection[str] = ()) -> dict[str, Differences]:
    """Compare a database with the catalogue of its revision, and return by kind what differs.

    One at a revision that the file does not have is compared with the newest; then that revision is missing.

    Args:
        fetch: Runs SQL, as a role that may read `alembic_version`.
        without: Roles that are not there: what the catalogue has for them is left out.
    """
    present = await read(fetch)
    catalogue = _expected("".join(present.get(REVISION, {})))
    return {
        kind: _compare(kind, catalogue, _without(without, catalogue[kind]), present.get(kind, {})) for kind in catalogue
    }


def _compare(kind: str, catalogue: dict[str, Definitions], expected: Definitions, present: Definitions) -> Differences:
    return Differences(
        missing={name: text for name, text in expected.items() if name not in present},
        changed={name: text for name, text in expected.items() if name in present and present[name] != text},
        unknown=tuple(name for name in _allowing(kind, catalogue, present) if name not in catalogue[kind]),
        present=present,
    )


def _allowing(kind: str, catalogue: dict[str, Definitions], present: Definitions) -> Iterator[str]:
    """Yield the grants and policies that allow something to our roles, or to everybody with what is ours.

    Other programs may have tables and functions in the same schema, which may be everybody's.
    """
    ours = {*catalogue["tables"], *catalogue["functions"], "public"}
    if kind == "policies":
        yield from (name for name in present if name.rpartition(" ON ")[2] in ours)
    elif kind == "grants":
        for name in present:
            object_ = re.sub(r"^.*? ON (?:FUNCTION |SEQUENCE |SCHEMA )?| TO \S+$", "", name)
            if object_ in ours or not name.endswith(" TO PUBLIC"):
                yield name


def _without(roles: Collection[str], expected: Definitions) -> Definitions:
    absent = set(roles)
    return {name: text for name, text in expected.items() if absent.isdisjoint(re.findall(r"\w+", f"{name} {text}"))}


@cache
def _expected(revision: str) -> dict[str, Definitions]:
    """Return what the migrations make up to a revision, by kind; up to the newest if the file does not have it."""
    written: dict[str, dict[str, dict[str, str | None]]] = json.loads(FILE.read_text(encoding="utf-8"))
    newest, others = written[SCHEMA_STEPS[-1]], written.get(revision, {})
    merged = {kind: newest.get(kind, {}) | others.get(kind, {}) for kind in newest | others}
    return {
        kind: {name: text for name, text in definitions.items() if text is not None}
        for kind, definitions in merged.items()
    }
