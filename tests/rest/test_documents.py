"""What everybody gets: made once, from this server alone."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urljoin

import httpx2
import pytest

from rest_api import documents
from rest_api.app import create_app
from tests.faces import http_client
from todo_app.application import Application

pytestmark = pytest.mark.requirement("RS5")

CONTRACT = "/api/v1/openapi.json"
EVERY_DOCUMENT = pytest.mark.parametrize(
    "path", [CONTRACT, "/docs", "/docs/start.js", "/docs/swagger-ui-bundle.js", "/docs/swagger-ui.css"]
)
KINDS = {"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8", "png": "image/png"}


@pytest.fixture
async def nobody(app: Application) -> AsyncIterator[httpx2.AsyncClient]:
    async with http_client(app, None) as client:
        yield client


@EVERY_DOCUMENT
@pytest.mark.requirement("RS1")
async def test_whoever_has_a_document_is_not_sent_it_again(nobody: httpx2.AsyncClient, path: str) -> None:
    first = await nobody.get(path)
    tag = first.headers["etag"]

    assert (first.status_code, re.fullmatch('"[0-9a-f]{16}"', tag) is not None) == (200, True)
    for given in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = await nobody.get(path, headers={"If-None-Match": given})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    other = await nobody.get(path, headers={"If-None-Match": '"other"'})
    assert (other.status_code, other.content) == (200, first.content)


@EVERY_DOCUMENT
async def test_a_document_is_the_same_compressed_or_not(nobody: httpx2.AsyncClient, path: str) -> None:
    plain = await nobody.get(path, headers={"Accept-Encoding": "identity"})
    compressed = await nobody.get(path, headers={"Accept-Encoding": "gzip"})

    assert (plain.status_code, compressed.status_code) == (200, 200)
    assert "content-encoding" not in plain.headers
    assert compressed.headers["content-encoding"] == "gzip"
    assert (plain.content, plain.headers["etag"]) == (compressed.content, compressed.headers["etag"])


async def test_the_contract_is_serialized_once(monkeypatch: pytest.MonkeyPatch) -> None:
    documents.committed.cache_clear()
    async with http_client(create_app(), None) as http:  # type: ignore[arg-type]
        first = (await http.get(CONTRACT)).content
        monkeypatch.setattr(documents, "_IN_THE_REPOSITORY", Path("/nowhere"))

        assert (await http.get(CONTRACT)).content == first


async def test_a_server_of_health_alone_has_a_contract_of_health_alone() -> None:
    async with http_client(create_app(with_features=False), None) as http:  # type: ignore[arg-type]
        assert (await http.get(CONTRACT)).json()["paths"].keys() == {"/healthz", "/readyz"}


async def test_the_page_works_without_any_other_server(nobody: httpx2.AsyncClient) -> None:
    page = (await nobody.get("/docs")).text

    loaded = re.findall(r"(?:src|href)=[\"']?([^\"'> ]+)", page)
    assert len(loaded) == 4
    for address in loaded:
        path = urljoin("/docs", address)
        assert path.startswith("/docs/"), address
        file = await nobody.get(path)
        assert (file.status_code, len(file.content) > 100) == (200, True)
        assert file.headers["content-type"] == KINDS[path.rpartition(".")[2]]
    assert "<script>" not in page
    assert " style=" not in page
    assert "//" not in page


async def test_the_page_asks_this_server_for_the_contract_and_nobody_to_validate_it(nobody: httpx2.AsyncClient) -> None:
    script = (await nobody.get("/docs/start.js")).text

    (url,) = re.findall(r'url: "([^"]+)"', script)
    assert urljoin("/docs", url) == CONTRACT
    assert "validatorUrl: null," in script  # Swagger UI would send the address of the contract to its makers
    assert "http" not in script


async def test_styles_load_nothing_from_elsewhere(nobody: httpx2.AsyncClient) -> None:
    style = (await nobody.get("/docs/swagger-ui.css")).text

    assert "@import" not in style
    assert {*re.findall(r"url\([\"']?([a-z]*:|//|/)", style)} == {"data:"}
