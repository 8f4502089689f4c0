"""One ASGI application: REST, MCP and health on one port, over one core."""

from __future__ import annotations

import gc
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final, Literal

import anyio
from fastapi import FastAPI
from starlette.routing import Route
from starlette.types import ASGIApp

from mcp_server.http import PATH as MCP_PATH
from mcp_server.http import McpEndpoint
from mcp_server.server import TodoServer
from rest_api.app import create_app
from rest_api.routing import MAX_BODY_BYTES
from todo_app import VERSION
from todo_app.requests import RequestContext
from todo_core.core import Core
from todo_core.identity import bearer_token, client_name
from todo_core.operation import Caller
from todo_core.retention import keep_purging
from todo_core.settings import ConfigurationError, Settings

Only = Literal["rest", "mcp"]
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
        if not self.is_loopback and not settings.allowed_hosts:
            raise ConfigurationError(
                f"TODO_ALLOWED_HOSTS is required to serve on {self.host}: name each host:port that clients use"
            )
        return [*(f"{name}:{self.port}" for name in _LOOPBACK), *settings.allowed_hosts]


def build(settings: Settings, database_url: str, address: Address, only: Only | None = None) -> FastAPI:
    """The application, ready for an ASGI server.

    Args:
        settings: The configuration.
        database_url: A migrated database.
        address: Where it will be served.
        only: Serve just one face.

    Raises:
        ConfigurationError: The address needs `TODO_ALLOWED_HOSTS`.
    """
    hosts = address.hosts(settings)
    core: Core | None = None

    async def authenticate(headers: Mapping[str, str]) -> Caller:
        assert core is not None  # the lifespan has begun
        principal = await core.identity.authenticate(bearer_token(headers.get("authorization")))
        return Caller(core, principal, "mcp", client_name(headers.get("user-agent")))

    endpoint = McpEndpoint(
        TodoServer(VERSION),
        authenticate,
        allowed_hosts=hosts,
        allowed_origins=[*(f"http://{host}" for host in hosts), *settings.cors_origins],
        max_body_bytes=MAX_BODY_BYTES,
    )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        nonlocal core
        async with AsyncExitStack() as stack:
            core = app.state.core = await stack.enter_async_context(Core.open(settings, database_url))
            await stack.enter_async_context(endpoint.run())
            tasks = await stack.enter_async_context(anyio.create_task_group())
            tasks.start_soon(keep_purging, core)
            # What was made until here stays: the collector need not look at it again and again.
            gc.collect()
            gc.freeze()
            yield
            tasks.cancel_scope.cancel()

    app = create_app(settings, lifespan, with_features=only != "mcp")
    if only != "rest":
        app.router.routes.insert(0, Route(MCP_PATH, endpoint=endpoint))
    layers = app.build_middleware_stack
    debug = settings.log_level == "debug"

    def outermost() -> ASGIApp:
        whole = layers()
        return RequestContext(whole, whole if settings.cors_origins else app.router, debug=debug)

    app.build_middleware_stack = outermost  # type: ignore[method-assign]  # also around FastAPI's own layers
    return app
