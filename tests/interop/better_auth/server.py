"""A real Better Auth server in a process of its own, and people who use it with their browsers."""

from __future__ import annotations

import hashlib
import re
import secrets
import shutil
import subprocess
import threading
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import uuid4

import httpx2
import pytest

from tests.faces import Json

OLDEST_NODE = 20
CALLBACK = "http://127.0.0.1:9/callback"
"""Where clients ask to be called back; nobody listens there."""


@dataclass(frozen=True)
class Tokens:
    """What a client got for an authorization code."""

    client_id: str
    access: str
    refresh: str | None
    identity: str | None
    """The OpenID token, which is for the client only."""


class Person:
    """Somebody who is signed in to the web UI."""

    def __init__(self, browser: httpx2.AsyncClient, subject: str, name: str, email: str) -> None:
        self._browser = browser
        self.subject = subject
        self.name = name
        self.email = email

    @property
    def cookies(self) -> Json:
        """What the browser keeps of the session."""
        return dict(self._browser.cookies)

    async def session_token(self) -> str:
        """The JWT that the web UI sends to our REST API, made anew."""
        answer = await self._browser.get("/api/auth/token")
        token: str = answer.raise_for_status().json()["token"]
        return token

    async def authorize(self, url: str, only: str | None = None) -> Json:
        """Follow a client's link, consent to all it wants or `only` to a part, and return what its callback is told."""
        asked = await self._browser.get(url)
        assert asked.status_code == 302, asked.text
        location = urlsplit(asked.headers["location"])
        if location.path == "/consent":
            agreed = {"accept": True, "oauth_query": location.query} | ({} if only is None else {"scope": only})
            answer = await self._browser.post("/api/auth/oauth2/consent", json=agreed)
            location = urlsplit(answer.raise_for_status().json()["url"])
        told = {name: value for name, (value,) in parse_qs(location.query).items()}
        assert "code" in told, told
        return told

    async def tokens(self, scope: str, resource: str | None) -> Tokens:
        """Let a new client act for this person: registration, PKCE, consent, and the code for tokens."""
        wanted = {"redirect_uris": [CALLBACK], "application_type": "native", "token_endpoint_auth_method": "none"}
        registered = await self._browser.post("/api/auth/oauth2/register", json=wanted)
        client_id = registered.raise_for_status().json()["client_id"]
        verifier = secrets.token_urlsafe(48)
        challenge = urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        target = {} if resource is None else {"resource": resource}
        client = {"client_id": client_id, "redirect_uri": CALLBACK} | target
        asked = client | {
            "response_type": "code",
            "scope": scope,
            "state": uuid4().hex,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        told = await self.authorize(f"/api/auth/oauth2/authorize?{urlencode(asked)}")
        given = await self._browser.post(
            "/api/auth/oauth2/token",
            data=client | {"grant_type": "authorization_code", "code": told["code"], "code_verifier": verifier},
        )
        found = given.raise_for_status().json()
        return Tokens(client_id, found["access_token"], found.get("refresh_token"), found.get("id_token"))

    async def refreshed(self, tokens: Tokens) -> str:
        """The client's next access token."""
        wanted = {"grant_type": "refresh_token", "refresh_token": tokens.refresh, "client_id": tokens.client_id}
        given = await self._browser.post("/api/auth/oauth2/token", data=wanted)
        token: str = given.raise_for_status().json()["access_token"]
        return token


class BetterAuth:
    """The running server."""

    def __init__(self, origin: str, process: subprocess.Popen[str]) -> None:
        self.origin = origin
        self._process = process

    def stop(self) -> None:
        """Be gone before the time."""
        self._process.kill()
        self._process.wait()

    @asynccontextmanager
    async def person(self) -> AsyncIterator[Person]:
        """Somebody new, with a browser of their own."""
        async with httpx2.AsyncClient(
            base_url=self.origin, headers={"Origin": self.origin}, trust_env=False
        ) as browser:
            about = {"name": "Ann Example", "email": f"{uuid4().hex}@example.test", "password": uuid4().hex}
            signed_up = await browser.post("/api/auth/sign-up/email", json=about)
            user = signed_up.raise_for_status().json()["user"]
            yield Person(browser, user["id"], user["name"], user["email"])

    async def _control(self, name: str, **query: str) -> None:
        """What no client can do: see `server.mjs`."""
        async with httpx2.AsyncClient(base_url=self.origin, trust_env=False) as http:
            (await http.post(f"/test/{name}", params=query)).raise_for_status()

    @asynccontextmanager
    async def session_tokens_live(self, lifetime: str) -> AsyncIterator[None]:
        """Meanwhile, session tokens are made for `1s` or so."""
        await self._control("lifetime", value=lifetime)
        try:
            yield
        finally:
            await self._control("lifetime", value="15m")

    async def rotate(self) -> None:
        """The next token is signed by a new key; the old one stays published for a month."""
        await self._control("rotate")

    async def revoke_keys(self) -> None:
        """The next token is signed by a new key; the old ones are gone."""
        await self._control("revoke-keys")

    async def give_role(self, person: Person, role: str) -> None:
        """From the next session token on, this is the person's role."""
        await self._control("role", id=person.subject, value=role)


def require_node() -> None:
    """Skip where Node is missing or too old."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("Node and npm are not installed (Debian: apt-get install nodejs npm)")
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    major = re.match(r"v(\d+)\.", version)
    if major is None or int(major[1]) < OLDEST_NODE:
        pytest.skip(f"Better Auth needs Node {OLDEST_NODE} or newer; this is {version}")


@contextmanager
def running(folder: Path, log: Path, *resources: str) -> Iterator[BetterAuth]:
    """Start the server that is installed in `folder`, on a free port; it gives access tokens for these resources."""
    with log.open("w") as stderr:
        process = subprocess.Popen(
            ["node", "server.mjs", *resources],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
    assert process.stdin is not None
    assert process.stdout is not None
    watchdog = threading.Timer(60, process.kill)
    watchdog.start()
    try:
        origin = process.stdout.readline().strip()  # it says where it is as soon as it listens
        watchdog.cancel()
        assert origin, log.read_text()
        yield BetterAuth(origin, process)
    finally:
        watchdog.cancel()
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()
