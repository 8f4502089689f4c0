"""Every promise that is delivered has a test, and every test that names a promise names a real one."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.contract.project import SPECS, name_of, suite_files, tree

REQUIREMENTS: Final[dict[str, dict[str, Any]]] = tomllib.loads(
    (SPECS / "requirements.toml").read_text(encoding="utf-8")
)


def markers(module: ast.Module) -> Iterator[tuple[str, int]]:
    """Each id that a file's markers name, with its line; whichever tests were selected."""
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "requirement":
            for argument in node.args:
                assert isinstance(argument, ast.Constant), f"write the ids out: {ast.unparse(node)}"
                yield str(argument.value), node.lineno


def without_exhaustive(module: ast.Module) -> ast.Module:
    """The file without the tests that are exhaustive as a whole."""
    return ast.Module([node for node in module.body if not _is_exhaustive(node)], type_ignores=[])


def _is_exhaustive(node: ast.stmt) -> bool:
    decorators = getattr(node, "decorator_list", [])
    return any(ast.unparse(decorator) == "pytest.mark.exhaustive" for decorator in decorators)


@pytest.fixture(scope="module")
def proven() -> dict[str, list[str]]:
    """Where each id is named."""
    found: dict[str, list[str]] = {}
    for path in suite_files():
        for requirement, line in markers(tree(path)):
            found.setdefault(requirement, []).append(f"{name_of(path)}:{line}")
    return found


def test_every_promise_has_a_number_words_and_a_status() -> None:
    for requirement, entry in REQUIREMENTS.items():
        assert re.fullmatch(r"[A-Z]{2}[1-9][0-9]?", requirement)
        assert entry.keys() <= {"promise", "status", "note"}
        assert entry["promise"].endswith(".")
        assert entry["status"] in ("delivered", "later")


def test_every_promise_that_is_delivered_has_a_test(proven: dict[str, list[str]]) -> None:
    delivered = {requirement for requirement, entry in REQUIREMENTS.items() if entry["status"] == "delivered"}

    assert sorted(delivered - proven.keys()) == []


def test_no_promise_is_proved_by_exhaustive_cases_alone() -> None:
    default = {requirement for path in suite_files() for requirement, _ in markers(without_exhaustive(tree(path)))}
    delivered = {requirement for requirement, entry in REQUIREMENTS.items() if entry["status"] == "delivered"}

    assert sorted(delivered - default) == []


def test_every_test_names_promises_that_exist(proven: dict[str, list[str]]) -> None:
    assert {requirement: proven[requirement] for requirement in proven.keys() - REQUIREMENTS.keys()} == {}


def test_a_promise_for_later_has_tests_only_if_a_note_says_what_is_here_already(proven: dict[str, list[str]]) -> None:
    assert {
        requirement: proven[requirement]
        for requirement, entry in REQUIREMENTS.items()
        if entry["status"] == "later" and "note" not in entry and requirement in proven
    } == {}


def test_markers_of_files_functions_methods_and_parameters_are_found() -> None:
    module = ast.parse(
        "import pytest\n"
        'pytestmark = [pytest.mark.requirement("AA1"), pytest.mark.slow]\n'
        '@pytest.mark.requirement("AA2", "AA3")\n'
        "def test_a(): ...\n"
        "class TestB:\n"
        '    @pytest.mark.parametrize("x", [pytest.param(1, marks=pytest.mark.requirement("AA4"))])\n'
        "    async def test_b(self, x): ...\n"
        "@pytest.mark.exhaustive\n"
        '@pytest.mark.requirement("AA5")\n'
        "def test_c(): ...\n"
    )

    assert sorted(name for name, _ in markers(module)) == ["AA1", "AA2", "AA3", "AA4", "AA5"]
    assert sorted(name for name, _ in markers(without_exhaustive(module))) == ["AA1", "AA2", "AA3", "AA4"]
