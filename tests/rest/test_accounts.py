"""Accounts over HTTP, for admins: who there is, how much they hold, and an end to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx2
import jwt
import pytest

from mcp_server.toolbox import EXPOSED
from tests.faces import FaceName, Json, call, http_client, rpc
from tests.rest.problems import fields, problem
from tests.support import AUDIENCE, ISSUER, JWT_SECRET, token_of
from todo_app.application import Application
from todo_core.boundary.caller import Caller
from todo_core.models.todos import TodoCreate
from todo_core.models.tokens import TokenCreate
from todo_core.operations import todos, tokens

pytestmark = pytest.mark.requirement("OW5")

PATH = "/api/v1/admin/users"
NewUser = Callable[[], Awaitable[Caller]]


@pytest.fixture
async def boss(app: Application, ada: Caller) -> AsyncIterator[httpx2.AsyncClient]:
    """An admin's client."""
    async with http_client(app, await token_of(ada)) as client:
        yield client


def of(user: Caller, action: str = "") -> str:
    return f"{PATH}/{user.principal.user_id}{action}"


async def listed(boss: httpx2.AsyncClient, *these: Caller, **wanted: object) -> Json:
    """The page that begins with the first of these users, who were made one after the other."""
    response = await boss.get(PATH, params={"cursor": these[0].principal.user_id - 1, "limit": len(these)} | wanted)
    assert response.status_code == 200
    told: Json = response.json()
    return told


def ids(page: Json) -> list[int]:
    return [account["id"] for account in page["items"]]


async def test_an_account_shows_whose_it_is_and_how_much_it_holds(boss: httpx2.AsyncClient, ann: Caller) -> None:
    added = await ann.perform(todos.add, [TodoCreate(title="private words") for _ in range(6)])
    first, second, third, *_ = [entry.id for entry in added.touched]
    await ann.perform(todos.complete, [first, second])
    await ann.perform(todos.delete, [second, third])
    made = [await ann.perform(tokens.create, TokenCreate(name="private words")) for _ in range(3)]
    await ann.perform(tokens.revoke, made[0].touched[0].id)

    response = await boss.get(of(ann))

    assert response.status_code == 200
    told = response.json()
    assert (told["id"], told["issuer"]) == (ann.principal.user_id, "urn:todo-mcp:local")
    assert told["subject"].startswith("user-")
    assert (told["role"], told["suspended_at"], told["email"], told["display_name"]) == ("user", None, None, None)
    assert datetime.fromisoformat(told["created_at"]) <= datetime.now(UTC)
    counts = {name: told[name] for name in ("open_todos", "done_todos", "trashed_todos", "live_tokens")}
    assert counts == {"open_todos": 3, "done_todos": 1, "trashed_todos": 2, "live_tokens": 2}
    assert "private words" not in response.text
    assert (await listed(boss, ann))["items"] == [told]


async def test_an_account_has_what_the_token_told(boss: httpx2.AsyncClient, app: Application) -> None:
    until = datetime.now(UTC) + timedelta(hours=1)
    told = {"sub": f"user-{uuid4().hex}", "email": "ann@example.com", "name": "Ann"}
    token = jwt.encode({"iss": ISSUER, "aud": AUDIENCE, "exp": until} | told, JWT_SECRET, "HS256")
    async with http_client(app, token) as http:
        profile = (await http.get("/api/v1/users/me")).json()

    account = (await boss.get(f"{PATH}/{profile['id']}")).json()

    assert (account["issuer"], account["subject"]) == (ISSUER, told["sub"])
    assert (account["email"], account["display_name"]) == (told["email"], told["name"])


async def test_the_list_comes_in_pages_oldest_first_with_the_true_total(
    boss: httpx2.AsyncClient, new_user: NewUser
) -> None:
    made = [await new_user() for _ in range(5)]
    wanted = [user.principal.user_id for user in made]

    whole = await listed(boss, *made)
    first = await listed(boss, *made, limit=2)
    second = await listed(boss, *made, cursor=first["next_cursor"], limit=2)
    third = await listed(boss, *made, cursor=second["next_cursor"], limit=2)

    assert ids(whole) == wanted
    assert (ids(first), ids(second), ids(third)[:1]) == (wanted[:2], wanted[2:4], wanted[4:])
    assert first["page_size"] == 2
    assert first["total"] == whole["total"] >= 5
    await new_user()
    assert (await listed(boss, *made))["total"] == whole["total"] + 1


async def test_the_last_page_has_no_cursor_even_when_it_is_full(boss: httpx2.AsyncClient, new_user: NewUser) -> None:
    first, second = await new_user(), await new_user()

    assert (await listed(boss, first, second, limit=1))["next_cursor"] is not None
    assert (await listed(boss, second, limit=2))["next_cursor"] is None
    assert (await listed(boss, first, second, limit=2))["next_cursor"] is None


async def test_the_status_filters_and_counts(boss: httpx2.AsyncClient, new_user: NewUser) -> None:
    first, second, third = await new_user(), await new_user(), await new_user()
    totals = {status: (await listed(boss, first, status=status))["total"] for status in ("all", "active", "suspended")}
    assert (await boss.post(of(second, "/suspend"))).status_code == 200

    pages = {status: await listed(boss, first, status=status, limit=200) for status in ("all", "active", "suspended")}

    mine = {one.principal.user_id for one in (first, second, third)}
    shown = {status: sorted(mine & {*ids(page)}) for status, page in pages.items()}
    assert shown == {
        "all": sorted(mine),
        "active": [first.principal.user_id, third.principal.user_id],
        "suspended": [second.principal.user_id],
    }
    assert {status: page["total"] for status, page in pages.items()} == {
        "all": totals["all"],
        "active": totals["active"] - 1,
        "suspended": totals["suspended"] + 1,
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("status", "deleted"),
        ("cursor", "-1"),
        ("cursor", "x"),
        ("cursor", str(2**63)),
        ("limit", "0"),
        ("limit", "201"),
        ("email", "ann@example.com"),
    ],
)
async def test_a_wrong_filter_is_refused_by_name(boss: httpx2.AsyncClient, name: str, value: str) -> None:
    assert fields(problem(await boss.get(PATH, params={name: value}), 422, "invalid_input")) == [name]


async def test_suspending_answers_with_the_account_and_a_repetition_is_no_change(
    boss: httpx2.AsyncClient, ann: Caller
) -> None:
    suspended = await boss.post(of(ann, "/suspend"))

    assert suspended.status_code == 200
    told = suspended.json()
    moment = datetime.fromisoformat(told["suspended_at"])
    assert timedelta(0) <= datetime.now(UTC) - moment < timedelta(minutes=1)
    assert (await boss.get(of(ann))).json() == told
    again = await boss.post(of(ann, "/suspend"))
    assert (again.status_code, again.json(), again.headers.get("change-id")) == (200, told, None)

    reactivated = await boss.post(of(ann, "/reactivate"))
    assert (reactivated.status_code, reactivated.json()) == (200, told | {"suspended_at": None})
    again = await boss.post(of(ann, "/reactivate"))
    assert (again.json(), again.headers.get("change-id")) == (reactivated.json(), None)


@pytest.mark.requirement("SA2")
async def test_it_is_recorded_with_the_admin_and_cannot_be_undone(
    boss: httpx2.AsyncClient, app: Application, ann: Caller
) -> None:
    theirs = await token_of(ann)
    suspended = await boss.post(of(ann, "/suspend"))
    told = suspended.json()
    assert (await boss.post(of(ann, "/reactivate"))).status_code == 200
    deleted = await boss.delete(of(ann))

    change = (await boss.get(f"/api/v1/changes/{suspended.headers['change-id']}")).json()
    (entry,) = change["entries"]
    assert (change["operation"], change["via"]) == ("accounts.suspend", "rest")
    assert (entry["entity"], entry["id"]) == ("account", ann.principal.user_id)
    assert (entry["before"], entry["after"]) == ({"suspended_at": None}, {"suspended_at": told["suspended_at"]})
    last = await boss.get(f"/api/v1/changes/{deleted.headers['change-id']}")
    assert last.json()["operation"] == "accounts.delete"
    assert told["subject"] not in last.text  # nothing personal outlives a deletion
    for written in (suspended, deleted):
        refused = problem(await boss.post(f"/api/v1/changes/{written.headers['change-id']}/undo"), 409, "undo_refused")
        assert "account" in refused["detail"]
    async with http_client(app, theirs) as http:
        assert (await http.get("/api/v1/changes")).status_code == 401


@pytest.mark.parametrize("generation", ["mcp-2026", "mcp-2025"])
async def test_an_admins_agent_can_read_the_record_of_it(
    boss: httpx2.AsyncClient, ann: Caller, generation: FaceName
) -> None:
    for method, path in (("POST", of(ann, "/suspend")), ("DELETE", of(ann))):
        assert (await boss.request(method, path)).status_code < 300

    result = (await call(boss, generation, "list_changes", {"limit": 2})).json()["result"]

    assert result["isError"] is False
    deleted, suspended = result["structuredContent"]["changes"]
    assert (deleted["operation"], suspended["operation"]) == ("accounts.delete", "accounts.suspend")
    assert [row["account"] for row in (*deleted["rows"], *suspended["rows"])] == [ann.principal.user_id] * 2


@pytest.mark.requirement("ID7")
async def test_deleting_is_204_for_good_with_all_that_was_in_it(
    boss: httpx2.AsyncClient, app: Application, ann: Caller
) -> None:
    await ann.perform(todos.add, [TodoCreate(title="a")])
    async with http_client(app, await token_of(ann)) as http:
        assert (await http.get("/api/v1/todos")).status_code == 200

        deleted = await boss.delete(of(ann))

        assert (deleted.status_code, deleted.content) == (204, b"")
        assert int(deleted.headers["change-id"]) > 0
        problem(await http.get("/api/v1/todos"), 401, "unauthenticated")
    problem(await boss.get(of(ann)), 404, "not_found")
    for method, action in (("DELETE", ""), ("POST", "/suspend"), ("POST", "/reactivate")):
        problem(await boss.request(method, of(ann, action)), 404, "not_found")
    assert ann.principal.user_id not in ids(await listed(boss, ann, limit=200))


async def test_a_suspended_account_can_be_deleted(boss: httpx2.AsyncClient, ann: Caller) -> None:
    await boss.post(of(ann, "/suspend"))

    assert (await boss.delete(of(ann))).status_code == 204


async def test_whoever_was_deleted_and_comes_back_is_somebody_new(boss: httpx2.AsyncClient, app: Application) -> None:
    until = datetime.now(UTC) + timedelta(hours=1)
    who = {"iss": ISSUER, "aud": AUDIENCE, "sub": f"user-{uuid4().hex}", "exp": until}
    async with http_client(app, jwt.encode(who, JWT_SECRET, "HS256")) as http:
        before = (await http.get("/api/v1/users/me")).json()["id"]
        await http.post("/api/v1/todos", json={"title": "a"})
        assert (await boss.delete(f"{PATH}/{before}")).status_code == 204

    async with http_client(app, jwt.encode(who | {"iat": datetime.now(UTC)}, JWT_SECRET, "HS256")) as http:
        assert (await http.get("/api/v1/users/me")).json()["id"] != before
        assert (await http.get("/api/v1/todos")).json()["total"] == 0


@pytest.mark.requirement("SA1")
@pytest.mark.parametrize(("method", "action"), [("POST", "/suspend"), ("DELETE", "")])
async def test_a_repetition_under_a_key_gets_the_first_answer(
    boss: httpx2.AsyncClient, ann: Caller, method: str, action: str
) -> None:
    key = {"Idempotency-Key": "k"}
    first = await boss.request(method, of(ann, action), headers=key)
    if method == "POST":
        await boss.post(of(ann, "/reactivate"))

    again = await boss.request(method, of(ann, action), headers=key)

    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert (again.status_code, again.content and again.json()) == (first.status_code, first.content and first.json())
    assert again.headers["change-id"] == first.headers["change-id"]
    problem(await boss.post(of(ann, "/reactivate"), headers=key), 422, "idempotency_key_reused")
    if method == "POST":
        assert (await boss.get(of(ann))).json()["suspended_at"] is None


@pytest.mark.parametrize(("method", "action"), [("POST", "/suspend"), ("POST", "/reactivate"), ("DELETE", "")])
async def test_nobody_does_it_to_themselves_or_to_nobody(
    boss: httpx2.AsyncClient, ada: Caller, method: str, action: str
) -> None:
    problem(await boss.request(method, of(ada, action)), 409, "conflict")
    problem(await boss.request(method, f"{PATH}/{2**62}{action}"), 404, "not_found")
    assert (await boss.get(of(ada))).json()["suspended_at"] is None


@pytest.fixture(params=["a user", "an admin's token without the scope", "a user's token with the scope"])
async def no_admin(
    request: pytest.FixtureRequest, app: Application, bob: Caller, ada: Caller
) -> AsyncIterator[httpx2.AsyncClient]:
    """The client of somebody who may not administer accounts, for one reason or another."""
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": f"user-{uuid4().hex}",
        "exp": datetime.now(UTC) + timedelta(hours=1),
    }
    token = {
        "a user": await token_of(bob),
        "an admin's token without the scope": await token_of(ada, "todos:read", "todos:write", "profile"),
        # No role of this issuer makes an admin.
        "a user's token with the scope": jwt.encode(
            claims | {"scope": "profile admin", "role": "admin"}, JWT_SECRET, "HS256"
        ),
    }[request.param]
    async with http_client(app, token) as client:
        yield client


@pytest.mark.requirement("ID4")
@pytest.mark.parametrize(
    ("method", "action"), [("GET", None), ("GET", ""), ("POST", "/suspend"), ("POST", "/reactivate"), ("DELETE", "")]
)
async def test_who_is_no_admin_is_refused_with_a_challenge(
    no_admin: httpx2.AsyncClient, ann: Caller, method: str, action: str | None
) -> None:
    response = await no_admin.request(method, PATH if action is None else of(ann, action))

    assert problem(response, 403, "insufficient_scope")["required_scope"] == "admin"
    assert response.headers["www-authenticate"] == 'Bearer error="insufficient_scope"'
    assert str(ann.principal.user_id) not in response.text.replace('"status":403', "")
    assert (await ann.perform(todos.add, [TodoCreate(title="still here")])).change_id is not None


@pytest.mark.parametrize("generation", ["mcp-2026", "mcp-2025"])
async def test_agents_have_no_tool_for_it_even_when_their_user_is_an_admin(
    boss: httpx2.AsyncClient, generation: FaceName
) -> None:
    tools = (await rpc(boss, generation, "tools/list")).json()["result"]["tools"]

    assert {tool["name"] for tool in tools} == {*EXPOSED.values()}
    for word in ("admin", "account", "suspend"):
        assert word not in str(tools).lower()


async def test_the_command_lines_own_account_is_not_to_be_seen_nor_locked_out(
    boss: httpx2.AsyncClient, ada: Caller
) -> None:
    operator = await ada.core.identity.operator()

    page = await boss.get(PATH, params={"cursor": operator.user_id - 1, "limit": 1})

    assert operator.user_id not in ids(page.json())
    for method, action in (("GET", ""), ("POST", "/suspend"), ("DELETE", "")):
        problem(await boss.request(method, f"{PATH}/{operator.user_id}{action}"), 404, "not_found")
