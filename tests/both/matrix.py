"""What somebody tries on another user's rows: at least one attempt for every operation and each of its addresses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import httpx2

from mcp_server.toolbox import EXPOSED as TOOLS
from rest_api.routing import EXPOSED as ROUTES
from tests.faces import FaceName, Json, call
from todo_core.operation import OPERATIONS

Answer = Literal["not_owner", "own", "insufficient_scope"]
"""A stranger is refused as `not_owner`, is told of nothing but their own rows, or would have to be an admin."""


@dataclass(frozen=True)
class Target:
    """The owner's rows."""

    user: int
    todo: int
    token: int
    change: int


Fill = Callable[[Target], Any]


@dataclass(frozen=True)
class Attempts:
    """The requests of one operation."""

    answer: Answer
    rest: dict[str, list[Fill]] = field(default_factory=dict)
    """By route, as it was declared: the bodies to send."""
    mcp: list[Fill] = field(default_factory=list)
    """The arguments to call the tool with."""


def _nothing(_: Target) -> None:
    return None


def _batch(action: str) -> Fill:
    return lambda at: {"action": action, "ids": [at.todo]}


ATTEMPTS: Final[dict[str, Attempts]] = {
    "todos.add": Attempts(
        "own",
        {
            "POST /todos": [lambda _: {"title": "x"}],
            "POST /todos/batch": [lambda _: {"action": "add", "todos": [{"title": "x"}]}],
        },
        [lambda _: {"todos": [{"title": "x"}]}],
    ),
    "todos.find": Attempts(
        "own", {"GET /todos": [_nothing]}, [lambda at: {"status": "all", "ids": [at.todo]}, lambda _: {}]
    ),
    "todos.get": Attempts("not_owner", {"GET /todos/{todo_id}": [_nothing]}),
    "todos.update": Attempts(
        "not_owner",
        {
            "PATCH /todos/{todo_id}": [lambda _: {"title": "stolen"}, lambda _: {"is_completed": True}],
            "POST /todos/batch": [
                lambda at: {"action": "update", "todos": [{"id": at.todo, "title": "stolen"}]},
            ],
        },
        [
            lambda at: {"todos": [{"id": at.todo, "title": "stolen"}]},
            lambda at: {"todos": [{"id": at.todo, "title": "stolen", "if_version": 1}]},
        ],
    ),
    "todos.complete": Attempts(
        "not_owner",
        {
            "PATCH /todos/{todo_id}/complete": [_nothing, lambda _: {"is_completed": False}],
            "POST /todos/batch": [_batch("complete")],
        },
        [lambda at: {"ids": [at.todo]}],
    ),
    "todos.delete": Attempts(
        "not_owner",
        {
            "DELETE /todos/{todo_id}": [_nothing],
            "POST /todos/{todo_id}/restore": [_nothing],
            "POST /todos/batch": [_batch("delete"), _batch("restore")],
        },
        [lambda at: {"ids": [at.todo]}, lambda at: {"ids": [at.todo], "deleted": False}],
    ),
    "changes.find": Attempts("own", {"GET /changes": [_nothing]}, [lambda _: {"since": 0}, lambda _: {}]),
    "changes.get": Attempts("not_owner", {"GET /changes/{change_id}": [_nothing]}),
    "changes.undo": Attempts(
        "not_owner", {"POST /changes/{change_id}/undo": [_nothing]}, [lambda at: {"change_id": at.change}]
    ),
    "overview.get": Attempts("own", {"GET /overview": [_nothing]}, [lambda _: {}]),
    "tokens.create": Attempts("own", {"POST /tokens": [lambda _: {"name": "x", "scopes": ["profile"]}]}),
    "tokens.find": Attempts("own", {"GET /tokens": [_nothing]}),
    "tokens.revoke": Attempts("not_owner", {"DELETE /tokens/{token_id}": [_nothing]}),
    "users.get": Attempts("own", {"GET /users/me": [_nothing]}),
    "users.update": Attempts(
        "own",
        {"PATCH /users/me": [lambda _: {"display_name": "stolen"}]},
        [lambda _: {"display_name": "stolen"}, lambda _: {"clear": ["display_name"]}],
    ),
    "accounts.find": Attempts("insufficient_scope", {"GET /admin/users": [_nothing]}),
    "accounts.get": Attempts("insufficient_scope", {"GET /admin/users/{user_id}": [_nothing]}),
    "accounts.suspend": Attempts(
        "insufficient_scope",
        {
            "POST /admin/users/{user_id}/suspend": [_nothing],
            "POST /admin/users/{user_id}/reactivate": [_nothing],
        },
    ),
    "accounts.delete": Attempts("insufficient_scope", {"DELETE /admin/users/{user_id}": [_nothing]}),
}


@dataclass(frozen=True)
class Cell:
    """One request of the matrix."""

    operation: str
    transport: FaceName
    address: str
    fill: Fill
    number: int

    def __str__(self) -> str:
        return f"{self.operation}-{self.transport}-{self.address.replace(' ', '_')}-{self.number}"

    @property
    def answer(self) -> Answer:
        return ATTEMPTS[self.operation].answer

    @property
    def scope(self) -> str:
        return OPERATIONS[self.operation].scope

    async def send(self, http: httpx2.AsyncClient, at: Target) -> httpx2.Response:
        if self.transport != "rest":
            return await call(http, self.transport, self.address, self.fill(at))
        method, path = self.address.split(" ")
        path = path.format(todo_id=at.todo, token_id=at.token, change_id=at.change, user_id=at.user)
        body: Json | None = self.fill(at)
        return await http.request(method, "/api/v1" + path, **({} if body is None else {"json": body}))


def cells() -> Iterator[Cell]:
    """Every attempt at every address that the transports expose, whether or not anybody thought of it."""
    transports: tuple[FaceName, ...] = ("mcp-2026", "mcp-2025")
    for operation, attempts in ATTEMPTS.items():
        for route in ROUTES.get(operation, ()):
            for number, fill in enumerate(attempts.rest.get(route, ())):
                yield Cell(operation, "rest", route, fill, number)
        for transport in transports if operation in TOOLS else ():
            for number, fill in enumerate(attempts.mcp):
                yield Cell(operation, transport, TOOLS[operation], fill, number)


def unproven() -> set[str]:
    """Operations and addresses that no attempt covers, and attempts at what is not there."""
    wanted = {(name, route) for name, routes in ROUTES.items() for route in routes}
    wanted |= {(name, tool) for name, tool in TOOLS.items()}
    tried = {(name, route) for name, attempts in ATTEMPTS.items() for route, fills in attempts.rest.items() if fills}
    tried |= {(name, TOOLS.get(name, "no tool")) for name, attempts in ATTEMPTS.items() if attempts.mcp}
    return {f"{name} at {address}" for name, address in wanted ^ tried} | (OPERATIONS.keys() ^ ATTEMPTS.keys())
