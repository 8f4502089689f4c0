"""Check our roles, and who may take them on. Roles belong to the whole server: no catalogue of a database has them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from typing import Any, Final

import asyncpg

from todo_app.doctor.findings import Finding
from todo_core.storage.roles import (
    ADMIN_ROLE,
    AGENT_ROLE,
    APP_ROLE,
    CALENDAR_ROLE,
    JANITOR_ROLE,
    LEAVING_ROLE,
    SIGN_IN_ROLE,
)

SERVED: Final = (APP_ROLE, AGENT_ROLE, JANITOR_ROLE, ADMIN_ROLE, SIGN_IN_ROLE, CALENDAR_ROLE, LEAVING_ROLE)
"""Roles that the server takes on."""
ROLES: Final = (*SERVED, "todo_probe", "todo_search", "todo_tagger")
"""All our roles. The owner of the tables takes on each: migrations make functions that the last three own."""
_MEMBER_OF: Final = {AGENT_ROLE: [APP_ROLE]}
"""By role, those of which it is a member; of no others."""

_ROLES: Final = """
SELECT rolname AS name,
       rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication OR rolcanlogin AS is_powerful,
       EXISTS (SELECT FROM pg_class WHERE relowner = r.oid) AS owns,
       array(SELECT roleid::regrole::text FROM pg_auth_members WHERE member = r.oid ORDER BY 1) AS member_of,
       pg_has_role(current_user, r.oid, {mode}) AS served_by_login,
       relowner::regrole::text AS owner, pg_has_role(relowner, r.oid, {mode}) AS taken_on_by_owner,
       pg_has_role(relowner, r.oid, 'USAGE')
           AND NOT (SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE oid = relowner) AS binds_owner,
       current_setting('server_version_num')::int >= 160000 AS has_options,
       current_user AS login, pg_has_role(current_user, relowner, 'MEMBER') AS is_owner
FROM pg_roles r, pg_class c WHERE c.oid = 'public.alembic_version'::regclass AND rolname = ANY ($1::text[])
"""

_LOGIN: Final = """
SELECT rolname AS name, rolinherit AS inherits, pg_has_role(r.oid, relowner, 'MEMBER') AS owns,
       rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication AS is_powerful
FROM pg_roles r, pg_class c WHERE c.oid = 'public.alembic_version'::regclass AND rolname = coalesce($1, current_user)
"""
_BETTER_LOGIN: Final = (
    f"CREATE ROLE todo_login LOGIN NOINHERIT PASSWORD '…'; GRANT {', '.join(SERVED)} TO todo_login;"
    " TODO_DATABASE_URL with it for `serve` and `stdio`, as it is for `migrate` (docs/database-login.md)"
)


async def login(connection: asyncpg.Connection[Any], name: str | None) -> Finding:
    """Tell what whoever gets out of the role of requests could do as the role that logs in.

    That role needs no power. One that has some is no fault, for programs that migrate by themselves need it.

    Args:
        connection: A connection to the database.
        name: The role that logs in for requests; None: the one of the connection.
    """
    row = await connection.fetchrow(_LOGIN, name)
    if row is None:
        return Finding(True, "login", f"{name} is made by the next start")
    if row["owns"] or row["is_powerful"] or row["inherits"]:
        has = (
            "owns the tables" if row["owns"] else "has powers" if row["is_powerful"] else "has the rights of its roles"
        )
        return Finding(True, "login", f"{row['name']} {has}, which requests do not need; better: {_BETTER_LOGIN}")
    return Finding(True, "login", f"{row['name']} owns nothing, and has no rights but to take on the roles of requests")


async def present(connection: asyncpg.Connection[Any]) -> set[str]:
    """Return those of our roles that are there."""
    rows = await connection.fetch("SELECT rolname FROM pg_roles WHERE rolname = ANY ($1::text[])", [*ROLES])
    return {row["rolname"] for row in rows}


async def check(connection: asyncpg.Connection[Any], there: Collection[str]) -> AsyncIterator[Finding]:
    """Check that each role is there, owns nothing, has no power, and can be used."""
    # Since PostgreSQL 16 a member may be one without the right to SET ROLE.
    mode = "'SET'" if connection.get_server_version().major >= 16 else "'MEMBER'"
    rows = {row["name"]: row for row in await connection.fetch(_ROLES.format(mode=mode), [*ROLES])}
    for role in ROLES:
        if role not in there:
            yield Finding(
                False,
                f"role {role}",
                f"is missing; CREATE ROLE {role}, GRANT it to the owner of the tables, and run doctor again",
            )
        else:
            yield Finding(*_judged(role, rows[role]))


def _judged(role: str, row: asyncpg.Record) -> tuple[bool, str, str]:
    subject = f"role {role}"
    if row["is_powerful"] or row["owns"]:
        return (
            False,
            subject,
            "has powers or tables of its own; make it NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB"
            " NOREPLICATION, owning nothing",
        )
    expected = _MEMBER_OF.get(role, [])
    if others := [name for name in row["member_of"] if name not in expected]:
        return False, subject, f"has the rights of others; REVOKE {', '.join(others)} FROM {role}"
    if lacking := [name for name in expected if name not in row["member_of"]]:
        return False, subject, f"lacks the rights of requests; GRANT {', '.join(lacking)} TO {role}"
    fault = _fault_of_agents(row) if role == AGENT_ROLE else _not_taken_on(role, row)
    if fault is not None:
        return False, subject, fault
    return True, subject, "owns nothing and cannot bypass row-level security"


def _not_taken_on(role: str, row: asyncpg.Record) -> str | None:
    """Return who cannot take on a role that they need."""
    if role in SERVED and not row["served_by_login"]:
        return f"cannot be taken on; GRANT {role} TO the user of TODO_DATABASE_URL"
    if role != AGENT_ROLE and not row["taken_on_by_owner"]:
        return f"cannot be taken on by migrations; GRANT {role} TO {row['owner']}"
    return None


def _fault_of_agents(row: asyncpg.Record) -> str | None:
    """Return what is wrong with the role of agents with lists, which the owner of the tables must not inherit.

    Before PostgreSQL 16 who is in a role inherits it, and an owner that inherits nothing could not migrate.
    """
    owner, has_options = row["owner"], row["has_options"]
    if row["binds_owner"]:
        instead = f"GRANT {AGENT_ROLE} TO {owner} WITH INHERIT FALSE, SET TRUE"
        mending = instead if has_options else f"REVOKE {AGENT_ROLE} FROM {owner}; {_BETTER_LOGIN}"
        return f"holds migrations to its policies, for {owner} inherits it; {mending}"
    if has_options or row["served_by_login"]:
        return _not_taken_on(AGENT_ROLE, row)
    mending = _BETTER_LOGIN if row["is_owner"] else f"GRANT {AGENT_ROLE} TO {row['login']}"
    return f"cannot be taken on, so agents with lists are answered 503; {mending}"
