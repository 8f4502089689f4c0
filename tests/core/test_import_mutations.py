"""Files that were broken on the way: read as far as it goes, or refused; never half of one, never a fault of ours."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from random import Random
from typing import Final

import pytest

from tests.core.import_files import FILES
from tests.core.imported import import_, read_here, standard
from tests.core.support import CoreOpener
from todo_core.boundary.caller import Caller
from todo_core.errors import InvalidInput
from todo_core.models.imports import ImportQuery
from todo_core.operations import imports
from todo_core.rules.importing.items import UnreadableError

pytestmark = [pytest.mark.requirement("LT4"), pytest.mark.same_statements]  # as test_imports.py

ALL: Final = 1_200
USUAL: Final = 24
MARKUP: Final = (
    b"<script>alert(1)</script>",
    b"{{7*7}}",
    b"'; DROP TABLE todos; --",
    b"\xff\xfe\x00",
    b"\r\n",
    b'"',
    b"\x00" * 9,
)


def _cut(content: bytes, random: Random) -> bytes:
    return content[: random.randrange(len(content))]


def _hole(content: bytes, random: Random) -> bytes:
    start = random.randrange(len(content))
    return content[:start] + content[start + random.randrange(1, 200) :]


def _flip(content: bytes, random: Random) -> bytes:
    mutable = bytearray(content)
    for _ in range(random.randrange(1, 30)):
        mutable[random.randrange(len(mutable))] = random.randrange(256)
    return bytes(mutable)


def _insert(content: bytes, random: Random) -> bytes:
    start = random.randrange(len(content))
    return content[:start] + random.choice(MARKUP) * random.randrange(1, 4) + content[start:]


def _recode(content: bytes, random: Random) -> bytes:
    return content.decode().encode(random.choice(["utf-16", "utf-16-be", "utf-32", "cp1252", "utf-7"]), "replace")


def _twice(content: bytes, random: Random) -> bytes:
    start = random.randrange(len(content))
    return content + content[start:] + random.choice(list(FILES.values()))


def _values(content: bytes, random: Random) -> bytes:
    """Other values, of another kind, size or sign, in the place of some."""
    for old in (b"2026", b"DAILY", b"null", b"true", b'"id"', b"needsAction", b"Europe/Berlin", b"1", b"UTC"):
        if random.random() < 0.4:
            new = random.choice(
                [b"-1", b"0", b"9" * 30, b"[]", b"{}", b"1e999", b"\xf0\x9f\x8e\x84", b"NaN", b"T" * 3000, b""]
            )
            content = content.replace(old, new, random.randrange(1, 4))
    return content


MUTATIONS: Final[list[Callable[[bytes, Random], bytes]]] = [_cut, _hole, _flip, _insert, _recode, _twice, _values]


@pytest.fixture
async def me(ann: Caller, another_core: CoreOpener) -> AsyncIterator[Caller]:
    """Ann, without a limit."""
    async with another_core(rate_limit="off") as core:
        yield replace(ann, core=core)


@pytest.mark.parametrize("count", [USUAL, pytest.param(ALL, marks=pytest.mark.exhaustive)])
async def test_whatever_is_sent_is_read_or_refused(count: int, me: Caller) -> None:
    outcomes = {"read": 0, "refused": 0}
    for seed in range(count):
        random = Random(seed)  # noqa: S311  # the same each time
        form = [*FILES][seed % len(FILES)]
        content = MUTATIONS[seed % len(MUTATIONS)](FILES[form], random)
        try:
            file = read_here(content)
        except UnreadableError:
            outcomes["refused"] += 1
            continue
        said = (await replace(me, dry_run=True).perform(imports.make, ImportQuery(), file)).one().as_dict()
        assert said["todos"] + said["left_out"] + said["existing"] >= 0
        outcomes["read"] += 1

    assert min(outcomes.values()) > count / 10, outcomes
    assert (await standard(me))["todos"] == {}


@pytest.mark.exhaustive
async def test_mutations_pass_the_process_that_reads_too(me: Caller) -> None:
    refused: list[str] = []
    for seed in range(0, ALL, 31):
        random = Random(seed)  # noqa: S311
        content = MUTATIONS[seed % len(MUTATIONS)](FILES[[*FILES][seed % len(FILES)]], random)
        try:
            said = await import_(replace(me, dry_run=True), content)
        except InvalidInput as error:
            refused += [wrong.field for wrong in error.errors]
        else:
            assert said["change_id"] is None
    assert set(refused) == {"file"}
