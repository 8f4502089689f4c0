"""Plain HTTP: what a client sends and gets, byte for byte."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx2
import pytest
from fastapi import FastAPI

from tests.conftest import token_of
from tests.faces import http_client
from todo_core.operation import Caller


@pytest.fixture
async def http(app: FastAPI, ann: Caller) -> AsyncIterator[httpx2.AsyncClient]:
    """Ann's client."""
    async with http_client(app, await token_of(ann)) as client:
        yield client


@pytest.fixture
async def todo(http: httpx2.AsyncClient) -> str:
    """The address of a new todo of Ann's, `a` with description `d`, at version 1."""
    response = await http.post("/api/v1/todos", json={"title": "a", "description": "d"})
    return str(response.headers["location"])
