"""Other people's clients, installed into temporary folders; where that cannot be, the tests say why they skip."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
INSTALL_SECONDS = 240


def install(command: list[str], folder: Path) -> None:
    """Run an installer in a folder."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip(f"{command[0]} did not get an answer from its registry in {INSTALL_SECONDS} s")
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        pytest.skip(f"{' '.join(command[:2])} could not install the client: {last[:200]}")


def node_project(name: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of a Node project with what it needs, of this worker alone: two installations in one folder break both."""
    folder = tmp_path_factory.mktemp(Path(name).name) / Path(name).name
    shutil.copytree(HERE / name, folder, ignore=shutil.ignore_patterns("node_modules", "*.py", "__pycache__"))
    install(["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--prefer-offline"], folder)
    return folder


def python_environment(name: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with what a folder's requirements name."""
    if shutil.which("uv") is None:
        pytest.skip("uv is not installed (pip install uv)")
    folder = tmp_path_factory.mktemp(Path(name).name)
    install(["uv", "venv", "--quiet", "environment"], folder)
    python = folder / "environment" / "bin" / "python"
    requirements = str(HERE / name / "requirements.txt")
    install(["uv", "pip", "install", "--quiet", "--python", str(python), "-r", requirements], folder)
    return python
