"""Plain HTTP: what a client sends and gets, byte for byte."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx2
import pytest

from tests.faces import ADDRESS, http_client
from tests.rest.support import ORIGIN
from tests.support import token_of
from todo_app.application import Application, build
from todo_core.boundary.caller import Caller
from todo_core.settings import Settings


@pytest.fixture
async def http(app: Application, ann: Caller) -> AsyncIterator[httpx2.AsyncClient]:
    """Ann's client."""
    async with http_client(app, await token_of(ann)) as client:
        yield client


@pytest.fixture
async def todo(http: httpx2.AsyncClient) -> str:
    """The address of a new todo of Ann's, `a` with description `d`, at version 1."""
    response = await http.post("/api/v1/todos", json={"title": "a", "description": "d"})
    return str(response.headers["location"])


@pytest.fixture(scope="session")
async def public_app(settings: Settings, database_url: str) -> AsyncIterator[Application]:
    """The application with an https address, which pages of one origin may call from browsers."""
    changed = {"public_url": "https://todo.example.test", "cors_origins": (ORIGIN,)}
    application = build(settings.model_copy(update=changed), database_url, ADDRESS)
    async with application.running():
        yield application


@pytest.fixture
async def public(public_app: Application, ann: Caller) -> AsyncIterator[httpx2.AsyncClient]:
    """Ann's client of that one."""
    async with http_client(public_app, await token_of(ann)) as client:
        yield client
