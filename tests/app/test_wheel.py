"""What people install: the wheel, as production installs it (README), in an environment of its own."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from zipfile import ZipFile

import pytest

from tests.app.postgres import short_folder
from tests.app.program import Program, another_project, healthy, tools_named
from tests.contract import markdown
from tests.contract.project import PACKAGES, ROOT

pytestmark = pytest.mark.slow

README: Final = (ROOT / "README.md").read_text(encoding="utf-8")
INSTALL_SECONDS: Final = 240
_OFFLINE: Final = re.compile(r"error sending request|dns error|network was disabled|[Tt]imed? ?out")


def uv(*arguments: str | Path) -> None:
    """Run uv in the project, so that it resolves as of the project's day; skip where no registry answers."""
    try:
        done = subprocess.run(
            ["uv", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"uv did not get an answer from its registry in {INSTALL_SECONDS} s")
    if done.returncode and _OFFLINE.search(done.stderr):
        pytest.skip(f"uv {arguments[0]} could not reach its registry, and does not have all it needs")
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def wheel() -> Iterator[Path]:
    if shutil.which("uv") is None:
        pytest.skip("uv is not installed (pip install uv)")
    with short_folder() as folder:  # pytest's own folders are closed to the user as whom PostgreSQL runs for root
        uv("build", "--wheel", "--out-dir", folder)
        (found,) = folder.glob("*.whl")
        yield found


@pytest.fixture(scope="module")
def installed(wheel: Path) -> tuple[str, ...]:
    """The `todo-mcp` of an environment with nothing else in it."""
    environment = wheel.parent / "environment"
    uv("venv", "--python", sys.executable, environment)
    uv("pip", "install", "--python", environment, "--require-hashes", "-r", "requirements.lock")
    uv("pip", "install", "--python", environment, "--no-deps", wheel)
    return (str(environment / "bin" / "todo-mcp"),)


@pytest.mark.requirement("OP1")
def test_the_wheel_installs_our_packages_and_no_folder_of_another_name(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        names = archive.namelist()

    assert {name.partition("/")[0] for name in names if ".dist-info/" not in name} == {*PACKAGES}
    assert {name.rpartition("/")[2] for name in names if "migrations/versions/" in name} == {
        path.name for path in (ROOT / "migrations" / "versions").glob("*.py")
    }
    assert "rest_api/openapi.json" in names


@pytest.mark.requirement("OP1", "DB3")
@pytest.mark.parametrize(
    "where", ["an empty folder", pytest.param("another project's folder", marks=pytest.mark.exhaustive)]
)
def test_the_installed_program_demonstrates_every_tool_of_the_readme(
    installed: tuple[str, ...], tmp_path: Path, where: str
) -> None:
    folder, path = (tmp_path, "") if where == "an empty folder" else (another_project(tmp_path), ".")

    done = Program(folder, {"PYTHONPATH": path}, installed).run("demo", timeout=90)

    assert done.returncode == 0, done.stderr
    assert tools_named(done.stdout) == sorted(markdown.tools(README))


@pytest.mark.requirement("OP1", "DB3")
def test_the_installed_program_migrates_with_the_steps_it_carries(
    installed: tuple[str, ...], unmigrated: Program
) -> None:
    astray = Program(another_project(unmigrated.folder), unmigrated.settings | {"PYTHONPATH": "."}, installed)

    assert "up to date" in astray.answer("migrate")
    assert healthy(astray.run("doctor"))
