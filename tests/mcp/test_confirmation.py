"""More than 10 todos go to the trash only with a person's word (MC8)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import httpx2
import pytest
from mcp import Client
from mcp_types import ElicitRequestParams, ElicitResult, ErrorData

from mcp_server.server import TodoServer
from tests.faces import McpFace, RefusedError, face, http_client, rpc
from tests.support import token_of
from todo_app.application import Application
from todo_core.boundary.caller import Caller
from todo_core.models.todos import TodoCreate
from todo_core.operations import todos as operations

pytestmark = pytest.mark.requirement("MC8")

Answer = Literal["accept", "decline", "cancel"]
FREE = 10


@dataclass
class Person:
    """Whom the client asks."""

    answer: Answer | ErrorData = "accept"
    asked: list[ElicitRequestParams] = field(default_factory=list)

    async def hear(self, _: Any, asked: ElicitRequestParams) -> ElicitResult | ErrorData:
        self.asked.append(asked)
        return self.answer if isinstance(self.answer, ErrorData) else ElicitResult(action=self.answer)


Connect = Callable[[Person | None], AbstractAsyncContextManager[McpFace]]

EVERYWHERE = ["http-2026", "http-2025", "pipe-2026", "pipe-2025"]
"""A pipe is what stdio is."""
WHERE_PEOPLE_CAN_BE_ASKED = [name for name in EVERYWHERE if name != "http-2025"]


@pytest.fixture
def connect(request: pytest.FixtureRequest, app: Application, ann: Caller) -> Connect:
    """Connects Ann's client, with or without a person who answers questions."""
    transport, generation = request.param.split("-")

    @asynccontextmanager
    async def connected(person: Person | None) -> AsyncIterator[McpFace]:
        options = {} if person is None else {"elicitation_callback": person.hear}
        if transport == "http":
            async with face(f"mcp-{generation}", app, await token_of(ann), **options) as found:  # type: ignore[arg-type]
                assert isinstance(found, McpFace)
                yield found
            return
        mode = "legacy" if generation == "2025" else "2026-07-28"
        async with Client(TodoServer("1", ann), mode=mode, **options) as client:
            yield McpFace(client)

    return connected


everywhere = pytest.mark.parametrize("connect", EVERYWHERE, indirect=True)
where_people_can_be_asked = pytest.mark.parametrize("connect", WHERE_PEOPLE_CAN_BE_ASKED, indirect=True)


async def some(me: McpFace, count: int) -> list[int]:
    """So many new todos."""
    return (await me.add(*({"title": str(n)} for n in range(count)))).accepted


async def is_untouched(me: McpFace, todos: list[int]) -> bool:
    """Whether all are still there, and nothing happened since they were added."""
    listed = await me.list(limit=200)
    latest = (await me.changes(limit=1))[0]
    return {row["id"] for row in listed.todos} == {*todos} and latest["operation"] == "todos.add"


@where_people_can_be_asked
async def test_a_person_who_agrees_is_asked_once_with_the_number(connect: Connect) -> None:
    person = Person()
    async with connect(person) as me:
        deleted = await me.delete(*(await some(me, FREE + 1)))

        assert len(deleted.accepted) == FREE + 1
        assert deleted.change_id is not None
        assert (await me.list()).total == 0
    (asked,) = person.asked
    assert asked.message == "Move 11 todos to the trash? They can be restored from there."


@pytest.mark.parametrize("connect", ["pipe-2025"], indirect=True)
async def test_more_than_a_person_has_agreed_to_is_not_done(connect: Connect, ann: Caller) -> None:
    """A subtask came while the question was open."""
    person, ids = Person(), list[int]()

    async def hear(*_: Any) -> ElicitResult:
        await ann.perform(operations.add, [TodoCreate(title="late", parent_id=ids[0])])
        return ElicitResult(action="accept")

    person.hear = hear  # type: ignore[method-assign]
    async with connect(person) as me:
        ids += (await me.add(*({"title": str(n)} for n in range(12)))).accepted
        with pytest.raises(RefusedError) as refused:
            await me.call("delete_todos", ids=ids)
        assert refused.value.code == "confirmation_required"
        assert len((await me.list()).todos) == 13


@where_people_can_be_asked
async def test_without_a_yes_nothing_is_changed_and_the_agent_is_told(connect: Connect) -> None:
    async with connect(Person("decline")) as me:
        todos = await some(me, FREE + 1)
        with pytest.raises(RefusedError) as refused:
            await me.call("delete_todos", ids=todos)

        assert refused.value.code == "declined"
        assert "nothing was changed" in refused.value.told["message"]
        assert refused.value.told["retryable"] is False
        assert await is_untouched(me, todos)


@where_people_can_be_asked
async def test_where_nobody_answers_the_same_call_is_taken_with_confirm_and_the_count(connect: Connect) -> None:
    async with connect(Person("cancel")) as me:
        todos = await some(me, FREE + 1)
        for wrong in ({}, {"confirm": True, "count": FREE}):
            with pytest.raises(RefusedError) as refused:
                await me.call("delete_todos", ids=todos, **wrong)
            told = refused.value.told
            assert (told["code"], told["count"]) == ("confirmation_required", FREE + 1)
            assert "Nobody answered" in told["message"]
            assert "confirm: true" in told["next_step"]
        assert await is_untouched(me, todos)

        assert len((await me.call("delete_todos", ids=todos, confirm=True, count=FREE + 1))["results"]) == FREE + 1
        assert (await me.changes(limit=1))[0]["via"] == "mcp:delete_todos (confirmed by the agent)"


@where_people_can_be_asked
async def test_the_record_says_that_the_person_agreed_in_a_form(connect: Connect) -> None:
    async with connect(Person()) as me:
        await me.delete(*(await some(me, FREE + 1)))
        assert (await me.changes(limit=1))[0]["via"] == "mcp:delete_todos (confirmed in a form)"


@everywhere
async def test_deletes_of_one_agent_within_ten_minutes_count_together(connect: Connect) -> None:
    async with connect(None) as me:
        work = (await me.add_list("Work")).accepted[0]
        todos = await some(me, FREE - 2)
        await me.add({"title": "x", "list_id": work})
        change = await added(me, 2)
        await me.delete(*todos[:4])
        await me.delete(*todos[4:])
        await me.call("delete_lists", ids=[work], todos="trash")
        last = (await some(me, 1))[0]
        await me.delete(last)
        calls: list[tuple[str, dict[str, Any], int]] = [
            ("undo", {"change_id": change}, 2),
            ("delete_todos", {"ids": await some(me, 1)}, 1),
        ]
        for tool, arguments, count in calls:
            with pytest.raises(RefusedError) as refused:
                await me.call(tool, **arguments)
            assert (refused.value.told["count"], refused.value.told["recent"]) == (count, FREE)
        await me.call("undo", change_id=change, confirm=True, count=2)
        with pytest.raises(RefusedError):  # an agreement is for what was asked, and the next is asked about again
            await me.call("delete_todos", ids=calls[1][1]["ids"])


@everywhere
async def test_what_was_undone_does_not_count(connect: Connect) -> None:
    async with connect(None) as me:
        todos = await some(me, FREE)
        for _ in range(3):
            deleted = await me.delete(*todos)
            await me.undo(deleted.change)


@everywhere
async def test_a_client_that_asks_nobody_needs_confirm(connect: Connect) -> None:
    async with connect(None) as me:
        todos = await some(me, FREE + 1)
        with pytest.raises(RefusedError) as refused:
            await me.call("delete_todos", ids=todos)
        told = refused.value.told
        assert (told["code"], told["count"], told["retryable"]) == ("confirmation_required", FREE + 1, False)
        assert "confirm: true" in told["next_step"]
        assert await is_untouched(me, todos)

        assert len((await me.call("delete_todos", ids=todos, confirm=True))["results"]) == FREE + 1


@pytest.mark.parametrize("connect", ["http-2025"], indirect=True)
async def test_where_the_server_cannot_ask_the_client_needs_confirm_too(connect: Connect) -> None:
    person = Person()
    async with connect(person) as me:
        todos = await some(me, FREE + 1)
        with pytest.raises(RefusedError) as refused:
            await me.call("delete_todos", ids=todos)

        assert refused.value.code == "confirmation_required"
        assert await is_untouched(me, todos)
    assert person.asked == []


@pytest.mark.parametrize("connect", ["pipe-2025"], indirect=True)
async def test_a_client_that_answers_with_an_error_needs_confirm_too(connect: Connect) -> None:
    async with connect(Person(ErrorData(code=-32603, message="no window"))) as me:
        todos = await some(me, FREE + 1)
        with pytest.raises(RefusedError) as refused:
            await me.call("delete_todos", ids=todos)

        assert refused.value.code == "confirmation_required"
        assert await is_untouched(me, todos)


@everywhere
async def test_a_few_and_what_takes_nothing_away_need_no_word(connect: Connect) -> None:
    person = Person("decline")
    async with connect(person) as me:
        todos = await some(me, FREE + 1)
        await me.call("delete_todos", ids=todos[:FREE])
        assert len((await me.call("delete_todos", ids=todos[:FREE], deleted=False))["results"]) == FREE
        assert len((await me.call("complete_todos", ids=todos))["results"]) == FREE + 1
    assert person.asked == []


@everywhere
async def test_who_confirms_is_not_asked(connect: Connect) -> None:
    person = Person("decline")
    async with connect(person) as me:
        assert len((await me.call("delete_todos", ids=await some(me, FREE + 1), confirm=True))["results"]) == FREE + 1
    assert person.asked == []


@where_people_can_be_asked
@pytest.mark.requirement("SA1")
async def test_a_repetition_under_the_same_key_is_not_asked_about_again(connect: Connect) -> None:
    person = Person()
    async with connect(person) as me:
        todos = await some(me, FREE + 1)
        first = await me.call("delete_todos", ids=todos, idempotency_key="k")
        again = await me.call("delete_todos", ids=todos, idempotency_key="k")
        confirmed = await me.call("delete_todos", ids=todos, idempotency_key="k", confirm=True)

        assert again == confirmed == first | {"replayed": True}
    assert len(person.asked) == 1


async def test_over_rest_nobody_is_asked(app: Application, ann: Caller) -> None:
    """A person sits there already."""
    async with face("rest", app, await token_of(ann)) as rest:
        todos = (await rest.add(*({"title": "a"} for _ in range(FREE + 1)))).accepted
        assert len((await rest.delete(*todos)).accepted) == FREE + 1
        added = await rest.add(*({"title": "a"} for _ in range(FREE + 1)))
        assert len((await rest.undo(added.change)).accepted) == FREE + 1


# --- an undo that deletes --------------------------------------------------------------------------


async def added(me: McpFace, count: int) -> int:
    """The change that made so many new todos."""
    return (await me.add(*({"title": str(n)} for n in range(count)))).change


@where_people_can_be_asked
async def test_an_undo_that_takes_many_away_asks_once_with_the_number(connect: Connect) -> None:
    person = Person()
    async with connect(person) as me:
        await me.call("undo", change_id=await added(me, FREE + 2))
        assert (await me.list()).total == 0
    assert [asked.message for asked in person.asked] == ["Move 12 todos to the trash? They can be restored from there."]


@where_people_can_be_asked
async def test_an_undo_without_a_yes_changes_nothing(connect: Connect) -> None:
    async with connect(Person("decline")) as me:
        change = await added(me, FREE + 1)
        with pytest.raises(RefusedError) as refused:
            await me.call("undo", change_id=change)

        assert refused.value.code == "declined"
        assert (await me.list()).total == FREE + 1
        assert (await me.changes(limit=1))[0]["id"] == change


@everywhere
async def test_an_undo_of_a_client_that_asks_nobody_needs_confirm(connect: Connect) -> None:
    async with connect(None) as me:
        change = await added(me, FREE + 1)
        with pytest.raises(RefusedError) as refused:
            await me.call("undo", change_id=change)
        assert (refused.value.code, refused.value.told["count"]) == ("confirmation_required", FREE + 1)
        assert (await me.list()).total == FREE + 1

        undone = await me.call("undo", change_id=change, confirm=True)
        assert len(undone["results"]) == FREE + 1


@everywhere
async def test_an_undo_of_a_restoration_asks_and_one_that_takes_little_away_does_not(connect: Connect) -> None:
    async with connect(None) as me:
        todos = await some(me, FREE + 1)
        deleted = await me.call("delete_todos", ids=todos, confirm=True)
        restored = await me.call("undo", change_id=deleted["change_id"])  # it brings back
        with pytest.raises(RefusedError) as refused:
            await me.call("undo", change_id=restored["change_id"])
        assert (refused.value.code, refused.value.told["count"]) == ("confirmation_required", FREE + 1)

        assert len((await me.call("undo", change_id=await added(me, FREE)))["results"]) == FREE
        completed = await me.call("complete_todos", ids=todos)
        assert len((await me.call("undo", change_id=completed["change_id"]))["results"]) == FREE + 1


@everywhere
async def test_a_dry_run_of_an_undo_is_not_asked(connect: Connect) -> None:
    async with connect(None) as me:
        change = await added(me, FREE + 1)
        assert len((await me.call("undo", change_id=change, dry_run=True))["results"]) == FREE + 1
        assert (await me.list()).total == FREE + 1


# --- on the wire ---------------------------------------------------------------------------------

FORMS = {"elicitation": {"form": {}}}


async def delete(
    http: httpx2.AsyncClient, todos: list[int], *, capabilities: dict[str, Any], answers: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The result of a deletion in 2026-07-28, for a client that can do so much and answers so."""
    answered = {} if answers is None else {"inputResponses": answers}
    params = {"name": "delete_todos", "arguments": {"ids": todos}, **answered}
    told: dict[str, Any] = (await rpc(http, "mcp-2026", "tools/call", params, capabilities=capabilities)).json()
    result: dict[str, Any] = told["result"]
    return result


@pytest.fixture
async def todos(ann_http: httpx2.AsyncClient) -> list[int]:
    """Eleven todos of Ann's."""
    body = {"action": "add", "todos": [{"title": "a"} for _ in range(FREE + 1)]}
    results = (await ann_http.post("/api/v1/todos/batch", json=body)).json()["results"]
    return [result["item"]["id"] for result in results]


@pytest.fixture
async def ann_http(app: Application, ann: Caller) -> AsyncIterator[httpx2.AsyncClient]:
    async with http_client(app, await token_of(ann)) as client:
        yield client


async def test_the_question_carries_no_state(ann_http: httpx2.AsyncClient, todos: list[int]) -> None:
    """So any process can take the answer, and there is nothing to read or to change on its way."""
    result = await delete(ann_http, todos, capabilities=FORMS)

    assert result["resultType"] == "input_required"
    assert "requestState" not in result
    (question,) = result["inputRequests"].values()
    assert question["method"] == "elicitation/create"
    assert question["params"]["requestedSchema"] == {"type": "object", "properties": {}}


async def test_an_answer_about_another_number_counts_for_nothing(
    ann_http: httpx2.AsyncClient, todos: list[int]
) -> None:
    yes = {"action": "accept", "content": {}}
    for key in ("trash_10", "trash_12", "trash", "confirm"):
        result = await delete(ann_http, todos, capabilities=FORMS, answers={key: yes})
        assert result["resultType"] == "input_required"

    result = await delete(ann_http, todos, capabilities=FORMS, answers={"trash_11": yes})
    assert len(result["structuredContent"]["results"]) == FREE + 1


@pytest.mark.parametrize("capabilities", [{}, {"elicitation": {"url": {}}}, {"sampling": {}}])
async def test_a_client_without_forms_is_not_asked(
    ann_http: httpx2.AsyncClient, todos: list[int], capabilities: dict[str, Any]
) -> None:
    for answers in (None, {"trash_11": {"action": "accept", "content": {}}}):
        result = await delete(ann_http, todos, capabilities=capabilities, answers=answers)
        assert json.loads(result["content"][0]["text"])["code"] == "confirmation_required"


async def test_a_client_that_names_no_mode_has_forms(ann_http: httpx2.AsyncClient, todos: list[int]) -> None:
    result = await delete(ann_http, todos, capabilities={"elicitation": {}})

    assert result["resultType"] == "input_required"


async def test_an_answer_of_another_kind_is_no_yes(ann_http: httpx2.AsyncClient, todos: list[int]) -> None:
    result = await delete(ann_http, todos, capabilities=FORMS, answers={"trash_11": {"roots": []}})

    assert json.loads(result["content"][0]["text"])["code"] == "declined"


@pytest.mark.parametrize("connect", ["http-2026"], indirect=True)
async def test_what_a_person_agreed_to_does_not_count(connect: Connect) -> None:
    async with connect(None) as me:
        await me.call("delete_todos", ids=await some(me, FREE + 1), confirm=True)

        assert len((await me.delete(*(await some(me, FREE)))).accepted) == FREE
