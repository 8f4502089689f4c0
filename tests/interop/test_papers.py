"""What others read of ours: the Dockerfile, the compose file, and the diagrams of the pages (OP6, WR3)."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.contract.project import ROOT
from tests.interop.installing import node_project, python_environment

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def readers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the programs of npm."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("Node and npm are not installed (Debian: apt-get install nodejs npm)")
    return node_project("papers", tmp_path_factory)


def diagrams() -> list[str]:
    """Every Mermaid diagram of the pages."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [
        found
        for page in pages
        for found in re.findall(r"```mermaid\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    ]


def errors_of(readers: Path, sources: list[str]) -> list[str | None]:
    done = subprocess.run(
        ["node", "parse.js"],
        cwd=readers,
        input=json.dumps(sources),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: list[str | None] = json.loads(done.stdout)
    return found


@pytest.mark.requirement("WR3")
def test_mermaid_reads_every_diagram(readers: Path) -> None:
    assert len(diagrams()) >= 5
    *errors, broken = errors_of(readers, [*diagrams(), "flowchart TD\n a --->>>b ["])
    assert errors == [None] * len(errors)
    assert broken is not None


@pytest.mark.requirement("OP6")
def test_dclint_finds_nothing_in_the_compose_file(readers: Path) -> None:
    done = subprocess.run(
        [str(readers / "node_modules" / ".bin" / "dclint"), "--max-warnings", "0", "compose.yaml"],
        cwd=ROOT / "deploy",
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.requirement("OP6")
def test_hadolint_finds_nothing_in_the_dockerfile(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> None:
    hadolint = python_environment("papers", tmp_path_factory).with_name("hadolint")

    def found(file: Path) -> list[str]:
        command = [str(hadolint), "--no-color", "--format", "json", "--failure-threshold", "none", str(file)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        return [finding["code"] for finding in json.loads(done.stdout)]

    assert found(ROOT / "Dockerfile") == []
    careless = tmp_path / "Dockerfile"
    careless.write_text("FROM python:latest\nRUN pip install fastapi\n")
    assert {"DL3007", "DL3013"} <= {*found(careless)}
