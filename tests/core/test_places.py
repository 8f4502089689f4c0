"""The places of a person: how many are inside, how many wait, and that nothing is kept of whoever left."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from random import Random

import pytest

from tests.tables import each
from todo_core.boundary import places as module
from todo_core.boundary.places import AT_ONCE, WAITING, Places
from todo_core.errors import TooManyRequests

pytestmark = pytest.mark.requirement("OW6")

ANN, BOB = 1, 2


class Room:
    """Where the requests of a test are while they are inside: until they are let out."""

    def __init__(self) -> None:
        self.places = Places()
        self.inside: list[str] = []
        self.came: list[str] = []
        """In the order in which they came in."""
        self._out = {"": asyncio.Event()}

    def enter(self, name: str, user_id: int = ANN) -> asyncio.Task[None]:
        self._out[name] = asyncio.Event()
        return asyncio.create_task(self._stay(name, user_id))

    def let_out(self, *names: str) -> None:
        for name in names:
            self._out[name].set()

    async def _stay(self, name: str, user_id: int) -> None:
        async with self.places.one_of(user_id):
            self.inside.append(name)
            self.came.append(name)
            try:
                await self._out[name].wait()
            finally:
                self.inside.remove(name)

    @property
    def is_forgotten(self) -> bool:
        """Whether nothing is kept of anybody."""
        return {**self.places._inside, **self.places._queues} == {}


@pytest.fixture
async def room() -> Room:
    return Room()


async def settled() -> None:
    """Let every task go as far as it can."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_four_are_inside_and_the_others_come_in_their_order(room: Room) -> None:
    names = [str(number) for number in range(7)]
    tasks = [room.enter(name) for name in names]
    await settled()
    assert room.inside == names[:AT_ONCE]

    room.let_out("2", "0")
    await settled()
    assert room.inside == ["1", "3", "4", "5"]

    room.let_out(*names)
    await asyncio.gather(*tasks)
    assert room.came == names
    assert room.is_forgotten


async def test_one_who_fills_all_places_takes_none_of_anothers(room: Room) -> None:
    tasks = [room.enter(f"ann {number}") for number in range(AT_ONCE + WAITING)]
    await settled()

    bobs = room.enter("bob", BOB)
    await settled()

    assert "bob" in room.inside
    assert len(room.places) == 2
    room.let_out(*room._out)
    await asyncio.gather(bobs, *tasks)
    assert room.is_forgotten


async def test_a_page_that_sends_eight_at_once_is_never_refused(room: Room) -> None:
    for turn in range(5):
        tasks = [room.enter(f"{turn}.{number}") for number in range(8)]
        await settled()
        room.let_out(*room._out)
        await asyncio.gather(*tasks)

    assert len(room.came) == 40
    assert room.is_forgotten


async def test_of_more_than_can_wait_each_is_refused_at_once_and_the_others_are_served(room: Room) -> None:
    tasks = [room.enter(str(number)) for number in range(AT_ONCE + WAITING + 3)]
    await settled()

    refused = [task for task in tasks if task.done()]
    assert refused == tasks[-3:]
    for task in refused:
        with pytest.raises(TooManyRequests) as error:
            await task
        assert (error.value.status, error.value.retryable, error.value.retry_after) == (429, True, 1)
        assert error.value.as_dict()["retry_after"] == 1

    room.let_out(*room._out)
    await asyncio.gather(*tasks[:-3])
    assert len(room.came) == AT_ONCE + WAITING
    assert room.is_forgotten


async def test_who_waits_for_too_long_is_refused(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.0)
    tasks = [room.enter(str(number)) for number in range(AT_ONCE)]
    await settled()

    with pytest.raises(TooManyRequests):
        await room.enter("late")

    assert not room.places._queues
    room.let_out(*room._out)
    await asyncio.gather(*tasks)
    assert room.is_forgotten


async def test_who_waits_and_gives_up_is_forgotten_and_the_next_comes_in(room: Room) -> None:
    tasks = [room.enter(str(number)) for number in range(AT_ONCE + 2)]
    await settled()

    tasks[AT_ONCE].cancel()
    await settled()
    room.let_out("0")
    await settled()

    assert room.inside == ["1", "2", "3", "5"]
    room.let_out(*room._out)
    await asyncio.gather(*tasks, return_exceptions=True)
    assert room.is_forgotten


async def test_a_place_that_is_given_to_one_who_gives_up_in_that_moment_goes_on_to_the_next(room: Room) -> None:
    async def leave_and_cancel() -> None:
        async with room.places.one_of(ANN):
            await leaves.wait()
        unlucky.cancel()  # it has the place now, and does not know yet

    leaves = asyncio.Event()
    first = asyncio.create_task(leave_and_cancel())
    tasks = [room.enter(str(number)) for number in range(1, AT_ONCE)]
    await settled()
    unlucky, lucky = room.enter("unlucky"), room.enter("lucky")
    await settled()

    leaves.set()
    await settled()

    assert room.inside == ["1", "2", "3", "lucky"]
    assert unlucky.cancelled()
    room.let_out(*room._out)
    await asyncio.gather(first, lucky, *tasks)
    assert room.is_forgotten


async def test_one_who_fails_inside_leaves(room: Room) -> None:
    for _ in range(AT_ONCE + 1):
        with suppress(ZeroDivisionError):
            async with room.places.one_of(ANN):
                raise ZeroDivisionError

    assert room.is_forgotten


@each("seed", range(20))
async def test_whoever_comes_goes_and_gives_up_never_are_there_more_than_four_and_nobody_is_lost(seed: int) -> None:
    random = Random(seed)  # noqa: S311
    places = Places()
    inside: Counter[int] = Counter()
    most: Counter[int] = Counter()

    async def request(user_id: int, pause: Callable[[], int]) -> None:
        async with places.one_of(user_id):
            inside[user_id] += 1
            most[user_id] = max(most[user_id], inside[user_id])
            try:
                for _ in range(pause()):
                    await asyncio.sleep(0)
            finally:
                inside[user_id] -= 1

    tasks = []
    for _ in range(300):
        tasks.append(asyncio.create_task(request(random.choice([ANN, BOB]), lambda: random.randrange(3, 12))))
        for _ in range(random.randrange(3)):
            await asyncio.sleep(0)
        if random.random() < 0.3:
            random.choice(tasks).cancel()
    ends = await asyncio.gather(*tasks, return_exceptions=True)

    assert {type(end) for end in ends if end is not None} <= {asyncio.CancelledError, TooManyRequests}
    assert max(most.values()) == AT_ONCE
    assert {**places._inside, **places._queues} == {}
