"""Find the tables and sequences that are ours: in an adopted database there are those of another program, too."""

from __future__ import annotations

from typing import Any, Final

import asyncpg

_TABLES: Final = """
SELECT relname FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relforcerowsecurity
    AND relowner = (SELECT relowner FROM pg_class WHERE oid = to_regclass('public.alembic_version'))
ORDER BY relname
"""
_SEQUENCES: Final = """
SELECT sequences.relname FROM pg_class AS sequences
JOIN pg_depend ON classid = 'pg_class'::regclass AND objid = sequences.oid AND refclassid = 'pg_class'::regclass
JOIN pg_class AS tables ON tables.oid = refobjid
WHERE sequences.relkind = 'S' AND tables.relnamespace = 'public'::regnamespace AND tables.relname = ANY ($1::text[])
ORDER BY sequences.relname
"""
_CLOSED: Final = """
SELECT '"' || replace(nspname, '"', '""') || '"."' || replace(relname, '"', '""') || '"' AS pattern
FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE nspname <> 'information_schema' AND nspname NOT LIKE 'pg\\_%' AND relkind IN ('r', 'p', 'f', 'v', 'm', 'S')
    AND relowner <> (SELECT relowner FROM pg_class WHERE oid = to_regclass('public.alembic_version'))
    AND NOT has_table_privilege(pg_class.oid, 'SELECT')
"""


async def tables(connection: asyncpg.Connection[Any]) -> list[str]:
    """Return our tables but Alembic's: those whose owner, too, is bound by row-level security."""
    return [row["relname"] for row in await connection.fetch(_TABLES)]


async def sequences(connection: asyncpg.Connection[Any], of: list[str]) -> list[str]:
    """Return the sequences that number the rows of tables."""
    return [row["relname"] for row in await connection.fetch(_SEQUENCES, of)]


async def closed(connection: asyncpg.Connection[Any]) -> list[str]:
    """Return what the owner of our tables may not read, as patterns of `pg_dump`'s: another program's."""
    return [row["pattern"] for row in await connection.fetch(_CLOSED)]
