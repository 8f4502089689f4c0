"""Who is measured against whom, at what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from bench import limit, wire, workloads
from bench.cases import CASES, FASTIFY, FLOOR, OURS, OURS_JWT, STATEMENTS, TUTORIAL, Case, Promise
from bench.database import Actor, Database
from bench.load import Measured
from bench.plan import CONNECTIONS
from bench.servers import Servers
from bench.workloads import ADD_TODOS, LIST_TODOS, Workload

LIMIT: Final = "pgbench"
ECHO: Final = "bare echo"
ECHO_OF_ROWS: Final = "bare echo of 25 rows"
ECHO_THAT_ADDS: Final = "bare echo, one INSERT"
FASTMCP: Final = "fastmcp's echo"
MCP: Final = "mcp"
NAMES: Final = (*(case.name for case in CASES), MCP)


@dataclass(frozen=True, slots=True)
class Entry:
    """One contestant at one case."""

    name: str
    measure: Callable[[int, float], Measured]
    """From connections and seconds to what was measured."""
    check: Callable[[], None]
    """Warm it up, and make sure that it does what it is measured for."""
    repeat: Callable[[], None] | None = None
    """Has everything answered twice, before each measurement; None where that is not to be."""


@dataclass(frozen=True, slots=True)
class Contest:
    """Contestants that take turns; the first one is what the others are compared with."""

    case: str
    what: str
    entries: tuple[Entry, ...]
    promises: Sequence[Promise]
    writes: bool
    before: Callable[[], None] | None = None
    """Makes the database fit before each measurement."""

    @property
    def timed(self) -> set[str]:
        """Return the contestants that a promise of times is about."""
        return {name for promise in self.promises if promise.of == "time" for name in (promise.mine, promise.base)}


def contests(servers: Servers, database: Database) -> list[Contest]:
    """Every contest: those that only read come first."""
    big_user, *actors = database.actors()
    found = [_rest(case, servers, database, [big_user] if case.by == "big user" else actors) for case in CASES]
    return [*found, _mcp(servers, actors)]


def _rest(case: Case, servers: Servers, database: Database, actors: Sequence[Actor]) -> Contest:
    callers: dict[str, tuple[int, wire.Identify]] = {
        FLOOR: (servers.floor, wire.by_number),
        STATEMENTS: (servers.statements, wire.by_number),
        TUTORIAL: (servers.tutorial, wire.by_secret),
        OURS: (servers.ours, wire.by_token),
        OURS_JWT: (servers.ours, wire.by_jwt),
    }
    if servers.fastify is not None:
        callers[FASTIFY] = (servers.fastify, wire.by_secret)
    entry = _remembered if case.remembered else _entry
    entries = [
        entry(name, workloads.rest(*callers[name], actors, case.asks, case.is_right))
        for name in case.contestants
        if name in callers
    ]
    for beside in case.beside:
        workload = workloads.rest(*callers[OURS], actors, beside.asks, beside.is_right)
        entries.append(_anew(beside.name, workload) if beside.goes_on else entry(beside.name, workload))
    if (pgbench := limit.binary()) is not None:
        entries.append(Entry(LIMIT, partial(limit.run, pgbench, database, case.script), lambda: None))
    before = database.reopen if case.reopens else None
    return Contest(case.name, case.what, tuple(entries), case.promises, case.writes, before)


def _mcp(servers: Servers, actors: Sequence[Actor]) -> Contest:
    echoes = {ECHO: servers.echo, FASTMCP: servers.fastmcp}
    entries = (
        *(_remembered(name, workloads.echo(port, actors)) for name, port in echoes.items() if port is not None),
        _remembered(ECHO_OF_ROWS, workloads.echo_of_rows(servers.echo, actors)),
        _entry(ECHO_THAT_ADDS, workloads.echo_that_adds(servers.echo, actors)),
        _remembered(LIST_TODOS, workloads.list_todos(servers.ours, actors)),
        _entry(ADD_TODOS, workloads.add_todos(servers.ours, actors)),
    )
    what = "the first page of open todos; a todo with title and description"
    return Contest(MCP, what, entries, (Promise(LIST_TODOS, ECHO, 0.6), Promise(ADD_TODOS, ECHO, 0.5)), writes=True)


def _entry(name: str, workload: Workload) -> Entry:
    return Entry(name, workload.measure, partial(workload.check, name))


def _remembered(name: str, workload: Workload) -> Entry:
    """Return an entry of requests that a server may remember the answers to."""
    return replace(_entry(name, workload), repeat=partial(workload.repeat, CONNECTIONS))


def _anew(name: str, workload: Workload) -> Entry:
    """Return an entry that goes on where it ended last time, so that it asks for nothing that is remembered."""
    sent = 0

    def measure(connections: int, seconds: float) -> Measured:
        nonlocal sent
        measured = workload.measure(connections, seconds, sent)
        sent += measured.sent
        return measured

    return replace(_entry(name, workload), measure=measure)
