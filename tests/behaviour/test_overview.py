"""Where the user stands right now."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from tests.faces import Face

pytestmark = pytest.mark.requirement("MC1")


async def test_the_date_is_told_with_its_weekday_and_time_zone(me: Face) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    told = await me.overview()

    now = datetime.fromisoformat(told["now"])
    assert before <= now <= datetime.now(UTC)
    assert told["time_zone"] == "UTC"
    assert told["today"] == now.date().isoformat()
    assert told["weekday"] == f"{date.fromisoformat(told['today']):%A}"


async def test_a_new_user_has_nothing_waiting(me: Face) -> None:
    told = await me.overview()

    assert told["open"] == told["done"] == told["trashed"] == told["completed_today"] == 0
    assert told["open_by_priority"] == {"low": 0, "medium": 0, "high": 0, "urgent": 0}


@pytest.mark.usefixtures("noon")
async def test_the_counts_are_of_open_done_and_trashed_todos(me: Face) -> None:
    ranks = ["low", "high", "high", "urgent", "urgent", "urgent", "medium", "low", "low"]
    ids = (await me.add(*({"title": rank, "priority": rank} for rank in ranks))).accepted
    await me.complete(*ids[6:8])
    await me.complete(ids[5])
    await me.complete(ids[5], completed=False)
    trash = await me.delete(ids[7], ids[8])

    told = await me.overview()

    assert told["open"] == 6
    assert told["open_by_priority"] == {"low": 1, "medium": 0, "high": 2, "urgent": 3}
    assert told["done"] == told["completed_today"] == 1
    assert told["trashed"] == 2
    assert told["last_change_id"] == trash.change_id


@pytest.mark.requirement("SA4")
async def test_the_last_change_is_where_the_next_list_of_changes_begins(me: Face) -> None:
    await me.add({"title": "a"})
    last = (await me.overview())["last_change_id"]
    new = await me.add({"title": "b"})

    changes, _ = await me.changes_since(last, 50)

    assert [change["id"] for change in changes] == [new.change_id]


@pytest.mark.requirement("OW1")
@pytest.mark.usefixtures("noon")
async def test_nobody_counts_the_todos_of_another(me: Face, other: Face) -> None:
    before = await me.overview()
    await other.add({"title": "theirs"})

    after = await me.overview()

    assert {k: v for k, v in after.items() if k != "now"} == {k: v for k, v in before.items() if k != "now"}
