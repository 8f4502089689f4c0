"""The record of changes, undo and the overview over HTTP."""

from __future__ import annotations

import httpx2
import pytest

from tests.faces import http_client
from tests.rest.problems import problem
from tests.support import token_of
from todo_app.application import Application
from todo_core.boundary.caller import Caller
from todo_core.models.fields import MAX_BATCH, MAX_PAGE
from todo_core.models.todos import TodoCreate
from todo_core.operations import todos

pytestmark = pytest.mark.requirement("RS2")


@pytest.mark.requirement("SA2")
async def test_a_change_has_whole_rows_and_names_client_and_token(http: httpx2.AsyncClient, todo: str) -> None:
    response = await http.patch(todo, json={"title": "b"}, headers={"User-Agent": "curl/8 " + "x" * 300})

    change = (await http.get(f"/api/v1/changes/{response.headers['change-id']}")).json()

    (token,) = (await http.get("/api/v1/tokens")).json()["items"]
    assert (change["operation"], change["via"], change["token_id"]) == ("todos.update", "rest", token["id"])
    assert change["client"].startswith("curl/8 ")
    assert len(change["client"]) == 200
    (entry,) = change["entries"]
    assert (entry["entity"], entry["id"]) == ("todo", response.json()["id"])
    assert (entry["before"]["title"], entry["before"]["version"]) == ("a", 1)
    told = response.json()
    beside = ("subtasks_changed", "next", "existing", "similar")
    assert [told.pop(name) for name in beside] == [0, None, False, []]  # are told of the write, not of the row
    assert entry["after"] == told


@pytest.mark.requirement("SA2")
@pytest.mark.parametrize("coding", ["utf-8", "latin-1"])
async def test_a_client_is_named_as_it_names_itself(http: httpx2.AsyncClient, todo: str, coding: str) -> None:
    sent = [(b"User-Agent", "Änns Gerät".encode(coding))]
    response = await http.patch(todo, json={"title": "b"}, headers=sent)
    change = (await http.get(f"/api/v1/changes/{response.headers['change-id']}")).json()
    assert change["client"] == "Änns Gerät"


@pytest.mark.requirement("SA2")
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_nobody_can_edit_the_record(http: httpx2.AsyncClient, todo: str, method: str) -> None:
    change = (await http.get("/api/v1/changes")).json()["items"][0]

    for path in ("", f"/{change['id']}"):
        problem(await http.request(method, f"/api/v1/changes{path}", json={}), 405, "method_not_allowed")
    assert (await http.get(todo)).status_code == 200


@pytest.mark.requirement("SA4")
async def test_changes_come_in_pages_whose_cursor_is_the_next_since_and_ends(http: httpx2.AsyncClient) -> None:
    since = "0"
    made = [(await http.post("/api/v1/todos", json={"title": "a"})).headers["change-id"] for _ in range(3)]

    page = (await http.get("/api/v1/changes", params={"since": since, "limit": 2})).json()
    rest = (await http.get("/api/v1/changes", params={"since": page["next_cursor"], "limit": 200})).json()

    assert page["page_size"] == 2
    assert (page["has_more"], rest["has_more"]) == (True, False)
    assert [str(change["id"]) for change in page["items"] + rest["items"]][1:] == made
    assert (rest["next_cursor"], rest["since"]) == (None, int(made[-1]))


@pytest.mark.requirement("SA4")
async def test_the_link_of_a_page_leads_back_until_there_is_nothing_before(http: httpx2.AsyncClient) -> None:
    made = [int((await http.post("/api/v1/todos", json={"title": "a"})).headers["change-id"]) for _ in range(3)]

    seen, link = [], "?limit=2&rows=false"
    while link:
        response = await http.get(f"/api/v1/changes{link}")
        seen += [change["id"] for change in response.json()["items"]]
        link = response.links.get("next", {}).get("url", "")

    assert seen[:3] == made[::-1]
    assert response.json()["next_cursor"] is None
    assert not any(entry["after"] for change in response.json()["items"] for entry in change["entries"])


@pytest.mark.requirement("SA3")
async def test_an_undo_answers_with_the_rows_and_its_own_change(http: httpx2.AsyncClient, todo: str) -> None:
    changed = await http.patch(todo, json={"title": "b"})
    path = f"/api/v1/changes/{changed.headers['change-id']}/undo"

    undone = await http.post(path)

    assert undone.status_code == 200
    assert undone.headers["change-id"] == str(undone.json()["change_id"])
    (result,) = undone.json()["results"]
    assert undone.json()["more_results"] == 0
    assert (result["item"]["title"], result["item"]["version"], result["changed"]) == ("a", 3, True)
    told = problem(await http.post(path), 409, "undo_refused")
    assert told["undone_by"] == undone.json()["change_id"]


@pytest.mark.requirement("SA3", "SA1")
async def test_an_undo_of_very_many_rows_answers_with_a_page_of_them_and_says_how_many_more(
    http: httpx2.AsyncClient, ann: Caller
) -> None:
    made = (await http.post("/api/v1/lists", json={"name": "many"})).json()["id"]
    for _ in range(5):
        await ann.perform(todos.add, [TodoCreate(title="a", list_id=made) for _ in range(MAX_BATCH)])
    deleted = await http.delete(f"/api/v1/lists/{made}", params={"todos": "trash"})
    path = f"/api/v1/changes/{deleted.headers['change-id']}/undo"

    first = await http.post(path, headers={"Idempotency-Key": '"one"'})
    again = await http.post(path, headers={"Idempotency-Key": '"one"'})

    assert (len(first.json()["results"]), first.json()["more_results"]) == (MAX_PAGE, 5 * MAX_BATCH + 1 - MAX_PAGE)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json() == first.json()
    assert (await http.get("/api/v1/todos", params={"list_id": made})).json()["total"] == 5 * MAX_BATCH


@pytest.mark.requirement("SA3", "OW4")
async def test_a_change_that_never_was_is_404_and_another_users_403(
    http: httpx2.AsyncClient, app: Application, bob: Caller
) -> None:
    async with http_client(app, await token_of(bob)) as theirs:
        change = (await theirs.post("/api/v1/todos", json={"title": "a"})).headers["change-id"]

    problem(await http.get(f"/api/v1/changes/{2**62}"), 404, "not_found")
    problem(await http.post(f"/api/v1/changes/{2**62}/undo"), 404, "not_found")
    problem(await http.get(f"/api/v1/changes/{change}"), 403, "not_owner")
    problem(await http.post(f"/api/v1/changes/{change}/undo"), 403, "not_owner")


async def test_the_overview_of_a_user_who_never_changed_anything_has_no_last_change(
    app: Application, ann: Caller
) -> None:
    token = await token_of(ann, "todos:read")
    async with http_client(app, token) as http:
        told = (await http.get("/api/v1/overview")).json()

    assert told["open"] == 0
    assert isinstance(told["last_change_id"], int)  # making the token was one
