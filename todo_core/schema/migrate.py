"""Migrate a database up or down while it is in use, one step of `migrations/versions/` at a time (Alembic)."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import chain, repeat
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

import anyio
import asyncpg
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, MigrationStep
from alembic.script import ScriptDirectory
from alembic.script.revision import RevisionError
from alembic.util import CommandError
from sqlalchemy import Connection, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from todo_core.schema import OF_OTHERS, SchemaError
from todo_core.schema.runs import LOCK_TIMEOUT, Run
from todo_core.schema.seeing import drop_policies
from todo_core.schema.state import Position, current, position
from todo_core.schema.turns import Turn, connect, turn
from todo_core.schema.versions import Kind, goal, is_newer, place, serves, standing

T = TypeVar("T")
"""The result of the work that `patiently` repeats."""

_IN_A_WHEEL: Final = Path(__file__).with_name("migrations")
_IN_THE_REPOSITORY: Final = Path(__file__).parents[2] / "migrations"
MIGRATIONS: Final = _IN_A_WHEEL if _IN_A_WHEEL.is_dir() else _IN_THE_REPOSITORY
"""The folder of the steps, found by its path: `import migrations` could find the folder of another project."""
BASE: Final = "base"
"""The revision of a database without our schema."""

PATIENCE_SECONDS: Final = 600.0
"""Seconds for which a step that gets no lock is tried again, counted from when it last changed a row."""
_PATIENCE_OF_WHO_CAN_SERVE: Final = 5.0
"""The same, where a program starts that can serve without the step: it leaves the step to a later run."""
_PAUSES: Final = (0.5, 1, 2, 4, 8)
"""Seconds between tries, the last of them from then on; transactions that queued behind the step run meanwhile."""
_PAST_AUTOVACUUM: Final = "1200ms"
"""`lock_timeout` where autovacuum may have the lock, which it gives up after PostgreSQL's `deadlock_timeout`, 1 s."""
_FIRST_THAT_ROLLS: Final = 5
"""The first schema that was made to be migrated to while the version before serves."""


class _Leg(NamedTuple):
    """One step of a migration, up or down."""

    revision: str
    """The revision of the database after it."""
    is_up: bool
    is_repeated: bool = False
    """Whether the database is at `revision` already, and the step is done again after a partial downgrade."""


def revisions(folder: Path = MIGRATIONS) -> tuple[str, ...]:
    """Return the revisions that a folder has steps to, oldest first.

    Raises:
        SchemaError: The steps cannot be read, or do not follow each other.
    """
    return _read(folder)[1]


def _read(folder: Path) -> tuple[ScriptDirectory, tuple[str, ...]]:
    """Return the steps in a folder as Alembic has them, and their revisions, oldest first.

    Raises:
        SchemaError: The steps cannot be read, or do not follow each other.
    """
    with _told_in_a_line("The steps of the schema cannot be read"):
        scripts = ScriptDirectory(str(folder))
        return scripts, tuple(reversed([script.revision for script in scripts.walk_revisions()]))


@contextmanager
def _told_in_a_line(what: str) -> Iterator[None]:
    """Turn an error of Alembic into a `SchemaError` of one line: what could not be done, and why."""
    try:
        yield
    except (CommandError, RevisionError) as error:
        why = " ".join(str(error).split()).rstrip(".")
        raise SchemaError(
            f"{what}: Alembic says '{why}'. Compare the table alembic_version with migrations/versions/."
        ) from error


async def migrate(
    url: str,
    to: str | None = None,
    *,
    finish: bool = False,
    serving: bool = False,
    adopt: bool = False,
    tell: Callable[[str], None] = lambda _: None,
    folder: Path = MIGRATIONS,
    patience: float = PATIENCE_SECONDS,
    tell_rows: Callable[[str, int, float], None] = lambda *_: None,
) -> None:
    """Migrate the database step by step. Each step is committed by itself, and stays if a later one fails.

    One process at a time migrates a database, and others wait for it. An empty database gets all steps.

    Args:
        url: The database.
        to: The revision to migrate to, up or down, or `base`. None: up to the last one on which the version before can
            serve.
        finish: Without `to`, migrate to the last revision, for no process of the version before runs any more.
        serving: As soon as this code can serve, wait no more for another process that migrates, nor long for locks.
        adopt: Make our tables beside those of another program.
        tell: Is called with lines for people: who is waited for, and how far a backfill is.
        folder: The folder of the steps.
        patience: Seconds for which a step that gets no lock is tried again, counted from when it last changed a row.
        tell_rows: Is called for each chunk of a backfill with the table, the number of rows and the share of the table
            that is done.

    Raises:
        SchemaError: The database is another program's; or a step failed, or got no lock, or the database is of a later
            version. The database is at the revision before that step, and the next run goes on from there.
        OSError: PostgreSQL cannot be reached.
    """

    async def is_needed() -> bool:
        return not (serving and serves(await current(url)))

    async with turn(url, is_needed=is_needed, tell=tell) as mine:
        if mine is None:
            return
        here = await position(url)
        if here.is_others:
            _refuse_or_adopt(here, adopt=adopt)
        scripts, steps = _read(folder)
        path = _path(steps, here, to, finish=finish)
        present, run = here.revision, Run(tell, tell_rows)

        def seconds() -> float:
            return min(patience, _PATIENCE_OF_WHO_CAN_SERVE) if serving and serves(present) else patience

        await _clear(url, run, mine, seconds())
        if not path:
            return
        async with _connected(url, run) as connection:
            for leg in path:
                await _take(_Step(connection, scripts, leg, run), mine, seconds())
                present = leg.revision


def _refuse_or_adopt(here: Position, *, adopt: bool) -> None:
    """Refuse a database with tables of another program, unless `adopt` allows ours beside them.

    Raises:
        SchemaError: `adopt` is off, or that program uses Alembic, too, whose one table of revisions both would need.
    """
    if not adopt:
        raise SchemaError(OF_OTHERS)
    if here.revision is not None:
        raise SchemaError("Another program migrates this database, with Alembic. Give todo-mcp one of its own.")


async def _clear(url: str, run: Run, mine: Turn, patience: float) -> None:
    """Drop the temporary policies of a run that was killed; no step would.

    Raises:
        SchemaError: They cannot be dropped.
    """

    async def work() -> None:
        connection = await connect(url)
        try:
            await drop_policies(connection, run)
        finally:
            await connection.close()

    try:
        await patiently("Dropping the policies of a run that was killed", work, run, mine, patience)
    except asyncpg.PostgresError as error:
        raise SchemaError(
            f"A policy of a run that was killed cannot be dropped ({type(error).__name__}). Migrate as the owner of"
            " the tables."
        ) from error


def _path(steps: tuple[str, ...], here: Position, to: str | None, *, finish: bool) -> list[_Leg]:
    """Return the steps to take, in order. A step that a downgrade has partly undone is done again, unless they go down.

    Raises:
        SchemaError: The database is of a later version, or there is no such revision.
    """
    present = here.revision
    if present is not None and present not in steps:
        if to is None and is_newer(present) and serves(present):
            return []
        raise SchemaError(f"The database is at schema {present}, {standing(present)}. Nothing was changed.")
    if to is not None and to not in (*steps, BASE):
        raise SchemaError(f"There is no schema {to}; there are {', '.join(steps)} and {BASE}.")
    target = to or goal(steps, finish=finish or present is None)
    start = 0 if present is None else steps.index(present) + 1
    end = 0 if target == BASE else steps.index(target) + 1
    if to is not None and end < start:
        return [_Leg(step, is_up=False) for step in (BASE, *steps)[end:start][::-1]]
    again = [_Leg(present, is_up=True, is_repeated=True)] if present is not None and here.is_partly_undone else []
    return [*again, *(_Leg(step, is_up=True) for step in steps[start:end])]


class _Step:
    """The way to the next revision, up or down."""

    def __init__(self, connection: AsyncConnection, scripts: ScriptDirectory, leg: _Leg, run: Run) -> None:
        self._connection, self._scripts = connection, scripts
        self._config = Config()
        self._config.attributes |= {"run": run, "repeated": leg.revision if leg.is_repeated else None}
        self._is_up = leg.is_up
        self.revision = leg.revision
        self.shared = run

    async def run(self) -> None:
        """Go there.

        Raises:
            asyncpg.PostgresError: A statement failed.
            SchemaError: The step, or Alembic, refuses, and says why.
        """
        self.shared.step = self.revision
        self.shared.is_up = self._is_up
        self.shared.statement_timeout = _statement_timeout(self.revision)
        try:
            # If a try that failed has left a transaction, Alembic would leave the commit to whoever began it.
            await self._connection.rollback()
            await self._connection.run_sync(self._go)
        except DBAPIError as error:
            raise (error.driver_exception or error) from None

    def _go(self, connection: Connection) -> None:
        self._config.attributes["connection"] = connection
        environment = EnvironmentContext(self._config, self._scripts, fn=self._way, destination_rev=self.revision)
        with _told_in_a_line(f"The step to {self.revision} was not taken"), environment:
            self._scripts.run_env()

    def _way(self, present: str | tuple[str, ...], _: MigrationContext) -> list[MigrationStep]:
        """Return what leads from the present revision to this one, as `alembic.command` does.

        Its `upgrade` and `downgrade` would read the files of all steps again for each: half of what a migration takes.
        """
        scripts, steps = self._scripts, self._scripts.revision_map
        if self._is_up:
            up = [*scripts.iterate_revisions(self.revision, present, implicit_base=True)]
            return [MigrationStep.upgrade_from_script(steps, script) for script in reversed(up)]
        down = scripts.iterate_revisions(present, self.revision, select_for_downgrade=True)
        return [MigrationStep.downgrade_from_script(steps, script) for script in down]


def _statement_timeout(revision: str) -> str:
    """Return how long a statement of a step may take: what holds everybody up is ended, a backfill blocks nobody."""
    if revision == BASE or place(revision).schema < _FIRST_THAT_ROLLS:
        return "15min"
    return "0" if place(revision).kind is Kind.BACKFILL else "5s"


async def _take(step: _Step, mine: Turn, patience: float) -> None:
    """Run a step, again and again while it gets no lock.

    Raises:
        SchemaError: It failed, or patience is at its end.
    """
    try:
        await patiently(step.revision, step.run, step.shared, mine, patience)
    except asyncpg.PostgresError as error:
        what = f"{type(error).__name__}{f' at {error.table_name}' if error.table_name else ''}"
        raise SchemaError(
            f"The step to {step.revision} failed ({what}); the steps before it are done."
            " Mend the cause, then migrate again: it goes on from there."
        ) from error


async def patiently(name: str, work: Callable[[], Awaitable[T]], run: Run, mine: Turn, patience: float) -> T:
    """Return the result of `work`, which is run again and again while it gets no lock.

    Args:
        name: What people are told that waits.
        work: Can be repeated.
        run: Gets the bound of the waits for a lock, and tells people who is waited for.
        mine: The right to migrate.
        patience: Seconds to try again, counted from when `run` last changed a row.

    Raises:
        SchemaError: Patience is at its end.
        asyncpg.PostgresError: A statement failed otherwise.
    """
    pauses = chain(_PAUSES, repeat(_PAUSES[-1]))
    rows, since = run.rows, time.monotonic()
    mine.blockers, mine.is_autovacuum = "", False
    while True:
        run.lock_timeout = _PAST_AUTOVACUUM if mine.is_autovacuum else LOCK_TIMEOUT
        try:
            return await mine.work(work, name)
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError) as error:
            if run.rows > rows:
                pauses = chain(_PAUSES, repeat(_PAUSES[-1]))
                rows, since = run.rows, time.monotonic()
            who = mine.blockers or "another session"
            if time.monotonic() - since >= patience:
                raise SchemaError(
                    f"{name} got no lock within {patience:g} s: {who} has it. End that, then migrate again."
                ) from error
            run.tell(f"{name} waits for a lock that {who} has; trying again.")
            await anyio.sleep(next(pauses))


async def _connect(url: str) -> asyncpg.Connection[Any]:
    """Connect without the bounds that a role or the database may have: they would end each build of an index.

    A build has no transaction for which they could be taken away, and SET behind a transaction pooler would last for
    whoever gets the connection next. A pooler refuses them at the start; there the bounds of a role remain.
    """
    try:
        return await connect(url, statement_timeout="0", lock_timeout="0")
    except (asyncpg.ProtocolViolationError, asyncpg.FeatureNotSupportedError):
        return await connect(url)


@asynccontextmanager
async def _connected(url: str, run: Run) -> AsyncIterator[AsyncConnection]:
    """Connect for the steps: with bounds on every transaction, and without statements that a pooler would mix up."""
    engine = create_async_engine(
        "postgresql+asyncpg://",
        connect_args={
            "async_creator_fn": lambda: _connect(url),
            "prepared_statement_cache_size": 0,
            "prepared_statement_name_func": lambda: "",
        },
        hide_parameters=True,
    )

    @event.listens_for(engine.sync_engine, "begin")
    def bound(connection: Connection) -> None:
        if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
            connection.exec_driver_sql(run.bounds(run.statement_timeout))

    try:
        async with engine.connect() as connection:
            yield connection
    finally:
        await engine.dispose()
