"""What a person picks from a menu to begin with (MC6)."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from mcp_types import TextContent

from mcp_server.prompts import Day
from tests.bad_values import MARKER
from tests.contract.project import TOOLS
from tests.faces import FaceName, McpFace, face, http_client, rpc
from tests.mcp.support import refused_request
from tests.mcp.tokens import tokens
from tests.support import token_of
from todo_app.application import Application
from todo_core.boundary.caller import Caller

pytestmark = pytest.mark.requirement("MC6")

NAMES = ("plan_my_day", "weekly_review", "brain_dump")


async def texts(me: McpFace, name: str, **arguments: str) -> list[str]:
    """The messages of a prompt."""
    messages = (await me.client.get_prompt(name, arguments)).messages
    found = [message.content for message in messages]
    assert {message.role for message in messages} == {"user"}
    return [content.text for content in found if isinstance(content, TextContent)]


async def refused(me: McpFace, name: str, **arguments: str) -> dict[str, Any]:
    """What the refusal of a prompt told."""
    told = await refused_request(me.client.get_prompt(name, arguments))
    assert MARKER not in json.dumps(told)
    return told


async def test_there_are_three_each_with_title_and_description(me: McpFace) -> None:
    prompts = {prompt.name: prompt for prompt in (await me.client.list_prompts()).prompts}

    assert tuple(prompts) == NAMES
    assert all(prompt.title and prompt.description for prompt in prompts.values())
    (argument,) = prompts["brain_dump"].arguments or ()
    assert (argument.name, argument.required) == ("text", False)
    assert argument.description
    assert not prompts["plan_my_day"].arguments
    assert not prompts["weekly_review"].arguments


@pytest.mark.parametrize("name", NAMES)
async def test_each_names_the_day_where_the_person_is_and_only_tools_that_exist(me: McpFace, name: str) -> None:
    zone = ZoneInfo("Pacific/Kiritimati")  # 14 hours ahead: mostly another day than in UTC
    await me.update_profile(time_zone=zone.key)

    before = datetime.now(zone)
    text = "\n".join(await texts(me, name))
    after = datetime.now(zone)

    assert any(f"{now:%A, %Y-%m-%d} (Pacific/Kiritimati)" in text for now in (before, after))
    named = set(re.findall(r"`(\w+)`", text))
    assert named
    assert named <= TOOLS
    assert tokens(text) <= 300


@pytest.mark.usefixtures("noon")
async def test_the_plan_knows_how_many_todos_wait_and_what_is_due(me: McpFace) -> None:
    await me.add({"title": "a"}, {"title": "b", "due": "2020-01-01"}, {"title": "c", "due": "today"})

    (text,) = await texts(me, "plan_my_day")
    assert "I have 3 open todos, 1 of them overdue and 1 due today" in text
    due = await me.call("list_todos", due_before="today", sort="due")
    assert [todo["title"] for todo in due["todos"]] == ["b", "c"]


async def test_the_review_asks_for_the_report_of_its_week(me: McpFace) -> None:
    (text,) = await texts(me, "weekly_review")

    (week,) = re.findall(r"for the week of (\S+)\.", text)
    assert (await me.call("get_report", week=week))["week"]["first_day"] == week


async def test_the_review_begins_with_the_week_and_its_moment_is_one_that_list_todos_takes(me: McpFace) -> None:
    await me.update_profile(time_zone="Asia/Kathmandu", week_start="sunday")

    (text,) = await texts(me, "weekly_review")

    moments = set(re.findall(r'"([^"]+)"', text))
    (since,) = moments
    begin = datetime.fromisoformat(since)
    assert (f"{begin:%A %H:%M}", since[-6:]) == ("Sunday 00:00", "+05:45")
    assert 1 <= (datetime.now(begin.tzinfo).date() - begin.date()).days <= 7
    await me.add({"title": "a"})
    assert len((await me.call("list_todos", created_after=since))["todos"]) == 1


async def test_a_dump_is_a_message_of_its_own(me: McpFace) -> None:
    text = "milk!! and CALL mum\n\nignore `drop_todos`"

    asked, said = await texts(me, "brain_dump", text=f"  {text}\n")
    assert said == text
    assert text not in asked
    (alone,) = await texts(me, "brain_dump")
    assert alone.startswith("Ask me")


@pytest.mark.requirement("MC4")
async def test_an_unknown_prompt_is_refused_with_the_known_ones(me: McpFace) -> None:
    told = await refused(me, MARKER)

    assert told["errors"] == [
        {"field": "name", "code": "not_found", "message": "is not a known prompt", "allowed": [*NAMES]}
    ]


@pytest.mark.requirement("MC4")
async def test_arguments_are_strict(me: McpFace) -> None:
    for name, arguments, field, allowed in (
        ("plan_my_day", {"text": MARKER}, "text", None),
        ("brain_dump", {MARKER.lower(): "a"}, MARKER.lower(), ["text"]),
        ("brain_dump", {"text": ""}, "text", None),
        ("brain_dump", {"text": MARKER.ljust(20_001, "x")}, "text", None),
        ("brain_dump", {"text": f"{MARKER}\x00"}, "text", None),
    ):
        (problem,) = (await refused(me, name, **arguments))["errors"]
        assert (problem["field"], problem.get("allowed")) == (field, allowed)


@pytest.mark.parametrize("text", ["\ud800", 5, [MARKER], {"a": MARKER}])
async def test_what_is_no_text_is_refused(generation: FaceName, app: Application, ann: Caller, text: object) -> None:
    async with http_client(app, await token_of(ann)) as http:
        response = await rpc(http, generation, "prompts/get", {"name": "brain_dump", "arguments": {"text": text}})

    assert response.status_code in (200, 400)
    assert response.json()["error"]["code"] < 0
    assert MARKER not in response.text


@pytest.mark.requirement("ID4")
async def test_a_prompt_is_shown_to_whom_it_is_of_use(generation: FaceName, app: Application, ann: Caller) -> None:
    async with face(generation, app, await token_of(ann, "todos:read")) as reader:
        assert isinstance(reader, McpFace)
        assert [prompt.name for prompt in (await reader.client.list_prompts()).prompts] == list(NAMES[:2])
    async with http_client(app, await token_of(ann, "profile")) as http:
        error = (await rpc(http, generation, "prompts/get", {"name": "plan_my_day"})).json()["error"]
    assert error["data"]["code"] == "insufficient_scope"


@pytest.mark.parametrize(
    ("now", "week_start", "since"),
    [
        ("2026-11-21T09:00+01:00", "monday", "2026-11-16T00:00:00+01:00"),
        ("2026-11-21T09:00+01:00", "saturday", "2026-11-14T00:00:00+01:00"),
        ("2026-11-21T09:00+01:00", "sunday", "2026-11-15T00:00:00+01:00"),
        ("2026-11-16T00:00+01:00", "monday", "2026-11-09T00:00:00+01:00"),
        ("2026-10-25T23:59+01:00", "monday", "2026-10-19T00:00:00+02:00"),  # the clocks went back
        ("2026-01-01T09:00+01:00", "monday", "2025-12-29T00:00:00+01:00"),
    ],
)
def test_the_last_week_began_at_midnight_of_its_first_day(now: str, week_start: str, since: str) -> None:
    vienna = datetime.fromisoformat(now).astimezone(UTC).astimezone(ZoneInfo("Europe/Vienna"))

    assert Day(vienna, week_start, 0, 0, 0).last_week_start.isoformat() == since
