"""What a model reads of a page that is remembered is remembered with it, and made anew once something has changed."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from mcp_server.tool_results import Detail
from mcp_server.tools.todos import TodoListing, list_todos
from tests.core.support import add
from todo_core.boundary.caller import Caller
from todo_core.models.todos import TodoCreate
from todo_core.operations import todos

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
    mine = [page for key, page in ann.core.pages.items() if key[0] == ann.principal.user_id]
    (known,) = [page.rows for page in mine if page.rows is not None]

    assert [*known.forms] == [detail]
    assert await told(ann, detail=detail) == first
    known.forms[detail] = b'{"todos":[{"id":1,"title":"kept"},{"id":2,"title":"too"}]}', 2
    assert await told(ann, detail=detail) == {
        "todos": [{"id": 1, "title": "kept"}, {"id": 2, "title": "too"}],
        "showing": "2 of 2",
    }

    await add(ann, "c")
    assert len((await told(ann, detail=detail))["todos"]) == 3


async def test_a_page_that_does_not_fit_is_cut_each_time(ann: Caller) -> None:
    await ann.perform(todos.add, [TodoCreate(title=f"{n}", description="x" * 990) for n in range(25)])
    cut = await told(ann, detail="full")

    assert 0 < len(cut["todos"]) < 25
    assert await told(ann, detail="full") == cut
    rest = await told(ann, detail="full", cursor=cut["next_cursor"])
    assert len(cut["todos"]) + len(rest["todos"]) == 25
