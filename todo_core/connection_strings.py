"""Check connection strings as people paste them: which parameters work here, and what to write in place of others.

They are libpq's URIs (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS): several hosts,
each with its port, and parameters. How asyncpg is given them: `todo_core.storage.dsn`.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

_SCHEMES: Final = frozenset({"postgresql", "postgres", "postgresql+asyncpg"})
_SSL_MODES: Final = frozenset({"disable", "allow", "prefer", "require", "verify-ca", "verify-full"})
_TLS_VERSIONS: Final = frozenset({"TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"})
_TEXT: Final = frozenset(
    {"host", "port", "dbname", "database", "user", "password", "passfile", "service", "options"}
    | {"sslcert", "sslkey", "sslpassword", "sslrootcert", "sslcrl", "krbsrvname", "gsslib"}
    | {"application_name", "fallback_application_name"}
)
"""Parameters with any value. `options` and `application_name` are the server's, the others asyncpg's."""
_CHOICES: Final[Mapping[str, frozenset[str]]] = {
    "sslmode": _SSL_MODES,
    "sslnegotiation": frozenset({"postgres", "direct"}),
    "ssl_min_protocol_version": _TLS_VERSIONS,
    "ssl_max_protocol_version": _TLS_VERSIONS,
    "target_session_attrs": frozenset({"any", "read-write", "primary"}),
    # Neon's strings require it, and asyncpg has none. Without it whoever has the server's certificate may listen.
    "channel_binding": frozenset({"disable", "prefer", "require"}),
    # All that asyncpg does without being told.
    "client_encoding": frozenset({"auto", "utf8", "utf-8", "unicode", "UTF8", "UTF-8"}),
    "gssencmode": frozenset({"disable", "prefer"}),
    "load_balance_hosts": frozenset({"disable"}),
    "sslcompression": frozenset({"0"}),
    "sslsni": frozenset({"1"}),
    # Prisma's word for a pooler of transactions.
    "pgbouncer": frozenset({"true", "false"}),
}
"""Parameters with some values that work."""
_DEAD_CONNECTIONS: Final = (
    "has no use here: a connection that does not answer is given up after TODO_DATABASE_TIMEOUT. Leave it out"
)
_NO_USE: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        ("keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout"),
        _DEAD_CONNECTIONS,
    ),
    "hostaddr": "cannot be used; give the address as the host",
    "ssl": "cannot be used; write sslmode=require",
    "schema": "cannot be used; todos are in the schema public. Leave it out",
    "connection_limit": "cannot be used; set TODO_DATABASE_POOL_SIZE",
    "pool_timeout": "cannot be used; set TODO_DATABASE_TIMEOUT",
    "statement_timeout": "cannot be used; set TODO_DATABASE_TIMEOUT",
    "replication": "cannot be used. Leave it out",
}
"""Parameters that do not work, and what to do instead."""
_UNSUPPORTED: Final = frozenset(
    {"gssdelegation", "krblevel", "max_protocol_version", "min_protocol_version", "oauth_client_id", "requiressl"}
    | {"oauth_client_secret", "oauth_issuer", "oauth_scope", "require_auth", "requirepeer", "scram_client_key"}
    | {"scram_server_key", "servicefile", "sslcertmode", "sslcrldir", "sslkeylogfile"}
)
"""Further parameters of libpq."""


def check(url: str) -> None:
    """Refuse a connection string that cannot work. No message has anything of it but names of known parameters.

    Raises:
        ValueError: What is wrong, and what to do.
    """
    try:
        parts, ports = urlsplit(url), [port for _, port in hosts(url)]
    except ValueError:
        raise ValueError("is not a connection string") from None
    if parts.scheme not in _SCHEMES:
        raise ValueError("must start with postgresql://")
    if parts.netloc.count("@") > 1:  # what follows the first one is the host, to all programs
        raise ValueError("has an `@` in the user or the password; write it as %40")
    if "\0" in unquote(url):
        raise ValueError("is not a connection string")
    if parts.fragment:
        raise ValueError("has a `#`; write it as %23")
    options = parse_qsl(parts.query, keep_blank_values=True)
    for place, (name, value) in enumerate(options, start=1):
        _check_parameter(place, name, value)
    _require_once([name for name, _ in options])
    given = dict(options)
    ports += given.get("port", "").split(",")
    if not all(port == "" or (re.fullmatch(r"[0-9]{1,5}", port) and 0 < int(port) < 65536) for port in ports):
        raise ValueError("is not a connection string: a port must be a number from 1 to 65535")
    _check_beside(parts, given)
    if trusts_system(given) and given.get("sslmode", "verify-full") != "verify-full":
        raise ValueError("needs sslmode=verify-full with sslrootcert=system")


def _require_once(names: Sequence[str]) -> None:
    """Refuse a parameter that stands twice, under whichever name: which of them counts differs by program."""
    times = Counter({"database": "dbname"}.get(name, name) for name in names)
    for name, number in times.items():
        if number > 1:
            raise ValueError(f"has the parameter `{name}` {number} times; write it once")


def _check_beside(parts: SplitResult, given: Mapping[str, str]) -> None:
    """Refuse a parameter that says anew what stands before the `?`: to libpq it counts, and asyncpg passes it over."""
    user, _, host = parts.netloc.rpartition("@")
    name, _, password = user.partition(":")
    before = {"host": host, "port": host, "user": name, "password": password}
    before |= dict.fromkeys(("dbname", "database"), parts.path.lstrip("/"))
    for parameter, value in given.items():
        if value and before.get(parameter):
            raise ValueError(
                f"has the parameter `{parameter}`, which belongs before the `?` here; write it there alone"
            )


def _check_parameter(place: int, name: str, value: str) -> None:
    if name in _NO_USE:
        raise ValueError(f"has the parameter `{name}`, which {_NO_USE[name]}")
    if name in _UNSUPPORTED:
        raise ValueError(f"has the parameter `{name}`, which cannot be used. Leave it out")
    if name == "connect_timeout":
        if not re.fullmatch(r"-?[0-9]{1,6}", value):
            raise ValueError("needs whole seconds as `connect_timeout`")
    elif name in _CHOICES:
        if value not in _CHOICES[name]:
            known = ", ".join(sorted(_CHOICES[name]))
            raise ValueError(f"has the parameter `{name}`, which takes {known} here")
    elif name not in _TEXT:
        raise ValueError(
            f"has no known parameter at place {place} after the `?`. Leave it out; PostgreSQL's settings are written as"
            " options=-c%20name%3Dvalue, and a `?`, `&` or `#` of a password as %3F, %26 or %23"
        )


def hosts(url: str) -> list[tuple[str, str]]:
    """Return each host with its port, which may be empty.

    Raises:
        ValueError: An address in brackets is not closed.
    """
    found = []
    for one in urlsplit(url).netloc.rpartition("@")[2].split(","):
        if one.startswith("["):
            host, bracket, rest = one[1:].partition("]")
            if not bracket or (rest and not rest.startswith(":")):
                raise ValueError
            found.append((host, rest[1:]))
        else:
            host, _, port = one.partition(":")
            found.append((unquote(host), unquote(port)))
    return found


def trusts_system(options: Mapping[str, str]) -> bool:
    """Return whether the certificates that the system trusts are to be trusted, as libpq does since version 16."""
    return options.get("sslrootcert", os.environ.get("PGSSLROOTCERT")) == "system"
