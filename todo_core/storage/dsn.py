"""Give connection strings, as people paste them, to asyncpg and to PostgreSQL's own programs."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from todo_core.connection_strings import hosts, trusts_system
from todo_core.settings import Settings

CONNECT_SECONDS: Final = 10.0
"""How long a connection may take where the string has no `connect_timeout`."""

_OURS: Final = frozenset(
    {"channel_binding", "client_encoding", "gssencmode", "load_balance_hosts", "sslcompression", "sslsni", "pgbouncer"}
    | {"connect_timeout", "fallback_application_name"}
)
"""Parameters that asyncpg would send to the server as settings of it."""


def connection_options(url: str) -> dict[str, Any]:
    """Return a connection string as keyword arguments of `asyncpg.connect`: `dsn`, `timeout` in seconds, and `ssl`.

    Raises:
        OSError: A file of a client certificate cannot be read.
    """
    options = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
    taken: dict[str, Any] = {"dsn": _without(url, _OURS), "timeout": _timeout(options)}
    if trusts_system(options):
        taken |= {"dsn": _without(url, _OURS | {"sslrootcert", "sslmode"}), "ssl": _system_trust(options)}
    return taken


def libpq_url(url: str) -> str:
    """Return a connection string as PostgreSQL's own programs take it."""
    return _without(url, frozenset({"pgbouncer"}))


def application_name(url: str) -> str:
    """Return how connections for requests call themselves."""
    options = dict(parse_qsl(urlsplit(url).query))
    return options.get("application_name") or options.get("fallback_application_name") or "todo-mcp"


def _without(url: str, names: frozenset[str]) -> str:
    """Return a connection string with the scheme `postgresql`, without some parameters."""
    parts = urlsplit(url)
    options = parse_qsl(parts.query, keep_blank_values=True)
    query = [(name, value) for name, value in options if name not in names]
    path = "" if parts.path == "/" else parts.path  # to asyncpg a database without a name
    # Of a string without a host, as in `postgresql:///todo`, urlunsplit would leave out the slashes.
    return f"postgresql://{parts.netloc}{path}{'?' if query else ''}{urlencode(query)}"


def _timeout(options: Mapping[str, str]) -> float:
    """Return how many seconds a connection may take. As libpq has it, 0 and less are no limit: here, the usual one."""
    seconds = int(options.get("connect_timeout") or 0)
    return float(max(seconds, 2)) if seconds > 0 else CONNECT_SECONDS


def _system_trust(options: Mapping[str, str]) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if certificate := options.get("sslcert"):
        context.load_cert_chain(certificate, options.get("sslkey"), lambda: options.get("sslpassword", ""))
    for name, limit in (
        ("ssl_min_protocol_version", "minimum_version"),
        ("ssl_max_protocol_version", "maximum_version"),
    ):
        if name in options:
            setattr(context, limit, ssl.TLSVersion[options[name].replace(".", "_")])
    return context


def described(url: str) -> str:
    """Return in words where a connection string leads, without its user and password."""
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    host = options.get("host") or ",".join(host for host, _ in hosts(url) if host)
    name = unquote(parts.path.lstrip("/")) or options.get("dbname") or options.get("database")
    database = "the default database" if name is None else f"the database {name!r}"
    return f"{database} on {repr(host) if host else 'the default host'}"


def is_behind_pooler(settings: Settings, url: str) -> bool:
    """Return whether a transaction pooler, such as PgBouncer, shares our connections with other clients.

    With `TODO_DATABASE_POOLER=auto` the string decides: Neon's poolers have `-pooler` in the host's name, and Prisma's
    strings say `pgbouncer=true`.
    """
    if settings.database_pooler == "auto":
        says_so = dict(parse_qsl(urlsplit(url).query)).get("pgbouncer") == "true"
        return says_so or any("-pooler" in host for host, _ in hosts(url))
    return settings.database_pooler == "on"
