"""What the house looks like: who may import whom, and what no file may do."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from pydantic import BaseModel

from tests.contract.project import PACKAGES, ROOT, imports, name_of, product_files, strings, tree
from tests.migrations import example
from todo_core.models.fields import Output

TRANSPORTS: Final = {"fastapi", "starlette", "uvicorn", "httptools", "mcp", "mcp_types"}
ABOVE: Final = {"rest_api", "mcp_server", "todo_app", "http_edge"}
STEPS: Final = "from todo_core.schema import steps"
"""The import that a migration may have of us."""

_SESSION_SETTING: Final = re.compile(
    r"(?:^|;)\s*(?:SET\s+(?!LOCAL\b|NULL\b)|RESET\s|DISCARD\s|LISTEN\s|(?i:set\s+(?:session\b|role\b|[\w.]+\s*=)))"
)


def place(path: Path, node: ast.expr) -> str:
    return f"{name_of(path)}:{node.lineno}"


def test_the_core_loads_without_any_transport() -> None:
    """Not even through what it imports."""
    modules = [
        name_of(path).removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for path in product_files()
        if path.is_relative_to(ROOT / "todo_core")
    ]
    program = f"import sys, {', '.join(modules)}; print(*sorted({TRANSPORTS | ABOVE!r} & sys.modules.keys()))"
    loaded = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)

    assert loaded.stdout.split() == []


def test_what_serves_loads_nothing_that_prints_in_colours() -> None:
    """structlog loads rich where it can, and rich a highlighter: 3 MB in each process (`todo_core.log`)."""
    serving = "todo_app.cli, todo_app.serve, todo_app.stdio, todo_app.worker"
    program = f"import sys, {serving}; print(*sorted({{'pygments', 'rich'}} & sys.modules.keys()))"
    loaded = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)

    assert loaded.stdout.split() == []


def test_a_worker_keeps_nothing_that_only_makes_the_contract_and_no_second_pydantic() -> None:
    """It serves the committed contract, asks of no model whether pydantic 1 made it, and has no greenlets: 6 MB."""
    unused = {"greenlet", "pydantic.v1", "rest_api.contract", "rest_api.describing", "rest_api.examples"}
    program = f"""
import sys, todo_app.cli, todo_app.worker
from fastapi.openapi.models import OpenAPI
from rest_api.app import create_app
create_app()
print(*sorted({unused!r} & sys.modules.keys()), OpenAPI.__pydantic_complete__)
"""
    loaded = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)

    assert loaded.stdout.split() == ["False"]


def test_a_parent_of_workers_loads_no_face() -> None:
    """It starts them and serves nothing: both faces and their libraries take 35 MB (`todo_app.worker`)."""
    needed = "todo_app.cli, todo_app.embedded.server, todo_app.measuring.exporting, todo_app.serve, todo_app.waiting"
    faces = {"fastapi", "mcp", "mcp_server", "mcp_types", "rest_api", "todo_app.application"}
    program = f"import sys, {needed}; print(*sorted({faces!r} & sys.modules.keys()))"
    loaded = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)

    assert loaded.stdout.split() == []


@pytest.mark.requirement("DB1")
def test_no_statement_leaves_a_setting_behind() -> None:
    """Behind a transaction pooler the next transaction of the connection is somebody else's."""
    wrong = [
        place(path, node)
        for path in product_files()
        for node in strings(path)
        if _SESSION_SETTING.search(str(node.value))
    ]

    assert wrong == []


@pytest.mark.requirement("DB1")
def test_set_config_is_only_ever_local() -> None:
    called, wrong = 0, []
    for path in product_files():
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "set_config":
                called += 1
                last = node.args[2] if len(node.args) > 2 else None
                if not (isinstance(last, ast.Constant) and last.value is True):
                    wrong.append(place(path, node))
        written = "".join(str(node.value) for node in strings(path))
        for call in re.findall(r"set_config\((.*?)\)", re.sub(r"\([^()]*\)", "", written)):
            called += 1
            if not call.rstrip().endswith("true"):
                wrong.append(f"{name_of(path)}: set_config({call})")

    assert called
    assert wrong == []


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("SET ROLE todo_app", True),
        ("BEGIN; set app.user_id = '1'", True),
        ("SET SESSION ROLE x", True),
        ("BEGIN; DISCARD ALL", True),
        ("SET LOCAL ROLE todo_app", False),
        ("UPDATE todos SET title = 'a'", False),
        ("ON DELETE SET NULL", False),
    ],
)
def test_a_setting_of_the_session_is_told_from_a_local_one(text: str, refused: bool) -> None:
    assert bool(_SESSION_SETTING.search(text)) == refused


def test_only_the_program_prints() -> None:
    wrong = [
        place(path, node)
        for path in product_files()
        if not path.is_relative_to(ROOT / "todo_app")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]

    assert wrong == []


def outputs(kind: type[BaseModel] = Output) -> Iterator[type[BaseModel]]:
    for child in kind.__subclasses__():
        yield child
        yield from outputs(child)


@pytest.mark.requirement("RS4")
def test_what_goes_out_has_no_defaults() -> None:
    """A default would let a field be missing that the contract promises."""
    import rest_api.app

    assert rest_api.app
    shapes = set(outputs())
    assert {"TodoRead", "ChangeRead", "TokenRead", "Overview", "Health"} <= {shape.__name__ for shape in shapes}

    assert [
        f"{shape.__name__}.{name}"
        for shape in shapes
        for name, field in shape.model_fields.items()
        if not field.is_required()
    ] == []


def test_upkeep_waits_by_asyncio_alone() -> None:
    """With two libraries for tasks and time, each reader has to know how they cancel each other's."""
    upkeep = [path for path in product_files() if path.is_relative_to(ROOT / "todo_core" / "upkeep")]

    assert [name_of(path) for path in upkeep if "anyio" in imports(path)] == []
    assert [path for path in upkeep if "asyncio" in imports(path)]


def test_no_product_code_knows_the_tests() -> None:
    assert [name_of(path) for path in product_files() if {"tests", "bench", "pytest"} & set(imports(path))] == []


def test_migrations_import_of_ours_only_how_a_step_runs() -> None:
    """A step says for ever what it did when it was written; what it would import changes. `env.py` names the tables."""
    ours = {*PACKAGES, "migrations"}
    folder = ROOT / "migrations"
    imported = {name_of(path): ours & set(imports(path)) for path in folder.rglob("*.py")}

    assert imported.pop("migrations/env.py") == {"todo_core"}
    assert len(imported) == len([*folder.glob("versions/*.py")]) > 0
    assert set().union(*imported.values()) <= {"todo_core"}
    assert {line for path in folder.glob("versions/*.py") for line in of_ours(tree(path))} <= {STEPS}
    assert {line for text in example().values() for line in of_ours(ast.parse(text))} == {STEPS}


def of_ours(module: ast.Module) -> Iterator[str]:
    """Each import of something of ours, as it is written."""
    for node in ast.walk(module):
        if isinstance(node, ast.Import | ast.ImportFrom) and any(name in ast.unparse(node) for name in PACKAGES):
            yield ast.unparse(node)
