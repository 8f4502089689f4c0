"""README, the other pages and the decisions: there, whole, and every link in them leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest
from typer.main import get_command

from tests.contract import markdown
from tests.contract.project import ROOT, SPECS, name_of
from tests.tables import each
from todo_app.cli import app as command_line
from todo_core.boundary.operation import OPERATIONS

PAGES: Final = sorted(
    path
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *SPECS.rglob("*.md"))
    if not path.name.startswith(".")
)
DECISIONS: Final = sorted((ROOT / "docs" / "decisions").glob("*.md"))
README: Final = (ROOT / "README.md").read_text(encoding="utf-8")
_LINK: Final = re.compile(r"\[[^\]]*\]\(([^)#\s]+)[^)]*\)")


@pytest.mark.requirement("WR3")
@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"])
def test_the_page_is_there(name: str) -> None:
    assert len((ROOT / name).read_text(encoding="utf-8")) > 200


@pytest.mark.requirement("WR3")
@each("page", PAGES, ids=name_of)
def test_every_link_to_a_file_leads_to_one(page: Path) -> None:
    links = [link for link in _LINK.findall(page.read_text(encoding="utf-8")) if "://" not in link]

    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.requirement("WR3")
def test_the_readme_has_the_two_commands_and_each_client() -> None:
    assert "pip install uv && uv run todo-mcp serve" in README
    assert "pip install uv && uv run pytest" in README
    assert "pip install --target .uv uv && .uv/bin/uv run todo-mcp serve" in README
    for client in ("claude mcp add", "mcpServers", "curl", "MCPServerStreamableHttp"):
        assert client in README


@pytest.mark.requirement("WR3", "OP1")
def test_the_readme_names_every_command_and_no_other() -> None:
    commands = set(get_command(command_line).commands)  # type: ignore[attr-defined]
    (listed,) = [rows for rows in markdown.tables(README) if rows[0].get("command", "").startswith("`todo-mcp")]
    named = {row["command"].strip("`").split()[1] for row in listed}

    assert named == commands


@pytest.mark.requirement("WR3", "MC1")
def test_the_readme_names_every_tool_and_no_other() -> None:
    from mcp_server.toolbox import EXPOSED

    assert OPERATIONS
    assert sorted(markdown.tools(README)) == sorted({*EXPOSED.values()})


@pytest.mark.requirement("WR3", "MC1")
@each("page", PAGES, ids=name_of)
def test_every_page_counts_the_tools_as_the_readme_lists_them(page: Path) -> None:
    counted = {int(number) for number in re.findall(r"\b(\d+) tools\b", page.read_text(encoding="utf-8"))}

    assert counted <= {len(markdown.tools(README))}
    assert counted or page.name != "README.md" or page.parent != ROOT


@pytest.mark.requirement("WR2")
def test_decisions_are_numbered_without_a_gap() -> None:
    assert [int(path.name[:4]) for path in DECISIONS] == list(range(1, len(DECISIONS) + 1))


@pytest.mark.requirement("WR2")
@each("page", DECISIONS, ids=name_of)
def test_every_decision_tells_status_context_decision_and_consequences(page: Path) -> None:
    text = page.read_text(encoding="utf-8")

    assert text.startswith(f"# {int(page.name[:4])}. ")
    assert re.findall(r"^\*\*(\w+)\.\*\*", text, re.MULTILINE) == ["Status", "Context", "Decision", "Consequences"]
    assert re.search(r"^\*\*Status\.\*\* (Accepted|Withdrawn), \d{4}-\d\d-\d\d\.", text, re.MULTILINE)
