"""Policies for agents with a mandate on lists cost nobody else a thing: PostgreSQL plans the same statements alike."""

from __future__ import annotations

from dataclasses import replace

import asyncpg
import pytest

from tests.core.support import CoreOpener, acting_as, connected
from tests.core.test_list_mandates import new_list, new_todo
from tests.core.test_plans import Sent, overheard
from todo_core.boundary.caller import Caller
from todo_core.models.lists import ListQuery
from todo_core.models.todos import TodoFilter
from todo_core.operations import lists, overview, search, tags, todos

pytestmark = pytest.mark.requirement("ID9", "DB5")

_OURS = "SELECT polname AS name, polrelid::regclass::text AS on_table FROM pg_policy WHERE polroles = $1::oid[]"


async def plans(admin: asyncpg.Connection, me: int, sent: list[Sent]) -> list[str]:
    """Return how PostgreSQL runs statements as `todo_app`, with what it expects of each step."""
    async with acting_as(admin, "todo_app", me):
        return [row[0] for one in sent for row in await admin.fetch(f"EXPLAIN (VERBOSE) {one.sql}", *one.arguments)]


async def test_whoever_has_no_such_mandate_keeps_the_very_same_plans(
    fresh_database_url: str, another_core: CoreOpener, ann: Caller
) -> None:
    async with another_core(fresh_database_url) as core, connected(fresh_database_url) as admin:
        me = replace(ann, core=core, principal=await core.identity.local("ann"))
        work = await new_list(me, "Work")
        ids = [await new_todo(me, f"todo {n}", work if n % 2 else None, tags=[f"tag {n % 3}"]) for n in range(12)]
        await admin.execute("ANALYZE")
        with overheard() as sent:
            await me.perform(todos.list_, TodoFilter(limit=50))
            await me.perform(todos.get, ids[0])
            await me.perform(tags.list_)
            await me.perform(lists.list_, ListQuery())
            await me.perform(overview.get)
            await me.perform(search.find, TodoFilter(text="todo"))
        statements = [one for one in sent if "set_config('app.user_id'" in one.sql]
        assert len(statements) >= 6
        user = me.principal.user_id
        with_policies = await plans(admin, user, statements)
        role = await admin.fetchval("SELECT ARRAY['todo_agent'::regrole::oid]")
        policies = await admin.fetch(_OURS, role)
        for policy in policies:
            await admin.execute(f"DROP POLICY {policy['name']} ON {policy['on_table']}")
        without = await plans(admin, user, statements)

    assert len(policies) == 16
    assert with_policies == without
    assert not [line for line in with_policies if "app.lists" in line]
