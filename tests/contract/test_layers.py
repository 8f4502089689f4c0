"""Who may import whom: each contract of pyproject.toml holds, and is broken once to see that it can fail."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Final

import pytest

from tests.contract.house import measure
from tests.contract.project import PACKAGES, ROOT

SETTINGS: Final = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
CONTRACTS: Final = [contract["name"] for contract in SETTINGS["importlinter"]["contracts"]]
BANNED: Final = SETTINGS["ruff"]["lint"]["flake8-tidy-imports"]["banned-api"]

BREACHES: Final = {
    "The program is above the faces, these above the edge, the core below all": [
        ("http_edge/problems.py", "import rest_api.responses"),
        ("todo_core/text/__init__.py", "import http_edge.problems"),
        ("rest_api/responses.py", "import mcp_server.tool_results"),
    ],
    "Inside the core: operations, rules, the boundary, storage, in this order": [
        ("todo_core/rules/families.py", "import todo_core.operations.todos"),
        ("todo_core/storage/dsn.py", "import todo_core.models.todos"),
        ("todo_core/errors.py", "import todo_core.text"),
    ],
    "Operations do not import each other": [("todo_core/operations/search.py", "import todo_core.operations.tags")],
    "The core knows no web framework, no HTTP and no MCP": [("todo_core/errors.py", "import starlette.requests")],
    "MCP and the edge do without FastAPI": [
        ("mcp_server/tool_results.py", "import fastapi"),
        ("http_edge/problems.py", "import fastapi"),
    ],
    "REST and the edge do without MCP": [("rest_api/responses.py", "import mcp")],
}
"""For each contract, files and the lines that break it."""


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter on the packages in `folder`."""
    command = [Path(sys.executable).with_name("lint-imports"), ROOT / "pyproject.toml", "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the product."""
    folder = tmp_path_factory.mktemp("house")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def test_every_contract_holds(copy: Path) -> None:
    done = lint(copy)

    assert f"Contracts: {len(CONTRACTS)} kept, 0 broken." in done.stdout, done.stdout


def test_every_contract_has_a_breach() -> None:
    assert list(BREACHES) == CONTRACTS


@pytest.mark.parametrize(
    ("contract", "path", "line"), [(name, *breach) for name, breaches in BREACHES.items() for breach in breaches]
)
def test_a_breach_is_reported(copy: Path, contract: str, path: str, line: str) -> None:
    file = copy / path
    text = file.read_text(encoding="utf-8")
    file.write_text(f"{text}\n{line}\n", encoding="utf-8")
    try:
        done = lint(copy)
    finally:
        file.write_text(text, encoding="utf-8")

    assert done.returncode == 1
    assert f"{contract} BROKEN" in done.stdout


def test_a_new_module_of_the_core_must_be_given_its_layer(copy: Path) -> None:
    file = copy / "todo_core" / "elsewhere.py"
    file.write_text('"""A module that no layer names."""\n', encoding="utf-8")
    try:
        done = lint(copy)
    finally:
        file.unlink()

    assert done.returncode == 1
    assert "todo_core.elsewhere" in done.stdout


@pytest.mark.parametrize("name", BANNED)
def test_a_private_name_of_others_is_refused_outside_its_file(name: str) -> None:
    ruff = Path(sys.executable).with_name("ruff")
    module, _, member = name.rpartition(".")
    line = f"from {module} import {member}" if module else f"import {name}"
    command = [ruff, "check", "--select", "TID251", "--stdin-filename", "rest_api/elsewhere.py", "-"]
    done = subprocess.run(command, cwd=ROOT, input=f"{line}\n", capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert f"`{name}` is banned" in done.stdout


def test_at_most_eight_modules_lie_loose_at_the_root_of_the_core() -> None:
    assert measure()["modules at the root"] <= 8
