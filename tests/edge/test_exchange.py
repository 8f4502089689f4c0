"""What belongs to a request besides its messages, and what the answer's headers tell of it."""

from __future__ import annotations

from typing import Any

import pytest

from http_edge.exchange import Exchange
from todo_core.boundary.counters import Budget


def test_an_exchange_is_kept_with_its_request_and_with_no_other() -> None:
    one: dict[str, Any] = {"state": {"core": 1}}
    other: dict[str, Any] = {}
    begun = Exchange.begin(one)

    assert Exchange.of(one) is begun
    assert one["state"]["core"] == 1
    assert Exchange.begin(other) is not begun


@pytest.mark.requirement("OP5")
def test_the_headers_are_those_of_the_draft_for_the_latest_budget() -> None:
    exchange = Exchange.begin({})
    assert exchange.headers() == []

    for remaining in (8, 7):
        exchange.spent(Budget("user", 100, 3600, remaining, 59))

    assert exchange.headers() == [(b"ratelimit-policy", b'"user";q=100;w=3600'), (b"ratelimit", b'"user";r=7;t=59')]
