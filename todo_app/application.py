"""One ASGI application: REST, MCP and health on one port, over one core."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import anyio
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from http_edge import problems
from http_edge.entrance import Entrance
from http_edge.exchange import Exchange
from http_edge.negotiation import takes_gzip
from http_edge.origins import Origins, let_in
from http_edge.requests import HEALTH, RequestContext, Watcher, path_below
from http_edge.strangers import Strangers
from mcp_server import metadata
from mcp_server.http import PATH as MCP_PATH
from mcp_server.http import McpEndpoint
from mcp_server.sdk import OpenMessage
from mcp_server.server import TodoServer
from rest_api.app import RestApi, create_app
from rest_api.running import DirectRoute
from todo_app.address import LOOPBACK, Address, Only
from todo_app.routing import Routes
from todo_core import __version__
from todo_core.core import Core, utc_now
from todo_core.errors import TodoError
from todo_core.hooks import NONE, Hooks
from todo_core.log import structlog
from todo_core.notations import parse_networks
from todo_core.settings import Settings

if TYPE_CHECKING:
    from fastapi import FastAPI

_OPEN: Final = "/.well-known/"
"""What is here answers pages of any origin, by headers of its own (`mcp_server.metadata`)."""
_COMPRESSED: Final = 1024
"""Bytes from which on an answer is compressed."""
_LEVEL: Final = 5
"""How hard zlib tries: 9 takes up to thrice the time of 5 and saves next to nothing more (decision 34)."""
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Watch:
    """Who looks on while the application works: the log, metrics, traces."""

    watchers: Sequence[Watcher] = ()
    """Are told of each request that has its answer."""
    around: Callable[[ASGIApp], ASGIApp] | None = None
    """Returns an application in which each request is watched from its begin."""
    message: OpenMessage | None = None
    """Is opened around each message of MCP."""
    hooks: Hooks = NONE
    """Are called by the core."""
    samples: Sequence[Callable[[Core], Coroutine[None, None, None]]] = ()
    """Run as long as the application does."""


NOTHING: Final = Watch()
"""Nobody looks on."""


class Application:
    """The whole service as one ASGI application, which puts its layers in order.

    A request passes proxy headers, if a proxy is trusted; the request's context; compression, if the client takes it;
    CORS, if pages of other origins may call; the check of its Host; and then the route of its address. MCP and the
    routes of the REST API are called directly. FastAPI serves everything else: its documents, health, and unknown
    addresses. Its own layers serve what no route of ours uses (generator dependencies, uploads), and cost a tenth of a
    look-up.

    MCP and the routes look at the caller's token first. What looks at none counts for the address that it comes from,
    except what whoever watches the service asks for. Answers to those without an accepted token leave one at a time.
    """

    def __init__(
        self,
        settings: Settings,
        api: RestApi,
        hosts: Sequence[str],
        mcp: Sequence[Route] = (),
        watch: Watch = NOTHING,
    ) -> None:
        """Put the layers around each other.

        Args:
            settings: Which proxies and origins there are.
            api: The REST API; its lifespan is that of the application.
            hosts: Values of the Host header, all of it, in whatever case.
            mcp: The route of MCP, if it is served.
            watch: Who looks on.
        """
        self.api = api
        self._strangers = api.state.strangers = Strangers(settings.address_limit)
        entrance = api.state.entrance = Entrance()
        self._hosts = frozenset(host.lower().encode() for host in hosts)
        direct = [*mcp, *(route for route in api.routes if isinstance(route, DirectRoute))]
        self.routes: Final = [*direct, *(route for route in api.routes if not isinstance(route, DirectRoute))]
        self._router = Routes(direct, default=self._serve_anybody)
        origins = Origins(settings.cors_origins)
        self._for_pages = let_in(origins, self._route) if origins else self._route
        self._inner = self._let_in if origins else self._route
        self._compressing = GZipMiddleware(self._inner, minimum_size=_COMPRESSED, compresslevel=_LEVEL)
        self._layers: ASGIApp = RequestContext(self._encode, settings, entrance, watch.watchers)
        if watch.around is not None:
            self._layers = watch.around(self._layers)
        if settings.trusted_proxies:
            proxies = [str(network) for network in parse_networks(settings.trusted_proxies)]
            self._layers = ProxyHeadersMiddleware(self._layers, proxies)  # type: ignore[arg-type, assignment]

    @property
    def core(self) -> Core:
        """Return the core; there is one only while the application runs."""
        core: Core = self.api.state.core
        return core

    def end_streams(self) -> None:
        """End every answer that would last as long as its client wants: the process ends."""
        if (core := getattr(self.api.state, "core", None)) is not None:
            core.live.close()

    def running(self) -> AbstractAsyncContextManager[Any]:
        """Run the application while the block lasts, for a caller without an ASGI server, such as a test."""
        return self.api.router.lifespan_context(self.api)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await (self.api if scope["type"] == "lifespan" else self._layers)(scope, receive, send)

    # A layer that only chooses the next one is no coroutine itself: it returns that of the next.

    def _encode(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Compress what is large, for a client that takes it (RFC 9110 §12.5.3)."""
        return (self._compressing if takes_gzip(Exchange.of(scope).fields) else self._inner)(scope, receive, send)

    def _let_in(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Let pages of other origins call; not for a host that is not ours, as the layer answers preflights itself."""
        is_for_pages = self._is_our_host(scope) and not path_below(scope).startswith(_OPEN)
        return (self._for_pages if is_for_pages else self._route)(scope, receive, send)

    async def _route(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"] = self.api
        serve = self.api if path_below(scope) in HEALTH else self._serve
        try:
            await serve(scope, receive, send)
        except (TodoError, HTTPException) as error:
            response = problems.refuse(error, scope, self.routes)
            if response.status_code >= 400:
                Exchange.of(scope).note(error)
            await response(scope, receive, send)
        except Exception as error:  # here, for a page to be told, too
            exchange = Exchange.of(scope)
            exchange.note(error)
            if exchange.status is not None:  # the answer has begun
                raise
            await problems.crash(error)(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request at an address that is not health's.

        Raises:
            HTTPException: It names another host (421), has a slash inside of a segment, which no address has (404), a
                method that there is none of (405), or comes from a page that may not call MCP (403).
            TooManyRequests: The address sent too many without a token.
        """
        try:
            self._require_host(scope)
            _require_segments(scope)
            await self._router(scope, receive, send)
        except HTTPException:  # before anybody looked at the token
            self._strangers.charge(scope)
            raise

    def _require_host(self, scope: Scope) -> None:
        """Refuse a request to another host: one of a page that rebinds its name (421)."""
        if not self._is_our_host(scope):
            _log.info("host_refused")
            raise HTTPException(421)

    def _is_our_host(self, scope: Scope) -> bool:
        host = Exchange.of(scope).fields.only(b"host")
        return host is not None and host.lower() in self._hosts  # RFC 9110 §4.2.3: in whatever case

    async def _serve_anybody(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve what needs no token, and addresses where nothing is.

        Raises:
            TooManyRequests: The address sent too many without a token.
        """
        self._strangers.charge(scope)
        await self.api(scope, receive, send)


def _require_segments(scope: Scope) -> None:
    """Refuse an encoded slash (404): it separates nothing (RFC 3986 §2.2), though it does in `path`."""
    if b"%2f" in scope.get("raw_path", b"").lower():
        raise HTTPException(404)


def _origins(settings: Settings, address: Address) -> Origins:
    """Return the origins from which pages may call MCP: those of this server's own names, and `cors_origins`."""
    own = [f"http://{name}:{address.port}" for name in LOOPBACK]
    own += [f"{scheme}://{host}" for host in settings.allowed_hosts for scheme in ("https", "http")]
    own += [settings.public_url] if settings.public_url is not None else []
    return Origins([*own, *settings.cors_origins])


def build(
    settings: Settings,
    database_url: str,
    address: Address,
    only: Only | None = None,
    *,
    clock: Callable[[], datetime] = utc_now,
    watch: Watch = NOTHING,
    streams: int | None = None,
) -> Application:
    """Make the application, ready for an ASGI server.

    Args:
        settings: The configuration.
        database_url: A migrated database.
        address: Where it will be served.
        only: Serve just one face.
        clock: Returns the present moment, with a time zone.
        watch: What is measured and traced.
        streams: Most answers without an end (server-sent events) at once; None for the default.

    Raises:
        ConfigurationError: The address needs `TODO_PUBLIC_URL`, or `TODO_MCP_WITHOUT` names no tool.
    """
    hosts = address.hosts(settings)
    servers = [issuer.issuer for issuer in settings.trusted_issuers if issuer.authorization_server]
    endpoint = McpEndpoint(
        TodoServer(__version__, without=settings.mcp_without, message=watch.message),
        origins=_origins(settings, address),
        metadata_url=metadata.metadata_url(settings.public_url) if settings.public_url and servers else None,
    )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            core = app.state.core = await stack.enter_async_context(
                Core.open(settings, database_url, clock=clock, hooks=watch.hooks)
            )
            core.live.most = core.live.most if streams is None else streams
            await stack.enter_async_context(endpoint.run())
            tasks = await stack.enter_async_context(anyio.create_task_group())
            tasks.start_soon(core.purges.run)
            for sample in watch.samples:
                tasks.start_soon(sample, core)
            _log.info("worker_started", pid=os.getpid(), version=__version__)
            yield
            tasks.cancel_scope.cancel()
        _log.info("worker_stopped", pid=os.getpid())

    api = create_app(lifespan, with_features=only != "mcp")
    if only == "rest":
        return Application(settings, api, hosts, watch=watch)
    # Without sessions a GET would stay open for ever and a DELETE has nothing to end.
    mcp = [Route(path, endpoint=endpoint, methods=["POST"]) for path in (MCP_PATH, MCP_PATH + "/")]
    if settings.resource is not None and servers:
        api.router.routes += metadata.routes(settings.resource, servers)
    return Application(settings, api, hosts, mcp, watch)
