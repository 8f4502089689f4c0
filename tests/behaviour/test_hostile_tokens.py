"""No token gets in that should not, whatever is wrong with it, and nobody learns from the answer what it was."""

from __future__ import annotations

import re
import socket
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass

import httpx2
import pytest
from structlog.testing import capture_logs

from tests.behaviour.hostile_tokens import (
    ALGORITHMS,
    ASYMMETRIC,
    GOOD,
    HOSTILE,
    UNREACHABLE,
    Bait,
    Case,
    Kit,
    Make,
    kits_of,
    published,
    trusted,
)
from tests.core.support import on_the_wire
from tests.exhaustive import combinations
from tests.faces import ADDRESS, FACES, FaceName, http_client, rpc
from tests.keys import KeyServer, key_set, outside, page
from tests.tables import each
from todo_app.application import Application, build
from todo_core.settings import Settings

pytestmark = [pytest.mark.requirement("ID1", "ID7"), pytest.mark.same_statements]  # those of a sign-in

GARBAGE = "garbage"


@dataclass(frozen=True)
class World:
    """An application that trusts an issuer of each algorithm, and what attackers have."""

    http: httpx2.AsyncClient
    kits: Mapping[str, Kit]
    keys: KeyServer
    attacker: KeyServer
    traces: tuple[str, ...]
    """What the name of a file or an address has that only a token can have led to."""

    async def send(self, face: FaceName, token: str | bytes) -> httpx2.Response:
        """A request that anybody may make whose token is good."""
        text = token if isinstance(token, bytes) else token.encode("utf-8", "surrogatepass")
        headers = {"authorization": b"Bearer " + text}
        if face == "rest":
            return await self.http.get("/api/v1/todos", headers=headers)
        return await rpc(self.http, face, "tools/list", headers=headers)


@pytest.fixture(scope="module")
async def world(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """Key sets on one server of this process, an attacker's on another, and an application."""
    file = tmp_path_factory.mktemp("hostile-bait") / "key"
    file.write_bytes(b"hostile-key")
    async with AsyncExitStack() as stack:
        keys = await stack.enter_async_context(KeyServer().running())
        attacker = await stack.enter_async_context(KeyServer().running())
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            nowhere = f"http://127.0.0.1:{closed.getsockname()[1]}/jwks"
            kits = kits_of(Bait(attacker.url("/hostile-jwks"), file))
            attacker.pages["/hostile-jwks"] = page(key_set(*(kit.attacker for kit in kits.values())))
            keys.pages |= {path: page(document) for path, document in published(kits).items()}
            settings = Settings.load(issuers=trusted(kits, keys.url, nowhere), login_limit="off", rate_limit="off")
            app: Application = build(settings, database_url, ADDRESS)
            await stack.enter_async_context(app.running())
            http = await stack.enter_async_context(http_client(app, None))
            traces = ("hostile-", "hostile.example", f" {attacker.port})", "/dev/null", "/proc/self", "/bin/cat")
            yield World(http, kits, keys, attacker, traces)


def seen_by_caller(response: httpx2.Response) -> tuple[object, ...]:
    """All that a caller can tell one refusal from another by."""
    headers = {name: value for name, value in response.headers.items() if name != "x-request-id"}
    return response.status_code, response.content, headers


@each(*combinations(case=HOSTILE, face=FACES))
async def test_a_hostile_token_is_refused_like_garbage_and_leaves_no_trace(
    case: Case, face: FaceName, world: World
) -> None:
    refusal = seen_by_caller(await world.send(face, GARBAGE))
    assert refusal[0] == 401
    wrong = {}

    for algorithm in case.algorithms:
        token = case.make(world.kits[algorithm])
        with capture_logs() as logs, on_the_wire() as wire, outside() as touched:
            response = await world.send(face, token)
        text = token.decode("latin-1") if isinstance(token, bytes) else token
        said = [entry for entry in logs if entry["event"] != "jwks_fetched"]
        answer = seen_by_caller(response)
        events = [entry["event"] for entry in said]
        wrong[algorithm] = {
            "another answer": [] if answer == refusal else [answer],
            "other events": [] if events == ["token_refused"] else events,
            "another reason": [r for entry in said if not re.search(case.reason, r := str(entry.get("reason")))],
            "in the log": [part for part in text.split(".") if len(part) > 8 and part in repr(logs)],
            "statements": wire.sent,
            "touched": [trace for trace in touched if any(name in trace for name in world.traces)],
            "asked of the attacker": world.attacker.heads,
        }

    assert {algorithm: {k: v for k, v in found.items() if v} for algorithm, found in wrong.items()} == {
        algorithm: {} for algorithm in case.algorithms
    }


@each(*combinations(make=GOOD, face=FACES))
async def test_a_good_token_is_accepted_however_it_is_written(make: Make, face: FaceName, world: World) -> None:
    with outside() as touched:
        statuses = {algorithm: (await world.send(face, make(kit))).status_code for algorithm, kit in world.kits.items()}

    assert statuses == dict.fromkeys(ALGORITHMS, 200)
    assert [trace for trace in touched if any(name in trace for name in world.traces)] == []
    assert world.attacker.heads == []


@pytest.mark.parametrize("face", FACES)
async def test_without_any_key_to_check_with_it_is_503_and_not_the_tokens_fault(face: FaceName, world: World) -> None:
    for algorithm in ASYMMETRIC:
        kit = world.kits[algorithm]
        response = await world.send(face, kit.claiming(iss=UNREACHABLE, aud="unreachable"))

        assert response.status_code == 503
        assert int(response.headers["retry-after"]) >= 1
        assert "www-authenticate" not in response.headers


async def test_the_watch_over_files_and_addresses_sees_what_it_should(world: World) -> None:
    """The tests above would pass with a blind one."""
    bait = world.kits["HS256"].bait
    with outside() as touched:
        bait.file.read_bytes()
        with socket.socket() as client:
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", world.attacker.port))

    assert [sum(name in trace for trace in touched) for name in world.traces] == [1, 0, 1, 0, 0, 0]


async def test_the_corpus_has_ninety_cases_for_each_algorithm(world: World) -> None:
    assert [name for name, count in Counter(case.name for case in HOSTILE).items() if count > 1] == []
    for algorithm in ALGORITHMS:
        kit = world.kits[algorithm]
        tokens = {case.make(kit) for case in HOSTILE if algorithm in case.algorithms}
        assert len(tokens) == sum(algorithm in case.algorithms for case in HOSTILE)
        assert len(tokens) >= 90
