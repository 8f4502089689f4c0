"""What the command line prints of what others wrote: nothing that a terminal obeys, and no row but those there are."""

from __future__ import annotations

import ast
import asyncio
import io
import json
from typing import Any
from uuid import uuid4

import asyncpg
import httpx2
import jwt
import pytest

from tests.app.program import Program, Serving
from tests.contract.project import name_of, product_files, tree
from tests.support import AUDIENCE, ISSUER, JWT_SECRET
from todo_app.output import say, say_json
from todo_core.text import escaped

PWNED = "bob\x1b]0;pwned\x07\x1b[2J\x1b[H\n99  root@corp  urn:todo-mcp:local  admin  0 open, 0 done\u202e"
"""Sets the window's title, clears the screen and forges a row of `user list`."""


def signed_in(serving: Serving, **claims: Any) -> httpx2.Client:
    """A new person's client."""
    usual = {"iss": ISSUER, "aud": AUDIENCE, "sub": uuid4().hex, "exp": 4_000_000_000}
    return serving.http(jwt.encode(usual | claims, JWT_SECRET, algorithm="HS256"))


def execute(program: Program, sql: str, *values: object) -> None:
    """Write past the rules, as versions before them did."""

    async def run() -> None:
        connection = await asyncpg.connect(program.settings["TODO_DATABASE_URL"])
        await connection.execute(sql, *values)
        await connection.close()

    asyncio.run(run())


def only_line_of(printed: str, row_id: int) -> str:
    """The line of a row; every line must be one of a row, without a character that shows nothing."""
    lines = printed.removesuffix("\n").split("\n")
    assert all(line.isprintable() and line.split("  ")[0].isdigit() for line in lines), lines
    assert not any(line.startswith("99  root") for line in lines)
    (found,) = (line for line in lines if line.startswith(f"{row_id}  "))
    return found


@pytest.mark.requirement("OP1", "LT3", "OW5")
def test_a_name_neither_rules_the_terminal_nor_forges_a_row(served_program: Program, serving: Serving) -> None:
    with signed_in(serving) as http:
        refused = http.patch("/api/v1/users/me", json={"display_name": PWNED})
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "display_name")
        user_id = http.get("/api/v1/users/me").json()["id"]
        execute(served_program, "UPDATE users SET display_name = $2 WHERE id = $1", user_id, PWNED)

        assert (
            only_line_of(served_program.answer("user", "list"), user_id).split("  ")[1] == escaped(PWNED).split("  ")[0]
        )
        listed = served_program.answer("user", "list", "--json")
        assert listed.isascii()
        assert "\x1b" not in listed
        assert {row["display_name"] for row in json.loads(listed)} >= {PWNED}

        http.patch("/api/v1/users/me", json={"display_name": "Bob"})
        assert only_line_of(served_program.answer("user", "list"), user_id).split("  ")[1] == "Bob"


@pytest.mark.requirement("OP1", "LT3", "ID1")
@pytest.mark.parametrize("claim", ["name", "email"])
def test_claims_are_escaped_where_they_come_in(served_program: Program, serving: Serving, claim: str) -> None:
    with signed_in(serving, **{claim: PWNED[:60]}) as http:
        profile = http.get("/api/v1/users/me").json()

    assert profile["display_name" if claim == "name" else "email"] == escaped(PWNED[:60])
    assert escaped(PWNED[:12]) in only_line_of(served_program.answer("user", "list"), profile["id"])


@pytest.mark.requirement("OP1", "ID1")
def test_a_subject_is_kept_byte_for_byte_and_printed_escaped(served_program: Program, serving: Serving) -> None:
    with signed_in(serving, sub=PWNED) as http:
        user_id = http.get("/api/v1/users/me").json()["id"]
    with signed_in(serving, sub=PWNED) as http:
        assert http.get("/api/v1/users/me").json()["id"] == user_id

    assert escaped(PWNED) in only_line_of(served_program.answer("user", "list"), user_id)


@pytest.mark.requirement("OP1", "ID3")
def test_names_of_tokens_are_escaped(served_program: Program, serving: Serving) -> None:
    with serving.http() as http:
        refused = http.post("/api/v1/tokens", json={"name": PWNED})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "name")
    told = served_program.run("token", "create", "--name", PWNED)
    assert (told.returncode, told.stdout) == (2, "")
    assert "name must not contain a control character (character 4)" in told.stderr
    made = json.loads(served_program.answer("token", "create", "--json"))
    execute(served_program, "UPDATE api_tokens SET name = $2 WHERE id = $1", made["id"], PWNED[:90])

    assert escaped(PWNED[:90]) in only_line_of(served_program.answer("token", "list"), made["id"])


@pytest.mark.requirement("OP1")
def test_a_line_is_a_line_whatever_is_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    say(7, "a\nb\r\x1b[2J\x9b\x7f", "می\u200cروم", "x\u2028y", apart=True)
    say_json({"a": "\x7f\x1b\u202eé"})

    printed = capsys.readouterr()
    assert printed.err == "7  a\\nb\\r\\x1b[2J\\x9b\\x7f  می\u200cروم  x\\u2028y\n"
    assert printed.out.isascii()
    assert printed.out.strip().isprintable()
    assert json.loads(printed.out) == {"a": "\x7f\x1b\u202eé"}


@pytest.mark.requirement("OP1")
def test_a_terminal_that_cannot_spell_a_name_fails_no_command(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr("sys.stdout", out)

    say(7, "Zoë 🎉 \u202e")

    out.seek(0)
    assert out.read() == "7  Zoë \\U0001f389 \\u202e\n"


@pytest.mark.requirement("OP1")
def test_nothing_else_prints() -> None:
    printing = {
        name_of(path)
        for path in product_files()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call)
        if ast.unparse(node.func)
        in ("print", "typer.echo", "typer.secho", "click.echo", "sys.stdout.write", "sys.stderr.write")
    }

    # The line of a request in the log; to its parent, that it is ready.
    assert printing == {"todo_app/output.py", "todo_app/request_log.py", "todo_app/measuring/exporter.py"}
