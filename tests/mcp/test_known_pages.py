"""What a model reads of a page that is remembered is remembered with it, and made anew once something has changed."""

from __future__ import annotations

from typing import Any, get_args

import orjson
import pytest

from mcp_server.resources import read
from mcp_server.tool_results import Detail
from mcp_server.tools.search import fetch
from mcp_server.tools.todos import TodoListing, list_todos
from tests.core.support import add, on_the_wire
from todo_core.boundary.caller import Caller
from todo_core.models.todos import TodoCreate
from todo_core.operations import todos
from todo_core.queries.standing import LATEST

pytestmark = pytest.mark.requirement("MC1")


async def told(me: Caller, **wanted: Any) -> Any:
    """What two looks tell, which is the same."""
    answers = [await list_todos(me, TodoListing(**wanted)) for _ in range(2)]
    assert answers[0] == answers[1]
    return answers[0].structured_content


@pytest.mark.parametrize("detail", get_args(Detail))
async def test_a_remembered_page_is_told_as_it_was_made_and_anew_after_a_change(ann: Caller, detail: Detail) -> None:
    await ann.perform(todos.add, [TodoCreate(title="Ünï\u2028", due="2027-01-01", tags=["a"]), TodoCreate(title="b")])
    first = await told(ann, detail=detail)
    mine = [page for key, page in ann.core.remembered.items() if key[0] == ann.principal.user_id]
    (known,) = [page.shown for page in mine if page.shown is not None]

    assert [*known.forms] == [detail]
    assert await told(ann, detail=detail) == first
    known.forms[detail] = b'{"todos":[{"id":1,"title":"kept"},{"id":2,"title":"too"}]}', 2
    assert await told(ann, detail=detail) == {
        "todos": [{"id": 1, "title": "kept"}, {"id": 2, "title": "too"}],
        "showing": "2 of 2",
    }

    await add(ann, "c")
    assert len((await told(ann, detail=detail))["todos"]) == 3


async def test_a_todo_that_is_remembered_is_told_by_a_tool_and_a_resource(ann: Caller) -> None:
    (todo_id,) = await add(ann, "first")
    for title in ("second", "third"):
        await ann.perform(todos.update, [{"id": todo_id, "title": title, "add_note": title}])
        shown = []
        for _ in range(3):
            fetched, row = await fetch(ann, str(todo_id)), orjson.loads(await read(ann, f"todo://todos/{todo_id}"))
            assert fetched.structured_content is not None
            shown.append((fetched.structured_content, row))
        assert shown[0][0]["title"] == shown[0][1]["title"] == shown[0][1]["notes"][0]["text"] == title
        assert shown == shown[:1] * 3
        with on_the_wire() as wire:
            await fetch(ann, str(todo_id))
            await read(ann, f"todo://todos/{todo_id}")
        assert wire.sent == [LATEST.autocommit_sql] * 2


async def test_a_page_that_does_not_fit_is_cut_each_time(ann: Caller) -> None:
    await ann.perform(todos.add, [TodoCreate(title=f"{n}", description="x" * 990) for n in range(25)])
    cut = await told(ann, detail="full")

    assert 0 < len(cut["todos"]) < 25
    assert await told(ann, detail="full") == cut
    rest = await told(ann, detail="full", cursor=cut["next_cursor"])
    assert len(cut["todos"]) + len(rest["todos"]) == 25
