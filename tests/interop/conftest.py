"""Other people's clients, and where scripted agents play."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.installing import node_project, python_environment
from tests.interop.openai_agents.stage import Person, Stage, set_up, zone_where_it_is_morning


@pytest.fixture(scope="session")
def typescript(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the TypeScript SDK, the Inspector, and the bridge that drives the SDK."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("Node and npm are not installed (Debian: apt-get install nodejs npm)")
    return node_project("typescript", tmp_path_factory)


@pytest.fixture(scope="session")
def typescript_2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the TypeScript SDK of 2026, the AI SDK and mcp-remote, and the bridge that drives each."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("Node and npm are not installed (Debian: apt-get install nodejs npm)")
    return node_project("typescript_2", tmp_path_factory)


@pytest.fixture(scope="session")
def python_1_27(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with mcp 1.27."""
    return python_environment("python_1_27", tmp_path_factory)


@pytest.fixture(scope="session")
def openai_agents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with the OpenAI Agents SDK."""
    return python_environment("openai_agents", tmp_path_factory)


@pytest.fixture(scope="session")
def stage(database_url: str, openai_agents: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Where scripted agents play their stories."""
    with set_up(database_url, openai_agents, tmp_path_factory.mktemp("stories")) as found:
        yield found


@pytest.fixture
def ann(stage: Stage) -> Person:
    """Somebody for whom it is morning."""
    return stage.person(zone_where_it_is_morning())
