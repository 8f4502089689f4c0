"""Our statements alone: the floor's server, and what PostgreSQL does for the product, by its own storage.

No login, no limits, no contract. It shows where the product's time goes: what it costs beyond the floor is the price of
isolation, of the shape of rows and of the record; what the product costs beyond it, that of everything above storage.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.plan import PAGE_SIZE, POOL_SIZE
from todo_core.boundary.recording import Origin
from todo_core.models.todos import Sort
from todo_core.queries import adding, families, small_revisions, todos
from todo_core.settings import Settings
from todo_core.storage.database import Database
from todo_core.storage.statements import Statement
from todo_core.storage.transactions import Row

_PRIORITIES: Final = {"low": 1, "medium": 2, "high": 3, "urgent": 4}
_LISTED: Final = frozenset({"started"})
_MINE: Final = _LISTED | {"unarchived"}


@asynccontextmanager
async def lifespan(application: Starlette) -> AsyncIterator[None]:
    database = Database(Settings(database_pool_size=POOL_SIZE), os.environ["BENCH_URL"])
    application.state.database = database
    yield
    await database.close()


def _user(request: Request) -> int:
    return int(request.headers["x-user"])


def _origin(operation: str) -> dict[str, Any]:
    return Origin(operation, "rest", None, None, None, None).parameters()


def _answer(content: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, media_type="application/json")


async def _row(request: Request, statement: Statement, **values: Any) -> Row:
    database: Database = request.app.state.database
    return await database.read(user_id=_user(request), token_id=None).one(statement, **values)


async def _page(request: Request, conditions: frozenset[str], sort: Sort = "created", **values: Any) -> Response:
    limit = int(request.query_params.get("limit", PAGE_SIZE))
    statement = todos.page("open", conditions, sort, True, False)
    row = await _row(request, statement, limit=limit, offset=0, now=datetime.now(UTC), **values)
    return _answer({"items": orjson.Fragment(row["rows"]), "total": row["total"], "page_size": limit})


async def list_todos(request: Request) -> Response:
    asked = request.query_params
    if "list_id" not in asked:
        return await _page(request, _MINE)
    return await _page(
        request,
        _LISTED | {"list_id", "priority", "due_before"},
        list_id=int(asked["list_id"]),
        priority=[_PRIORITIES[word] for word in asked.getlist("priority")],
        due_before=datetime.fromisoformat(asked["due_before"]),
    )


async def search_todos(request: Request) -> Response:
    return await _page(request, frozenset({"text", "unarchived"}), "match", text=request.query_params["text"])


async def get_todo(request: Request) -> Response:
    row = await _row(request, todos.ONE, id=int(request.path_params["id"]))
    return Response(row["row"], media_type="application/json")


async def _add(request: Request, given: Sequence[dict[str, Any]]) -> list[Row]:
    database: Database = request.app.state.database
    items = [{"n": number, "priority": 2} | todo for number, todo in enumerate(given)]
    async with database.begin(user_id=_user(request), lock=True, at_once=True) as transaction:
        return await transaction.rows_at_once(
            adding.ADD_PLAIN, items=orjson.dumps(items).decode(), now=None, compared=True, **_origin("todos.add")
        )


async def add_todo(request: Request) -> Response:
    (row,) = await _add(request, [orjson.loads(await request.body())])
    return Response(row["after"], 201, media_type="application/json")


async def add_todos(request: Request) -> Response:
    rows = await _add(request, orjson.loads(await request.body())["todos"])
    return _answer({"results": [{"item": orjson.Fragment(row["after"]), "changed": True} for row in rows]})


def _patches(ids: list[int], completed: bool) -> dict[str, Any]:
    return {"items": orjson.dumps([{"id": one, "is_completed": completed} for one in ids]).decode(), "ids": ids}


async def complete_todo(request: Request) -> Response:
    database: Database = request.app.state.database
    completed = orjson.loads(await request.body())["is_completed"]
    todo_id = int(request.path_params["id"])
    origin = _origin("todos.complete") | {"now": None}
    async with database.begin(user_id=_user(request), lock=True, at_once=True) as transaction:
        rows = await transaction.rows_at_once(
            small_revisions.LONE_FLAGS_RECORDED, **_patches([todo_id], completed), trash_too=False, **origin
        )
        if not rows:
            family = await transaction.rows(families.RELATIVES, ids=[todo_id])
            patches = _patches([todo["id"] for todo in family], completed)
            rows = await transaction.rows(small_revisions.FLAGS_RECORDED, **patches, trash_too=True, **origin)
    return Response(next(row["after"] or row["before"] for row in rows), media_type="application/json")


app = Starlette(
    routes=[
        Route("/api/v1/todos", list_todos, methods=["GET"]),
        Route("/api/v1/todos", add_todo, methods=["POST"]),
        Route("/api/v1/todos/batch", add_todos, methods=["POST"]),
        Route("/api/v1/todos/{id:int}", get_todo, methods=["GET"]),
        Route("/api/v1/todos/{id:int}/complete", complete_todo, methods=["PATCH"]),
        Route("/api/v1/search", search_todos, methods=["GET"]),
    ],
    lifespan=lifespan,
)
