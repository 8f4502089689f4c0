"""The two states of the project that are compared: copies of their files, each with an environment of its own."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.servers import ROOT

_LOCK: Final = "uv.lock"


@dataclass(frozen=True, slots=True)
class Side:
    """A state of the project, installed."""

    name: str
    what: str
    """For people."""
    code: Path
    program: Path
    """`todo-mcp` of its environment."""

    def packages(self) -> set[str]:
        """Return what is installed, such as `uvicorn-0.54.0`."""
        found = self.program.parents[1].glob("lib/*/site-packages/*.dist-info")
        return {one.name.removesuffix(".dist-info") for one in found}


def working_tree(code: Path) -> Side:
    """Install a copy of the working tree as it is now: later edits change nothing of what is measured.

    Raises:
        SystemExit: There is no git or uv, or they refuse.
    """
    copy_files(ROOT, code)
    changed = ", with changes" if _git(ROOT, "status", "--porcelain") else ""
    return _installed("this", f"{_title('HEAD')}{changed}", code)


def commit(name: str, code: Path) -> Side:
    """Install a commit.

    Raises:
        SystemExit: There is no git or uv, or they refuse; git does if it does not know the commit.
    """
    revision = _git(ROOT, "rev-parse", "--verify", "--end-of-options", f"{name}^{{commit}}").decode().strip()
    copy_commit(ROOT, revision, code)
    return _installed("that", _title(revision), code)


def copy_files(project: Path, target: Path) -> None:
    """Copy the files of a working tree, changed and new ones too, but for what git ignores."""
    listed = _git(project, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in filter(None, listed.decode().split("\0")):
        if (project / name).is_file():  # it may be deleted, which is not committed yet
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(project / name, target / name)


def copy_commit(project: Path, revision: str, target: Path) -> None:
    """Copy the files of a commit."""
    with tarfile.open(fileobj=io.BytesIO(_git(project, "archive", "--format=tar", revision))) as files:
        files.extractall(target, filter="data")


def _installed(name: str, what: str, code: Path) -> Side:
    """Install the packages of the project's lock file that serve, as far as the side's own requirements allow."""
    if (ROOT / _LOCK).exists():
        shutil.copy2(ROOT / _LOCK, code / _LOCK)
    uv = os.environ.get("UV") or shutil.which("uv")  # `uv run` tells where uv is
    if uv is None:
        raise SystemExit("uv is not to be found; `pip install uv` brings it.")
    env = {key: value for key, value in os.environ.items() if key not in ("VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT")}
    _run([uv, "sync", "--quiet", "--no-dev", "--python", sys.executable], code, env)
    return Side(name, what, code, code / ".venv" / "bin" / "todo-mcp")


def _title(revision: str) -> str:
    return _git(ROOT, "log", "-1", "--format=%h %s", revision).decode().strip()


def _git(project: Path, *arguments: str) -> bytes:
    git = shutil.which("git")
    if git is None:
        raise SystemExit("git is not to be found; a comparison takes the commit from the project's repository.")
    return _run([git, *arguments], project, dict(os.environ))


def _run(command: list[str], folder: Path, env: dict[str, str]) -> bytes:
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{Path(command[0]).name} {command[1]} failed: {done.stderr.decode().strip()}")
    return done.stdout
