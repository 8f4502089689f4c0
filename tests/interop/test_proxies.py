"""The files of `deploy/` for proxies and shells (OP6): nginx serves with its own, but for ports and a certificate."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx2
import pytest

from tests.app.program import Program, Serving, free_port, until
from tests.contract.project import ROOT
from tests.databases import new_database
from tests.interop.installing import python_environment

pytestmark = [pytest.mark.slow, pytest.mark.requirement("OP6")]
PATHS: Final = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
HOST: Final = "todo.example.com"
SCRIPTS: Final = [f".ci/{name}" for name in ("lock", "run", "long")]
"""Of a shell; the last two read `.ci/prepare`."""
TEMPORARY: Final = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate of the host and its key."""
    key, own = folder / "key.pem", folder / "own.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    names = ["-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}", "-days", "2"]
    subprocess.run([*command, *names, "-keyout", str(key), "-out", str(own)], check=True, capture_output=True)
    return own, key


@pytest.fixture
def behind(postgres_url: str, tmp_path: Path) -> Iterator[tuple[Serving, httpx2.Client]]:
    """A server behind nginx, and a client that knows it by its public name."""
    nginx = shutil.which("nginx", path=PATHS)
    if nginx is None or shutil.which("openssl") is None:
        pytest.skip("nginx or openssl is not installed (Debian: apt-get install nginx openssl)")
    own, key = certificate(tmp_path)
    port = free_port()
    settings = {"TODO_PUBLIC_URL": f"https://{HOST}", "TODO_TRUSTED_PROXIES": "127.0.0.1", "TODO_KEEP_ALIVE": "75"}
    with (
        new_database(postgres_url, migrated=True) as database,
        Program(tmp_path / "program", settings | {"TODO_DATABASE_URL": database}).serve() as serving,
    ):
        text = (ROOT / "deploy" / "nginx.conf").read_text(encoding="utf-8")
        for old, new in (
            ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
            ("server 127.0.0.1:8000", f"server {serving.url.removeprefix('http://')}"),
            ("/etc/ssl/todo.example.com.pem", str(own)),
            ("/etc/ssl/todo.example.com.key", str(key)),
        ):
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        (tmp_path / "site.conf").write_text(text)
        folders = "".join(f"{name}_temp_path {tmp_path}/{name}; " for name in TEMPORARY)
        whole = f"events {{}} http {{ access_log off; {folders} include {tmp_path}/site.conf; }}"
        (tmp_path / "nginx.conf").write_text(f"daemon off; pid {tmp_path}/pid; {whole}")
        as_whom = ["-g", "user root;"] if os.geteuid() == 0 else []
        process = subprocess.Popen([nginx, "-e", "stderr", "-c", str(tmp_path / "nginx.conf"), *as_whom])
        trusting = ssl.create_default_context(cafile=str(own))
        trusting.check_hostname = False  # the address is one, and the name is in a header
        headers = {"Host": HOST, "Authorization": f"Bearer {serving.token}"}
        try:
            with httpx2.Client(
                base_url=f"https://127.0.0.1:{port}", headers=headers, verify=trusting, timeout=30
            ) as http:
                until(lambda: answers(http), 15, "nginx answers")
                yield serving, http
        finally:
            process.terminate()
            process.wait(timeout=15)


def answers(http: httpx2.Client) -> bool:
    try:
        return http.get("/healthz").status_code == 200
    except httpx2.TransportError:
        return False


def test_nginx_passes_hosts_tags_large_bodies_and_events_on_as_they_are(
    behind: tuple[Serving, httpx2.Client],
) -> None:
    _, http = behind
    with http.stream("GET", "/api/v1/events") as events:
        lines = events.iter_lines()
        assert next(lines).startswith("retry: ")
        made = http.post("/api/v1/todos", json={"title": "a" * 200})
        assert made.status_code == 201
        while next(lines) != "event: change":  # at once, though nothing fills a buffer
            pass
    read = http.get(f"/api/v1/todos/{made.json()['id']}", headers={"Accept-Encoding": "gzip"})
    assert read.headers["etag"] == made.headers["etag"]
    assert not read.headers["etag"].startswith("W/")
    large = http.post("/api/v1/todos", content=b" " * 300_000, headers={"Content-Type": "application/json"})
    assert (large.status_code, large.headers["content-type"]) == (413, "application/problem+json")
    assert http.get("/api/v1/todos", headers={"Host": "evil.example.com"}).status_code == 421


def test_caddy_reads_its_file() -> None:
    caddy = shutil.which("caddy", path=PATHS)
    if caddy is None:
        pytest.skip("caddy is not installed (Debian: apt-get install caddy)")

    def read(text: str) -> int:
        command = [caddy, "adapt", "--adapter", "caddyfile", "--config", "/dev/stdin", "--validate"]
        environment = os.environ | {"TODO_HOST": HOST}
        return subprocess.run(command, input=text, text=True, env=environment, check=False).returncode

    text = (ROOT / "deploy" / "Caddyfile").read_text(encoding="utf-8")
    assert read(text) == 0
    assert read(text.replace("flush_interval", "flush_intervals")) != 0


@pytest.mark.exhaustive
def test_linters_find_nothing_in_what_nginx_and_the_shell_read(tmp_path_factory: pytest.TempPathFactory) -> None:
    programs = python_environment("papers", tmp_path_factory)

    def run(program: str, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(programs.with_name(program)), *words], cwd=ROOT, capture_output=True, text=True, check=False
        )

    for done in (
        run("gixy", "deploy/nginx.conf"),
        run("shellcheck", "deploy/create-database.sh"),
        run("shellcheck", "--severity=warning", "--external-sources", "--source-path=.ci", *SCRIPTS),
    ):
        assert done.returncode == 0, done.stdout + done.stderr
    careless = tmp_path_factory.mktemp("careless") / "nginx.conf"
    careless.write_text("server { location /a { alias /b/; } add_header X $uri; return 302 http://$host$uri; }")
    assert run("gixy", str(careless)).returncode != 0
