"""How a command runs: what it loads, and when."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from pydantic import BaseModel

from todo_app.running import with_database
from todo_core.loading.shapes import building_put_off
from todo_core.settings import ConfigurationError, Settings


def test_a_shape_that_is_put_off_is_built_when_it_is_used() -> None:
    with building_put_off():

        class Later(BaseModel):
            number: int

    class AtOnce(BaseModel):
        number: int

    assert (Later.__pydantic_complete__, AtOnce.__pydantic_complete__) == (False, True)
    assert Later.model_validate({"number": "1"}).number == 1
    assert Later.__pydantic_complete__


def test_a_module_is_loaded_though_postgresql_does_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both go on at once; the fault is told all the same, and the work never begins."""
    (tmp_path / "loaded_meanwhile.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "data").write_text("no folder")
    settings = Settings.load(data_dir=tmp_path / "data")

    async def work(_: Settings, __: str) -> None:
        raise AssertionError

    with pytest.raises(ConfigurationError, match="TODO_DATA_DIR cannot"):
        with_database(work, settings, meanwhile="loaded_meanwhile")
    assert sys.modules.pop("loaded_meanwhile")
