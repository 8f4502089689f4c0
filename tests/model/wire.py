"""Requests as values, sent over any of the transports; answers in one form."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import httpx2

from tests.faces import FaceName, Json, call


@dataclass(frozen=True, slots=True)
class How:
    """The way a write goes."""

    face: FaceName = "rest"
    is_single: bool = False
    """Over REST, by the route of one item, where there is only one."""
    has_key: bool = False
    dry_run: bool = False
    by_helper: bool = False
    """By an agent of its own, which has a mandate."""

    def __str__(self) -> str:
        flags = {"single": self.is_single, "key": self.has_key, "dry run": self.dry_run, "helper": self.by_helper}
        return ", ".join((self.face, *(name for name, is_set in flags.items() if is_set)))


@dataclass(frozen=True, slots=True)
class Request:
    """A write, in the words of its tool."""

    kind: str
    arguments: Json

    def __str__(self) -> str:
        return f"{self.kind} {self.arguments}"

    @property
    def items(self) -> list[Any]:
        return next((self.arguments[name] for name in ("ids", "lists", "todos", "items") if name in self.arguments), [])


@dataclass(frozen=True, slots=True)
class Item:
    """What was answered for one item."""

    id: int | None
    code: str | None = None
    is_changed: bool = True
    told: Json | None = None

    def __str__(self) -> str:
        return self.code or f"{self.id}{'' if self.is_changed else ' unchanged'}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered; a refusal of the only item counts as one of the whole."""

    code: str | None
    items: list[Item]
    change_id: int | None = None
    is_replayed: bool = False
    is_rehearsed: bool = False
    proposal_id: int | None = None
    """The proposal that was kept in place of it."""

    def __str__(self) -> str:
        told = self.code or ", ".join(map(str, self.items))
        return told if self.change_id is None else f"{told}; change {self.change_id}"


TOOLS: Final = {
    "add": "add_todos",
    "update": "update_todos",
    "complete": "complete_todos",
    "reopen": "complete_todos",
    "skip": "complete_todos",
    "delete": "delete_todos",
    "restore": "delete_todos",
    "add_lists": "add_lists",
    "update_lists": "update_lists",
    "delete_lists": "delete_lists",
    "rename_tag": "update_tag",
    "merge_tag": "update_tag",
    "delete_tag": "update_tag",
    "undo": "undo",
    "undo_several": "undo",
    "profile": "update_profile",
}
_TOLD: Final = {
    "complete": {"completed": True},
    "reopen": {"completed": False},
    "skip": {"skip": True},
    "delete": {"deleted": True},
    "restore": {"deleted": False},
}


async def send(http: httpx2.AsyncClient, request: Request, how: How, key: str | None) -> Answer:
    """Send a write; `http` has the token."""
    if how.face != "rest":
        return await _over_mcp(http, request, how, key)
    method, path, body = _route(request, how)
    headers = {} if key is None else {"Idempotency-Key": key}
    if how.dry_run:
        headers["Dry-Run"] = "true"
    seen = request.arguments.get("if_version")
    if method == "PATCH" and "if_version" in body:
        seen = body["if_version"]
        body = {name: value for name, value in body.items() if name != "if_version"}
    if seen is not None:
        headers["If-Match"] = f'"{seen}"'
    content = None if body is None else json.dumps(body).encode()
    if content is not None:
        headers["content-type"] = "application/json"
    response = await http.request(method, f"/api/v1{path}", content=content, headers=headers)
    return _of_response(response, request)


def nulled(item: Json) -> Json:
    """An item as REST has it: null clears."""
    return {name: value for name, value in item.items() if name != "clear"} | dict.fromkeys(item.get("clear", ()))


Route = tuple[str, str, Any]
"""Method, path and body."""


def _route(request: Request, how: How) -> Route:
    given = request.arguments
    if request.kind in _OF_TODOS and not is_single(request, how):
        batch: Json = {"action": request.kind} | given
        if request.kind == "reopen":
            batch |= {"action": "complete", "is_completed": False}
        if "todos" in batch:
            batch["todos"] = [nulled(item) for item in batch["todos"]]
        return "POST", "/todos/batch", batch
    if request.kind in ("update", "update_lists"):
        item = nulled(request.items[0])
        return "PATCH", f"/{'todos' if request.kind == 'update' else 'lists'}/{item.pop('id')}", item
    return _ROUTES[request.kind](given)


def _removal(given: Json) -> Route:
    query = "&".join(f"{name}={given[name]}" for name in ("todos", "move_to") if given[name] is not None)
    return "DELETE", f"/lists/{given['ids'][0]}?{query}", None


_OF_TODOS: Final = ("add", "update", "complete", "reopen", "skip", "delete", "restore")
_ROUTES: Final[dict[str, Callable[[Json], Route]]] = {
    "add": lambda given: ("POST", "/todos", given["todos"][0]),
    "complete": lambda given: ("PATCH", f"/todos/{given['ids'][0]}/complete", {"is_completed": True}),
    "reopen": lambda given: ("PATCH", f"/todos/{given['ids'][0]}/complete", {"is_completed": False}),
    "skip": lambda given: ("POST", f"/todos/{given['ids'][0]}/skip", None),
    "note": lambda given: ("POST", f"/todos/{given['id']}/notes", {"text": given["text"]}),
    "restore": lambda given: ("POST", f"/todos/{given['ids'][0]}/restore", None),
    "delete": lambda given: ("DELETE", f"/todos/{given['ids'][0]}", None),
    "add_lists": lambda given: ("POST", "/lists", given["lists"][0]),
    "delete_lists": _removal,
    "rename_tag": lambda given: ("PATCH", f"/tags/{given['id']}", {"name": given["name"]}),
    "merge_tag": lambda given: ("POST", f"/tags/{given['id']}/merge", {"into": given["into"]}),
    "delete_tag": lambda given: ("DELETE", f"/tags/{given['id']}", None),
    "mix": lambda given: ("POST", "/todos/batch", {"action": "mix"} | given),
    "undo": lambda given: ("POST", f"/changes/{given['change_id']}/undo", None),
    "undo_several": lambda given: ("POST", "/undo", given),
    "profile": lambda given: ("PATCH", "/users/me", nulled(given)),
}


def is_single(request: Request, how: How) -> bool:
    """Whether it goes by the route of one item."""
    return how.face == "rest" and len(request.items) == 1 and (how.is_single or "if_version" in request.arguments)


def _of_response(response: httpx2.Response, request: Request) -> Answer:
    told = json.loads(response.content) if response.content else {}
    if response.status_code >= 400:
        assert told["status"] == response.status_code
        assert response.status_code < 500, told
        return Answer(told["error_code"], [])
    if response.status_code == 202:
        return Answer(None, [], proposal_id=int(response.headers["proposal-id"]))
    change_id = response.headers.get("change-id")
    if "results" in told:
        items = [
            Item(None, one["error"]["error_code"])
            if one.get("error")
            else Item(one["item"]["id"], is_changed=one["changed"], told=one["item"])
            for one in told["results"]
        ]
    elif told:
        items = [Item(told["id"], is_changed=change_id is not None, told=told)]
    else:
        items = [Item((request.items or [request.arguments.get("id")])[0])]
    assert told.get("change_id") in (None, change_id and int(change_id))
    return Answer(
        items[0].code if len(items) == 1 else None,
        items,
        None if change_id is None else int(change_id),
        response.headers.get("idempotent-replayed") == "true",
        response.headers.get("dry-run") == "true",
    )


async def _over_mcp(http: httpx2.AsyncClient, request: Request, how: How, key: str | None) -> Answer:
    arguments = dict(request.arguments) | _TOLD.get(request.kind, {})
    if TOOLS[request.kind] == "update_tag":
        arguments["action"] = request.kind.removesuffix("_tag")
    if key is not None:
        arguments["idempotency_key"] = key
    if how.dry_run:
        arguments["dry_run"] = True
    is_error, told = await tool(http, how.face, TOOLS[request.kind], arguments)
    if is_error and told["code"] != "all_refused":
        assert told["code"] != "internal_error", told
        return Answer(told["code"], [])
    shown = {"todos_shown_otherwise": told.get("todos_shown_otherwise", 0)}
    results = [{"id": None, **told["profile"], **shown}] if "profile" in told else told["results"]
    items = [
        Item(None, one["error"]["code"])
        if "error" in one
        else Item(one.get("id"), is_changed=not one.get("unchanged", False), told=one)
        for one in (told.get("all", {}) | one if "error" not in one else one for one in results)
    ]
    flags = told.get("replayed", False), told.get("dry_run", False)
    return Answer(None, items, told.get("change_id"), *flags, told.get("proposal_id"))


async def tool(http: httpx2.AsyncClient, face: FaceName, name: str, arguments: Json) -> tuple[bool, Json]:
    """Call a tool: whether that was an error, and what it told."""
    response = await call(http, face, name, arguments)
    assert response.status_code == 200, response.text
    text = response.text
    if response.headers["content-type"].startswith("text/event-stream"):
        text = next(line for line in text.splitlines() if line.startswith("data:"))[5:]
    result = json.loads(text)["result"]
    (content,) = result["content"]
    told: Json = json.loads(content["text"])
    is_error = bool(result.get("isError"))
    assert is_error or result["structuredContent"] == told
    return is_error, told


async def read(http: httpx2.AsyncClient, path: str, **query: Any) -> Any:
    """What a REST route tells, or the code of its refusal."""
    response = await http.get(f"/api/v1{path}", params=query)
    told = json.loads(response.content)
    if response.status_code >= 400:
        assert response.status_code < 500, told
        return told["error_code"]
    return told
