"""The hand-written server in Node (`bench/apps/fastify`): its packages, from npm, and what its process is given."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Final

from bench import sql
from bench.plan import AUDIENCE, ISSUER, JWT_SECRET, POOL_SIZE

SOURCE: Final = Path(__file__).parent / "apps" / "fastify"
STATEMENTS: Final = {"list": sql.LIST, "get": sql.GET, "add": sql.ADD, "complete": sql.COMPLETE}


def is_there() -> bool:
    """Return whether Node and npm are on this machine."""
    return shutil.which("node") is not None and shutil.which("npm") is not None


def install(folder: Path) -> list[str]:
    """Copy the server into a folder, with its packages; return the command that starts it.

    The packages are kept for the next run, until others are asked for.

    Raises:
        subprocess.CalledProcessError: npm could not install them; it says why on standard error.
    """
    here = folder / "fastify"
    here.mkdir(exist_ok=True)
    wanted = (SOURCE / "package.json").read_text(encoding="utf-8")
    installed = here / "package.json"
    if not (here / "node_modules").exists() or installed.read_text(encoding="utf-8") != wanted:
        installed.write_text(wanted, encoding="utf-8")
        quiet = ("--no-package-lock", "--no-audit", "--no-fund", "--silent")
        subprocess.run(["npm", "install", "--omit=dev", *quiet], cwd=here, check=True)  # from PATH
    shutil.copy(SOURCE / "server.js", here)
    return ["node", str(here / "server.js")]


def environment(database_url: str, port: int) -> dict[str, str]:
    """Return what its process is given besides."""
    return {
        "NODE_ENV": "production",
        "PORT": str(port),
        "BENCH_URL": database_url,
        "BENCH_POOL": str(POOL_SIZE),
        "BENCH_STATEMENTS": json.dumps({name: sql.numbered(text) for name, text in STATEMENTS.items()}),
        "BENCH_SECRET": JWT_SECRET,
        "BENCH_ISSUER": ISSUER,
        "BENCH_AUDIENCE": AUDIENCE,
    }
