"""What somebody tries on another user's rows: at least one attempt for every operation and each of its addresses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import httpx2

from mcp_server.toolbox import EXPOSED as TOOLS
from rest_api.declaring import EXPOSED as ROUTES
from tests.faces import FaceName, call
from tests.streams import streaming
from todo_core.boundary.operation import OPERATIONS

Answer = Literal["not_owner", "own", "insufficient_scope", "not_for_agents"]
"""A stranger is refused as `not_owner`, is told of nothing but their own rows, or would have to be an admin, or the
person and not an API token."""


@dataclass(frozen=True)
class Target:
    """The owner's rows."""

    user: int
    todo: int
    token: int
    agent: int
    calendar: int
    change: int
    list: int
    tag: int
    proposal: int = 0


NOTHING: Final = Target(
    user=0,
    todo=2**62,
    token=2**62,
    agent=2**62,
    calendar=2**62,
    proposal=2**62,
    change=2**62,
    list=2**62,
    tag=2**62,
)
"""Rows of nobody's."""

Fill = Callable[[Target, Target], Any]
"""What to send, of the owner's rows and of one's own."""


class Query(dict[str, Any]):
    """What goes into the URL, not into the body."""


@dataclass(frozen=True)
class Try:
    """A request that is not what the others of its operation are."""

    fill: Fill
    answer: Answer
    at_own: bool = False
    """Whether its address is that of one's own row."""


@dataclass(frozen=True)
class Attempts:
    """The requests of one operation."""

    answer: Answer
    rest: dict[str, Sequence[Fill | Try]] = field(default_factory=dict)
    """By route, as it was declared: the bodies to send."""
    mcp: Sequence[Fill | Try] = ()
    """The arguments to call the tool with."""


def _nothing(_: Target, __: Target) -> None:
    return None


def _batch(action: str) -> Fill:
    return lambda at, _: {"action": action, "ids": [at.todo]}


def _mixed(action: str) -> Fill:
    return lambda at, _: {"action": "mix", "items": [{"action": action, "id": at.todo}]}


def _sent(**fields: Any) -> Fill:
    """The same whatever the rows are."""
    return lambda _, __: fields


def _sent_in_url(**fields: Any) -> Fill:
    """The same whatever the rows are, as a query."""
    return lambda _, __: Query(**fields)


ATTEMPTS: Final[dict[str, Attempts]] = {
    "todos.add": Attempts(
        "own",
        {
            "POST /todos": [
                _sent(title="x", tags=["shared"]),
                _sent(title="x", key="shared"),
                Try(lambda at, _: {"title": "x", "list_id": at.list}, "not_owner"),
                Try(lambda at, _: {"title": "x", "parent_id": at.todo}, "not_owner"),
            ],
            "POST /todos/batch": [
                _sent(action="add", todos=[{"title": "x"}]),
                Try(lambda at, _: {"action": "add", "todos": [{"title": "x", "list_id": at.list}]}, "not_owner"),
            ],
        },
        [
            _sent(todos=[{"title": "x", "tags": ["shared"]}]),
            _sent(todos=[{"title": "x", "key": "shared"}]),
            Try(lambda at, _: {"todos": [{"title": "x", "list_id": at.list}]}, "not_owner"),
            Try(lambda at, _: {"todos": [{"title": "x", "parent_id": at.todo}]}, "not_owner"),
        ],
    ),
    "todos.list": Attempts(
        "own",
        {
            "GET /todos": [
                _nothing,
                lambda at, _: Query(list_id=at.list, status="all", archived="include"),
                lambda at, _: Query(parent_id=at.todo, status="all"),
                lambda _, __: Query(tags="shared", status="all"),
                lambda _, __: Query(key="shared", status="all"),
            ]
        },
        [
            lambda at, _: {"status": "all", "ids": [at.todo]},
            _sent(),
            lambda at, _: {"status": "all", "list_id": at.list},
            lambda at, _: {"status": "all", "parent_id": at.todo},
            _sent(status="all", tags=["shared"]),
            _sent(status="all", key="shared"),
            _sent(status="all", text="private words"),
        ],
    ),
    "todos.get": Attempts("not_owner", {"GET /todos/{todo_id}": [_nothing]}, [lambda at, _: {"id": str(at.todo)}]),
    "todos.update": Attempts(
        "not_owner",
        {
            "PATCH /todos/{todo_id}": [
                _sent(title="stolen"),
                _sent(is_completed=True),
                _sent(add_tags=["x"]),
                _sent(add_note="stolen"),
                lambda _, own: {"list_id": own.list},
                lambda _, own: {"parent_id": own.todo},
                Try(lambda at, _: {"list_id": at.list}, "not_owner", at_own=True),
                Try(lambda at, _: {"parent_id": at.todo}, "not_owner", at_own=True),
            ],
            "POST /todos/batch": [
                lambda at, _: {"action": "update", "todos": [{"id": at.todo, "title": "stolen"}]},
                lambda at, own: {"action": "update", "todos": [{"id": own.todo, "parent_id": at.todo}]},
            ],
        },
        [
            lambda at, _: {"todos": [{"id": at.todo, "title": "stolen"}]},
            lambda at, _: {"todos": [{"id": at.todo, "title": "stolen", "if_version": 1}]},
            lambda at, _: {"todos": [{"id": at.todo, "remove_tags": ["shared"]}]},
            lambda at, _: {"todos": [{"id": at.todo, "add_note": "stolen"}]},
            lambda at, own: {"todos": [{"id": at.todo, "list_id": own.list}]},
            lambda at, own: {"todos": [{"id": own.todo, "list_id": at.list}]},
            lambda at, own: {"todos": [{"id": own.todo, "parent_id": at.todo}]},
        ],
    ),
    "todos.complete": Attempts(
        "not_owner",
        {
            "PATCH /todos/{todo_id}/complete": [_nothing],
            "POST /todos/batch": [_batch("complete")],
        },
        [lambda at, _: {"ids": [at.todo]}],
    ),
    "todos.reopen": Attempts(
        "not_owner",
        {
            "PATCH /todos/{todo_id}/complete": [_sent(is_completed=False)],
            "POST /todos/batch": [lambda at, own: {**_batch("complete")(at, own), "is_completed": False}],
        },
        [lambda at, _: {"ids": [at.todo], "completed": False}],
    ),
    "todos.mix": Attempts(
        "not_owner",
        {
            "POST /todos/batch": [
                *(_mixed(verb) for verb in ("complete", "delete", "update", "reopen", "skip", "restore")),
                lambda at, _: {"action": "mix", "items": [{"action": "add", "title": "x", "parent_id": at.todo}]},
            ],
        },
    ),
    "todos.skip": Attempts(
        "not_owner",
        {"POST /todos/{todo_id}/skip": [_nothing], "POST /todos/batch": [_batch("skip")]},
        [lambda at, _: {"ids": [at.todo], "skip": True}],
    ),
    "todos.delete": Attempts(
        "not_owner",
        {"DELETE /todos/{todo_id}": [_nothing], "POST /todos/batch": [_batch("delete")]},
        [lambda at, _: {"ids": [at.todo]}],
    ),
    "todos.restore": Attempts(
        "not_owner",
        {"POST /todos/{todo_id}/restore": [_nothing], "POST /todos/batch": [_batch("restore")]},
        [lambda at, _: {"ids": [at.todo], "deleted": False}],
    ),
    "notes.list": Attempts("not_owner", {"GET /todos/{todo_id}/notes": [_nothing]}),
    "notes.add": Attempts("not_owner", {"POST /todos/{todo_id}/notes": [_sent(text="stolen")]}),
    "lists.list": Attempts(
        "own",
        {"GET /lists": [_nothing, lambda _, __: Query(archived="include")]},
        [_sent(all="lists"), _sent(all="archived_lists")],
    ),
    "lists.get": Attempts("not_owner", {"GET /lists/{list_id}": [_nothing]}),
    "lists.add": Attempts("own", {"POST /lists": [_sent(name="x", position=1)]}, [_sent(lists=[{"name": "x"}])]),
    "lists.update": Attempts(
        "not_owner",
        {"PATCH /lists/{list_id}": [_sent(name="stolen"), _sent(is_archived=True), _sent(position=1)]},
        [
            lambda at, _: {"lists": [{"id": at.list, "name": "stolen"}]},
            lambda at, _: {"lists": [{"id": at.list, "color": "red", "if_version": 1}]},
        ],
    ),
    "lists.delete": Attempts(
        "not_owner",
        {
            "DELETE /lists/{list_id}": [
                _nothing,
                lambda _, __: Query(todos="trash"),
                lambda _, own: Query(todos="move", move_to=own.list),
                Try(lambda at, _: Query(todos="move", move_to=at.list), "not_owner", at_own=True),
            ]
        },
        [
            lambda at, _: {"ids": [at.list], "todos": "trash"},
            lambda at, own: {"ids": [at.list], "todos": "move", "move_to": own.list},
            lambda at, own: {"ids": [own.list], "todos": "move", "move_to": at.list},
        ],
    ),
    "tags.list": Attempts("own", {"GET /tags": [_nothing]}, [_sent(all="tags")]),
    "tags.get": Attempts("not_owner", {"GET /tags/{tag_id}": [_nothing]}),
    "tags.rename": Attempts(
        "not_owner",
        {"PATCH /tags/{tag_id}": [_sent(name="stolen")]},
        [lambda at, _: {"id": at.tag, "action": "rename", "name": "stolen"}],
    ),
    "tags.merge": Attempts(
        "not_owner",
        {
            "POST /tags/{tag_id}/merge": [
                lambda _, own: {"into": own.tag},
                Try(lambda at, _: {"into": at.tag}, "not_owner", at_own=True),
            ]
        },
        [
            lambda at, own: {"id": at.tag, "action": "merge", "into": own.tag},
            lambda at, own: {"id": own.tag, "action": "merge", "into": at.tag},
        ],
    ),
    "tags.delete": Attempts(
        "not_owner", {"DELETE /tags/{tag_id}": [_nothing]}, [lambda at, _: {"id": at.tag, "action": "delete"}]
    ),
    "search.find": Attempts(
        "own",
        {
            "GET /search": [
                lambda _, __: Query(text="private words", status="all"),
                lambda at, _: Query(text=f"user:{at.user}", status="all"),
                lambda _, __: Query(text="privat wrods", status="all"),
            ]
        },
        [_sent(query="private words"), lambda at, _: {"query": f"user:{at.user}"}, _sent(query="privat wrods")],
    ),
    "changes.list": Attempts(
        "own",
        {
            "GET /changes": [
                _nothing,
                lambda at, _: Query(entity="todo", entity_id=str(at.todo)),
                lambda _, __: Query(entity="list", since="0"),
                lambda _, __: Query(when="last hour", client="x"),
            ]
        },
        [_sent(since=0), _sent(), _sent(when="last hour"), lambda at, _: {"id": at.todo}, _sent(entity="list")],
    ),
    "changes.get": Attempts(
        "not_owner",
        {"GET /changes/{change_id}": [_nothing]},
        [lambda at, _: {"rows_cursor": f"{at.change}.0"}],
    ),
    "changes.undo": Attempts(
        "not_owner", {"POST /changes/{change_id}/undo": [_nothing]}, [lambda at, _: {"change_id": at.change}]
    ),
    "changes.undo_several": Attempts(
        "not_owner",
        {"POST /undo": [lambda at, _: {"change_ids": [at.change]}]},
        [lambda at, _: {"change_ids": [at.change]}],
    ),
    "reviews.get": Attempts("not_for_agents", {"GET /review": [_nothing]}),
    "reviews.mark": Attempts("not_for_agents", {"POST /review": [_sent(through=1)]}),
    "proposals.list": Attempts("own", {"GET /proposals": [_nothing, _sent_in_url(status="any")]}),
    "proposals.get": Attempts("not_owner", {"GET /proposals/{proposal_id}": [_nothing]}),
    "proposals.approve": Attempts("not_for_agents", {"POST /proposals/{proposal_id}/approve": [_nothing]}),
    "proposals.approve_several": Attempts(
        "not_for_agents", {"POST /proposals/approve": [lambda at, _: {"ids": [at.proposal]}]}
    ),
    "proposals.reject": Attempts("not_for_agents", {"POST /proposals/{proposal_id}/reject": [_nothing]}),
    "proposals.reject_several": Attempts(
        "not_for_agents", {"POST /proposals/reject": [lambda at, _: {"ids": [at.proposal]}]}
    ),
    "events.follow": Attempts("own", {"GET /events": [_nothing, lambda _, __: Query(since=0)]}),
    "overview.get": Attempts("own", {"GET /overview": [_nothing]}, [_sent()]),
    "analytics.streaks": Attempts("own", {"GET /analytics/streaks": [_nothing]}),
    "analytics.summary": Attempts("own", {"GET /analytics/summary": [_nothing]}),
    "analytics.weekly_report": Attempts(
        "own", {"GET /analytics/weekly-report": [_nothing, lambda _, __: Query(format="svg")]}
    ),
    "analytics.report": Attempts("own", {}, [_sent()]),
    "tokens.create": Attempts("own", {"POST /tokens": [_sent(name="x", scopes=["profile"])]}),
    "tokens.list": Attempts("own", {"GET /tokens": [_nothing]}),
    "tokens.rotate": Attempts("not_owner", {"POST /tokens/{token_id}/rotate": [_nothing]}),
    "tokens.revoke": Attempts("not_owner", {"DELETE /tokens/{token_id}": [_nothing]}),
    "agents.list": Attempts("not_for_agents", {"GET /agents": [_nothing]}),
    "agents.get": Attempts("not_for_agents", {"GET /agents/{agent_id}": [_nothing]}),
    "agents.update": Attempts("not_for_agents", {"PATCH /agents/{agent_id}": [_sent(name="stolen")]}),
    "agents.block": Attempts("not_for_agents", {"POST /agents/{agent_id}/block": [_nothing]}),
    "agents.unblock": Attempts("not_for_agents", {"POST /agents/{agent_id}/unblock": [_nothing]}),
    "calendars.create": Attempts(
        "not_for_agents", {"POST /calendars": [_sent(name="x"), lambda at, _: {"name": "x", "list_id": at.list}]}
    ),
    "calendars.list": Attempts("own", {"GET /calendars": [_nothing]}),
    "calendars.revoke": Attempts("not_owner", {"DELETE /calendars/{calendar_id}": [_nothing]}),
    "users.prepare_deletion": Attempts("not_for_agents", {"DELETE /users/me": [_nothing]}),
    "users.delete": Attempts("not_for_agents", {"DELETE /users/me": [_sent_in_url(code="x")]}),
    "users.get": Attempts("own", {"GET /users/me": [_nothing]}),
    "users.capabilities": Attempts("own", {"GET /users/me/capabilities": [_nothing]}),
    "users.update": Attempts(
        "own",
        {
            "PATCH /users/me": [
                _sent(display_name="stolen"),
                Try(lambda at, _: {"default_list_id": at.list}, "not_owner"),
            ]
        },
        [
            _sent(display_name="stolen"),
            _sent(clear=["display_name"]),
            Try(lambda at, _: {"default_list_id": at.list}, "not_owner"),
        ],
    ),
    "exports.make": Attempts(
        "own",
        {"GET /export": [_sent_in_url(history="true"), _sent_in_url(format="csv"), _sent_in_url(format="ics")]},
    ),
    "imports.make": Attempts(
        "own",
        {
            "POST /import": [
                lambda at, _: {
                    "format": "todo-mcp",
                    "version": 1,
                    "profile": {"default_list_id": at.list},
                    "lists": [{"id": at.list, "name": "x"}],
                    "todos": [{"id": at.todo, "title": "x", "list_id": at.list, "key": "shared"}],
                }
            ]
        },
    ),
    "accounts.list": Attempts("insufficient_scope", {"GET /admin/users": [_nothing]}),
    "accounts.get": Attempts("insufficient_scope", {"GET /admin/users/{user_id}": [_nothing]}),
    "accounts.suspend": Attempts("insufficient_scope", {"POST /admin/users/{user_id}/suspend": [_nothing]}),
    "accounts.reactivate": Attempts("insufficient_scope", {"POST /admin/users/{user_id}/reactivate": [_nothing]}),
    "accounts.delete": Attempts("insufficient_scope", {"DELETE /admin/users/{user_id}": [_nothing]}),
}


@dataclass(frozen=True)
class Cell:
    """One request of the matrix."""

    operation: str
    transport: FaceName
    address: str
    request: Try
    number: int

    def __str__(self) -> str:
        return f"{self.operation}-{self.transport}-{self.address.replace(' ', '_')}-{self.number}"

    @property
    def answer(self) -> Answer:
        return self.request.answer

    @property
    def scope(self) -> str | None:
        return OPERATIONS[self.operation].scope

    async def send(self, http: httpx2.AsyncClient, at: Target, own: Target = NOTHING) -> httpx2.Response:
        """Make the attempt on the owner's rows, with those of one's own that it takes."""
        told = self.request.fill(at, own)
        if self.transport != "rest":
            return await call(http, self.transport, self.address, told)
        method, path = self.address.split(" ")
        of = own if self.request.at_own else at
        ids = {
            "todo_id": of.todo,
            "list_id": of.list,
            "tag_id": of.tag,
            "token_id": of.token,
            "agent_id": of.agent,
            "proposal_id": of.proposal,
            "calendar_id": of.calendar,
            "change_id": of.change,
        }
        path = "/api/v1" + path.format(user_id=of.user, **ids)
        if path.endswith("/events"):
            return await _beginning(http, path, told or {})
        if isinstance(told, Query):
            return await http.request(method, path, params=told)
        return await http.request(method, path, **({} if told is None else {"json": told}))


async def _beginning(http: httpx2.AsyncClient, path: str, query: Mapping[str, Any]) -> httpx2.Response:
    """What somebody who follows is told first: where they stand and a change of theirs; or the refusal."""
    app = http._transport.app  # type: ignore[attr-defined]  # the client would wait for an end
    presented = http.headers.get("authorization", "")
    async with streaming(app, "", str(httpx2.URL(path, params=query)), authorization=presented) as stream:
        status, headers = await stream.start()
        text = str([await stream.block() for _ in range(2 if query else 1)]) if status == 200 else await stream.end()
    headers.pop("content-length", None)
    return httpx2.Response(status, headers=headers, content=text)


def cells() -> Iterator[Cell]:
    """Every attempt at every address that the transports expose, whether or not anybody thought of it."""
    transports: tuple[FaceName, ...] = ("mcp-2026", "mcp-2025")
    for operation, attempts in ATTEMPTS.items():
        for route in ROUTES.get(operation, ()):
            for number, tried in enumerate(attempts.rest.get(route, ())):
                yield Cell(operation, "rest", route, _as_try(tried, attempts.answer), number)
        for transport in transports if operation in TOOLS else ():
            for number, tried in enumerate(attempts.mcp):
                yield Cell(operation, transport, TOOLS[operation], _as_try(tried, attempts.answer), number)


def _as_try(tried: Fill | Try, answer: Answer) -> Try:
    return tried if isinstance(tried, Try) else Try(tried, answer)


def unproven() -> set[str]:
    """Operations and addresses that no attempt covers, and attempts at what is not there."""
    wanted = {(name, route) for name, routes in ROUTES.items() for route in routes}
    wanted |= {(name, tool) for name, tool in TOOLS.items()}
    tried = {(name, route) for name, attempts in ATTEMPTS.items() for route, fills in attempts.rest.items() if fills}
    tried |= {(name, TOOLS.get(name, "no tool")) for name, attempts in ATTEMPTS.items() if attempts.mcp}
    return {f"{name} at {address}" for name, address in wanted ^ tried} | (OPERATIONS.keys() ^ ATTEMPTS.keys())
