"""Schema 0016, by which there are calendar addresses and people may leave: up, down, and up again."""

from __future__ import annotations

import pytest

from tests.core.support import CoreOpener, acting_as, connected
from tests.databases import migrate_empty
from todo_core.boundary.caller import Caller
from todo_core.models.calendars import CalendarCreate
from todo_core.operations import calendars
from todo_core.rules import calendars as reading
from todo_core.schema.losses import losses
from todo_core.schema.migrate import migrate

pytestmark = pytest.mark.requirement("DB3", "LT4")

REVISION = "0016"
BEFORE = "0015_finish"


async def test_a_way_down_tells_of_the_addresses_and_the_way_up_can_be_gone_again(
    empty_database_url: str, another_core: CoreOpener
) -> None:
    url = empty_database_url
    await migrate_empty(url, REVISION)
    async with another_core(url) as core:
        me = Caller(core, await core.identity.local("ann"), "test")
        secret = (await me.perform(calendars.create, CalendarCreate(name="x"))).secret
        assert secret is not None
        assert await reading.read(core, secret, None)
    assert await losses(url, BEFORE, REVISION) == ["calendar addresses (1)"]
    async with connected(url) as admin:
        await migrate(url, BEFORE)
        assert await admin.fetchval("SELECT to_regclass('calendars')") is None
        for role in ("todo_calendar", "todo_leaving"):
            granted = "SELECT count(*) FROM information_schema.role_column_grants WHERE grantee = $1"
            assert await admin.fetchval(granted, role) == 0
        await migrate(url, REVISION)
        async with acting_as(admin, "todo_calendar"):
            assert await admin.fetchval("SELECT count(id) FROM todos") == 0
