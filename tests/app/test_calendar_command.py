"""`todo-mcp calendar`, and `todo-mcp user delete --user`: a local user's addresses, and their account."""

from __future__ import annotations

import json

import pytest

from tests.app.program import Program, sentence

pytestmark = pytest.mark.requirement("OP1", "LT4")


def test_addresses_are_made_listed_and_revoked_and_go_with_their_user(program: Program) -> None:
    assert "nobody here yet" in sentence(program.run("calendar", "create", "--user", "ann"), 2)
    program.answer("token", "create", "--user", "ann")

    made = json.loads(program.answer("calendar", "create", "--user", "ann", "--name", "phone", "--json"))
    assert made["address"].startswith(f"/calendar/{made['hint']}")
    assert program.answer("calendar", "create", "--user", "ann").startswith("/calendar/")
    first, second = program.answer("calendar", "list", "--user", "ann").splitlines()
    assert first == f"{made['id']}  {made['hint']}…  phone  events  used never"
    assert made["address"] not in first + second
    assert program.answer("calendar", "revoke", str(made["id"]), "--user", "ann") == "revoked\n"
    assert program.answer("calendar", "revoke", str(made["id"]), "--user", "ann") == "was revoked already\n"

    unasked = program.run("user", "delete", "--user", "ann")  # nobody answers the question
    assert unasked.returncode == 1
    assert "1 lists" in unasked.stdout + unasked.stderr
    assert "2 calendars" in unasked.stdout + unasked.stderr
    assert program.run("user", "delete", "--user", "ann", "7").returncode == 2
    assert program.answer("user", "delete", "--user", "ann", "--yes") == "deleted\n"
    assert program.answer("user", "list") == ""
    assert "nobody here yet" in sentence(program.run("user", "delete", "--user", "ann", "--yes"), 2)
