"""A statement is compiled at once, or when it is first needed: it is the same. So is a module of statements."""

from __future__ import annotations

import subprocess
import sys

import pytest
from sqlalchemy import BigInteger, Text, select

from todo_core.storage import compiling, statements
from todo_core.storage.statements import Statement, parameter


def test_what_is_put_off_is_compiled_when_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = []
    compile_ = statements._compiled

    def counted(expression: object) -> object:
        compiled.append(expression)
        return compile_(expression)  # type: ignore[arg-type]

    expression = select(parameter("user_id", BigInteger()), parameter("text", Text()))
    monkeypatch.setattr(compiling, "is_put_off", False)  # tests put it off, too
    at_once = Statement(expression)
    monkeypatch.setattr(statements, "_compiled", counted)
    monkeypatch.setattr(compiling, "is_put_off", True)
    later = [Statement(expression) for _ in range(3)]
    assert compiled == []

    for statement, first in zip(later, ("sql", "parameters", "autocommit_sql"), strict=True):
        assert getattr(statement, first) == getattr(at_once, first)
        for name in ("sql", "parameters", "autocommit_sql"):
            assert getattr(statement, name) == getattr(at_once, name)
    assert compiled == [expression] * 3
    with pytest.raises(AttributeError):
        _ = at_once.nothing  # type: ignore[attr-defined]


_LOAD = """
import sys
from todo_core.queries import put_off_loading

def is_loaded(name):  # without using the module
    return "select" in object.__getattribute__(sys.modules[name], "__dict__")

put_off_loading()
from todo_core.queries import tags, users
print(is_loaded("todo_core.queries.tags"), is_loaded("todo_core.queries.users"))
print(users.ZONE.sql.split()[0], is_loaded("todo_core.queries.tags"), is_loaded("todo_core.queries.users"))
"""


_START = """
import sys
from todo_core.queries import put_off_loading

put_off_loading()
import todo_app.stdio
names = [name for name in sys.modules if name.startswith("todo_core.queries.")]
print(len(names) > 20, *(name for name in names if type(sys.modules[name]).__name__ != "_LazyModule"))
"""


def test_a_start_loads_no_module_of_statements() -> None:
    """Whoever imports a name from one, or uses one while modules are loaded, has each start of `stdio` wait for it."""
    done = subprocess.run([sys.executable, "-c", _START], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True"]


def test_a_module_that_is_put_off_is_loaded_when_it_is_needed() -> None:
    done = subprocess.run([sys.executable, "-c", _LOAD], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["False False", "SELECT False True"]
