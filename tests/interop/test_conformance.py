"""The conformance suite of MCP, of three revisions of the protocol, against this server.

Most scenarios call tools, prompts and resources that a server has for the suite alone. So each revision runs twice:
against the server as it is, where those scenarios count that need nothing of the kind; and against the same with what
the suite wants (`conformance_fixtures`), where all count. The suite sends no token, so one is added on the way.
"""

from __future__ import annotations

import asyncio
import re
import shutil
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from uuid import uuid4

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.interop.conformance_fixtures import ServerWithFixtures
from tests.interop.installing import node_project
from tests.serving import served
from tests.support import token_of
from todo_app import application
from todo_app.application import Application
from todo_core.boundary.caller import Caller
from todo_core.settings import Settings

pytestmark = [pytest.mark.slow, pytest.mark.exhaustive]
SECONDS: Final = 240
RESULT: Final = re.compile(r"^[✓✗] (\S+): (\d+) passed, (\d+) failed$", re.MULTILINE)
SETS: Final = {
    "2025-06-18": ["--suite", "all", "--spec-version", "2025-06-18"],
    "2025-11-25": ["--suite", "all", "--spec-version", "2025-11-25"],
    "2026-07-28": ["--requirements", "2026-07-28"],
}
_LEGACY: Final = {"server-initialize": 2, "ping": 2, "resources-list": 2, "prompts-list": 2}
PASSED: Final = {
    "2025-06-18": _LEGACY | {"tools-list": 2},
    "2025-11-25": _LEGACY | {"tools-list": 3, "dns-rebinding-protection": 2},
    "2026-07-28": {
        "server-stateless": 26,
        "tools-list": 4,
        "resources-list": 2,
        "prompts-list": 2,
        "server-sse-multiple-streams": 1,
        "sep-2164-resource-not-found": 4,
        "dns-rebinding-protection": 2,
        "caching": 8,
        "input-required-result-missing-input-response": 1,
        "input-required-result-unsupported-methods": 2,
        "input-required-result-ignore-extra-params": 2,
        "input-required-result-validate-input": 2,
    },
}
"""Checks that pass, by revision and scenario."""
WANT_A_FIXTURE: Final = {"server-stateless": 2}
"""Checks of these scenarios that fail for want of a tool of the suite's own."""

NOT_SCORED: Final = {"2026-07-28": re.compile(r"tasks-|http-|json-schema-")}
"""Scenarios that the suite runs and does not count for a revision: an extension, and what is optional."""
_NO_STREAM: Final = (
    "tools-call-with-logging",
    "tools-call-with-progress",
    "tools-call-sampling",
    "tools-call-elicitation",
)
_NO_SESSION: Final = ("logging-set-level", "resources-subscribe", "resources-unsubscribe")
_NO_FORM: Final = ("elicitation-sep1034-defaults", "elicitation-sep1330-enums")
WITH_FIXTURES: Final[dict[str, tuple[int, tuple[str, ...]]]] = {
    "2025-06-18": (45, _NO_STREAM + _NO_SESSION),
    "2025-11-25": (58, _NO_STREAM + _NO_SESSION + _NO_FORM),
    "2026-07-28": (117, ("tools-call-with-progress",)),
}
"""Checks that pass with fixtures, and the scenarios of which one fails: an answer is JSON, so nothing is told before it
or asked of an older client; and without sessions there is nothing to set for later."""


class WithToken:
    """Adds a token to each request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.token = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [*scope["headers"], (b"authorization", f"Bearer {self.token}".encode())]
        await self._app({**scope, "headers": headers}, receive, send)


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The suite, with the Node that it needs."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed (Debian: apt-get install nodejs npm)")
    return node_project("conformance", tmp_path_factory) / "node_modules"


@pytest.fixture
async def url(settings: Settings, database_url: str) -> AsyncIterator[str]:
    """The address of a server for which no request needs a token."""
    async with _open_to_all(settings, database_url) as found:
        yield found


@asynccontextmanager
async def _open_to_all(settings: Settings, database_url: str) -> AsyncIterator[str]:
    shims: list[WithToken] = []

    def through(app: Application) -> ASGIApp:
        shims.append(WithToken(app))
        return shims[0]

    unlimited = settings.model_copy(update={"rate_limit": "off"})
    async with served(unlimited, database_url, through=through) as (app, found):
        shims[0].token = await token_of(Caller(app.core, await app.core.identity.local(f"suite-{uuid4().hex}"), "test"))
        yield found


@pytest.fixture
async def url_with_fixtures(
    settings: Settings, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[str]:
    """The address of such a server that has what the suite wants, too."""
    monkeypatch.setattr(application, "TodoServer", ServerWithFixtures)
    async with _open_to_all(settings, database_url) as found:
        yield found


async def _results(suite: Path, url: str, revision: str) -> dict[str, tuple[int, int]]:
    """Return how many checks of each scenario passed and failed."""
    words = [suite / "node/bin/node", suite / "@modelcontextprotocol/conformance/dist/index.js", "server", "--url", url]
    running = await asyncio.create_subprocess_exec(*words, *SETS[revision], cwd=suite, stdout=PIPE, stderr=STDOUT)
    try:
        shown, _ = await asyncio.wait_for(running.communicate(), SECONDS)
    finally:
        if running.returncode is None:
            running.kill()
    print(shown.decode())
    return {name: (int(passed), int(failed)) for name, passed, failed in RESULT.findall(shown.decode())}


@pytest.mark.requirement("MC2")
@pytest.mark.parametrize("revision", SETS)
async def test_as_many_checks_pass_as_did(suite: Path, url: str, revision: str) -> None:
    results = await _results(suite, url, revision)

    expected = {name: (passed, WANT_A_FIXTURE.get(name, 0)) for name, passed in PASSED[revision].items()}
    assert {name: results.get(name) for name in expected} == expected


@pytest.mark.requirement("MC2")
@pytest.mark.parametrize("revision", SETS)
async def test_with_what_the_suite_wants_only_that_fails_which_this_server_has_not(
    suite: Path, url_with_fixtures: str, revision: str
) -> None:
    unscored = NOT_SCORED.get(revision)
    results = await _results(suite, url_with_fixtures, revision)
    scored = {name: found for name, found in results.items() if unscored is None or not unscored.match(name)}

    passed, failing = WITH_FIXTURES[revision]
    assert {name: failed for name, (_, failed) in scored.items() if failed} == dict.fromkeys(failing, 1)
    assert sum(found for found, _ in scored.values()) == passed
