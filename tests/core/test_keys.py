"""Keys of users' tables begin with the user, so that the tables can be spread by user (decision 26)."""

from __future__ import annotations

from typing import Final

import asyncpg
import pytest

_UNIQUE: Final = """
SELECT i.relname AS name, t.relname AS "table",
       array(SELECT a.attname::text FROM unnest(x.indkey) WITH ORDINALITY AS k (column_number, place)
             JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = k.column_number ORDER BY k.place) AS columns
FROM pg_index x
JOIN pg_class i ON i.oid = x.indexrelid
JOIN pg_class t ON t.oid = x.indrelid
WHERE x.indisunique AND t.relnamespace = 'public'::regnamespace
  AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = t.oid AND a.attname = 'user_id' AND NOT a.attisdropped)
"""
_BY_ID: Final = "a row is found by its id alone, so that the answer to another user's is that it is not theirs (OW4)"
WITHOUT_USER: Final = {
    "pk_todos": _BY_ID,
    "pk_lists": _BY_ID,
    "pk_tags": _BY_ID,
    "pk_api_tokens": _BY_ID,
    "pk_agents": _BY_ID,
    "pk_calendars": _BY_ID,
    "uq_api_tokens_hash": "a token is looked up before its user is known",
    "uq_calendars_hash": "an address is looked up before its user is known",
}
"""Unique keys of users' tables without `user_id`, and why."""
GROWING: Final = {"changes", "change_entries", "idempotency_keys"}
"""Tables that grow with every write."""


@pytest.mark.requirement("DB6")
async def test_every_unique_key_of_a_users_table_contains_the_user_or_says_why_not(admin: asyncpg.Connection) -> None:
    keys = await admin.fetch(_UNIQUE)

    assert {row["name"] for row in keys if "user_id" not in row["columns"]} == WITHOUT_USER.keys()
    growing = [row for row in keys if row["table"] in GROWING]
    assert {row["table"] for row in growing} == GROWING
    assert [row["name"] for row in growing if row["columns"][0] != "user_id"] == []
