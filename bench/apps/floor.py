"""The floor: Starlette, a raw asyncpg pool and orjson. No login, no row-level security, no checks."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench import sql
from bench.plan import PAGE_SIZE, POOL_SIZE


@asynccontextmanager
async def lifespan(application: Starlette) -> AsyncIterator[None]:
    async with asyncpg.create_pool(os.environ["BENCH_URL"], min_size=POOL_SIZE, max_size=POOL_SIZE) as pool:
        application.state.pool = pool
        yield


def _answer(content: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, media_type="application/json")


def _user(request: Request) -> int:
    return int(request.headers["x-user"])


async def list_todos(request: Request) -> Response:
    rows = await request.app.state.pool.fetch(sql.numbered(sql.LIST), _user(request), PAGE_SIZE)
    total = rows[0]["total"] if rows else 0
    items = [{name: value for name, value in row.items() if name != "total"} for row in rows]
    return _answer({"items": items, "total": total, "page_size": PAGE_SIZE})


async def get_todo(request: Request) -> Response:
    row = await request.app.state.pool.fetchrow(sql.numbered(sql.GET), _user(request), int(request.path_params["id"]))
    return _answer(dict(row)) if row else _answer({"detail": "not found"}, 404)


async def add_todo(request: Request) -> Response:
    todo = orjson.loads(await request.body())
    row = await request.app.state.pool.fetchrow(
        sql.numbered(sql.ADD), _user(request), todo["title"], todo.get("description"), 2
    )
    return _answer(dict(row), 201)


async def complete_todo(request: Request) -> Response:
    completed = orjson.loads(await request.body())["is_completed"]
    row = await request.app.state.pool.fetchrow(
        sql.numbered(sql.COMPLETE), completed, _user(request), int(request.path_params["id"])
    )
    return _answer(dict(row)) if row else _answer({"detail": "not found"}, 404)


app = Starlette(
    routes=[
        Route("/api/v1/todos", list_todos, methods=["GET"]),
        Route("/api/v1/todos", add_todo, methods=["POST"]),
        Route("/api/v1/todos/{id:int}", get_todo, methods=["GET"]),
        Route("/api/v1/todos/{id:int}/complete", complete_todo, methods=["PATCH"]),
    ],
    lifespan=lifespan,
)
