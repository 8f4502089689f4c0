"""What the contracts are compared with: the running application."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.contract.project import Compare, name_of
from tests.faces import ADDRESS
from todo_app.application import Application, build
from todo_core.settings import Settings


@pytest.fixture(scope="session")
def declared_app(settings: Settings) -> Application:
    """The application as it is declared; nothing of it runs."""
    return build(settings, "postgresql://nowhere/none", ADDRESS)


@pytest.fixture(scope="session")
def openapi(declared_app: Application) -> dict[str, Any]:
    """The application's OpenAPI document."""
    found: dict[str, Any] = json.loads(json.dumps(declared_app.api.openapi()))
    return found


@pytest.fixture
def compare(request: pytest.FixtureRequest) -> Compare:
    """Compares a snapshot with what it shows; with `--update-specs` it is written instead."""
    update: bool = request.config.getoption("--update-specs")

    def check(path: Path, shown: Any, *, sort: bool = True) -> None:
        text = shown
        if not isinstance(shown, str):
            text = json.dumps(shown, indent=2, sort_keys=sort, ensure_ascii=False) + "\n"
        if update:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        written = path.read_text(encoding="utf-8") if path.exists() else ""
        if written != text:
            pytest.fail(
                f"{name_of(path)} differs from the code. If the change is meant, run"
                " `uv run pytest tests/contract --update-specs` and read the difference in git."
            )

    return check
