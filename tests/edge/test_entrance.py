"""Who comes with very much, or is known to nobody, passes one at a time; everybody else as they like."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Coroutine
from contextlib import suppress
from time import perf_counter
from typing import Any

import httpx2
import pytest

from http_edge import arrivals, turnstile
from http_edge.arrivals import Arrivals
from http_edge.entrance import AT_ONCE, Entrance
from http_edge.entrance import WAITING as IN_LINE
from http_edge.exchange import BYTES_OF_ONE, Exchange
from http_edge.turnstile import PAUSE, WAITING, Turnstile
from tests.faces import ADDRESS, FACES, FaceName, http_client, rpc
from tests.pauses import moment
from tests.support import token_of
from todo_app.application import Application, build
from todo_core.boundary.caller import Caller
from todo_core.errors import TooManyRequests
from todo_core.identity import api_tokens
from todo_core.models.calendars import CalendarCreate
from todo_core.operations import calendars
from todo_core.settings import Settings

pytestmark = pytest.mark.requirement("OW6")
PATIENCE = 20.0
"""Seconds in which whatever must happen has happened, on however busy a machine."""


def at_once(work: Coroutine[Any, Any, Any]) -> Any:
    """What it returns, which it does without having waited for anything."""
    with pytest.raises(StopIteration) as returned:
        work.send(None)
    return returned.value.value


# --- the turnstile -----------------------------------------------------------------------------


async def test_who_comes_alone_passes_at_once() -> None:
    door = Turnstile()

    for _ in range(3):
        assert at_once(door.pass_through("a"))
        await asyncio.sleep(2 * PAUSE)


async def test_those_who_come_together_pass_one_after_another() -> None:
    door, began = Turnstile(), perf_counter()

    assert all(await asyncio.gather(*(door.pass_through("a") for _ in range(10))))

    assert perf_counter() - began >= 9 * PAUSE


async def test_after_long_work_nobody_passes_for_longer() -> None:
    door, began = Turnstile(), perf_counter()

    await door.pass_through("a", 10 * PAUSE)
    await door.pass_through("b")

    assert perf_counter() - began >= 10 * PAUSE


async def close(door: Turnstile) -> None:
    """Let nobody pass until it is opened, as while somebody else has very long work to do."""
    await door.pass_through("somebody else", 1e6)


def open_again(door: Turnstile) -> None:
    """Let those who wait pass, one after another as ever."""
    assert door._timer is not None
    door._timer.cancel()
    door._open()


async def ended(tasks: Collection[asyncio.Task[Any]], count: int) -> list[int]:
    """Wait until so many have ended; the numbers of those that have."""
    async with asyncio.timeout(PATIENCE):
        while sum(task.done() for task in tasks) < count:
            await moment()
    await moment()
    return [number for number, task in enumerate(tasks) if task.done()]


async def test_nobody_waits_because_another_came_with_many() -> None:
    door, passed = Turnstile(), list[str]()
    await close(door)

    async def come(name: str) -> None:
        await door.pass_through(name)
        passed.append(name)

    coming = asyncio.gather(*(come("many") for _ in range(20)), come("one"), come("two"))
    await moment()
    open_again(door)
    await coming

    assert sorted(passed[:4]) == ["many", "many", "one", "two"]
    assert len(passed) == 22


async def test_of_too_many_the_rest_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    door = Turnstile()
    await close(door)
    tasks = [asyncio.create_task(door.pass_through("a")) for _ in range(WAITING + 5)]
    assert await ended(tasks, 5) == [*range(WAITING, WAITING + 5)]
    open_again(door)
    assert await asyncio.gather(*tasks) == [True] * WAITING + [False] * 5

    monkeypatch.setattr(turnstile, "WAITING_IN_ALL", 3)
    await close(door := Turnstile())
    tasks = [asyncio.create_task(door.pass_through(str(number))) for number in range(5)]
    assert await ended(tasks, 2) == [3, 4]
    open_again(door)
    assert await asyncio.gather(*tasks) == [True] * 3 + [False] * 2


async def test_who_gives_up_keeps_nobody_from_passing() -> None:
    door = Turnstile()
    await door.pass_through("a")
    waiting = [asyncio.create_task(door.pass_through(name)) for name in ("b", "c")]
    await moment()
    waiting[0].cancel()

    async with asyncio.timeout(PATIENCE):
        assert await waiting[1]


async def test_whoever_gave_up_has_no_seat_and_no_pause() -> None:
    door = Turnstile()
    await close(door)
    given_up = [asyncio.create_task(door.pass_through("a", 1e6)) for _ in range(WAITING)]
    await moment()
    for task in given_up:
        task.cancel()
    await asyncio.wait(given_up)

    last = asyncio.create_task(door.pass_through("a"))
    await moment()
    open_again(door)
    async with asyncio.timeout(PATIENCE):
        assert await last


# --- bodies on their way -----------------------------------------------------------------------


async def test_of_too_many_bodies_on_their_way_the_oldest_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "MOST", 2)
    coming, never = Arrivals(), asyncio.Event()

    async def wait(user_id: int, share: int) -> None:
        async with coming.of(user_id, share):
            await never.wait()

    tasks = []
    for user_id in (1, 2, 1, 1):
        tasks.append(asyncio.create_task(wait(user_id, 1)))
        await moment()
    assert await ended(tasks, 1) == [0]
    assert isinstance(tasks[0].exception(), TimeoutError)

    tasks.append(asyncio.create_task(wait(1, 2)))  # a file, in the place of both
    await moment()
    assert await ended(tasks, 3) == [0, 2, 3]
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    assert len(coming) == 0


# --- a person ----------------------------------------------------------------------------------


def exchange_of(caller: Caller) -> Exchange:
    return Exchange(caller=caller)


async def test_a_person_has_eight_requests_inside_and_the_others_follow_as_those_leave(
    ann: Caller, bob: Caller
) -> None:
    entrance, inside = Entrance(), [exchange_of(ann) for _ in range(AT_ONCE)]
    for exchange in inside:
        await entrance.come_in(exchange)
    late = [exchange_of(ann) for _ in range(2)]
    waiting = [asyncio.create_task(entrance.come_in(exchange)) for exchange in late]
    await entrance.come_in(other := exchange_of(bob))
    await moment()
    assert not any(task.done() for task in waiting)

    entrance.go(inside[0])
    entrance.go(inside[0])  # it has left already
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    await moment()
    assert [task.done() for task in waiting] == [True, False]

    for exchange in [*inside, late[0]]:
        entrance.go(exchange)
    await waiting[1]
    for exchange in [late[1], other]:
        entrance.go(exchange)
    assert len(entrance._places) == 0


async def test_a_person_with_very_many_is_told_to_come_again_one_after_another(ann: Caller) -> None:
    entrance, began, times = Entrance(), perf_counter(), list[float]()

    async def come() -> None:
        with suppress(TooManyRequests):
            await entrance.come_in(exchange_of(ann))
            return
        times.append(perf_counter() - began)

    tasks = [asyncio.create_task(come()) for _ in range(AT_ONCE + IN_LINE + 10)]
    while len(times) < 10:
        await moment()
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)

    assert len(times) == 10
    assert max(times) >= 9 * PAUSE


async def test_large_bodies_are_parsed_one_after_another_and_small_ones_at_once(ann: Caller) -> None:
    def bodies(weight: int, count: int) -> list[Exchange]:
        return [Exchange(caller=ann, body_size=weight * BYTES_OF_ONE) for _ in range(count)]

    entrance = Entrance()
    for exchange in bodies(4, 10):
        at_once(entrance.bring(exchange))

    began = perf_counter()
    await asyncio.gather(*(entrance.bring(exchange) for exchange in bodies(30, 3)))
    assert perf_counter() - began >= 2 * 0.015


async def test_of_too_many_large_bodies_the_rest_are_refused_and_not_parsed(ann: Caller) -> None:
    entrance = Entrance()
    bodies = [Exchange(caller=ann, body_size=5 * BYTES_OF_ONE) for _ in range(WAITING + 5)]

    outcome = await asyncio.gather(*(entrance.bring(exchange) for exchange in bodies), return_exceptions=True)

    assert [isinstance(one, TooManyRequests) for one in outcome] == [False] * (WAITING + 1) + [True] * 4


# --- the application ---------------------------------------------------------------------------


@pytest.fixture
async def guarded(database_url: str) -> AsyncIterator[Application]:
    """The application as it is by default."""
    application = build(Settings.load(), database_url, ADDRESS)
    async with application.running():
        yield application


async def test_answers_to_strangers_wait_for_their_turn_and_who_is_known_does_not(
    guarded: Application, ann: Caller
) -> None:
    async with (
        http_client(guarded, await token_of(ann)) as me,
        http_client(guarded, None) as nobody,
        http_client(guarded, api_tokens.generate()) as wrong,
    ):
        for path in ("/api/v1/overview", "/api/v1/openapi.json"):  # which is made once
            assert (await me.get(path)).status_code == 200
        await close(door := guarded.api.state.entrance._refused)
        paths = ["/api/v1/overview", "/nothing", "/api/v1/openapi.json"]
        strangers = [asyncio.create_task(http.get(path)) for http in (nobody, wrong) for path in paths]
        strangers.append(asyncio.create_task(rpc(wrong, "mcp-2026", "tools/list")))
        strangers.append(asyncio.create_task(nobody.get("/docs", headers={"Host": "evil.test"})))
        async with asyncio.timeout(PATIENCE):
            for path in ("/api/v1/overview", "/healthz", "/readyz"):
                assert (await me.get(path)).status_code == 200
            while door._count < len(strangers):
                await moment()

        assert not any(task.done() for task in strangers)
        open_again(door)
        answers = await asyncio.gather(*strangers)

    assert [answer.status_code for answer in answers] == [401, 404, 200, 401, 404, 200, 401, 421]


async def test_a_stranger_with_very_many_at_once_is_answered_and_cut_off(guarded: Application) -> None:
    await close(door := guarded.api.state.entrance._refused)
    async with http_client(guarded, None) as http:
        asked = [asyncio.create_task(http.get("/api/v1/overview")) for _ in range(WAITING + 20)]
        cut = await ended(asked, 20)
        open_again(door)
        answers = await asyncio.gather(*asked)

    assert {answer.status_code for answer in answers} == {401}
    closed = [number for number, answer in enumerate(answers) if answer.headers.get("connection") == "close"]
    assert (closed, len(closed)) == (cut, 20)


@pytest.mark.parametrize("face", FACES)
async def test_beyond_eight_requests_of_a_person_wait_unread_and_nobody_elses(
    guarded: Application, ann: Caller, bob: Caller, face: FaceName
) -> None:
    entrance: Entrance = guarded.api.state.entrance
    inside = [exchange_of(ann) for _ in range(AT_ONCE)]
    async with http_client(guarded, await token_of(ann)) as http, http_client(guarded, await token_of(bob)) as other:

        async def ask(http: httpx2.AsyncClient) -> int:
            asked = http.get("/api/v1/overview") if face == "rest" else rpc(http, face, "tools/list")
            return (await asked).status_code

        for exchange in inside:
            await entrance.come_in(exchange)
        requests = [asyncio.create_task(ask(http)) for _ in range(5)]
        assert await ask(other) == 200
        assert not any(task.done() for task in requests)

        for exchange in inside:
            entrance.go(exchange)
        assert await asyncio.gather(*requests) == [200] * 5
    assert len(entrance._places) == 0


@pytest.mark.parametrize("face", FACES)
async def test_requests_without_their_bodies_keep_no_place_from_their_person(
    guarded: Application, ann: Caller, face: FaceName
) -> None:
    """A phone that lost its network, or a token that may only read: neither keeps anybody out."""
    entrance: Entrance = guarded.api.state.entrance
    address = "/api/v1/todos" if face == "rest" else "/mcp"
    kind = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    never = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield b'{"title":'
        await never.wait()
        yield b' "late"}'

    async with http_client(guarded, await token_of(ann)) as http:
        stuck = [asyncio.create_task(http.post(address, content=body(), headers=kind)) for _ in range(3 * AT_ONCE)]
        async with asyncio.timeout(20):
            while len(entrance._arrivals) == 0 or len(entrance._places) > 0:
                await moment()

        assert (await http.get("/api/v1/overview")).status_code == 200
        assert (await http.post("/api/v1/todos", json={"title": "in time"})).status_code == 201

        never.set()
        answers = await asyncio.gather(*stuck)
    assert {answer.status_code for answer in answers} == {201 if face == "rest" else 400}
    assert len(entrance._places) == len(entrance._arrivals) == 0


async def test_of_very_many_requests_without_their_bodies_the_oldest_are_told_to_come_again(
    guarded: Application, ann: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrivals, "MOST", 2)
    never = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        await never.wait()
        yield b"{}"

    async with http_client(guarded, await token_of(ann)) as http:
        stuck = [asyncio.create_task(http.post("/api/v1/todos", content=body())) for _ in range(3)]
        await asyncio.wait(stuck, timeout=20, return_when=asyncio.FIRST_COMPLETED)
        (refused,) = [task.result() for task in stuck if task.done()]
        assert (await http.post("/api/v1/todos", json={"title": "in time"})).status_code == 201
        for task in stuck:
            task.cancel()
        await asyncio.wait(stuck)

    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "1"
    assert len(guarded.api.state.entrance._arrivals) == 0


@pytest.mark.requirement("SA5")
async def test_whoever_follows_has_no_place(guarded: Application, ann: Caller) -> None:
    entrance: Entrance = guarded.api.state.entrance
    async with http_client(guarded, await token_of(ann)) as http:
        waiting = [asyncio.create_task(http.get("/api/v1/changes?since=1000000000&wait=30")) for _ in range(AT_ONCE)]
        async with asyncio.timeout(20):
            while guarded.core.live.followers < AT_ONCE:
                await moment()

        assert (await http.get("/api/v1/overview")).status_code == 200
        assert len(entrance._places) == 0
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)


async def test_a_calendar_program_is_no_stranger(guarded: Application, ann: Caller) -> None:
    secret = (await ann.perform(calendars.create, CalendarCreate(name="mine"))).secret
    async with http_client(guarded, None) as program:
        await close(guarded.api.state.entrance._refused)
        async with asyncio.timeout(PATIENCE):
            assert (await program.get(f"/calendar/{secret}.ics")).status_code == 200
