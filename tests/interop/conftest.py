"""Other people's clients, installed into temporary folders; where that cannot be, the tests say why they skip."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.openai_agents.stage import Person, Stage, set_up, zone_where_it_is_morning

HERE = Path(__file__).parent
INSTALL_SECONDS = 240


def _install(command: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip(f"{command[0]} did not get an answer from its registry in {INSTALL_SECONDS} s")
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        pytest.skip(f"{' '.join(command[:2])} could not install the client: {last[:200]}")


def node_project(name: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of a Node project with what it needs, of this worker alone: two installations in one folder break both."""
    folder = tmp_path_factory.mktemp(name) / name
    shutil.copytree(HERE / name, folder, ignore=shutil.ignore_patterns("node_modules", "*.py", "__pycache__"))
    _install(["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--prefer-offline"], folder)
    return folder


@pytest.fixture(scope="session")
def typescript(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the TypeScript SDK, the Inspector, and the bridge that drives the SDK."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("Node and npm are not installed (Debian: apt-get install nodejs npm)")
    return node_project("typescript", tmp_path_factory)


def python_environment(name: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with what a folder's requirements name."""
    if shutil.which("uv") is None:
        pytest.skip("uv is not installed (pip install uv)")
    folder = tmp_path_factory.mktemp(name)
    _install(["uv", "venv", "--quiet", "environment"], folder)
    python = folder / "environment" / "bin" / "python"
    requirements = str(HERE / name / "requirements.txt")
    _install(["uv", "pip", "install", "--quiet", "--python", str(python), "-r", requirements], folder)
    return python


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
