"""An OAuth 2.1 authorization server for tests: strict with clients, while its people approve at once.

RFC 8414 metadata, RFC 7591 registration of public clients, PKCE with S256, RFC 8707 `resource`, RFC 9207 `iss`,
RFC 9068 access tokens (EdDSA), rotating refresh tokens and a key set. Served on loopback, since the application
fetches the key set over HTTP.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import socket
import time
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit
from uuid import uuid4

import httpx2
import jwt
import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm
from mcp.shared.auth import AuthorizationCodeResult
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from tests.faces import Json

LIFETIME: Final = 900
SCOPES: Final = ("todos:read", "todos:write", "profile", "admin")


class _RefusedError(Exception):
    """An OAuth error, by its code (RFC 6749 §5.2)."""


@dataclass
class Person:
    """Somebody at a browser, signed in at the authorization server."""

    server: AuthorizationServer
    approves: set[str]
    """Whatever else is asked for, only this is given."""
    subject: str = field(default_factory=lambda: f"person-{uuid4().hex}")
    asked: list[Json] = field(default_factory=list)
    """Each authorization request."""
    _came_back: AuthorizationCodeResult | None = None

    async def open(self, url: str) -> None:
        """Follow a link to the authorization server, and its redirect back to the client."""
        async with httpx2.AsyncClient(trust_env=False) as browser:
            answer = await browser.get(url, headers={"Cookie": f"session={self.subject}"})
        assert answer.status_code == 302, answer.text
        self._came_back = AuthorizationCodeResult(**_fields(urlsplit(answer.headers["location"]).query))

    async def come_back(self) -> AuthorizationCodeResult:
        """What the redirect brought to the client."""
        assert self._came_back is not None
        came_back, self._came_back = self._came_back, None
        return came_back

    @property
    def tokens(self) -> list[Json]:
        """The claims of each access token issued to this person."""
        return [claims for claims in self.server.issued if claims["sub"] == self.subject]


@dataclass(frozen=True)
class _Grant:
    """What a person approved for a client."""

    client_id: str
    subject: str
    scope: str
    resource: str
    redirect_uri: str
    code_challenge: str


class AuthorizationServer:
    """One issuer."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.issuer = f"{origin}/auth"
        self.jwks_url = f"{self.issuer}/jwks"
        self.issued: list[Json] = []
        self.refreshed: list[Json] = []
        """Each request that was answered with a refreshed token."""
        self._key = Ed25519PrivateKey.generate()
        self._kid = uuid4().hex
        self._people: dict[str, Person] = {}
        self._clients: dict[str, Json] = {}
        self._codes: dict[str, _Grant] = {}
        self._refresh_tokens: dict[str, _Grant] = {}

    def person(self, *approves: str) -> Person:
        """Somebody new."""
        person = Person(self, set(approves))
        self._people[person.subject] = person
        return person

    def access_token(
        self, audience: str | list[str], scope: str | None, subject: str = "", seconds: int = LIFETIME, **more: object
    ) -> str:
        """An access token (RFC 9068); with a negative lifetime one from the past."""
        expires = int(time.time()) + seconds
        claims: Json = {
            "iss": self.issuer,
            "sub": subject or f"person-{uuid4().hex}",
            "aud": audience,
            "client_id": "test",
            "iat": expires - LIFETIME,
            "exp": expires,
            "jti": uuid4().hex,
        } | more
        if scope is not None:
            claims["scope"] = scope
        self.issued.append(claims)
        return jwt.encode(claims, self._key, algorithm="EdDSA", headers={"typ": "at+jwt", "kid": self._kid})

    @property
    def app(self) -> Starlette:
        """What is served."""
        return Starlette(
            routes=[
                Route("/.well-known/oauth-authorization-server/auth", self._metadata),
                Route("/auth/jwks", self._jwks),
                Route("/auth/register", self._register, methods=["POST"]),
                Route("/auth/authorize", self._authorize),
                Route("/auth/token", self._token, methods=["POST"]),
            ],
            exception_handlers={_RefusedError: _refuse},
        )

    async def _metadata(self, _: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "registration_endpoint": f"{self.issuer}/register",
                "jwks_uri": self.jwks_url,
                "scopes_supported": [*SCOPES],
                "response_types_supported": ["code"],
                "grant_types_supported": ["authorization_code", "refresh_token"],
                "token_endpoint_auth_methods_supported": ["none"],
                "code_challenge_methods_supported": ["S256"],
                "authorization_response_iss_parameter_supported": True,
            }
        )

    async def _jwks(self, _: Request) -> Response:
        public = OKPAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return JSONResponse({"keys": [public | {"kid": self._kid, "alg": "EdDSA"}]})

    async def _register(self, request: Request) -> Response:
        wanted: Json = await request.json()
        uris = wanted.get("redirect_uris") or []
        if not uris or any(urlsplit(uri).hostname != "127.0.0.1" for uri in uris):
            raise _RefusedError("invalid_redirect_uri")
        client_id = uuid4().hex
        self._clients[client_id] = wanted | {"client_id": client_id, "token_endpoint_auth_method": "none"}
        return JSONResponse(self._clients[client_id], 201)

    async def _authorize(self, request: Request) -> Response:
        asked = _fields(request.url.query)
        person = self._people[request.cookies["session"]]
        client = self._clients.get(asked.get("client_id", ""))
        if client is None or asked.get("redirect_uri") not in client["redirect_uris"]:
            raise _RefusedError("invalid_client")
        if asked.get("response_type") != "code" or asked.get("code_challenge_method") != "S256":
            raise _RefusedError("invalid_request")
        if len(asked.get("code_challenge", "")) != 43 or not asked.get("state"):
            raise _RefusedError("invalid_request")
        if not asked.get("resource"):
            raise _RefusedError("invalid_target")
        scopes = asked.get("scope", "").split()
        if not scopes or not {*scopes} <= {*SCOPES} & {*client.get("scope", " ".join(SCOPES)).split()}:
            raise _RefusedError("invalid_scope")  # a client gets no more than it registered for
        person.asked.append(asked)
        code = secrets.token_urlsafe()
        self._codes[code] = _Grant(
            client["client_id"],
            person.subject,
            " ".join(scope for scope in scopes if scope in person.approves),
            asked["resource"],
            asked["redirect_uri"],
            asked["code_challenge"],
        )
        back = {"code": code, "state": asked["state"], "iss": self.issuer}
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(back)}", 302)

    async def _token(self, request: Request) -> Response:
        asked = _fields((await request.body()).decode())
        if asked.get("grant_type") == "authorization_code":
            grant = self._codes.pop(asked.get("code", ""), None)
            digest = hashlib.sha256(asked.get("code_verifier", "").encode()).digest()
            challenge = urlsafe_b64encode(digest).rstrip(b"=").decode()
            if grant is None or challenge != grant.code_challenge or asked.get("redirect_uri") != grant.redirect_uri:
                raise _RefusedError("invalid_grant")
        elif asked.get("grant_type") == "refresh_token":
            grant = self._refresh_tokens.pop(asked.get("refresh_token", ""), None)
            if grant is None:
                raise _RefusedError("invalid_grant")
            self.refreshed.append(asked)
        else:
            raise _RefusedError("unsupported_grant_type")
        if asked.get("client_id") != grant.client_id:
            raise _RefusedError("invalid_client")
        if asked.get("resource") != grant.resource:
            raise _RefusedError("invalid_target")
        refresh_token = secrets.token_urlsafe()
        self._refresh_tokens[refresh_token] = replace(grant, code_challenge="")
        token = self.access_token(grant.resource, grant.scope, grant.subject, client_id=grant.client_id)
        told = {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": LIFETIME,
            "scope": grant.scope,
            "refresh_token": refresh_token,
        }
        return JSONResponse(told, headers={"Cache-Control": "no-store"})


def _fields(encoded: str) -> dict[str, str]:
    """The fields of a form or a query, none of them twice."""
    pairs = parse_qsl(encoded, keep_blank_values=True, strict_parsing=True)
    if len(dict(pairs)) != len(pairs):
        raise _RefusedError("invalid_request")
    return dict(pairs)


async def _refuse(_: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 400, {"Cache-Control": "no-store"})


class _Uvicorn(uvicorn.Server):
    """Leaves signals to pytest, and says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listens = asyncio.Event()

    def capture_signals(self) -> AbstractContextManager[None]:
        return nullcontext()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listens.set()


@asynccontextmanager
async def serving() -> AsyncIterator[AuthorizationServer]:
    """An authorization server on a free port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = AuthorizationServer(f"http://127.0.0.1:{listener.getsockname()[1]}")
        uvicorn_server = _Uvicorn(uvicorn.Config(server.app, log_config=None, log_level="warning", lifespan="off"))
        running = asyncio.create_task(uvicorn_server.serve([listener]))
        await asyncio.wait_for(uvicorn_server.listens.wait(), 10)
        try:
            yield server
        finally:
            uvicorn_server.should_exit = True
            await running
