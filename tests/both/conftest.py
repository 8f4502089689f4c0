"""Every test here runs over REST, MCP 2026-07-28 and MCP 2025-11-25."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI

from tests.conftest import token_of
from tests.faces import FACES, Face, FaceName, face
from todo_core.operation import Caller


@pytest.fixture(params=FACES)
def face_name(request: pytest.FixtureRequest) -> FaceName:
    name: FaceName = request.param
    return name


@pytest.fixture
async def me(face_name: FaceName, app: FastAPI, ann: Caller) -> AsyncIterator[Face]:
    """Ann, over one of the transports."""
    async with face(face_name, app, await token_of(ann)) as found:
        yield found


@pytest.fixture
async def other(face_name: FaceName, app: FastAPI, bob: Caller) -> AsyncIterator[Face]:
    """Bob, over the same transport."""
    async with face(face_name, app, await token_of(bob)) as found:
        yield found
