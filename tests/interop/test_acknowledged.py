"""The proof at full size: whatever ends, hangs or is cut off, what was acknowledged is there, once.

tests/interop/test_faults.py has the same in small. Figures of a run are printed (`-s`), and told in
docs/operation/objectives.md.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from collections import defaultdict
from pathlib import Path
from typing import Final

import pytest

from tests.app import program as program_module
from tests.interop.faults import FAULTS, INSTALLATIONS, PATIENCE, Fault, Installation, postgres_killed
from tests.interop.ledger import Found, Ledger, compared
from todo_app.embedded import opened
from todo_core.settings import Settings

pytestmark = pytest.mark.slow
WRITES: Final = {"direct": 9_000, "pooled": 6_500, "embedded": 5_500}
"""Acknowledged writes of each run, at least."""
ROUNDS: Final = {"direct": 3, "pooled": 3, "embedded": 3}
"""How often each fault happens."""
WRITERS: Final = 12
PEOPLE: Final = 6
"""More than two writers of one person would be kept waiting for each other."""
BACK: Final = 1.0
"""Seconds in which somebody's write is acknowledged after the fault is over."""


def test_the_proof_is_as_large_as_was_promised() -> None:
    assert sum(WRITES.values()) >= 20_000
    assert sum(len(FAULTS[name]) * rounds for name, rounds in ROUNDS.items()) >= 100
    assert len({fault for faults in FAULTS.values() for fault in faults}) >= 12


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several processes start at once, beside those who write."""
    for name in ("START_SECONDS", "STOP_SECONDS"):
        monkeypatch.setattr(program_module, name, PATIENCE)


class Faults:
    """What happened, and how soon a write was acknowledged after each."""

    def __init__(self, name: str, there: Installation, load: Ledger) -> None:
        self.back: dict[str, list[float]] = defaultdict(list)
        """Seconds, by kind."""
        self._there = there
        self._load = load
        self._writes = WRITES[name]
        self._schedule: list[Fault] = [*FAULTS[name]] * ROUNDS[name]
        random.Random(name).shuffle(self._schedule)  # noqa: S311

    async def happen(self) -> None:
        """Let one happen after the other, as writes go on."""
        for number, fault in enumerate(self._schedule):
            await self._load.reached(self._writes * number // len(self._schedule), PATIENCE)
            await asyncio.to_thread(fault, self._there)
            since, before = time.monotonic(), self._load.count
            await self._load.reached(before + 1, 30)
            self.back[fault.__name__].append(time.monotonic() - since)
        await self._load.reached(self._writes, 2 * PATIENCE)

    def told(self) -> str:
        """Return a line for each kind."""
        return "\n".join(
            f"{kind:20} {len(times):3} times, back after {statistics.median(times):.2f} s, {max(times):.2f} at most"
            for kind, times in sorted(self.back.items())
        )


@pytest.mark.exhaustive
@pytest.mark.requirement("OP3", "OP4", "SA1", "SA2", "DB1", "DB2")
@pytest.mark.parametrize("name", INSTALLATIONS)
def test_nothing_acknowledged_is_lost_or_doubled_whatever_happens(name: str, tmp_path: Path) -> None:
    with INSTALLATIONS[name](tmp_path) as there:
        there.start()
        try:
            load = Ledger(there.url, there.tokens(PEOPLE), patience=2 * PATIENCE)
            faults = Faults(name, there, load)
            began = time.monotonic()
            asyncio.run(load.run(WRITERS, faults.happen()))
            print(f"\n{name}: {load.count:,} acknowledged in {time.monotonic() - began:.0f} s; told: {dict(load.told)}")
            print(faults.told())
            log = there.log
        finally:
            there.stack.close()
        found = compared_there(there, load)

    assert load.wrong == []
    assert not [told for told in load.told if told.split()[-1] in ("500", "502", "504", "internal_error")], load.told
    assert "crashed" not in log
    assert found == Found()
    assert load.told["hung up"] > 0 < load.told["sent again"]
    assert {kind: statistics.median(times) for kind, times in faults.back.items()} == {
        kind: pytest.approx(0, abs=BACK) for kind in faults.back
    }


def compared_there(there: Installation, load: Ledger) -> Found:
    """Compare with the database of an installation that has stopped."""
    if there.postgres is not None:
        return asyncio.run(compared(load, there.admin_url))
    with opened(Settings.load(data_dir=Path(there.program.environment["TODO_DATA_DIR"]))) as database:
        return asyncio.run(compared(load, database.url))


@pytest.mark.exhaustive
@pytest.mark.requirement("OP4")
def test_where_postgresql_does_not_wait_for_its_disk_the_loss_is_found(tmp_path: Path) -> None:
    """The proofs would not hold if they could not fail."""
    with INSTALLATIONS["direct"](tmp_path) as there:
        there.execute("ALTER SYSTEM SET synchronous_commit = off", "ALTER SYSTEM SET wal_writer_delay = '10s'")
        there.execute("SELECT pg_reload_conf()")
        there.start()
        try:
            load = Ledger(there.url, there.tokens(PEOPLE))

            async def end() -> None:
                await load.reached(500)
                load.stopped = True
                await asyncio.to_thread(postgres_killed, there)

            asyncio.run(load.run(WRITERS, end()))
        finally:
            there.stack.close()
        found = compared_there(there, load)

    print(f"\n{load.count} acknowledged, of which lost: {len(found.lost)}; {load.wrong[:1]}")
    assert found.lost
