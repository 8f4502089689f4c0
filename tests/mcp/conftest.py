"""MCP as clients of both protocol generations meet it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import get_args

import httpx2
import pytest

from tests.faces import FaceName, McpFace, face, http_client
from tests.support import token_of
from todo_app.application import Application
from todo_core.boundary.caller import Caller

GENERATIONS: list[FaceName] = [name for name in get_args(FaceName) if name != "rest"]


@pytest.fixture(params=GENERATIONS)
def generation(request: pytest.FixtureRequest) -> FaceName:
    """2026-07-28 or 2025-11-25."""
    name: FaceName = request.param
    return name


@pytest.fixture
async def me(generation: FaceName, app: Application, ann: Caller) -> AsyncIterator[McpFace]:
    """Ann, through the SDK's own client."""
    async with face(generation, app, await token_of(ann)) as found:
        assert isinstance(found, McpFace)
        yield found


@pytest.fixture
async def http(app: Application, ann: Caller) -> AsyncIterator[httpx2.AsyncClient]:
    """Ann's HTTP client, for what the SDK's client would not send."""
    async with http_client(app, await token_of(ann)) as client:
        yield client
