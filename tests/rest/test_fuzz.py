"""No JSON whatever makes a server error."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(
        ["\x00", "\ud800", "low", "todos:read", "delete", "2026-11-21T09:00:00Z", "UTC", 2**63, 1, 10**30, ""]
    )
)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)
NAMES = st.sampled_from(
    [
        *("title", "description", "priority", "is_completed", "action", "todos", "ids", "id", "if_version"),
        *("name", "scopes", "display_name", "time_zone", "locale", "week_start"),
    ]
)
ITEMS = st.dictionaries(NAMES, VALUES, max_size=5)
BATCHES = st.fixed_dictionaries(
    {"action": st.sampled_from(["add", "update", "complete", "delete", "restore"])},
    optional={"todos": st.lists(ITEMS, max_size=4), "ids": st.lists(st.integers() | SCALARS, max_size=4)},
)
REQUESTS = st.one_of(
    st.tuples(st.just("POST"), st.just("/api/v1/todos"), ITEMS | VALUES),
    st.tuples(st.just("POST"), st.just("/api/v1/todos/batch"), BATCHES | ITEMS),
    st.tuples(st.just("PATCH"), st.just("{todo}"), ITEMS | VALUES),
    st.tuples(st.just("PATCH"), st.just("{todo}/complete"), ITEMS | VALUES),
    st.tuples(st.just("POST"), st.just("/api/v1/tokens"), ITEMS | VALUES),
    st.tuples(st.just("PATCH"), st.just("/api/v1/users/me"), ITEMS | VALUES),
)


@pytest.mark.requirement("RS3")
@settings(
    max_examples=400,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(request=REQUESTS)
async def test_no_body_makes_a_server_error(http: httpx2.AsyncClient, todo: str, request: tuple[str, str, Any]) -> None:
    method, path, body = request
    response = await http.request(
        method,
        path.replace("{todo}", todo),
        content=json.dumps(body).encode(),
        headers={"content-type": "application/json"},
    )

    assert response.status_code < 500
    if response.status_code >= 400:
        assert response.headers["content-type"] == "application/problem+json"
