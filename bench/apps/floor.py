"""The floor: Starlette, a raw asyncpg pool and orjson. No login, no row-level security, no checks."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench import sql
from bench.plan import PAGE_SIZE, POOL_SIZE

_PRIORITIES = {"low": 1, "medium": 2, "high": 3, "urgent": 4}


@asynccontextmanager
async def lifespan(application: Starlette) -> AsyncIterator[None]:
    async def prepare(connection: asyncpg.Connection[Any]) -> None:
        for kind in ("json", "jsonb"):  # JSON of the database goes out as it is
            await connection.set_type_codec(kind, encoder=str, decoder=orjson.Fragment, schema="pg_catalog")

    url, size = os.environ["BENCH_URL"], POOL_SIZE
    async with asyncpg.create_pool(url, min_size=size, max_size=size, init=prepare) as pool:
        application.state.pool = pool
        yield


async def _rows(request: Request, statement: str, **values: Any) -> list[dict[str, Any]]:
    query, names = sql.numbered(statement)
    values["user"] = int(request.headers["x-user"])
    return [_told(dict(row)) for row in await request.app.state.pool.fetch(query, *(values[name] for name in names))]


def _told(row: dict[str, Any]) -> dict[str, Any]:
    """The same with the deadline as its user reads it, and what is below it in words."""
    if "due_at" in row:
        live, still_open = row.pop("subtasks")
        row |= {"all_subtasks": live, "open_subtasks": still_open, "done_subtasks": live - still_open}
        on, time, at, zone = row.pop("due_date"), row.pop("due_time"), row.pop("due_at"), row.pop("time_zone")
        there = None if at is None else at.astimezone(ZoneInfo(zone))
        row["due"] = there and {
            "date": on or there.date(),
            "time": None if on and time is None else f"{time or there:%H:%M}",
            "weekday": f"{on or there:%A}",
            "time_zone": zone,
            "at": at,
            "kind": "moment" if on is None else "day" if time is None else "time",
        }
    return row


def _answer(content: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, media_type="application/json")


def _one(rows: Sequence[dict[str, Any]], status: int = 200) -> Response:
    return _answer(rows[0], status) if rows else _answer({"detail": "not found"}, 404)


def _page(rows: Sequence[dict[str, Any]], limit: int) -> Response:
    total = rows[0]["total"] if rows else 0
    for row in rows:
        del row["total"]
    return _answer({"items": rows, "total": total, "page_size": limit})


async def list_todos(request: Request) -> Response:
    asked = request.query_params
    limit = int(asked.get("limit", PAGE_SIZE))
    if "list_id" not in asked:
        return _page(await _rows(request, sql.LIST, limit=limit), limit)
    rows = await _rows(
        request,
        sql.FILTERED,
        list=int(asked["list_id"]),
        priorities=[_PRIORITIES[word] for word in asked.getlist("priority")],
        due_before=datetime.fromisoformat(asked["due_before"]),
        limit=limit,
    )
    return _page(rows, limit)


async def search_todos(request: Request) -> Response:
    limit = int(request.query_params.get("limit", PAGE_SIZE))
    words = " & ".join(request.query_params["text"].split()) + ":*"
    return _page(await _rows(request, sql.SEARCH, words=words, limit=limit), limit)


async def get_todo(request: Request) -> Response:
    return _one(await _rows(request, sql.GET, id=int(request.path_params["id"])))


async def add_todo(request: Request) -> Response:
    todo = orjson.loads(await request.body())
    values = {"title": todo["title"], "description": todo.get("description"), "priority": 2}
    if tags := todo.get("tags"):
        return _one(await _rows(request, sql.ADD_TAGGED, tags=tags, **values), 201)
    return _one(await _rows(request, sql.ADD, **values), 201)


async def add_todos(request: Request) -> Response:
    todos = orjson.loads(await request.body())["todos"]
    titles, descriptions = ([todo.get(name) for todo in todos] for name in ("title", "description"))
    rows = await _rows(request, sql.ADD_MANY, titles=titles, descriptions=descriptions)
    return _answer({"results": [{"item": row, "changed": True} for row in rows]})


async def complete_todo(request: Request) -> Response:
    completed = orjson.loads(await request.body())["is_completed"]
    return _one(await _rows(request, sql.COMPLETE, completed=completed, id=int(request.path_params["id"])))


async def weekly_report(request: Request) -> Response:
    day = datetime.fromisoformat(request.query_params["week"]).replace(tzinfo=UTC)
    middle = day - timedelta(days=day.weekday())
    week = timedelta(days=7)
    (row,) = await _rows(request, sql.WEEKS, since=middle - week, middle=middle, until=middle + week)
    return _answer(row)


app = Starlette(
    routes=[
        Route("/api/v1/todos", list_todos, methods=["GET"]),
        Route("/api/v1/todos", add_todo, methods=["POST"]),
        Route("/api/v1/todos/batch", add_todos, methods=["POST"]),
        Route("/api/v1/todos/{id:int}", get_todo, methods=["GET"]),
        Route("/api/v1/todos/{id:int}/complete", complete_todo, methods=["PATCH"]),
        Route("/api/v1/search", search_todos, methods=["GET"]),
        Route("/api/v1/analytics/weekly-report", weekly_report, methods=["GET"]),
    ],
    lifespan=lifespan,
)
