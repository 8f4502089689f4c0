"""Nothing that one person does, within or beyond limits, keeps another waiting (OW6): each attack as it was found."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from functools import partial
from itertools import product
from random import Random
from typing import Any, Final

import anyio
import asyncpg
import jwt
import pytest

from tests.core.support import CoreOpener, acting_as, add, as_operation, codes, row_of, until
from tests.pauses import longest_pause, longest_work
from tests.support import AUDIENCE, ISSUER, JWT_SECRET, token_of
from todo_core.boundary import places, turns
from todo_core.boundary.caller import Caller
from todo_core.boundary.operation import Tx
from todo_core.boundary.places import AT_ONCE, WAITING, WRITING
from todo_core.boundary.results import Changed
from todo_core.boundary.turns import SLICE, in_turns
from todo_core.core import Core
from todo_core.errors import TooManyRequests, Unavailable
from todo_core.models.lists import ListCreate, ListRemoval
from todo_core.models.todos import TodoCreate, TodoFilter
from todo_core.operations import changes, lists, overview, search, todos
from todo_core.queries.todos import page
from todo_core.storage import statements
from todo_core.storage.database import FOR_READS, PREPARED
from todo_core.storage.statements import OFTEN

pytestmark = pytest.mark.requirement("OW6")

NewUser = Callable[[], Any]
PATIENT: Final = 60.0
"""Seconds for which everybody waits where a test lets them go on before: a busy machine may take long to get there."""
BUSY = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = current_user"
    " AND application_name = 'todo-mcp' AND state <> 'idle'"
)
"""Connections of our pools that are taken."""


# --- the pool ----------------------------------------------------------------------------------


class Held:
    """Writes that do not end until they are let go."""

    def __init__(self) -> None:
        self.begun = anyio.Event()
        self.ends = anyio.Event()
        self.write = as_operation(self._run)

    async def _run(self, _: Tx) -> Changed[Any]:
        self.begun.set()
        await self.ends.wait()
        return Changed([])


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "PATIENCE", PATIENT)


@pytest.fixture
async def served(another_core: CoreOpener, patient: None) -> AsyncIterator[Core]:  # noqa: ARG001  # a setting
    """A core as it is by default, but for the rate limit, and how long it waits."""
    async with another_core(rate_limit="off", database_timeout=PATIENT) as core:
        yield core


async def taken(admin: asyncpg.Connection, count: int) -> None:
    """Wait until so many connections are taken."""
    await until(admin, f"SELECT ({BUSY}) = {count}")


async def test_while_sixty_writes_of_one_person_wait_another_reads_at_once(
    ann: Caller, bob: Caller, served: Core, admin: asyncpg.Connection
) -> None:
    eve, bob, slow = replace(ann, core=served), replace(bob, core=served), Held()
    outcome: list[str] = []

    async def write(number: int) -> None:
        try:
            outcome.extend(codes(await eve.perform(todos.add, [TodoCreate(title=str(number))])))
        except TooManyRequests as error:
            outcome.append(error.code)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(eve.perform, slow.write)
        await slow.begun.wait()
        for number in range(60):
            tasks.start_soon(write, number)
        await taken(admin, WRITING)  # one that works and one that waits for its lock; the others are outside
        assert outcome == ["rate_limited"] * (60 - (AT_ONCE - 1) - WAITING)

        with anyio.fail_after(PATIENT / 3):  # the slow write does not end before this does
            for _ in range(20):
                await bob.perform(overview.get)
        await taken(admin, WRITING)
        slow.ends.set()

    assert outcome.count("changed") == AT_ONCE - 1 + WAITING
    assert len(served.places) == len(served.writing) == 0


async def test_two_people_whose_writes_wait_keep_no_third_from_writing(
    ann: Caller, new_user: NewUser, served: Core, admin: asyncpg.Connection
) -> None:
    crowd, third, slow = [replace(await new_user(), core=served) for _ in range(2)], replace(ann, core=served), Held()

    async with anyio.create_task_group() as tasks:
        for somebody in crowd:
            for _ in range(AT_ONCE):
                tasks.start_soon(somebody.perform, slow.write)
        await taken(admin, 2 * WRITING)

        with anyio.fail_after(PATIENT / 3):
            added = await third.perform(todos.add, [TodoCreate(title="served")])
            await served.identity.local("somebody new")
        slow.ends.set()

    assert codes(added) == ["changed"]


async def test_writes_of_many_people_leave_connections_to_reads(
    ann: Caller, new_user: NewUser, served: Core, admin: asyncpg.Connection
) -> None:
    size = served.settings.database_pool_size
    crowd, slow = [replace(await new_user(), core=served) for _ in range(size)], Held()
    reader = replace(ann, core=served)

    async with anyio.create_task_group() as tasks:
        for somebody in crowd:
            tasks.start_soon(somebody.perform, slow.write)
        await taken(admin, size - FOR_READS)

        with anyio.fail_after(PATIENT / 3):
            await reader.perform(overview.get)
            await reader.perform(todos.list_, TodoFilter())
        await taken(admin, size - FOR_READS)
        slow.ends.set()

    added = await reader.perform(todos.add, [TodoCreate(title="served")])
    assert codes(added) == ["changed"]


@pytest.mark.parametrize("kind", ["api token", "jwt"])
async def test_writes_of_many_people_keep_no_token_waiting_that_only_reads(
    ann: Caller, new_user: NewUser, another_core: CoreOpener, admin: asyncpg.Connection, kind: str
) -> None:
    """To remember its use, and to look whether it tells something new, waited for a write of somebody else to end."""

    def session(number: int) -> str:
        moments = {"iat": int(time.time()), "exp": int(time.time()) + 600}
        who = {"iss": ISSUER, "aud": AUDIENCE, "sub": f"of {ann.principal.user_id}", "jti": str(number)}
        return jwt.encode(who | moments, JWT_SECRET, "HS256")

    settings = {"jwt_secret": JWT_SECRET, "jwt_issuer": ISSUER, "jwt_audience": AUDIENCE}
    async with another_core(rate_limit="off", database_timeout=PATIENT, **settings) as served:
        await served.identity.authenticate(session(1))
        token, slow = session(2) if kind == "jwt" else await token_of(ann), Held()
        size = served.settings.database_pool_size
        crowd = [replace(await new_user(), core=served) for _ in range(size)]

        async with anyio.create_task_group() as tasks:
            for somebody in crowd:
                tasks.start_soon(somebody.perform, slow.write)
            await taken(admin, size - FOR_READS)

            with anyio.fail_after(PATIENT / 3):
                principal = await served.identity.authenticate(token)
                await Caller(served, principal, "test").perform(overview.get)
            await taken(admin, size - FOR_READS)
            slow.ends.set()


@pytest.mark.requirement("OW6", "OP4")
@pytest.mark.parametrize("pooler", ["off", "on"])
async def test_who_waits_for_a_lock_too_long_is_told_to_come_again(
    ann: Caller, another_core: CoreOpener, pooler: str
) -> None:
    slow = Held()
    async with another_core(database_timeout=2.0, database_pooler=pooler) as core, anyio.create_task_group() as tasks:
        tasks.start_soon(ann.perform, slow.write)
        await slow.begun.wait()

        with pytest.raises(Unavailable) as refused:
            await replace(ann, core=core).perform(todos.add, [TodoCreate(title="waits")])
        slow.ends.set()

    assert isinstance(refused.value.__cause__, asyncpg.LockNotAvailableError)
    assert refused.value.retryable


@pytest.mark.parametrize("size", [1, 2, 3])
async def test_a_small_pool_serves_reads_and_writes(ann: Caller, another_core: CoreOpener, size: int) -> None:
    async with another_core(database_pool_size=size) as core:
        me = replace(ann, core=core)
        async with anyio.create_task_group() as tasks:
            for number in range(8):
                tasks.start_soon(me.perform, todos.add, [TodoCreate(title=str(number))])
                tasks.start_soon(me.perform, overview.get)

        page = await me.perform(todos.list_, TodoFilter())
    assert page.total == 8


# --- did you mean ------------------------------------------------------------------------------


async def write_randomly(caller: Caller, admin: asyncpg.Connection, count: int) -> None:
    """Give a user so many todos of 240 random words each."""
    random = Random(7)  # noqa: S311
    texts = [
        " ".join("".join(random.choices("abcdefghijklmnopqrstuvwxyz", k=4)) for _ in range(240)) for _ in range(count)
    ]
    async with acting_as(admin, "todo_app", caller.principal.user_id):
        await admin.execute(
            "INSERT INTO todos (user_id, title, description, list_id)"
            " SELECT $1, left(words, 199), substr(words, 201), (SELECT id FROM lists WHERE is_inbox)"
            " FROM unnest($2::text[]) AS words",
            caller.principal.user_id,
            texts,
        )


@pytest.mark.requirement("OW6", "TD12")
async def test_a_search_that_finds_nothing_keeps_nobody_waiting_and_is_right_all_the_same(
    ann: Caller, admin: asyncpg.Connection
) -> None:
    await write_randomly(ann, admin, 300)
    await add(ann, "Dentist appointment")
    asked = " ".join(f"{first}{second}" for first in "bcdfgh" for second in "jklmnpqrstv")
    assert len(asked.split()) == 66

    pause = await longest_pause(lambda: ann.perform(search.find, TodoFilter(text=asked)), below=0.05)

    assert pause < 0.05
    meant = await ann.perform(search.find, TodoFilter(text="dentits apointment"))
    assert meant.near is not None
    assert meant.near.words == "dentist appointment"


# --- the event loop ----------------------------------------------------------------------------

WORST = (
    "FREQ=DAILY;INTERVAL=3650;BYMONTH=2;BYMONTHDAY=30",
    "FREQ=DAILY;INTERVAL=2;BYMONTHDAY=31;BYMONTH=2,4",
    "FREQ=YEARLY;BYWEEKNO=1,-1;BYMONTH=2,3,4,5,6,7,8,9,10,11",
    "FREQ=YEARLY;BYDAY=1MO,1TU,1WE,1TH,1FR,1SA,1SU;BYSETPOS=8",
    "FREQ=MONTHLY;INTERVAL=12;BYDAY=1MO,1TU,1WE,1TH,1FR,1SA,1SU;BYSETPOS=8",
)
"""Rules that are looked at for decades, and never match."""


@pytest.mark.requirement("OW6", "TD11")
@pytest.mark.parametrize("rule", WORST)
async def test_fifty_of_the_worst_repeats_in_one_batch_keep_nobody_waiting(ann: Caller, rule: str) -> None:
    batch = [TodoCreate(title="x", repeat=rule)] * 50

    pause = await longest_pause(lambda: ann.perform(todos.add, batch), below=0.1)

    assert pause < 0.1


@pytest.mark.slow
@pytest.mark.requirement("OW6", "SA3")
async def test_changes_of_very_many_rows_and_their_undo_keep_nobody_waiting(
    ann: Caller, served: Core, admin: asyncpg.Connection
) -> None:
    """To parse, compare and list all rows of a chunk, or of the change, took up to 28 ms at a time."""
    me, longest = replace(ann, core=served), dict[str, float]()
    doomed = row_of(await me.perform(lists.add, [ListCreate(name="doomed")]))["id"]
    (top,) = await add(me, "top")
    async with acting_as(admin, "todo_app", me.principal.user_id):
        await admin.execute(
            "INSERT INTO todos (user_id, title, description, list_id, parent_id)"
            " SELECT $1, 't', repeat('d', 1000), coalesce(place.list_id, inbox.id), place.parent_id"
            " FROM generate_series(1, 2000), (SELECT id FROM lists WHERE is_inbox) AS inbox,"
            " (VALUES ($2::bigint, NULL::bigint), (NULL, $3)) AS place (list_id, parent_id)",
            me.principal.user_id,
            doomed,
            top,
        )

    async def do(name: str, operation: Any, *args: Any) -> int:
        made: list[int] = []

        async def work() -> None:
            change_id = (await me.perform(operation, *args)).change_id
            assert change_id is not None
            made.append(change_id)

        longest[name] = min(longest.get(name, 1.0), await longest_work(work))
        return made[0]

    for _ in range(8):  # the least counts: what else runs on a processor slows it down, too
        deleted = await do("delete a list", lists.delete, [doomed], ListRemoval(todos="trash"))
        await do("bring it back", changes.undo, deleted)
        completed = await do("complete a parent", todos.complete, [top])
        await do("undo that", changes.undo, completed)
        if max(longest.values()) <= 4 * SLICE:
            break

    assert {name: seconds for name, seconds in longest.items() if seconds > 4 * SLICE} == {}


@pytest.mark.slow
@pytest.mark.requirement("OW6", "TD19")
async def test_a_list_by_filters_that_nobody_asked_for_before_keeps_nobody_waiting(ann: Caller, served: Core) -> None:
    """Each took 12 ms to compile, and there are tens of thousands: one account kept the event loop busy within its
    limits."""
    me, longest = replace(ann, core=served), list[float]()
    names = ("has_due", "has_tags", "has_subtasks", "repeats", "has_list")
    shapes = [dict(zip(names, values, strict=True)) for values in product((True, False), repeat=len(names))]
    await me.perform(todos.list_, TodoFilter())

    for shape in shapes:
        longest.append(await longest_work(partial(me.perform, todos.list_, TodoFilter(status="all", **shape))))

    assert sorted(longest)[len(longest) // 2] < 1.5 * SLICE


async def seconds(step: Callable[[], Awaitable[None]], rows: AsyncIterator[int]) -> float:
    """Return how long it takes to take a step for each row."""
    began = time.perf_counter()
    async for _ in rows:
        await step()
    return time.perf_counter() - began


async def test_a_long_work_leaves_half_of_the_time_to_others() -> None:
    async def work() -> None:
        began = time.perf_counter()
        while time.perf_counter() - began <= SLICE:
            pass

    assert await seconds(work, in_turns(range(20))) > 1.8 * 20 * SLICE


async def test_a_work_that_waits_anyway_does_not_wait_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted, not timed: what else runs on a busy machine takes longer than all pauses together."""
    pause, pauses = turns._pause, 0

    async def watched() -> None:
        nonlocal pauses
        pauses += 1
        await pause()

    monkeypatch.setattr(turns, "_pause", watched)
    async for _ in in_turns(range(20)):
        await anyio.sleep(1.2 * SLICE)

    assert pauses == 0, "each item would pause for a slice besides"


# --- prepared statements -----------------------------------------------------------------------


_FLAGS: Final = (
    *("priority", "due_after", "due_before", "created_after", "updated_before", "overdue", "top_level", "tags"),
)
_VALUES: Final[dict[str, Any]] = {"priority": ["low"], "overdue": True, "top_level": True, "tags": ["a"]}
SHAPES: Final = [
    TodoFilter(**{name: _VALUES.get(name, "today") for n, name in enumerate(_FLAGS) if shape >> n & 1})
    for shape in range(2 ** len(_FLAGS))
]
_KEPT: Final = "SELECT statement, generic_plans + custom_plans AS runs FROM pg_prepared_statements"


async def test_a_connection_keeps_no_plan_of_filters_that_are_asked_for_once_in_a_while(
    ann: Caller, another_core: CoreOpener
) -> None:
    page.cache_clear()  # and how often a statement was used
    async with another_core(database_pool_size=1, rate_limit="off") as core:
        me = replace(ann, core=core)
        (todo,) = await add(me, "often")
        for shape in SHAPES:
            await me.perform(todos.list_, shape)
            await me.perform(todos.get, todo)
        for _ in range(2 * OFTEN):
            await me.perform(todos.list_, SHAPES[-1])
        async with core.database.begin() as transaction:
            kept = {row["statement"]: row["runs"] for row in await transaction.fetch(_KEPT)}

    pages = [runs for statement, runs in kept.items() if "AS more" in statement]
    assert pages == [OFTEN + 1]
    # Of the todo, all looks but the first two ask only what changed last.
    assert max(kept.values()) >= len(SHAPES) - 2
    assert page.cache_info().currsize <= PREPARED < len(SHAPES)  # nor does the process keep more texts, of 10 KB each


async def test_no_variety_of_filters_that_are_asked_for_often_fills_the_memory_of_a_connection(
    ann: Caller, another_core: CoreOpener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statements, "OFTEN", 0)
    async with another_core(database_pool_size=1, rate_limit="off") as core:
        me = replace(ann, core=core)
        for shape in SHAPES:
            await me.perform(todos.list_, shape)
        async with core.database.begin() as transaction:
            kept = await transaction.fetch(_KEPT)

    assert 100 < len(kept) <= PREPARED
