"""Linters of OpenAPI documents have no errors, and no warnings but those that the contract explains (RS4, RS6)."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.contract import markdown
from tests.contract.project import SPECS
from tests.contract.test_rest_endpoints import COMMON
from tests.interop.installing import node_project, python_environment

pytestmark = [pytest.mark.slow, pytest.mark.exhaustive, pytest.mark.requirement("RS4", "RS6")]
DOCUMENT = str(SPECS / "api" / "openapi.json")


def explained(linter: str) -> set[str]:
    """The warnings of a linter that the contract explains."""
    rows = markdown.table(COMMON["The document"])
    return {markdown.code(row["Warning"]) for row in rows if row["Linter"] == linter}


def _run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(scope="module")
def linters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the linters of npm."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("Node and npm are not installed (Debian: apt-get install nodejs npm)")
    return node_project("linters", tmp_path_factory)


def test_spectral_finds_no_error_and_warns_only_of_what_is_explained(linters: Path) -> None:
    done = _run(["npx", "spectral", "lint", DOCUMENT, "-r", "spectral.yaml", "-f", "json", "--quiet"], linters)

    found: list[dict[str, Any]] = json.loads(done.stdout[: done.stdout.rindex("]") + 1])
    assert [one for one in found if one["severity"] == 0] == []
    assert {str(one["code"]) for one in found} <= explained("Spectral")


def test_redocly_finds_nothing(linters: Path) -> None:
    done = _run(["npx", "redocly", "lint", DOCUMENT, "--extends", "recommended-strict", "--format", "json"], linters)

    totals = json.loads(done.stdout[done.stdout.index("{") :])["totals"]
    assert (totals["errors"], totals["warnings"]) == (0, 0), done.stdout


def test_vacuum_warns_only_of_what_is_explained(tmp_path_factory: pytest.TempPathFactory) -> None:
    python = python_environment("linters", tmp_path_factory)
    program = next(python.parents[1].glob("lib/python3*/site-packages/vacuum/lib/vacuum"))
    program.chmod(0o755)

    done = _run([str(program), "lint", DOCUMENT, "-d", "--no-style"], program.parent)

    found = re.findall(r"\| (error|warning) +\|.*?\| ([\w$-]+) +\|", done.stdout)
    assert found, done.stdout
    assert {rule for severity, rule in found if severity == "warning"} == {rule for _, rule in found}
    assert {rule for _, rule in found} <= explained("vacuum")
