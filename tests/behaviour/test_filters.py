"""Which todos a list shows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from tests.behaviour import support
from tests.faces import Face, RefusedError
from tests.support import zone_of_another_day
from tests.tables import each

pytestmark = pytest.mark.requirement("TD3")

titles = partial(support.titles, direction="asc")


@pytest.mark.requirement("TD6", "TD7")
async def test_status_shows_open_by_default_and_done_all_or_the_trash_when_asked(me: Face) -> None:
    _, done, trashed = (await me.add({"title": "open"}, {"title": "done"}, {"title": "trashed"})).accepted
    await me.complete(done)
    await me.delete(trashed)

    assert await titles(me) == ["open"]
    assert await titles(me, status="open") == ["open"]
    assert await titles(me, status="done") == ["done"]
    assert await titles(me, status="all") == ["open", "done"]
    assert await titles(me, status="trashed") == ["trashed"]


async def test_priority_shows_one_or_several_of_them(me: Face) -> None:
    await me.add(*({"title": priority, "priority": priority} for priority in ("low", "medium", "high", "urgent")))

    assert await titles(me, priority=["high"]) == ["high"]
    assert await titles(me, priority=["urgent", "low"]) == ["low", "urgent"]


@pytest.mark.requirement("TD19")
async def test_todos_are_found_by_what_they_have_and_by_what_they_lack(me: Face) -> None:
    (garden,) = (await me.add_list("Garden")).accepted
    plain, _, _, tagged, *_ = (
        await me.add(
            {"title": "plain"},
            {"title": "dated", "due": "2026-12-24"},
            {"title": "daily", "repeat": "daily"},
            {"title": "tagged", "tags": ["old", "new"]},
            {"title": "planted", "list_id": garden},
            {"title": "parent"},
            {"title": "child", "parent_index": 5},
        )
    ).accepted
    (bare,) = (await me.add({"title": "bare", "tags": ["gone"]})).accepted
    (leafless,) = (await me.add({"title": "leafless"})).accepted
    (trashed,) = (await me.add({"title": "trashed", "parent_id": leafless})).accepted
    await me.delete(trashed)
    tags = {tag["name"]: tag["id"] for tag in (await me.overview())["tags"]}
    await me.delete_tag(tags["gone"])
    await me.delete_tag(tags["old"])
    everything = await titles(me)
    having = {
        "has_due": ["dated", "daily"],
        "has_tags": ["tagged"],
        "has_list": ["planted"],
        "has_subtasks": ["parent"],
        "repeats": ["daily"],
    }

    for name, found in having.items():
        assert await titles(me, **{name: True}) == found, name
        assert await titles(me, **{name: False}) == [title for title in everything if title not in found], name
    assert await titles(me, has_due=True, repeats=False) == ["dated"]
    assert await titles(me, text="tagged", has_tags=True) == ["tagged"]
    assert await titles(me, ids=[plain, tagged, bare], has_tags=False) == ["plain", "bare"]


async def test_ids_show_those_todos_and_ignore_unknown_ones(me: Face) -> None:
    first, _, third = (await me.add({"title": "1"}, {"title": "2"}, {"title": "3"})).accepted

    assert await titles(me, ids=[third, first, 2**62]) == ["1", "3"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("MILK", ["Buy milk"]),
        ("list", ["Write list"]),
        ("100%", ["100% sure"]),
        ("snake_case", ["snake_case"]),
        ("back\\slash", ["back\\slash"]),
        ("%", []),
        ("\\%", []),
        ("straße", ["Straße"]),
        ("nothing of it", []),
    ],
)
async def test_text_finds_the_words_in_title_or_description(me: Face, text: str, found: list[str]) -> None:
    await me.add(
        {"title": "Buy milk"},
        {"title": "Write list", "description": "the list of lists"},
        {"title": "100% sure"},
        {"title": "snake_case"},
        {"title": "back\\slash"},
        {"title": "Straße"},
        {"title": "plain"},
    )

    assert await titles(me, text=text) == found


@pytest.mark.parametrize("moment", ["created", "updated", "completed"])
async def test_a_range_includes_its_start_and_excludes_its_end(me: Face, moment: str) -> None:
    ids = [(await me.add({"title": title})).accepted[0] for title in ("a", "b", "c")]
    for todo_id in ids:
        await me.complete(todo_id)
    first, second, third = (todo[f"{moment}_at"] for todo in (await me.list(status="done", direction="asc")).todos)
    assert datetime.fromisoformat(first) < datetime.fromisoformat(second) < datetime.fromisoformat(third)

    assert await titles(me, status="done", **{f"{moment}_after": second}) == ["b", "c"]
    assert await titles(me, status="done", **{f"{moment}_before": second}) == ["a"]
    assert await titles(me, status="done", **{f"{moment}_after": first, f"{moment}_before": third}) == ["a", "b"]


async def test_a_moment_may_have_any_offset(me: Face) -> None:
    await me.add({"title": "now"})

    assert await titles(me, created_after="2020-01-01T00:00:00+05:30", created_before="2999-01-01T00:00:00Z") == ["now"]


@pytest.mark.requirement("TD10")
async def test_a_moment_may_be_a_day_or_words_and_is_where_the_user_is(me: Face) -> None:
    await me.update_profile(time_zone=zone_of_another_day())
    await me.add({"title": "now"})

    assert await titles(me, created_after="today") == ["now"]
    assert await titles(me, created_after="yesterday", created_before="today") == ["now"]
    assert await titles(me, created_after="tomorrow") == []
    assert await titles(me, created_after="2020-01-01", created_before="2020-01-31") == []
    assert await titles(me, created_after="2020-01-01T09:00:00", created_before="in 2 weeks") == ["now"]


@pytest.mark.requirement("TD10")
@pytest.mark.parametrize("side", ["created", "updated"])
@pytest.mark.usefixtures("noon")
async def test_what_has_happened_is_looked_for_in_the_past(me: Face, side: str) -> None:
    await me.add({"title": "now"})
    yesterday = f"{datetime.now(UTC) - timedelta(days=1):%A %b %d}".lower()
    weekday, month, day = yesterday.split()

    for past in (weekday, f"{month} {day}", "last 7 days", "this month", "this year", "2 days", "past hour"):
        assert await titles(me, **{f"{side}_after": past}) == ["now"], past
    for past in (weekday, f"{month} {day}", "last week", "last month", "yesterday"):
        assert await titles(me, **{f"{side}_before": past}) == [], past


@pytest.mark.requirement("TD10")
@pytest.mark.usefixtures("noon")
async def test_the_week_of_a_bound_is_that_of_the_profile(me: Face) -> None:
    for first in ("sunday", "monday", "saturday"):
        await me.update_profile(week_start=first)
        (todo,) = (await me.add({"title": first, "due": "end of week"})).accepted

        assert first in await titles(me, due_after="this week", due_before="this week", sort="due")
        assert first not in await titles(me, due_before="last week", sort="due")
        await me.delete(todo)


@each("moment", ["2026-13-01T00:00:00Z", "2026-02-30", "sometime", "0001-01-01"])
async def test_a_moment_that_is_none_is_refused_by_name(me: Face, moment: str) -> None:
    with pytest.raises(RefusedError) as refused:
        await me.list(created_after=moment)

    assert refused.value.code == "invalid_input"
    (problem,) = refused.value.told["errors"]
    assert problem["field"] == "created_after"
    assert problem["message"].endswith(".")  # and the last sentence says what to do
    assert moment not in problem["message"]


async def test_filters_together_all_have_to_match_and_the_total_counts_only_those(me: Face) -> None:
    await me.add(
        {"title": "call mum", "priority": "high"},
        {"title": "call dad", "priority": "low"},
        {"title": "write", "priority": "high"},
    )

    listed = await me.list(text="call", priority=["high"])

    assert [todo["title"] for todo in listed.todos] == ["call mum"]
    assert listed.total == 1


@each(
    ("wanted", "field", "allowed"),
    [
        ({"status": "late"}, "status", ["open", "done", "all", "trashed"]),
        ({"priority": ["huge"]}, "priority.0", ["low", "medium", "high", "urgent"]),
        (
            {"sort": "colour"},
            "sort",
            ["created", "updated", "start", "due", "priority", "title", "manual", "pressing", "match"],
        ),
        ({"tags": ["a"], "tags_match": "none"}, "tags_match", ["any", "all"]),
    ],
)
async def test_a_value_that_is_none_of_the_allowed_is_refused_with_the_allowed_ones(
    me: Face, wanted: dict[str, object], field: str, allowed: list[str]
) -> None:
    with pytest.raises(RefusedError) as refused:
        await me.list(**wanted)

    (problem,) = refused.value.told["errors"]
    assert problem["field"].replace("[0]", ".0") == field
    assert problem["allowed"] == allowed


async def test_an_unknown_filter_is_refused_by_name(me: Face) -> None:
    with pytest.raises(RefusedError) as refused:
        await me.list(colour="red")

    assert refused.value.code == "invalid_input"
    assert refused.value.told["errors"][0]["field"] == "colour"
