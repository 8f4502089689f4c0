"""One way to work todos over every transport, so that one test can prove one behaviour for all."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from todo_app.address import Address
from todo_app.application import Application

ADDRESS = Address("127.0.0.1", 8000)
BASE = f"http://{ADDRESS.host}:{ADDRESS.port}"
FaceName = Literal["rest", "mcp-2026", "mcp-2025"]
FACES: tuple[FaceName, ...] = ("rest", "mcp-2026", "mcp-2025")
PROFILE = ("display_name", "time_zone", "locale", "week_start")

Json = dict[str, Any]


class RefusedError(Exception):
    """The whole request was refused."""

    def __init__(self, code: str, told: Json) -> None:
        super().__init__(code, told)
        self.code = code
        self.told = told


@dataclass(frozen=True)
class Written:
    """What a write answered: for each item its id, or its error's code."""

    ids: list[int | None]
    errors: list[str | None]
    unchanged: list[bool]
    change_id: int | None
    replayed: bool
    refusals: list[Json | None]
    """Of each item that was refused all that was said."""
    items: list[Json | None]
    """Of each item that was accepted what was told, in the transport's own form."""
    dry_run: bool

    @property
    def accepted(self) -> list[int]:
        """The ids, where every item was accepted."""
        assert self.errors == [None] * len(self.ids)
        return [item for item in self.ids if item is not None]

    @property
    def change(self) -> int:
        """The change, where there is one."""
        assert self.change_id is not None
        return self.change_id


@dataclass(frozen=True)
class Profile:
    """What an update of the profile answered."""

    row: Json
    """What can be changed; a name that is not set is None."""
    version: int
    change_id: int | None
    replayed: bool
    shown_otherwise: int
    """How many open todos show another date or time."""

    @property
    def change(self) -> int:
        """The change, where there is one."""
        assert self.change_id is not None
        return self.change_id


@dataclass(frozen=True)
class Listed:
    """A page, with full rows."""

    todos: list[Json]
    total: int
    next_cursor: str | None


class Face(Protocol):
    """The same todos, whatever the transport."""

    async def add(self, *todos: Json, key: str | None = None, if_similar: str | None = None) -> Written: ...
    async def list(self, **wanted: Any) -> Listed: ...
    async def update(self, *todos: Json, key: str | None = None) -> Written: ...
    async def complete(self, *ids: int, completed: bool = True, key: str | None = None) -> Written: ...
    async def delete(self, *ids: int, deleted: bool = True, key: str | None = None) -> Written: ...
    async def skip(self, *ids: int, key: str | None = None) -> Written: ...
    async def add_list(self, name: str, key: str | None = None, **fields: Any) -> Written: ...
    async def update_list(self, list_id: int, key: str | None = None, **fields: Any) -> Written: ...
    async def delete_list(self, list_id: int, key: str | None = None, **afterwards: Any) -> Written: ...
    async def rename_tag(self, tag_id: int, name: str, key: str | None = None) -> Written: ...
    async def merge_tag(self, tag_id: int, into: int, key: str | None = None) -> Written: ...
    async def delete_tag(self, tag_id: int, key: str | None = None) -> Written: ...
    def rehearsing(self) -> Face: ...
    async def undo(self, change_id: int, key: str | None = None) -> Written: ...
    async def undo_all(self, *change_ids: int, key: str | None = None) -> Written: ...
    async def changes(self, **wanted: Any) -> list[Json]: ...
    async def changes_since(self, since: int, limit: int) -> tuple[list[Json], int]: ...

    async def changes_before(self, before: int | None, limit: int) -> tuple[list[Json], int | None]:
        """Changes before one, or the latest; and what the next page is before, None on the last."""
        ...

    async def overview(self) -> Json: ...
    async def update_profile(
        self, *, clear: Sequence[str] = (), if_version: int | None = None, key: str | None = None, **fields: Any
    ) -> Profile: ...


class RestFace:
    """Over REST, by the batch route."""

    def __init__(self, http: httpx2.AsyncClient, *, dry_run: bool = False) -> None:
        self.http = http
        self.dry_run = dry_run

    def rehearsing(self) -> RestFace:
        """The same, where every write is a dry run."""
        return RestFace(self.http, dry_run=True)

    async def _send(
        self, method: str, path: str, key: str | None = None, headers: Json | None = None, **more: Any
    ) -> httpx2.Response:
        headers = (headers or {}) | ({} if key is None else {"Idempotency-Key": key})
        if self.dry_run:
            headers["Dry-Run"] = "true"
        response = await self.http.request(method, "/api/v1" + path, headers=headers, **more)
        if response.status_code >= 400:
            assert response.headers["content-type"] == "application/problem+json"
            problem = response.json()
            assert problem["status"] == response.status_code
            raise RefusedError(problem["error_code"], problem)
        return response

    async def _write(self, path: str, key: str | None, body: Json | None) -> Written:
        response = await self._send("POST", path, key, json=body)
        told = response.json()
        results = told["results"]
        return Written(
            ids=[item["item"]["id"] if item["item"] else None for item in results],
            errors=[item["error"]["error_code"] if item.get("error") else None for item in results],
            unchanged=[item["item"] is not None and not item["changed"] for item in results],
            change_id=told["change_id"],
            replayed=response.headers.get("idempotent-replayed") == "true",
            refusals=[item.get("error") for item in results],
            items=[item["item"] for item in results],
            dry_run=response.headers.get("dry-run") == "true",
        )

    async def _write_one(self, method: str, path: str, key: str | None, **more: Any) -> Written:
        """A write of a single row, by its own route; what is gone has no row."""
        response = await self._send(method, path, key, **more)
        row = response.json() if response.content else None
        change_id = response.headers.get("change-id")
        return Written(
            ids=[None if row is None else row["id"]],
            errors=[None],
            unchanged=[change_id is None],
            change_id=None if change_id is None else int(change_id),
            replayed=response.headers.get("idempotent-replayed") == "true",
            refusals=[None],
            items=[row],
            dry_run=response.headers.get("dry-run") == "true",
        )

    async def skip(self, *ids: int, key: str | None = None) -> Written:
        return await self._write("/todos/batch", key, {"action": "skip", "ids": list(ids)})

    async def add_list(self, name: str, key: str | None = None, **fields: Any) -> Written:
        return await self._write_one("POST", "/lists", key, json={"name": name, **fields})

    async def update_list(
        self, list_id: int, key: str | None = None, *, if_version: int | None = None, **fields: Any
    ) -> Written:
        headers = {} if if_version is None else {"If-Match": f'"{if_version}"'}
        return await self._write_one("PATCH", f"/lists/{list_id}", key, headers=headers, json=fields)

    async def delete_list(self, list_id: int, key: str | None = None, **afterwards: Any) -> Written:
        return await self._write_one("DELETE", f"/lists/{list_id}", key, params=afterwards)

    async def rename_tag(self, tag_id: int, name: str, key: str | None = None) -> Written:
        return await self._write_one("PATCH", f"/tags/{tag_id}", key, json={"name": name})

    async def merge_tag(self, tag_id: int, into: int, key: str | None = None) -> Written:
        return await self._write_one("POST", f"/tags/{tag_id}/merge", key, json={"into": into})

    async def delete_tag(self, tag_id: int, key: str | None = None) -> Written:
        return await self._write_one("DELETE", f"/tags/{tag_id}", key)

    async def add(self, *todos: Json, key: str | None = None, if_similar: str | None = None) -> Written:
        chosen = {} if if_similar is None else {"if_similar": if_similar}
        return await self._write("/todos/batch", key, {"action": "add", "todos": list(todos)} | chosen)

    async def list(self, **wanted: Any) -> Listed:
        told = (await self._send("GET", "/todos", params=wanted)).json()
        return Listed(told["items"], told["total"], told["next_cursor"])

    async def update(self, *todos: Json, key: str | None = None) -> Written:
        items = [
            {k: v for k, v in todo.items() if k != "clear"} | dict.fromkeys(todo.get("clear", ())) for todo in todos
        ]
        return await self._write("/todos/batch", key, {"action": "update", "todos": items})

    async def complete(self, *ids: int, completed: bool = True, key: str | None = None) -> Written:
        return await self._write(
            "/todos/batch", key, {"action": "complete", "ids": list(ids), "is_completed": completed}
        )

    async def delete(self, *ids: int, deleted: bool = True, key: str | None = None) -> Written:
        action = "delete" if deleted else "restore"
        return await self._write("/todos/batch", key, {"action": action, "ids": list(ids)})

    async def undo(self, change_id: int, key: str | None = None) -> Written:
        return await self._write(f"/changes/{change_id}/undo", key, None)

    async def undo_all(self, *change_ids: int, key: str | None = None) -> Written:
        return await self._write("/undo", key, {"change_ids": list(change_ids)})

    async def changes(self, **wanted: Any) -> list[Json]:
        items: list[Json] = (await self._send("GET", "/changes", params=wanted)).json()["items"]
        return items

    async def changes_since(self, since: int, limit: int) -> tuple[list[Json], int]:
        told = (await self._send("GET", "/changes", params={"since": since, "limit": limit})).json()
        return told["items"], told["since"]

    async def changes_before(self, before: int | None, limit: int) -> tuple[list[Json], int | None]:
        wanted = {"limit": limit} | ({} if before is None else {"before": before})
        told = (await self._send("GET", "/changes", params=wanted)).json()
        assert told["has_more"] is (told["next_cursor"] is not None)
        return told["items"], int(told["next_cursor"]) if told["has_more"] else None

    async def overview(self) -> Json:
        told: Json = (await self._send("GET", "/overview")).json()
        return told

    async def update_profile(
        self, *, clear: Sequence[str] = (), if_version: int | None = None, key: str | None = None, **fields: Any
    ) -> Profile:
        headers = {} if if_version is None else {"If-Match": f'"{if_version}"'}
        response = await self._send("PATCH", "/users/me", key, headers, json=fields | dict.fromkeys(clear))
        told = response.json()
        change_id = response.headers.get("change-id")
        return Profile(
            row={name: told[name] for name in PROFILE},
            version=told["version"],
            change_id=None if change_id is None else int(change_id),
            replayed=response.headers.get("idempotent-replayed") == "true",
            shown_otherwise=told["todos_shown_otherwise"],
        )


class McpFace:
    """Over MCP tools."""

    def __init__(self, client: Client, *, dry_run: bool = False) -> None:
        self.client = client
        self.dry_run = dry_run

    def rehearsing(self) -> McpFace:
        """The same, where every write is a dry run."""
        return McpFace(self.client, dry_run=True)

    async def call(self, tool: str, /, **arguments: Any) -> Json:
        result = await self.client.call_tool(tool, arguments)
        (content,) = result.content
        told: Json = json.loads(content.text)  # type: ignore[union-attr]
        if result.is_error:
            assert result.structured_content is None
            raise RefusedError(told["code"], told)
        assert result.structured_content == told
        return told

    def _writing(self, key: str | None) -> Json:
        """What every write takes."""
        return {"idempotency_key": key} | ({"dry_run": True} if self.dry_run else {})

    async def _write(self, tool: str, key: str | None, **arguments: Any) -> Written:
        try:
            told = await self.call(tool, **arguments, **self._writing(key))
        except RefusedError as refused:
            count = len(arguments.get("ids", arguments.get("todos", ())))
            fields = {problem["field"] for problem in refused.told.get("errors", ())}
            of_the_item = refused.code in _OF_ITEMS and not fields & {*arguments, "idempotency_key"}
            if refused.code == "all_refused":
                told = refused.told
            elif count == 1 and of_the_item:
                told = {"results": [{"error": refused.told}]}
            else:
                raise
        results: Sequence[Json] = [_whole(told, item) for item in told["results"]]
        return Written(
            ids=[None if "error" in item else item.get("id") for item in results],
            errors=[item["error"]["code"] if "error" in item else None for item in results],
            unchanged=[item.get("unchanged", False) for item in results],
            change_id=told.get("change_id"),
            replayed=told.get("replayed", False),
            refusals=[item.get("error") for item in results],
            items=[None if "error" in item else item for item in results],
            dry_run=told.get("dry_run", False),
        )

    async def skip(self, *ids: int, key: str | None = None) -> Written:
        return await self._write("complete_todos", key, ids=list(ids), skip=True)

    async def _write_one(self, tool: str, key: str | None, **arguments: Any) -> Written:
        """A write of a single row, of which a refusal is that of the request."""
        told = await self.call(tool, **arguments, **self._writing(key))
        (item,) = told["results"]
        item = {"id": None} | item  # a rehearsal has none
        unchanged = [item.get("unchanged", False)]
        change_id, replayed, dry_run = told.get("change_id"), told.get("replayed", False), told.get("dry_run", False)
        return Written([item["id"]], [None], unchanged, change_id, replayed, [None], [item], dry_run)

    async def add_list(self, name: str, key: str | None = None, **fields: Any) -> Written:
        return await self._write_one("add_lists", key, lists=[{"name": name, **fields}])

    async def update_list(self, list_id: int, key: str | None = None, **fields: Any) -> Written:
        return await self._write_one("update_lists", key, lists=[{"id": list_id, **fields}])

    async def delete_list(self, list_id: int, key: str | None = None, **afterwards: Any) -> Written:
        return await self._write_one("delete_lists", key, ids=[list_id], **afterwards)

    async def rename_tag(self, tag_id: int, name: str, key: str | None = None) -> Written:
        return await self._write_one("update_tag", key, id=tag_id, action="rename", name=name)

    async def merge_tag(self, tag_id: int, into: int, key: str | None = None) -> Written:
        return await self._write_one("update_tag", key, id=tag_id, action="merge", into=into)

    async def delete_tag(self, tag_id: int, key: str | None = None) -> Written:
        return await self._write_one("update_tag", key, id=tag_id, action="delete")

    async def add(self, *todos: Json, key: str | None = None, if_similar: str | None = None) -> Written:
        chosen = {} if if_similar is None else {"if_similar": if_similar}
        return await self._write("add_todos", key, todos=list(todos), **chosen)

    async def list(self, **wanted: Any) -> Listed:
        told = await self.call("list_todos", detail="full", **wanted)
        shown, total = told["showing"].split(" of ")
        assert int(shown) == len(told["todos"])
        return Listed(told["todos"], int(total), told.get("next_cursor"))

    async def update(self, *todos: Json, key: str | None = None) -> Written:
        return await self._write("update_todos", key, todos=list(todos))

    async def complete(self, *ids: int, completed: bool = True, key: str | None = None) -> Written:
        return await self._write("complete_todos", key, ids=list(ids), completed=completed)

    async def delete(self, *ids: int, deleted: bool = True, key: str | None = None) -> Written:
        return await self._write("delete_todos", key, ids=list(ids), deleted=deleted)

    async def undo(self, change_id: int, key: str | None = None) -> Written:
        return await self._write("undo", key, change_id=change_id)

    async def undo_all(self, *change_ids: int, key: str | None = None) -> Written:
        return await self._write("undo", key, change_ids=list(change_ids))

    async def changes(self, **wanted: Any) -> list[Json]:
        found: list[Json] = (await self.call("list_changes", **wanted))["changes"]
        return found

    async def changes_since(self, since: int, limit: int) -> tuple[list[Json], int]:
        told = await self.call("list_changes", since=since, limit=limit)
        return told["changes"], told["since"]

    async def changes_before(self, before: int | None, limit: int) -> tuple[list[Json], int | None]:
        told = await self.call("list_changes", before=before, limit=limit)
        assert told.get("has_more", False) is ("before" in told)
        return told["changes"], told.get("before")

    async def overview(self) -> Json:
        """The overview, with the lists and tags that a model has to ask for."""
        told = await self.call("get_overview")
        for kind in ("lists", "tags"):
            if told.pop(f"{kind}_left_out", 0):
                told[kind] = (await self.call("get_overview", all=kind))[kind]
        return told

    async def update_profile(
        self, *, clear: Sequence[str] = (), if_version: int | None = None, key: str | None = None, **fields: Any
    ) -> Profile:
        more: Json = {"clear": list(clear)} if clear else {}
        told = await self.call("update_profile", **fields, **more, if_version=if_version, **self._writing(key))
        return Profile(
            row={name: told["profile"].get(name) for name in PROFILE},
            version=told["profile"]["version"],
            change_id=told.get("change_id"),
            replayed=told.get("replayed", False),
            shown_otherwise=told.get("todos_shown_otherwise", 0),
        )


def _whole(told: Json, item: Json) -> Json:
    """Return a result with what all share; of a refused one, the fields by their paths in it, as REST has them."""
    if "error" not in item:
        zone = {"time_zone": told["time_zone"]} if "time_zone" in told else {}
        return told.get("all", {}) | item | zone
    problems = [
        problem
        | {"field": re.sub(r"^[a-z]+\[\d+\]\.?", "", problem["field"]).replace("[", ".").replace("]", "") or "id"}
        for problem in item["error"].get("errors", ())
    ]
    return {"error": item["error"] | ({"errors": problems} if problems else {})}


_OF_ITEMS = {"not_found", "not_owner", "version_conflict", "invalid_input"}


def http_client(app: Application, token: str | None) -> httpx2.AsyncClient:
    """An HTTP client of the application, in this process."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app, raise_app_exceptions=False), base_url=BASE, headers=headers
    )


@asynccontextmanager
async def face(name: FaceName, app: Application, token: str, **options: Any) -> AsyncIterator[Face]:
    """A face of the application, for the bearer of a token; `options` are those of the SDK's client."""
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(http_client(app, token))
        if name == "rest":
            yield RestFace(http)
            return
        transport = streamable_http_client(f"{BASE}/mcp", http_client=http, terminate_on_close=False)
        mode = "legacy" if name == "mcp-2025" else "2026-07-28"
        yield McpFace(await stack.enter_async_context(Client(transport, mode=mode, **options)))


_VERSIONS: dict[str, str] = {"mcp-2026": "2026-07-28", "mcp-2025": "2025-11-25"}


async def rpc(
    http: httpx2.AsyncClient,
    name: FaceName,
    method: str,
    params: Json | None = None,
    headers: Json | None = None,
    *,
    capabilities: Json | None = None,
    client: str = "wire",
) -> httpx2.Response:
    """One MCP request as it is on the wire, for what the SDK's client would not send."""
    body, sent = message(name, method, params, capabilities=capabilities, client=client)
    return await http.post("/mcp", content=json.dumps(body).encode(), headers=sent | (headers or {}))


def message(
    name: FaceName,
    method: str,
    params: Json | None = None,
    *,
    capabilities: Json | None = None,
    client: str = "wire",
) -> tuple[Json, Json]:
    """The body of an MCP request, and its headers."""
    version = _VERSIONS[name]
    sent = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
    sent["mcp-protocol-version"] = version
    params = dict(params or {})
    if name == "mcp-2026":
        sent["mcp-method"] = method
        named = params.get("name", params.get("uri"))
        if isinstance(named, str):
            sent["mcp-name"] = named
        params["_meta"] = {
            "io.modelcontextprotocol/protocolVersion": version,
            "io.modelcontextprotocol/clientInfo": {"name": client, "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": capabilities or {},
        }
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}, sent


async def call(http: httpx2.AsyncClient, name: FaceName, tool: str, arguments: Json) -> httpx2.Response:
    """One tool call as it is on the wire."""
    return await rpc(http, name, "tools/call", {"name": tool, "arguments": arguments})


def refused(response: httpx2.Response) -> Json:
    """What a tool's refusal told, in a response to `call`."""
    result = response.json()["result"]
    assert result["isError"] is True
    assert "structuredContent" not in result
    (content,) = result["content"]
    told: Json = json.loads(content["text"])
    return told


def turned_away(response: httpx2.Response, status: int, code: str) -> Json:
    """What the refusal of a whole request at `/mcp` told: a JSON-RPC error, which clients show to people."""
    assert (response.status_code, response.headers["content-type"]) == (status, "application/json")
    told = response.json()
    error = told.pop("error")
    assert told == {"jsonrpc": "2.0", "id": None}
    data: Json = error["data"]
    assert (error["code"], error["message"]) == (-32600, f"{data['message']} {data['next_step']}")
    assert data["code"] == code
    return data
