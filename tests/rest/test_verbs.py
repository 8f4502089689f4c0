"""Routes of one row run the operation that they name, and know the retries of requests to earlier servers."""

from __future__ import annotations

from typing import Any, Final

import httpx2
import pytest

from tests import earlier
from tests.faces import FACES, FaceName, call, http_client
from tests.rest.problems import problem
from tests.support import bearing, token_of
from todo_app.application import Application
from todo_core.boundary.caller import Caller

KEY: Final = {"Idempotency-Key": "k"}
BEFORE: Final[dict[str, list[tuple[str, str, Any]]]] = {
    "todos.complete": [],
    "todos.reopen": [("PATCH", "/complete", None)],
    "todos.delete": [],
    "todos.restore": [("DELETE", "", None)],
}
"""What a new todo needs first."""
WRITES: Final[dict[str, tuple[str, str, Any]]] = {
    "todos.complete": ("PATCH", "/complete", None),
    "todos.reopen": ("PATCH", "/complete", {"is_completed": False}),
    "todos.delete": ("DELETE", "", None),
    "todos.restore": ("POST", "/restore", None),
}
EVERY_VERB = pytest.mark.parametrize("verb", WRITES)


async def send(
    http: httpx2.AsyncClient, todo: str, write: tuple[str, str, Any], headers: dict[str, str] | None = None
) -> httpx2.Response:
    method, action, body = write
    response = await http.request(method, todo + action, headers=headers, **({} if body is None else {"json": body}))
    assert response.status_code < 300, response.text
    return response


async def prepare(http: httpx2.AsyncClient, todo: str, verb: str) -> None:
    for write in BEFORE[verb]:
        await send(http, todo, write)


@EVERY_VERB
@pytest.mark.requirement("SA2", "RS2")
async def test_a_write_is_recorded_under_its_own_verb(http: httpx2.AsyncClient, todo: str, verb: str) -> None:
    await prepare(http, todo, verb)

    written = await send(http, todo, WRITES[verb])

    change = (await http.get(f"/api/v1/changes/{written.headers['change-id']}")).json()
    assert (change["operation"], change["via"]) == (verb, "rest")


@EVERY_VERB
@pytest.mark.requirement("SA2")
async def test_an_earlier_change_is_read_by_itself_under_its_true_verb(
    http: httpx2.AsyncClient, ann: Caller, todo: str, verb: str
) -> None:
    await prepare(http, todo, verb)
    operation = earlier.COMPLETE if verb in ("todos.complete", "todos.reopen") else earlier.DELETE
    written = await ann.perform(operation, [int(todo.rpartition("/")[2])], verb in ("todos.complete", "todos.delete"))

    assert (await http.get(f"/api/v1/changes/{written.change_id}")).json()["operation"] == verb


@EVERY_VERB
@pytest.mark.requirement("SA1")
@pytest.mark.parametrize("condition", [None, "*", "version"])
async def test_a_retry_of_a_request_to_an_earlier_server_gets_the_first_answer(
    app: Application, ann: Caller, todo: str, verb: str, condition: str | None
) -> None:
    token = await token_of(ann)
    async with http_client(app, token) as http:
        await retry(http, await bearing(ann, token), todo, verb, condition)


async def retry(http: httpx2.AsyncClient, bearer: Caller, todo: str, verb: str, condition: str | None) -> None:
    """Let an earlier server do it, and send it again."""
    await prepare(http, todo, verb)
    version = 1 + len(BEFORE[verb])
    headers = KEY | ({} if condition is None else {"If-Match": f'"{version}"' if condition == "version" else "*"})
    seen = [version] if condition == "version" else None
    ids, once = [int(todo.rpartition("/")[2])], bearer.once("k")
    # Just as the routes of earlier servers called it.
    if verb == "todos.delete":
        first = await once.perform(earlier.DELETE, ids, if_version=seen)
    elif verb == "todos.restore":
        first = await once.perform(earlier.DELETE, ids, False, seen)
    else:
        first = await once.perform(earlier.COMPLETE, ids, verb == "todos.complete", seen)

    again = await send(http, todo, WRITES[verb], headers)

    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["change-id"] == str(first.change_id)


@pytest.mark.requirement("SA1")
@pytest.mark.parametrize(
    ("verb", "opposite"),
    [("todos.complete", "todos.reopen"), ("todos.reopen", "todos.complete"), ("todos.restore", "todos.delete")],
)
async def test_the_opposite_under_the_same_key_is_another_request(
    http: httpx2.AsyncClient, todo: str, verb: str, opposite: str
) -> None:
    await prepare(http, todo, verb)
    await send(http, todo, WRITES[verb], KEY)
    method, action, body = WRITES[opposite]

    refused = await http.request(method, todo + action, headers=KEY, **({} if body is None else {"json": body}))

    problem(refused, 422, "idempotency_key_reused")


# --- accounts ----------------------------------------------------------------------------------


@pytest.fixture
async def boss(app: Application, ada: Caller) -> Any:
    """An admin's client."""
    async with http_client(app, await token_of(ada)) as client:
        yield client


@pytest.mark.requirement("SA2", "OW5")
@pytest.mark.parametrize("face", FACES)
async def test_suspending_and_reactivating_are_read_as_such_whichever_server_recorded_them(
    boss: httpx2.AsyncClient, ada: Caller, ann: Caller, face: FaceName
) -> None:
    user_id = ann.principal.user_id
    await ada.perform(earlier.SUSPEND, user_id)
    await ada.perform(earlier.SUSPEND, user_id, False)
    for action in ("suspend", "reactivate"):
        assert (await boss.post(f"/api/v1/admin/users/{user_id}/{action}")).status_code == 200

    if face == "rest":
        changes = (await boss.get("/api/v1/changes", params={"limit": 4})).json()["items"]
    else:
        result = (await call(boss, face, "list_changes", {"limit": 4})).json()["result"]
        changes = result["structuredContent"]["changes"]

    assert [change["operation"] for change in changes] == ["accounts.reactivate", "accounts.suspend"] * 2


@pytest.mark.requirement("SA1", "OW5")
async def test_a_retry_of_a_request_about_an_account_gets_the_first_answer(
    app: Application, ada: Caller, ann: Caller
) -> None:
    user_id, token = ann.principal.user_id, await token_of(ada)
    bearer = await bearing(ada, token)
    suspended = await bearer.once("s").perform(earlier.SUSPEND, user_id)
    reactivated = await bearer.once("r").perform(earlier.SUSPEND, user_id, False)

    for action, key, first in (("suspend", "s", suspended), ("reactivate", "r", reactivated)):
        async with http_client(app, token) as boss:
            again = await boss.post(f"/api/v1/admin/users/{user_id}/{action}", headers={"Idempotency-Key": key})
        assert again.headers["idempotent-replayed"] == "true"
        assert again.headers["change-id"] == str(first.change_id)
