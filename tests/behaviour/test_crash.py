"""A fault of ours tells nobody anything about our insides."""

from __future__ import annotations

from contextlib import AsyncExitStack

import asyncpg
import pytest
from structlog.testing import capture_logs

from tests.faces import ADDRESS, FaceName, call, http_client, refused
from tests.support import MISTAKE, token_of
from todo_app.application import build
from todo_core.boundary.caller import Caller
from todo_core.core import Core
from todo_core.settings import Settings


@pytest.mark.requirement("RS3", "MC4")
async def test_a_crash_is_masked(face_name: FaceName, settings: Settings, fresh_database_url: str) -> None:
    app = build(settings, fresh_database_url, ADDRESS)
    async with app.running():
        core: Core = app.core
        token = await token_of(Caller(core, await core.identity.local("ann"), "test"))
        connection = await asyncpg.connect(fresh_database_url)
        await connection.execute(MISTAKE)
        await connection.close()

        async with AsyncExitStack() as stack:
            logged = stack.enter_context(capture_logs())
            http = await stack.enter_async_context(http_client(app, token))
            if face_name == "rest":
                response = await http.post("/api/v1/todos", json={"title": "a"})
                assert response.status_code == 500
                assert response.headers["content-type"] == "application/problem+json"
                told = response.json()
                code = told["error_code"]
            else:
                response = await call(http, face_name, "add_todos", {"todos": [{"title": "a"}]})
                told = refused(response)
                code = told["code"]

    assert code == "internal_error"
    assert told["retryable"] is False
    assert told["next_step"]
    for inside in ("column", "INSERT", "Division", "asyncpg", "Traceback", ".py"):
        assert inside not in response.text
    assert any(line["log_level"] == "error" and line.get("exc_info") for line in logged), "the log has the reason"
