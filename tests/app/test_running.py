"""How a command runs: what it loads, and when."""

from __future__ import annotations

import signal
import subprocess
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


_TOLD_TWICE = """
import os, signal
from contextlib import contextmanager
from types import SimpleNamespace
import todo_app.embedded
from todo_app.running import with_database
from todo_core.settings import Settings

@contextmanager
def opened(_):
    yield SimpleNamespace(url="")
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(os.getpid(), number)
    print("stopped", flush=True)

async def work(*_):
    os.kill(os.getpid(), signal.SIGTERM)

todo_app.embedded.opened = opened
with_database(work, Settings(), migrated=False, leave_at_once=True)
"""


@pytest.mark.requirement("OP3")
def test_who_is_told_twice_to_end_stops_the_database_all_the_same() -> None:
    """Impatient people press Ctrl-C again, and clients send SIGTERM after SIGINT."""
    done = subprocess.run([sys.executable, "-c", _TOLD_TWICE], capture_output=True, check=False, text=True)

    assert (done.stdout, done.returncode) == ("stopped\n", 128 + signal.SIGTERM), done.stderr
