"""What the package says of itself, in one place each."""

from __future__ import annotations

import json
import tomllib
from importlib.metadata import version
from typing import Final

import pytest

from tests.contract.project import ROOT, SPECS, name_of, product_files, strings
from todo_core import __version__

PROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


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
