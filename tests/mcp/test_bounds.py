"""What a reading tool answers has a bound, and says what it left out and how to go on."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, fields
from typing import Any

import pytest

from mcp_server.tools.todos import TodoListing, list_todos
from tests.core.support import add
from tests.core.support import told as rows_told
from tests.faces import Json, McpFace, RefusedError
from tests.mcp.tokens import tokens
from todo_core.boundary.caller import Caller
from todo_core.errors import InvalidInput
from todo_core.models.todos import TodoCreate, TodoUpdate
from todo_core.operations import notes, todos

pytestmark = pytest.mark.requirement("MC1", "MC9")

AWKWARD = "📌 Ärger über Straßenbahnen, Überstunden и прочее 日本語の長い名前 "


async def test_the_overview_is_small_whatever_the_person_has_and_says_what_it_leaves_out(me: McpFace) -> None:
    names = [f"{AWKWARD}{n}" for n in range(100)]
    for start in (0, 50):
        await me.call("add_lists", lists=[{"name": name} for name in names[start : start + 50]])
    await me.call(
        "add_todos", todos=[{"title": "a", "tags": [f"{n}-{k} 日本語の長い" for k in range(20)]} for n in range(5)]
    )
    for n in range(2):
        await me.call("update_lists", lists=[{"id": f"{AWKWARD}{n}", "is_archived": True}])

    told = await me.call("get_overview")

    assert tokens(json.dumps(told, separators=(",", ":"), ensure_ascii=False)) <= 1_500
    assert told["lists_left_out"] + len(told["lists"]) == 99
    assert told["tags_left_out"] + len(told["tags"]) == 100
    assert told["archived_lists"] == 2
    assert len(told["lists"]) >= 5
    assert len(told["tags"]) >= 5


async def test_a_person_with_few_lists_is_told_of_all(me: McpFace) -> None:
    await me.call("add_lists", lists=[{"name": f"List {n}"} for n in range(20)])

    told = await me.call("get_overview")

    assert len(told["lists"]) == 21
    assert not {"lists_left_out", "tags_left_out", "archived_lists"} & told.keys()


async def test_every_name_can_be_read_page_by_page(me: McpFace) -> None:
    await me.call("add_lists", lists=[{"name": f"{AWKWARD * 1}{n}"} for n in range(50)])
    await me.call("add_lists", lists=[{"name": "Old", "color": "red"}])
    await me.call("update_lists", lists=[{"id": "Old", "is_archived": True}])
    todos = [{"title": "x", "tags": [f"{n}-{k}-" + "日本語の" * 10 for k in range(20)]} for n in range(20)]
    await me.call("add_todos", todos=todos)

    assert [row["name"] for row in (await me.call("get_overview", all="archived_lists"))["archived_lists"]] == ["Old"]
    seen: list[Json] = []
    page = await me.call("get_overview", all="tags")
    while True:
        assert len(json.dumps(page, ensure_ascii=False).encode()) <= 24_000
        seen += page["tags"]
        if "after" not in page:
            break
        page = await me.call("get_overview", all="tags", after=page["after"])
    assert len({row["id"] for row in seen}) == len(seen) == 400
    assert len((await me.call("get_overview", all="lists"))["lists"]) == 51
    for wrong in ({"after": "x"}, {"all": "lists", "after": "nobody's"}):
        with pytest.raises(RefusedError) as refused:
            await me.call("get_overview", **wrong)
        assert [problem["field"] for problem in refused.value.told["errors"]] == ["after"]


async def test_a_page_of_todos_is_cut_between_rows_and_goes_on(me: McpFace) -> None:
    todos = [{"title": f"{n}", "description": "x" * 1000} for n in range(50)]
    await me.add(*todos)

    page = await me.call("list_todos", limit=200, detail="full", sort="title")
    seen = [row["id"] for row in page["todos"]]
    while "next_cursor" in page:
        assert len(json.dumps(page).encode()) <= 22_000
        page = await me.call("list_todos", limit=200, detail="full", sort="title", cursor=page["next_cursor"])
        seen += [row["id"] for row in page["todos"]]

    assert len({*seen}) == len(seen) == 50


@dataclass(eq=False)
class Interrupted(Caller):
    """A caller between whose operations something else happens."""

    between: Callable[[], Awaitable[Any]] | None = None

    async def perform(self, *args: Any, **kwargs: Any) -> Any:
        answer = await Caller.perform(self, *args, **kwargs)
        assert self.between is not None
        await self.between()
        return answer

    @classmethod
    def of(cls, caller: Caller, between: Callable[[], Awaitable[Any]]) -> Interrupted:
        return cls(**{field.name: getattr(caller, field.name) for field in fields(Caller)}, between=between)


async def test_a_page_that_is_cut_to_a_row_is_empty_where_that_went_to_the_trash_meanwhile(ann: Caller) -> None:
    ids = [*await add(ann, "a"), *await add(ann, "b")]
    for todo in ids:
        for _ in range(3):
            await ann.perform(notes.add, todo, "日" * 4_000)

    me = Interrupted.of(ann, lambda: ann.perform(todos.delete, ids))
    told = (await list_todos(me, TodoListing(detail="full"))).structured_content

    assert told == {"todos": [], "showing": "0 of 0"}


async def test_a_page_is_no_longer_where_its_rows_become_longer_while_it_is_read(ann: Caller) -> None:
    made = await ann.perform(todos.add, [TodoCreate(title=f"{n}", description="x" * 900) for n in range(25)])
    ids = [row["id"] for row in rows_told(made)]
    longer: list[TodoUpdate | InvalidInput] = [{"id": todo, "description": "日" * 1_000} for todo in ids]

    me = Interrupted.of(ann, lambda: ann.perform(todos.update, longer))
    told = (await list_todos(me, TodoListing(detail="full", sort="title"))).structured_content

    assert told is not None
    assert len(told["todos"]) > 0
    assert len(json.dumps(told, ensure_ascii=False).encode()) <= 20_000
    rest = await list_todos(ann, TodoListing(detail="full", sort="title", cursor=told["next_cursor"]))
    assert rest.structured_content is not None
    assert len(told["todos"]) + len(rest.structured_content["todos"]) < 25
    assert not {row["id"] for row in told["todos"]} & {row["id"] for row in rest.structured_content["todos"]}


@pytest.mark.requirement("MC1")
@pytest.mark.parametrize("detail", ["concise", "full"])
async def test_the_history_is_cut_between_changes_and_nothing_is_missed(me: McpFace, detail: str) -> None:
    ids = (await me.add(*({"title": f"{n}"} for n in range(20)))).accepted
    made = [(await me.update(*({"id": one, "description": f"{n}" * 500} for one in ids))).change for n in range(12)]

    seen: list[int] = []
    page = await me.call("list_changes", since=0, detail=detail)
    while True:
        assert len(json.dumps(page).encode()) <= 22_000
        seen += [change["id"] for change in page["changes"]]
        if not page.get("has_more"):
            break
        page = await me.call("list_changes", since=page["since"], detail=detail)
    assert seen[-len(made) :] == made
    latest = await me.call("list_changes", detail=detail)
    assert len(json.dumps(latest).encode()) <= 22_000
    assert latest["changes"][0]["id"] == made[-1]


async def test_the_history_names_what_changed_and_tells_a_due_as_one_text(me: McpFace) -> None:
    (todo,) = (await me.add({"title": "Gym", "due": "2031-04-03 07:00", "repeat": "daily"})).accepted
    await me.update({"id": todo, "due": "2031-04-04", "description": "x" * 200})

    ((row,),) = [change["rows"] for change in (await me.call("list_changes", limit=1))["changes"]]

    assert row == {
        "todo": todo,
        "title": "Gym",
        "before": {"description": None, "due": "2031-04-03 Thu 07:00"},
        "after": {"description": "x" * 80 + "…", "due": "2031-04-04 Fri 07:00"},
    }
