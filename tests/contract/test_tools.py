"""`specs/mcp/` says what agents get: a snapshot of each tool, and `tools.md`, whose examples really run."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime
from typing import Any, Final

import pytest
from jsonschema import Draft202012Validator
from mcp.shared.inbound import X_MCP_HEADER_KEY

from mcp_server.http import PATH
from mcp_server.server import FEATURES
from mcp_server.toolbox import EXPOSED
from tests.contract import markdown, shapes
from tests.contract.project import SPECS, Compare, name_of
from tests.faces import FaceName, call, http_client, rpc
from tests.support import token_of
from tests.tables import each
from todo_app.application import Application
from todo_core.boundary.caller import Caller
from todo_core.boundary.operation import OPERATIONS, Operation
from todo_core.errors import (
    AgentBlocked,
    Conflict,
    IdempotencyKeyReused,
    InsufficientScope,
    InvalidInput,
    OutsideMandate,
    RequestInProgress,
    Suspended,
    TooManyProposals,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
)

pytestmark = pytest.mark.requirement("WR1")

Json = dict[str, Any]
FOLDER: Final = SPECS / "mcp" / "tools"
TEXT: Final = (SPECS / "mcp" / "tools.md").read_text(encoding="utf-8")
WRITTEN: Final = {markdown.code(title): body for title, body in markdown.sections(TEXT, 2).items() if "`" in title}
SERVED: Final[dict[str, list[Operation[..., Any]]]] = {
    tool.listed.name: [OPERATIONS[name] for name, by in EXPOSED.items() if by == tool.listed.name]
    for feature in FEATURES
    for tool in feature.tools.tools
}
"""The operations of each tool, in the order in which it was declared with them."""
ENFORCED: Final = {tool.listed.name: tool.arguments.enforced for feature in FEATURES for tool in feature.tools.tools}
HINTS: Final = {
    "read-only": "readOnlyHint",
    "destructive": "destructiveHint",
    "idempotent": "idempotentHint",
    "open world": "openWorldHint",
}
EVERY: Final = (
    Unauthenticated,
    InsufficientScope,
    Suspended,
    AgentBlocked,
    OutsideMandate,
    InvalidInput,
    TooManyRequests,
    Unavailable,
)
EVERY_WRITE: Final = (Conflict, IdempotencyKeyReused, RequestInProgress, TooManyProposals)
MODERN: Final[FaceName] = "mcp-2026"
LEGACY: Final[FaceName] = "mcp-2025"


EVERY_TOOL: Final = each("name", WRITTEN)


def advertised(schema: Any) -> Any:
    """Return what an enforced schema is advertised as."""
    if not isinstance(schema, dict):
        return schema
    left_out = [("minLength", 1), ("maxLength", 100), ("default", False)]
    shorter = {
        name: advertised(inner)
        for name, inner in schema.items()
        if (name, inner) not in left_out
        and (name != "maximum" or inner < 2**31 - 1)
        and (name != "pattern" or not isinstance(inner, str))
    }
    if shorter.get("type") == "array" and shorter["items"]["type"] == "string":
        shorter["items"].pop("description", None)
    return shorter


@pytest.fixture
async def tools(app: Application, ann: Caller) -> dict[str, Json]:
    """Every tool, as `tools/list` sends it."""
    async with http_client(app, await token_of(ann)) as http:
        listed = (await rpc(http, MODERN, "tools/list")).json()["result"]["tools"]
    return {tool["name"]: tool for tool in listed}


def part(name: str, title: str) -> str:
    return markdown.sections(WRITTEN[name], 3)[title]


# --- snapshots ---------------------------------------------------------------------------------


@pytest.mark.requirement("MC3")
@each("tool", SERVED)
async def test_each_snapshot_is_what_tools_list_sends(tools: dict[str, Json], compare: Compare, tool: str) -> None:
    assert tools[tool].keys() == {"name", "title", "description", "inputSchema", "outputSchema", "annotations"}

    compare(FOLDER / f"{tool}.json", tools[tool])


@each("tool", SERVED)
async def test_each_schema_is_a_valid_one(tools: dict[str, Json], tool: str) -> None:
    Draft202012Validator.check_schema(tools[tool]["inputSchema"])
    Draft202012Validator.check_schema(tools[tool]["outputSchema"])


async def test_no_argument_comes_in_a_header(tools: dict[str, Json]) -> None:
    assert X_MCP_HEADER_KEY not in json.dumps(list(tools.values()))  # `TodoServer._tool_input_schema` counts on it


def test_there_is_no_snapshot_of_a_tool_that_is_gone(request: pytest.FixtureRequest) -> None:
    stale = [path for path in FOLDER.iterdir() if path.stem not in SERVED or path.suffix != ".json"]
    if request.config.getoption("--update-specs"):
        for path in stale:
            path.unlink()
        return

    assert [name_of(path) for path in stale] == [], "run `uv run pytest tests/contract --update-specs`"


@pytest.mark.requirement("MC2")
async def test_both_generations_get_the_same_tools(app: Application, ann: Caller, tools: dict[str, Json]) -> None:
    async with http_client(app, await token_of(ann)) as http:
        listed = (await rpc(http, LEGACY, "tools/list")).json()["result"]["tools"]

    assert {tool["name"]: tool for tool in listed} == tools


# --- tools.md ----------------------------------------------------------------------------------


async def test_every_tool_is_written_down_and_no_other(tools: dict[str, Json]) -> None:
    assert sorted(WRITTEN) == sorted(tools)


@EVERY_TOOL
async def test_operations_and_title_are_those_of_the_tool(tools: dict[str, Json], name: str) -> None:
    word = "Operation" if len(SERVED[name]) == 1 else "Operations"
    assert markdown.codes(markdown.value(WRITTEN[name], word)) == [operation.name for operation in SERVED[name]]
    assert markdown.value(WRITTEN[name], "Title") == tools[name]["title"]


@pytest.mark.requirement("ID4")
@EVERY_TOOL
def test_the_scope_is_that_of_the_operations(name: str) -> None:
    written = markdown.code(markdown.value(WRITTEN[name], "Scope"))

    assert {written} == {operation.scope for operation in SERVED[name]}


@pytest.mark.requirement("MC3")
@EVERY_TOOL
async def test_the_hints_are_those_of_the_tool(tools: dict[str, Json], name: str) -> None:
    written = {
        words.removeprefix("not "): not words.startswith("not ")
        for words in markdown.value(WRITTEN[name], "Hints").split(", ")
    }

    assert {HINTS[words]: value for words, value in written.items()} == {
        hint: value for hint, value in tools[name]["annotations"].items() if hint != "title"
    }


@EVERY_TOOL
def test_every_argument_is_written_down_with_default_and_bounds(name: str) -> None:
    written = [(markdown.code(row["Argument"]), row["Type"]) for row in markdown.table(part(name, "Arguments"))]

    assert written == shapes.rows(ENFORCED[name])


@pytest.mark.requirement("MC1")
@EVERY_TOOL
async def test_what_is_advertised_leaves_out_only_what_goes_without_saying(tools: dict[str, Json], name: str) -> None:
    assert tools[name]["inputSchema"] == advertised(ENFORCED[name])


@EVERY_TOOL
async def test_the_outer_members_of_the_answer_are_those_of_the_schema(tools: dict[str, Json], name: str) -> None:
    rows = markdown.table(part(name, "Answer"))
    schema = tools[name]["outputSchema"]
    outer = {markdown.code(row["Member"]): row["When"] for row in rows if "[]" not in row["Member"]}

    if "properties" in schema:
        assert outer.keys() - {"replayed"} == schema["properties"].keys()
        assert {member for member, when in outer.items() if when == "always"} == set(schema["required"])


@pytest.mark.requirement("MC4")
@EVERY_TOOL
def test_the_errors_are_those_of_the_operations(name: str) -> None:
    common = {kind.code for kind in (*EVERY, *EVERY_WRITE)}
    expected = {kind.code for operation in SERVED[name] for kind in operation.raises} - common

    assert set(markdown.codes(markdown.value(part(name, "Errors"), "Besides those of every tool"))) == expected


def test_the_errors_of_every_tool_are_told_once() -> None:
    rows = markdown.table(markdown.sections(TEXT, 2)["Errors"])
    told = {markdown.code(row["Code"]): row for row in rows}
    refusals = {kind.code: kind for kind in (*EVERY, *EVERY_WRITE)}
    refusals |= {kind.code: kind for served in SERVED.values() for one in served for kind in one.raises}

    assert told.keys() == refusals.keys() | {"all_refused", "declined", "internal_error"}
    for code, kind in refusals.items():
        assert told[code]["Retry"] == ("yes" if kind.retryable else "no"), code
        assert told[code]["Message"] == kind.message, code


def test_the_endpoint_is_the_one_that_is_served() -> None:
    assert f"`{PATH}`" in markdown.sections(TEXT, 2)["Transports"]


# --- the examples ------------------------------------------------------------------------------


IDS: Final = {"id", "agent", "change_id", "since", "todo", "undoes", "undone_by", "blocked_by", "last_change_id"} | {
    "ids",
    "list",
    "tag",
    "list_id",
    "default_list_id",
    "existing_id",
    "parent_id",
    "move_to",
    "into",
}


_WRITTEN: Final = date(2026, 11, 21)
"""The day that it is in the examples."""


class Story:
    """Compares answers with the written ones: ids are of their own, and so is the time."""

    def __init__(self) -> None:
        self.real: dict[int, int] = {}

    def arguments(self, written: Any, name: str = "") -> Any:
        """Written arguments, with real ids, and what was to come when they were written is to come still."""
        if isinstance(written, dict):
            return {key: self.arguments(item, key) for key, item in written.items()}
        if isinstance(written, list):
            return [self.arguments(item, name) for item in written]
        if name == "id" and isinstance(written, str):  # `search` and `fetch` name todos in text
            return str(self.real[int(written)])
        if name == "due" and shape(written) == "date":
            return f"{datetime.now(UTC).date() + (date.fromisoformat(written) - _WRITTEN)}"
        return self.real.get(written, written) if name in IDS else written

    def bind(self, written: int, real: int) -> None:
        """Take an id for the written one; it stays that. 7000 on are lists, 8000 on tags, 9000 on changes."""
        kind = max(written // 1000, 6)
        known = {one: other for one, other in self.real.items() if max(one // 1000, 6) == kind}
        assert known.get(written, real) == real, f"{written} is another id than before"
        assert written in known or real not in known.values(), f"{written} is the id of another row"
        self.real[written] = real

    def same(self, written: Any, real: Any, name: str = "") -> None:
        """Fail unless the answer is the written one.

        Raises:
            AssertionError: It differs.
        """
        if isinstance(written, dict):
            assert isinstance(real, dict)
            names = ([shape(key) if shape(key) != "text" else key for key in one] for one in (written, real))
            assert len({*map(tuple, names)}) == 1, f"{list(written)} is not {list(real)}"
            for (key, item), found in zip(written.items(), real.values(), strict=True):
                self.same(item, found, key)
        elif isinstance(written, list):
            assert isinstance(real, list)
            assert len(written) == len(real)
            for one, other in zip(written, real, strict=True):
                self.same(one, other, name)
        elif name in IDS and isinstance(written, int):
            self.bind(written, real)
        elif name == "id" and isinstance(written, str):
            self.bind(int(written), int(real))
        elif name == "url":
            todo_id = int(written.rpartition("/")[2])
            assert real == written.replace(str(todo_id), str(self.real[todo_id]))
        elif name == "client":
            assert isinstance(real, str)
        elif isinstance(written, str) and shape(written) != "text":
            assert isinstance(real, str)
            assert shape(written) == shape(real), f"{written} is not like {real}"
        else:
            assert written == real, name


def shape(text: str) -> str:
    """What kind of text it is, where only the kind matters."""
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        return "date" if date.fromisoformat(text) else ""
    if re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", text):
        return f"moment of {len(text.partition('.')[0])}" if datetime.fromisoformat(text) else ""
    if text in ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"):
        return "weekday"
    if found := re.fullmatch(r"(\d{4}-\d\d-\d\d) [A-Z][a-z]{2}( \d\d:\d\d)?", text):
        return f"due{found[2] or ''}" if date.fromisoformat(found[1]).strftime("%a") == text[11:14] else ""
    if re.fullmatch(r"[A-Za-z0-9_-]{40,}", text):
        return "cursor"
    return "text"


def examples() -> list[tuple[Json, Json]]:
    """Every written call with its answer, in the order of the document."""
    found = markdown.blocks(TEXT)
    calls = [(one, found[place + 1]) for place, one in enumerate(found) if "arguments" in one]
    assert 2 * len(calls) == len(found), "every block is a call or the answer after it"
    return calls


@pytest.mark.requirement("MC3", "MC4")
@pytest.mark.parametrize("generation", [MODERN, LEGACY])
async def test_every_example_runs_and_answers_as_it_is_written(
    app: Application, ann: Caller, generation: FaceName
) -> None:
    story = Story()
    async with http_client(app, await token_of(ann)) as http:
        for called, answer in examples():
            arguments = story.arguments(called["arguments"])
            result = (await call(http, generation, called["name"], arguments)).json()["result"]
            (content,) = result["content"]
            told = json.loads(content["text"])
            assert result["isError"] == ("code" in answer)
            assert result.get("structuredContent") == (None if result["isError"] else told)
            story.same(answer, told)


def test_every_tool_has_an_example() -> None:
    assert {called["name"] for called, _ in examples()} == SERVED.keys()


async def test_every_written_answer_matches_its_schema(tools: dict[str, Json]) -> None:
    for called, answer in examples():
        if "code" not in answer:
            Draft202012Validator(tools[called["name"]]["outputSchema"]).validate(answer)


def test_a_different_answer_is_noticed() -> None:
    story = Story()
    story.same({"id": 1, "at": "2026-11-21"}, {"id": 7, "at": "2020-01-01"})

    for written, real in (
        ({"id": 1}, {"id": 8}),
        ({"at": "2026-11-21"}, {"at": "2026-11-21T09:00:00Z"}),
        ({"a": 1}, {"a": 1, "b": 2}),
        ({"title": "a"}, {"title": "b"}),
        ([1], [1, 2]),
        ({"id": 2}, {"id": 7}),
    ):
        with pytest.raises(AssertionError):
            story.same(written, real)
