"""Every test here runs over REST, MCP 2026-07-28 and MCP 2025-11-25."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.behaviour.clock import NOW, ZONE, app_at
from tests.faces import FACES, Face, FaceName, face
from tests.support import token_of
from todo_app.application import Application
from todo_core.boundary.operation import Caller
from todo_core.settings import Settings


@pytest.fixture(params=FACES)
def face_name(request: pytest.FixtureRequest) -> FaceName:
    name: FaceName = request.param
    return name


@pytest.fixture
async def me(face_name: FaceName, app: Application, ann: Caller) -> AsyncIterator[Face]:
    """Ann, over one of the transports."""
    async with face(face_name, app, await token_of(ann)) as found:
        yield found


@pytest.fixture(scope="module")
async def app_at_noon(settings: Settings, database_url: str) -> AsyncIterator[Application]:
    async with app_at(NOW, settings, database_url) as found:
        yield found


@pytest.fixture
async def me_at_noon(face_name: FaceName, app_at_noon: Application, ann: Caller) -> AsyncIterator[Face]:
    """Ann in Berlin, on a Saturday at noon."""
    async with face(face_name, app_at_noon, await token_of(ann)) as found:
        await found.update_profile(time_zone=ZONE)
        yield found


@pytest.fixture
async def other(face_name: FaceName, app: Application, bob: Caller) -> AsyncIterator[Face]:
    """Bob, over the same transport."""
    async with face(face_name, app, await token_of(bob)) as found:
        yield found
