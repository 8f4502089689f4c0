"""Names and helpers that tests of every folder share."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

import asyncpg

from todo_app.application import Address
from todo_core.boundary.operation import Caller
from todo_core.identity.scopes import Scope
from todo_core.models.tokens import TokenCreate
from todo_core.operations import tokens

JWT_SECRET = "a-secret-of-at-least-thirty-two-bytes!"
ISSUER = "https://auth.example.test"
AUDIENCE = "https://todo.example.test"
ADDRESS = Address("127.0.0.1", 8000)

MISTAKE = """
CREATE FUNCTION mistake() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'INSERT into column' USING ERRCODE = 'division_by_zero'; END $$;
CREATE TRIGGER mistake BEFORE INSERT ON todos FOR EACH ROW EXECUTE FUNCTION mistake()
"""
"""Stands for a statement of ours that PostgreSQL refuses: no fault of the database, and none of the request."""


def with_database(url: str, database: str) -> str:
    """The same server's other database."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


async def drop_database(url: str, database: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
    finally:
        await connection.close()


async def token_of(caller: Caller, *scopes: Scope) -> str:
    """An API token of a user; by default with every scope that the user has."""
    wanted = TokenCreate(name="test", scopes=list(scopes) or sorted(caller.principal.scopes))
    made = await caller.perform(tokens.create, wanted)
    assert made.secret is not None
    return made.secret
