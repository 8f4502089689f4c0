"""schemathesis on the running API with every check: what OpenAPI says is what the server does (RS4)."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jwt
import pytest

from tests.app.program import Program, Serving, logs
from tests.support import AUDIENCE, ISSUER, JWT_SECRET

HERE = Path(__file__).parent


@pytest.fixture
def serving(database_url: str, tmp_path: Path) -> Iterator[Serving]:
    program = Program(
        tmp_path / "program",
        {
            "TODO_DATABASE_URL": database_url,
            "TODO_JWT_SECRET": JWT_SECRET,
            "TODO_JWT_ISSUER": ISSUER,
            "TODO_JWT_AUDIENCE": AUDIENCE,
            "TODO_LOG_LEVEL": "info",
            "TODO_RATE_LIMIT": "off",  # some thousand requests in half a minute
            "TODO_ADDRESS_LIMIT": "off",
        },
    )
    with program.serve() as running:
        yield running


@pytest.mark.slow
@pytest.mark.requirement("RS3", "RS4")
@pytest.mark.parametrize("examples", [3, pytest.param(50, marks=pytest.mark.exhaustive)])
@pytest.mark.exhaustive
def test_schemathesis_finds_nothing(serving: Serving, tmp_path: Path, examples: int) -> None:
    # A JWT, since an API token may be revoked by the calls that are made up.
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": tmp_path.name, "exp": 4_000_000_000}
    token = jwt.encode(claims, JWT_SECRET, algorithm="HS256")
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("st")),
            f"--config-file={HERE / 'schemathesis.toml'}",
            "run",
            f"{serving.url}/api/v1/openapi.json",
            "--checks=all",
            f"--max-examples={examples}",
            "--seed=1",
            "--generation-database=none",
            "--continue-on-failure",
            "--no-color",
            "--generation-allow-x00=false",  # a NUL is refused everywhere; JSON Schema has no short way to say it
            "--output-truncate=false",
            "--output-sanitize=false",
        ],
        cwd=tmp_path,
        env={
            **os.environ,
            "SCHEMATHESIS_HOOKS": "schemathesis_hooks",
            "PYTHONPATH": str(HERE),
            "TODO_TEST_BEARER": token,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=max(240, examples * 10),
        check=False,
    )
    print(done.stdout)

    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr
    assert [line for line in logs(serving.stderr) if line["level"] == "error"] == []
