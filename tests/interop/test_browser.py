"""A plain page in Chromium behind nginx: the code of `docs/guides/single-page-app.md`, as it stands there."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import asyncpg
import httpx2
import pytest

from tests.app.program import Program, Serving, free_port, until
from tests.contract.project import ROOT
from tests.databases import new_database
from tests.interop.installing import HERE, python_environment

pytestmark = [pytest.mark.slow, pytest.mark.exhaustive, pytest.mark.requirement("RS5", "WR3")]

GUIDE: Final = ROOT / "docs" / "guides" / "single-page-app.md"
PATHS: Final = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
SCENE_SECONDS: Final = 120
CONFIGURATION: Final = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    types {{ text/html html; text/javascript js; }}
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{page};
        root {folder}/site;
    }}
    server {{
        listen 127.0.0.1:{api};
        gzip on;
        gzip_min_length 1;
        gzip_proxied any;
        gzip_types application/json application/problem+json;
        location / {{
            proxy_pass {behind};
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header Accept-Encoding "";
        }}
    }}
}}
"""
"""The page at one origin; at another the API, compressed by nginx alone, which makes tags weak."""

Scene = Callable[[str], dict[str, Any]]


@dataclass(frozen=True)
class Behind:
    """The program behind nginx."""

    serving: Serving
    page: str
    api: str
    database: str


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with playwright."""
    return python_environment("browser", tmp_path_factory)


@pytest.fixture
def behind(postgres_url: str, tmp_path: Path) -> Iterator[Behind]:
    nginx = shutil.which("nginx", path=PATHS)
    if nginx is None:
        pytest.skip("nginx is not installed (Debian: apt-get install nginx)")
    site = tmp_path / "site"
    site.mkdir()
    shutil.copy(HERE / "browser" / "index.html", site)
    samples = re.findall(r"^```js\n(.*?)^```$", GUIDE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert len(samples) >= 6
    (site / "todos.js").write_text("\n".join(samples), encoding="utf-8")
    page, api = free_port(), free_port()
    origin, public = f"http://127.0.0.1:{page}", f"http://127.0.0.1:{api}"
    with new_database(postgres_url, migrated=True) as database:
        settings = {
            "TODO_DATABASE_URL": database,
            "TODO_CORS_ORIGINS": origin,
            "TODO_PUBLIC_URL": public,
            "TODO_TRUSTED_PROXIES": "127.0.0.1",
        }
        with Program(tmp_path / "program", settings).serve() as serving:
            text = CONFIGURATION.format(folder=tmp_path, page=page, api=api, behind=serving.url)
            (tmp_path / "nginx.conf").write_text(text)
            tmp_path.chmod(0o755)
            process = subprocess.Popen([nginx, "-e", "stderr", "-c", str(tmp_path / "nginx.conf"), "-g", _as_whom()])
            try:
                until(lambda: _answers(f"{public}/healthz"), 15, "nginx answers")
                yield Behind(serving, f"{origin}/index.html", f"{public}/api/v1", database)
            finally:
                process.terminate()
                process.wait(timeout=15)


def _as_whom() -> str:
    """Which user serves the page: nginx gives root up, and others may not read the folder of a test."""
    return "user root;" if os.geteuid() == 0 else "worker_processes 1;"


def _answers(address: str) -> bool:
    try:
        return httpx2.get(address, timeout=5).status_code == 200
    except httpx2.TransportError:
        return False


@pytest.fixture
def play(behind: Behind, python: Path) -> Scene:
    """Play a scene; what was seen."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")

    def run(scene: str) -> dict[str, Any]:
        command = [str(python), str(HERE / "browser" / "play.py"), scene]
        done = subprocess.run(
            [*command, chromium, behind.page, behind.api, behind.serving.token],
            capture_output=True,
            text=True,
            timeout=SCENE_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-4000:]
        seen: dict[str, Any] = json.loads(done.stdout)
        assert (seen.pop("errors"), seen.pop("token_in_an_address")) == ([], False)
        return seen

    return run


def test_what_was_read_through_a_proxy_that_compresses_is_edited_and_nobody_is_overwritten(play: Scene) -> None:
    seen = play("edit")

    assert (seen["added"], seen["encoding"]) == (200, "gzip")
    assert seen["read"].startswith('W/"1.')
    assert (seen["title"], seen["late"]["title"], seen["late"]["version"]) == ("rye bread", "rye bread", 3)
    assert (seen["undone"], seen["is_same"]) == ("medium", True)


def test_a_crash_is_told_as_a_crash_and_no_network_as_none(play: Scene, behind: Behind) -> None:
    async def spoil_tags() -> None:
        """Have every read of a tag divide by zero: no state of the database that is waited for, but a fault."""
        connection = await asyncpg.connect(behind.database)
        await connection.execute("CREATE POLICY spoilt ON tags AS RESTRICTIVE USING (1 / (id - id) = 1)")
        await connection.execute("INSERT INTO tags (user_id, name, name_key) SELECT id, 'a', 'a' FROM users")
        await connection.close()

    asyncio.run(spoil_tags())

    seen = play("crash")

    status, _, request_id = seen["crashed"].partition(" ")
    assert (status, seen["offline"]) == ("500", "offline")
    assert request_id
    assert request_id in behind.serving.stderr


@pytest.mark.requirement("SA1", "RS2")
def test_what_was_done_offline_arrives_once_though_the_first_answer_is_lost(play: Scene, behind: Behind) -> None:
    seen = play("offline")

    first, *again = seen["keys"]
    assert again == [first] != [None]
    assert (seen["waiting"], seen["replayed"]) == ([5, 0], True)
    assert seen["refused"] == [["phone-nothing", "not_found"]]
    assert sorted(seen["shown"]) == ["below milk", "milk", "oats"]
    with behind.serving.http() as http:
        todos = http.get("/api/v1/todos", params={"status": "all"}).json()["items"]
        made = [change for change in http.get("/api/v1/changes").json()["items"] if change["operation"] == "todos.mix"]
    rows = {todo["title"]: todo for todo in todos}
    assert len(todos) == 3
    assert rows["below milk"]["parent_id"] == rows["milk"]["id"]
    assert abs((_moment(rows["oats"]["completed_at"]) - _moment(seen["moment"])).total_seconds()) < 1
    assert len(made) == 1
    assert seen["changed"]["since"] == made[0]["id"]
    entries = [(entry["title"], entry["is_new"], entry["after"]) for entry in seen["changed"]["entries"]]
    assert sorted(entries) == [(title, True, None) for title in ("below milk", "milk", "oats")]


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_a_picture_is_shown_and_its_address_has_no_token(play: Scene) -> None:
    assert play("picture")["source"].startswith("blob:http://127.0.0.1:")


@pytest.mark.requirement("SA5", "RS2")
def test_a_page_hears_of_each_change_once_and_soon_through_a_proxy_that_refused_it_at_first(play: Scene) -> None:
    seen = play("live")

    assert (seen["asked"], seen["heard"]) == (2, ["one", "two", "three"])
    assert seen["last"] < 1000
