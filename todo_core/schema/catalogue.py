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
from collections.abc import Awaitable, Callable, Collection
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
    """Grants and policies that allow more than the catalogue does, and what else it does not know and runs with our
    statements: triggers on our tables, and functions. More of another kind does no harm."""
    present: Definitions
    """All that the database has."""


async def read(fetch: Fetch) -> dict[str, Definitions]:
    """Return what a database has, by kind; as a role that may read `alembic_version`."""
    await fetch("SELECT set_config('search_path', 'public', true)")
    kinds: dict[str, Definitions] = {}
    for row in await fetch(_SQL):
        kinds.setdefault(row["kind"], {})[row["name"]] = " ".join(row["definition"].split())
    return kinds


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
        kind: _compare(
            _without(without, catalogue.get(kind, {})),
            present.get(kind, {}),
            _concerning_us(kind, catalogue, present) - catalogue.get(kind, {}).keys(),
        )
        for kind in catalogue.keys() | present.keys()
    }


def _compare(expected: Definitions, present: Definitions, unknown: Collection[str]) -> Differences:
    return Differences(
        missing={name: text for name, text in expected.items() if name not in present},
        changed={
            name: text for name, text in expected.items() if name in present and _words(present[name]) != _words(text)
        },
        unknown=tuple(sorted(unknown)),
        present=present,
    )


def _words(definition: str) -> str:
    """Return a definition for a comparison; a trigger's without parentheses.

    PostgreSQL sets other ones in a condition that was restored from a dump: in `(a, b) IS DISTINCT FROM (c, d)` beside
    an OR, which it reads as several.
    """
    is_trigger = definition.startswith(("CREATE TRIGGER", "CREATE CONSTRAINT TRIGGER"))
    return definition.translate({ord("("): None, ord(")"): None}) if is_trigger else definition


def _concerning_us(kind: str, catalogue: dict[str, Definitions], present: dict[str, Definitions]) -> set[str]:
    """Return the names of what a database has of a kind, as far as it may change what our statements see or do.

    Other programs may have tables and functions in the same schema, which may be everybody's. Of functions, those are
    ours that our triggers run, and those that run with the rights of one of our roles.
    """
    definitions = present.get(kind, {})
    match kind:
        case "policies" | "owner's policies" | "triggers":
            return {name for name in definitions if name.rpartition(" ON ")[2] in catalogue["tables"]}
        case "grants":
            ours = {*catalogue["tables"], *catalogue["functions"], "public"}
            return {name for name in definitions if _object_of(name) in ours or not name.endswith(" TO PUBLIC")}
        case "functions":
            triggers = _concerning_us("triggers", catalogue, present)
            run = {_function_of(present["triggers"][name]) for name in triggers}
            return {name for name, text in definitions.items() if name in run or ", owner todo_" in text}
        case _:
            return set()


def _object_of(grant: str) -> str:
    """Return the table, sequence, function or schema of the name of a grant."""
    return re.sub(r"^.*? ON (?:FUNCTION |SEQUENCE |SCHEMA )?| TO \S+$", "", grant)


def _function_of(trigger: str) -> str:
    """Return the name of the function that the definition of a trigger runs, which takes no parameters."""
    return re.sub(r"^.* EXECUTE FUNCTION |\(.*$", "", trigger) + "()"


def _without(roles: Collection[str], expected: Definitions) -> Definitions:
    absent = set(roles)
    return {name: text for name, text in expected.items() if absent.isdisjoint(re.findall(r"\w+", f"{name} {text}"))}


@cache
def _expected(revision: str) -> dict[str, Definitions]:
    """Return what the migrations make up to a revision, by kind; up to the newest if the file does not have it."""
    written: dict[str, dict[str, dict[str, str | None]]] = json.loads(FILE.read_text(encoding="utf-8"))
    newest, others = written[SCHEMA_STEPS[-1]], written.get(revision, {})
    kinds = {kind: None for of_revision in written.values() for kind in of_revision}  # one may have nothing of a kind
    merged = {kind: newest.get(kind, {}) | others.get(kind, {}) for kind in kinds}
    return {
        kind: {name: text for name, text in definitions.items() if text is not None}
        for kind, definitions in merged.items()
    }
