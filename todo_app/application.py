"""One ASGI application: REST, MCP and health on one port, over one core."""

from __future__ import annotations

import gc
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from urllib.parse import urlsplit

import anyio
from fastapi import FastAPI
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import ASGIApp
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from http_edge.credentials import authenticate
from http_edge.requests import RequestContext
from mcp_server import metadata
from mcp_server.http import PATH as MCP_PATH
from mcp_server.http import McpEndpoint
from mcp_server.server import TodoServer
from rest_api.app import create_app
from todo_core import __version__
from todo_core.boundary.operation import Caller
from todo_core.core import Core, utc_now
from todo_core.notations import parse_networks
from todo_core.settings import ConfigurationError, Settings

Only = Literal["rest", "mcp"]
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_LOOPBACK: Final = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True, slots=True)
class Address:
    """Where the server listens."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        return self.host in ("127.0.0.1", "localhost", "::1")

    def is_free(self) -> bool:
        """Whether nobody listens there yet."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self.host, self.port))
            except OSError:
                return False
        return True

    def url(self, path: str = "") -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}{path}"

    def hosts(self, settings: Settings) -> list[str]:
        """Host header values that MCP accepts, exactly (a DNS-rebinding guard).

        Raises:
            ConfigurationError: A public address needs them named.
        """
        if not self.is_loopback and not settings.allowed_hosts and settings.public_url is None:
            raise ConfigurationError(
                f"TODO_PUBLIC_URL is required to serve on {self.host}: the URL that clients use"
                " (or TODO_ALLOWED_HOSTS: each host:port that they use)"
            )
        return [*(f"{name}:{self.port}" for name in _LOOPBACK), *_public_host(settings), *settings.allowed_hosts]


def _public_host(settings: Settings) -> list[str]:
    """The Host values that name the public URL; the scheme's own port may be left out."""
    if settings.public_url is None:
        return []
    parts = urlsplit(settings.public_url)
    return [parts.netloc] if parts.port else [parts.netloc, f"{parts.netloc}:{_DEFAULT_PORTS[parts.scheme]}"]


def build(
    settings: Settings,
    database_url: str,
    address: Address,
    only: Only | None = None,
    *,
    clock: Callable[[], datetime] = utc_now,
) -> FastAPI:
    """The application, ready for an ASGI server.

    Args:
        settings: The configuration.
        database_url: A migrated database.
        address: Where it will be served.
        only: Serve just one face.
        clock: Gives the present moment, with a time zone.

    Raises:
        ConfigurationError: The address needs `TODO_PUBLIC_URL`.
    """
    hosts = address.hosts(settings)
    servers = [issuer.issuer for issuer in settings.trusted_issuers if issuer.authorization_server]
    origins = [f"http://{name}:{address.port}" for name in _LOOPBACK]
    origins += [f"{scheme}://{host}" for host in settings.allowed_hosts for scheme in ("https", "http")]
    origins += [settings.public_url] if settings.public_url is not None else []
    core: Core | None = None

    async def identify(request: Request) -> Caller:
        assert core is not None  # the lifespan has begun
        return await authenticate(request, core, "mcp")

    endpoint = McpEndpoint(
        TodoServer(__version__),
        identify,
        allowed_hosts=hosts,
        allowed_origins=[*origins, *settings.cors_origins],
        metadata_url=metadata.metadata_url(settings.public_url) if settings.public_url and servers else None,
    )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        nonlocal core
        async with AsyncExitStack() as stack:
            core = app.state.core = await stack.enter_async_context(Core.open(settings, database_url, clock=clock))
            await stack.enter_async_context(endpoint.run())
            tasks = await stack.enter_async_context(anyio.create_task_group())
            tasks.start_soon(core.purges.run)
            # What was made until here stays: the collector need not look at it again and again.
            gc.collect()
            gc.freeze()
            yield
            tasks.cancel_scope.cancel()

    app = create_app(settings, lifespan, with_features=only != "mcp")
    if only != "rest":
        app.router.routes.insert(0, Route(MCP_PATH, endpoint=endpoint))
        if settings.resource is not None and servers:
            app.router.routes.extend(metadata.routes(settings.resource, servers))
    layers = app.build_middleware_stack

    def outermost() -> ASGIApp:
        context = RequestContext(layers(), app.router, settings)
        if not settings.trusted_proxies:
            return context
        proxies = [str(network) for network in parse_networks(settings.trusted_proxies)]
        return ProxyHeadersMiddleware(context, proxies)  # type: ignore[arg-type, return-value]

    app.build_middleware_stack = outermost  # type: ignore[method-assign]  # also around FastAPI's own layers
    return app
