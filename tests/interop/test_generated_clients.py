"""Clients that others' generators make of the served OpenAPI document, at work (RS4, RS6)."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest

from tests.app.program import Program, Serving
from tests.interop.installing import install, node_project, python_environment

pytestmark = [pytest.mark.slow, pytest.mark.requirement("RS4", "RS6")]
SECONDS: Final = 300
EXPECTED: Final = {
    "again": True,
    "renamed": "Renew both passports",
    "stale": ["version_conflict", "Renew both passports"],
    "unclear": ["invalid_input", "due: unclear"],
    "listed": ["Renew both passports"],
    "completed": True,
    "batch": ["Book a flight", "not_found"],
    "changes": [
        ["todos.add", "Renew the passport"],
        ["todos.update", "Renew both passports"],
        ["todos.complete", "Renew both passports"],
        ["todos.add", "Book a flight"],
    ],
    "undone": [["todo", "Renew both passports"]],
    "proposed": ["Sign the form", True, True],
}
"""What each client prints, whatever its language."""


@dataclass(frozen=True)
class Generator:
    """What makes a TypeScript client of `openapi.json`, in `generated/`, and the file that uses it."""

    walk: str
    packages: Sequence[str]
    """Of npm, besides those that all need."""
    command: Sequence[str]
    configuration: tuple[str, str] = ("", "")
    """A file that the command reads: its name and text."""


OPENAPI_TYPESCRIPT: Final = Generator(
    "walk_openapi_fetch", [], ["npx", "openapi-typescript", "openapi.json", "-o", "generated/schema.d.ts"]
)
HEY_API: Final = Generator(
    "walk_hey_api",
    ["@hey-api/openapi-ts@0.95.0", "zod@4.6.7"],
    ["npx", "openapi-ts", "-f", "hey.config.mjs"],
    (
        "hey.config.mjs",
        "export default { input: 'openapi.json', output: 'generated', plugins: ['@hey-api/client-fetch',"
        " '@hey-api/typescript', 'zod', { name: '@hey-api/sdk', validator: true }] };",
    ),
)
ORVAL: Final = Generator(
    "walk_orval",
    ["orval@7.13.2", "zod@4.6.7", "@tanstack/react-query@5.108.4", "react@19.3.1", "@types/react@19.3.3"],
    ["npx", "orval", "--config", "./orval.config.cjs"],
    (
        "orval.config.cjs",
        "const input = { target: 'openapi.json' };\n"
        "module.exports = {\n"
        "  api: { input, output: { target: 'generated/api.ts', client: 'react-query', httpClient: 'fetch',"
        " headers: true, baseUrl: process.env.API } },\n"
        "  zod: { input, output: { target: 'generated/zod.ts', client: 'zod' } },\n"
        "};",
    ),
)


@pytest.fixture(scope="module")
def program(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Program:
    return Program(tmp_path_factory.mktemp("generated_clients"), {"TODO_DATABASE_URL": database_url})


@pytest.fixture(scope="module")
def serving(program: Program) -> Iterator[Serving]:
    with program.serve() as running:
        yield running


@pytest.fixture
def tokens(program: Program, request: pytest.FixtureRequest) -> list[str]:
    """A token of somebody without todos, and one of an agent that proposes."""
    mine = program.configured(TODO_USER=request.node.name)
    create = ("token", "create", "--user", mine.settings["TODO_USER"])
    return [mine.answer(*create, *more).strip() for more in ((), ("--propose",))]


def _document(serving: Serving, folder: Path) -> Path:
    """The document as it is served, as a file."""
    path = folder / "openapi.json"
    served = httpx2.get(f"{serving.url}/api/v1/openapi.json")
    assert served.status_code == 200, served.text
    path.write_bytes(served.content)
    return path


def _run(command: Sequence[str], folder: Path, **environment: str) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, f"{' '.join(command)}:\n{done.stdout}{done.stderr}"
    return done.stdout


def _last(printed: str) -> Any:
    return json.loads(printed.splitlines()[-1])


@pytest.fixture(scope="module")
def typescript(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what every TypeScript client needs."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("Node and npm are not installed (Debian: apt-get install nodejs npm)")
    return node_project("generated/typescript", tmp_path_factory)


def _typescript_client(generator: Generator, folder: Path, serving: Serving, tokens: list[str]) -> Any:
    """What a TypeScript client prints that was generated, compiled with all checks, and run."""
    shutil.rmtree(folder / "generated", ignore_errors=True)
    _document(serving, folder)
    if generator.packages:
        install(
            ["npm", "install", "--no-package-lock", "--no-save", "--no-audit", "--no-fund", *generator.packages], folder
        )
    name, text = generator.configuration
    if name:
        (folder / name).write_text(text)
    _run(generator.command, folder, API=serving.url)
    return _compiled(generator.walk, folder, serving, tokens)


def _compiled(walk: str, folder: Path, serving: Serving, tokens: list[str]) -> Any:
    configuration = {"extends": "./tsconfig.json", "files": [f"{walk}.ts"]}
    (folder / "tsconfig.walk.json").write_text(json.dumps(configuration))
    _run(["npx", "tsc", "-p", "tsconfig.walk.json"], folder)
    return _last(_run(["node", f"built/{walk}.js", serving.url, *tokens], folder))


def test_openapi_typescript_with_openapi_fetch(typescript: Path, serving: Serving, tokens: list[str]) -> None:
    assert _typescript_client(OPENAPI_TYPESCRIPT, typescript, serving, tokens) == EXPECTED


@pytest.mark.exhaustive
def test_hey_api_with_zod(typescript: Path, serving: Serving, tokens: list[str]) -> None:
    assert _typescript_client(HEY_API, typescript, serving, tokens) == EXPECTED


@pytest.mark.exhaustive
def test_orval_with_react_query_headers_and_zod(typescript: Path, serving: Serving, tokens: list[str]) -> None:
    assert _typescript_client(ORVAL, typescript, serving, tokens) == EXPECTED


def test_openapi_python_client(serving: Serving, tokens: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    python = python_environment("generated/openapi_python_client", tmp_path_factory)
    folder = tmp_path_factory.mktemp("openapi_python_client")
    document = str(_document(serving, folder))
    generator = str(python.with_name("openapi-python-client"))
    generated = [
        "--path",
        document,
        "--meta",
        "none",
        "--output-path",
        str(folder / "todo_client"),
    ]
    command = " ".join([shlex.quote(word) for word in (generator, "generate", *generated)])
    told = _run(["bash", "-c", f"{command} 2>&1"], folder, PATH=f"{python.parent}:{os.environ['PATH']}")
    assert "WARNING" not in told, told
    assert _walked(python, "openapi_python_client", folder, serving, tokens) == EXPECTED


def _walked(python: Path, name: str, folder: Path, serving: Serving, tokens: list[str]) -> Any:
    walk = Path(__file__).parent / "generated" / name / "walk.py"
    return _last(_run([str(python), str(walk), serving.url, *tokens], folder, PYTHONPATH=str(folder)))


@pytest.fixture(scope="module")
def openapi_generator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with openapi-generator, which runs on Java."""
    if shutil.which("java") is None:
        pytest.skip("Java is not installed (Debian: apt-get install default-jre-headless)")
    return python_environment("generated/openapi_generator", tmp_path_factory)


def _openapi_generator(python: Path, kind: str, document: Path, output: str, *more: str) -> None:
    generator = str(python.with_name("openapi-generator-cli"))
    _run([generator, "generate", "-i", str(document), "-g", kind, "-o", output, *more], document.parent)


@pytest.mark.exhaustive
def test_openapi_generator_for_python(
    openapi_generator: Path, serving: Serving, tokens: list[str], tmp_path: Path
) -> None:
    _openapi_generator(openapi_generator, "python", _document(serving, tmp_path), ".", "--package-name", "todo_client")
    assert _walked(openapi_generator, "openapi_generator", tmp_path, serving, tokens) == EXPECTED


@pytest.mark.exhaustive
def test_openapi_generator_for_typescript(
    openapi_generator: Path, typescript: Path, serving: Serving, tokens: list[str]
) -> None:
    shutil.rmtree(typescript / "generated", ignore_errors=True)
    _openapi_generator(openapi_generator, "typescript-fetch", _document(serving, typescript), "generated")
    assert _compiled("walk_typescript_fetch", typescript, serving, tokens) == EXPECTED
