"""What pages, docstrings and comments refer to is there: files, tests, decisions, modules, promises, RFC sections."""

from __future__ import annotations

import ast
import io
import pkgutil
import re
import tokenize
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.contract.project import PACKAGES, ROOT, SPECS, name_of, proofs_in, tree

FOLDERS: Final = (*PACKAGES, "migrations", "specs", "docs", "bench", "tests", ".ci")
TEXTS: Final = sorted(
    {
        *ROOT.glob("*.md"),
        ROOT / ".ci" / "run",
        *(
            path
            for folder in FOLDERS
            for kind in ("*.md", "*.py", "*.toml")
            for path in (ROOT / folder).rglob(kind)
            if not {".hypothesis", "node_modules"} & {*path.parts}
        ),
    }
)
PROOF: Final = re.compile(r"(?<![\w/])(tests/[\w/]+\.py)::(\w+)")
"""A test, by its file and its name."""
PROMISES: Final = tomllib.loads((SPECS / "requirements.toml").read_text(encoding="utf-8")).keys()
_PATH: Final = re.compile(rf"(?<![\w/.:<-])(?:{'|'.join(map(re.escape, FOLDERS))})/[\w./*-]*")
_DECISIONS: Final = re.compile(r"\bdecisions?((?:(?:,| and)? \d+)+)", re.IGNORECASE)
_MODULE: Final = re.compile(rf"`((?:{'|'.join(PACKAGES)})(?:\.\w+)+)")
_PROMISE: Final = re.compile(r"\(([A-Z]{2}\d{1,2})\)")
_REFERENCES: Final = (_PATH, PROOF, _DECISIONS, _MODULE, _PROMISE, re.compile("§"))


def prose(path: Path) -> str:
    """Return a text; of a Python file its comments and docstrings, a paragraph each."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py" or not any(reference.search(text) for reference in _REFERENCES):
        return text  # of what refers to nothing no part does, and to take it apart is most of the work
    comments = [
        token.string for token in tokenize.generate_tokens(io.StringIO(text).readline) if token.type == tokenize.COMMENT
    ]
    docstrings = [
        str(node.value.value)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    ]
    return "\n\n".join([*comments, *docstrings])


def missing(text: str) -> Iterator[str]:
    """Find each reference of a text that leads nowhere."""
    yield from (path for path in _PATH.findall(text) if not any(ROOT.glob(path.rstrip("."))))
    for file, name in PROOF.findall(text):
        if (ROOT / file).is_file() and name not in proofs_in(ROOT / file):
            yield f"{file}::{name}"
    for numbers in _DECISIONS.findall(text):
        for number in re.findall(r"\d+", numbers):
            if not any((ROOT / "docs" / "decisions").glob(f"{int(number):04}-*.md")):
                yield f"decision {number}"
    for module in _MODULE.findall(text):
        try:
            pkgutil.resolve_name(module)
        except (ImportError, AttributeError):
            yield module
    yield from (promise for promise in _PROMISE.findall(text) if promise not in PROMISES)
    for paragraph in re.split(r"\n\s*\n", text):
        if "§" in paragraph and not re.search(r"\bRFC \d|\bUnicode Standard\b", paragraph):
            yield f"a section of what: {paragraph.strip()}"


@pytest.mark.requirement("WR2", "WR3")
def test_every_reference_leads_to_what_is_there() -> None:
    assert len(TEXTS) > 300
    assert {name_of(path): found for path in TEXTS if (found := [*missing(prose(path))])} == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("as `docs/decisions/0001-*.md` has it, and tests/contract/.", []),
        ("see `docs/nothing.md`", ["docs/nothing.md"]),
        ("at https://example.com/docs/nothing and /tests/nothing", []),
        ("`tests/contract/test_references.py::test_every_reference_leads_to_what_is_there`", []),
        ("`tests/contract/test_references.py::test_nothing`", ["tests/contract/test_references.py::test_nothing"]),
        ("tests/contract/nothing.py::test_nothing", ["tests/contract/nothing.py"]),
        ("decisions 1, 2 and 999; Decision 998", ["decision 999", "decision 998"]),
        ("`todo_core.errors.NotFound`, `todo_core.errors.Nothing`", ["todo_core.errors.Nothing"]),
        ("one row each (OW4), (OW99)", ["OW99"]),
        ("RFC 9110 §13.1.2\n\nDESIGN §3", ["a section of what: DESIGN §3"]),
    ],
)
def test_a_reference_that_leads_nowhere_is_found(text: str, expected: list[str]) -> None:
    assert [*missing(text)] == expected
