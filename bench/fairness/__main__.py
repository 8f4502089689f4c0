"""`python -m bench.fairness`: measure every kind, and fail where another person waits too long."""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final

import asyncpg
import typer
from rich.console import Console
from rich.table import Table

from bench.database import embedded, execute, named
from bench.fairness.kinds import KINDS, ROWS, Account, random_texts
from bench.load import Client
from bench.servers import ROOT, environment, running_process, until_answering
from todo_app.embedded import free_port
from todo_core.boundary.caller import Caller
from todo_core.core import Core
from todo_core.models.lists import ListCreate, ListRemoval
from todo_core.models.todos import TodoCreate
from todo_core.models.tokens import TokenCreate
from todo_core.operations import lists, todos, tokens
from todo_core.schema.migrate import migrate
from todo_core.settings import Settings

LONGEST: Final = 0.25
"""Seconds that the 95th percentile of another's requests may take."""
FACTOR: Final = 2.0
"""How many times as long as under honest requests it may take."""
STILL: Final = 0.02
"""Seconds below which nobody waits: a factor of what is hardly there says nothing."""
_EVERY: Final = 0.06
"""Seconds between two requests of the other person, who stays within the rate limit."""
_RANDOM: Final = 2_000


async def _written(url: str) -> tuple[str, str, int]:
    """Make two people; return the token of the account and of the other, and the change that deleted a large list."""
    await migrate(url)
    async with Core.open(Settings.load(rate_limit="off", database_timeout=120), url) as core:
        eve, bob = [Caller(core, await core.identity.local(name), "bench") for name in ("eve", "bob")]
        secrets = [
            (await who.perform(tokens.create, TokenCreate(name="bench", scopes=["todos:read", "todos:write"]))).secret
            for who in (eve, bob)
        ]
        (doomed,) = (await eve.perform(lists.add, [ListCreate(name="doomed")])).results
        list_id = json.loads(doomed.json)["id"]
        for _ in range(ROWS // 50):
            await eve.perform(todos.add, [TodoCreate(title="t", description="d" * 1000, list_id=list_id)] * 50)
        await bob.perform(todos.add, [TodoCreate(title=f"todo {n}") for n in range(50)])
        deleted = await eve.perform(lists.delete, [list_id], ListRemoval(todos="trash"))
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(
            "INSERT INTO todos (user_id, title, description, list_id)"
            " SELECT l.user_id, left(words, 199), substr(words, 201), l.id"
            " FROM unnest($2::text[]) AS words, lists l WHERE l.is_inbox AND l.user_id = $1",
            eve.principal.user_id,
            random_texts(_RANDOM),
        )
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()
    return secrets[0], secrets[1], deleted.change_id


@contextmanager
def _serving(url: str, code: Path, folder: Path) -> Iterator[int]:
    """Run a server with every limit as it is by default, and yield its port."""
    port = free_port()
    env = environment(None, code) | {"TODO_DATABASE_URL": url}
    with ExitStack() as stack:
        log = stack.enter_context((folder / "server.log").open("ab"))
        command = [sys.executable, "-m", "todo_app", "serve", "--port", str(port)]
        process = stack.enter_context(running_process(command, env, folder, log.fileno()))
        until_answering(process, f"http://127.0.0.1:{port}/readyz", folder / "server.log")
        yield port


def _percentile(port: int, token: str, load: subprocess.Popen[bytes]) -> float:
    """Ask for the overview as long as the load lasts; return the 95th percentile of the seconds that it takes."""
    client, times = Client(port), list[float]()
    request = Account(port, token, 0).ask("GET", "/overview")
    client.send(request)
    while load.poll() is None:
        began = time.perf_counter()
        status, _ = client.send(request)
        if status not in (200, 429):
            raise SystemExit(f"another person's request was answered with {status}")
        times.append(time.perf_counter() - began)
        time.sleep(max(_EVERY - times[-1], 0))
    return statistics.quantiles(times, n=20)[-1]


def _under(kind: str, eve: Account, bob: str, seconds: float, count: int | None = None) -> tuple[float, dict[str, int]]:
    """Return another person's 95th percentile under a load, and how often each status answered the load.

    Args:
        kind: What the account does.
        eve: The account.
        bob: The other person's token.
        seconds: How long.
        count: Instead, send so many honest requests.
    """
    wanted = json.dumps({"account": asdict(eve), "kind": kind, "seconds": seconds, "count": count})
    command = [sys.executable, "-m", "bench.fairness.load", wanted]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as load:
        percentile = _percentile(eve.port, bob, load)
        assert load.stdout is not None
        return percentile, json.loads(load.stdout.read())


def main(
    *,
    seconds: Annotated[float, typer.Option(min=1, help="How long each load lasts.")] = 30,
    only: Annotated[list[str] | None, typer.Option(help=f"Only this, may be repeated: {', '.join(KINDS)}.")] = None,
    code: Annotated[Path, typer.Option(help="The checkout whose server is measured, of the same schema.")] = ROOT,
) -> None:
    """Measure what one account at its worst does to another."""
    if unknown := set(only or ()) - set(KINDS):
        raise typer.BadParameter(f"{', '.join(sorted(unknown))}: takes {', '.join(KINDS)}", param_hint="--only")
    console = Console(width=120)
    table = Table("kind", "answers", "another's p95", "under as many honest ones", "")
    failed = False
    with tempfile.TemporaryDirectory(prefix="todo-mcp-fairness-") as name, embedded(Path(name) / "pg") as server:
        folder = Path(name)
        execute(server, "CREATE DATABASE written")
        eves, bobs, change_id = asyncio.run(_written(named(server, "written")))
        for kind in only or KINDS:
            measured = []
            count: int | None = None
            for _ in range(2):
                execute(server, "DROP DATABASE IF EXISTS served WITH (FORCE)")
                execute(server, "CREATE DATABASE served TEMPLATE written STRATEGY file_copy")
                with _serving(named(server, "served"), code.resolve(), folder) as port:
                    percentile, statuses = _under(kind, Account(port, eves, change_id), bobs, seconds, count)
                measured.append((percentile, statuses))
                count = max(sum(statuses.values()), 1)
            (worst, answers), (usual, _) = measured
            is_fair = worst <= LONGEST and worst <= max(FACTOR * usual, STILL)
            failed = failed or not is_fair
            told = ", ".join(f"{number} of {status}" for status, number in sorted(answers.items()))
            verdict = "fair" if is_fair else "UNFAIR"
            table.add_row(kind, told, f"{worst * 1000:.0f} ms", f"{usual * 1000:.0f} ms", verdict)
            console.print(f"{kind}: {told}; {worst * 1000:.1f} ms against {usual * 1000:.1f} ms: {verdict}")
    console.print(table)
    raise SystemExit(1 if failed else 0)


if __name__ == "__main__":
    typer.run(main)
