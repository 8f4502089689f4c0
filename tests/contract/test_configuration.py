"""`docs/configuration.md` lists every setting as `todo_core/settings.py` has it."""

from __future__ import annotations

import re
from types import NoneType
from typing import Any, Final, get_args

import annotated_types
import pytest
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from tests.contract import markdown
from tests.contract.project import ROOT, product_files, strings
from todo_core import ENV_FILE
from todo_core.settings import Settings

pytestmark = pytest.mark.requirement("OP2")

TEXT: Final = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
ROWS: Final = markdown.table(TEXT)


def variables(name: str, field: FieldInfo) -> list[str]:
    """The variables that a setting is read from, the first that is set wins."""
    alias: Any = field.validation_alias
    return [str(one) for one in alias.choices] if alias is not None else [f"TODO_{name.upper()}"]


def kind(field: FieldInfo) -> str:
    """A setting's type in words."""
    annotation: Any = field.annotation
    alternatives = [one for one in get_args(annotation) if one is not NoneType]
    if NoneType in get_args(annotation):
        (annotation,) = alternatives
    if len(get_args(annotation)) > 1 and all(isinstance(one, str) for one in get_args(annotation)):
        return "one of " + ", ".join(get_args(annotation))
    names = {SecretStr: "secret", str: "text", int: "integer", float: "number", bool: "yes or no"}
    if annotation in names:
        return names[annotation] + _bounds(field)
    return {"Path": "folder", "tuple": "list"}[annotation.__name__]


def _bounds(field: FieldInfo) -> str:
    low = next((f"{rule.ge:g}" for rule in field.metadata if isinstance(rule, annotated_types.Ge)), None)
    low = next((f"more than {rule.gt:g}" for rule in field.metadata if isinstance(rule, annotated_types.Gt)), low)
    high = next((f"{rule.le:g}" for rule in field.metadata if isinstance(rule, annotated_types.Le)), None)
    if low is None and high is None:
        return ""
    return f", {low} to {high}"


def standard(field: FieldInfo) -> str:
    """A setting's default in words."""
    if field.default_factory is not None:
        return "see there"
    if isinstance(field.default, bool):
        return f"`{str(field.default).lower()}`"
    return "none" if field.default in (None, ()) else f"`{field.default}`"


def test_every_setting_is_listed_as_it_is_and_no_other() -> None:
    listed = [(markdown.codes(row["Variable"]), row["Type"], row["Default"], row["Meaning"]) for row in ROWS]

    assert listed == [
        (variables(name, field), kind(field), standard(field), str(field.description))
        for name, field in Settings.model_fields.items()
    ]


def test_every_variable_of_the_product_is_listed() -> None:
    named = {
        found
        for path in product_files()
        for node in strings(path)
        for found in re.findall(r"\bTODO_[A-Z]+(?:_[A-Z]+)*\b", str(node.value))
    }

    assert named - set(markdown.codes(TEXT)) == set()


def test_the_page_says_how_a_file_is_named_and_no_other_is_read() -> None:
    assert Settings.model_config.get("env_file") is None
    assert f"`{ENV_FILE}`" in TEXT
    assert "--env-file PATH" in TEXT
    assert Settings.model_config["env_ignore_empty"]
