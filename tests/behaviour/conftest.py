"""Every test here runs over REST and MCP; by default the two generations of MCP take turns, exhaustively both run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from zlib import crc32

import pytest

from tests.behaviour.clock import NOW, ZONE, app_at
from tests.faces import FACES, Face, FaceName, face
from tests.support import token_of
from todo_app.application import Application
from todo_core.boundary.caller import Caller
from todo_core.settings import Settings

_GENERATIONS = tuple(name for name in FACES if name != "rest")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave one generation of MCP to exhaustive runs, and say of REST or the other that it sends the same statements.

    Which, depends on the case's name alone.
    """
    for item in items:
        params = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
        if (name := params.get("face_name")) is None:
            continue
        number = crc32(item.name.replace(name, "").encode())
        if name in _GENERATIONS and name != _GENERATIONS[number % len(_GENERATIONS)]:
            item.add_marker("exhaustive")
        elif (name in _GENERATIONS) == bool(number & 2):
            item.add_marker("same_statements")


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
