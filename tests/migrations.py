"""The next schema, for tests: the product's migrations, and after them the example of docs/changing-the-schema.md."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Final

from tests.contract.project import ROOT
from todo_core.schema import SCHEMA_REVISION, SCHEMA_STEPS
from todo_core.schema.versions import place

NEXT: Final = f"{place(SCHEMA_REVISION).schema + 1:04}"
"""The revision of the example's step before the deploy."""
BACKFILL: Final = f"{NEXT}_backfill"
FINISH: Final = f"{NEXT}_finish"
_PAGE: Final = ROOT / "docs" / "changing-the-schema.md"
_FILE: Final = re.compile(r'^```python\n("""[^\n]*"""\n# (\S+\.py)\n.*?)^```$', re.MULTILINE | re.DOTALL)


def example() -> dict[str, str]:
    """The example's files by their names, with the numbers that follow the newest revision."""
    page = _PAGE.read_text(encoding="utf-8")
    return {name.replace("0042", NEXT): _numbered(text) for text, name in _FILE.findall(page)}


def _numbered(text: str) -> str:
    return text.replace("0041_finish", SCHEMA_STEPS[-1]).replace("0042", NEXT)


def copy_with_example(folder: Path) -> Path:
    """Copy the product's migrations to a new folder, and add the example; the folder."""
    # Also what Python has compiled, which has the times of the files; not what another process is just compiling.
    shutil.copytree(ROOT / "migrations", folder, ignore=shutil.ignore_patterns("*.pyc.*"))
    for name, text in example().items():
        (folder / "versions" / name).write_text(text, encoding="utf-8")
    return folder


def change(folder: Path, revision: str, old: str, new: str) -> None:
    """Replace what must be there in the step to a revision."""
    (path,) = (
        path
        for path in (folder / "versions").glob("*.py")
        if f'revision = "{revision}"\n' in path.read_text(encoding="utf-8").replace("down_revision", "")
    )
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    shutil.rmtree(path.parent / "__pycache__", ignore_errors=True)  # within a second the file may look the same
