"""Every operation is offered by both transports, or `specs/parity.toml` says why not."""

from __future__ import annotations

import tomllib
from typing import Any, Final

import pytest

from mcp_server.server import FEATURES as TOOLS
from mcp_server.toolbox import EXPOSED as TOOL_OF
from rest_api.app import FEATURES as ROUTES
from rest_api.declaring import EXPOSED as ROUTES_OF
from tests.contract.project import PACKAGES, ROOT, SPECS
from todo_core.boundary.operation import OPERATIONS

EXCEPTIONS: Final[dict[str, dict[str, str]]] = tomllib.loads((SPECS / "parity.toml").read_text(encoding="utf-8"))
OFFERED: Final[dict[str, dict[str, Any]]] = {"tools": TOOL_OF, "routes": ROUTES_OF}


def test_there_are_exceptions_for_tools_and_routes_and_nothing_else() -> None:
    assert EXCEPTIONS.keys() == OFFERED.keys()
    assert TOOLS
    assert ROUTES


@pytest.mark.requirement("WR1")
@pytest.mark.parametrize("transport", OFFERED)
def test_every_operation_is_offered_or_has_a_reason_not_to_be(transport: str) -> None:
    missing = OPERATIONS.keys() - OFFERED[transport].keys() - EXCEPTIONS[transport].keys()

    assert sorted(missing) == [], f"offer them, or give the reason in specs/parity.toml [{transport}]"


@pytest.mark.parametrize("transport", OFFERED)
def test_no_exception_is_stale(transport: str) -> None:
    stale = {name for name in EXCEPTIONS[transport] if name in OFFERED[transport] or name not in OPERATIONS}

    assert sorted(stale) == [], "they are offered after all, or gone: take them out of specs/parity.toml"


@pytest.mark.parametrize("transport", OFFERED)
def test_every_reason_is_a_sentence(transport: str) -> None:
    assert all(len(reason) > 30 and reason.endswith(".") for reason in EXCEPTIONS[transport].values())


@pytest.mark.parametrize("transport", OFFERED)
def test_nothing_is_offered_that_is_no_operation(transport: str) -> None:
    assert OFFERED[transport].keys() <= OPERATIONS.keys()


def test_a_feature_has_the_same_file_name_everywhere() -> None:
    """A feature's file may be missing from a transport only if all its operations have a reason to be."""
    folders = {"routes": "rest_api/routes", "tools": "mcp_server/tools"}
    assert all(folder.partition("/")[0] in PACKAGES for folder in folders.values())
    features = {name.partition(".")[0] for name in OPERATIONS}

    for transport, folder in folders.items():
        files = {path.stem for path in (ROOT / folder).glob("*.py")} - {"__init__"}
        excused = {
            feature
            for feature in features
            if {name for name in OPERATIONS if name.startswith(f"{feature}.")} <= EXCEPTIONS[transport].keys()
        }
        assert files == features - excused, folder
    for folder in ("operations", "queries", "models"):
        assert features <= {path.stem for path in (ROOT / "todo_core" / folder).glob("*.py")}, folder
