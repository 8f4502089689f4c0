"""Read connection strings, as people paste them, for asyncpg."""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from todo_core.settings import Settings


def asyncpg_dsn(url: str) -> str:
    """Return a connection string as asyncpg takes it: with the scheme `postgresql`, without `channel_binding`.

    Neon adds `channel_binding=require`, which asyncpg would send to the server as a setting.
    """
    parts = urlsplit(url)
    options = parse_qsl(parts.query, keep_blank_values=True)
    query = [(name, value) for name, value in options if name != "channel_binding"]
    return urlunsplit(parts._replace(scheme="postgresql", query=urlencode(query)))


def described(url: str) -> str:
    """Return in words where a connection string leads, without its user and password."""
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    host = options.get("host") or parts.hostname
    name = unquote(parts.path.lstrip("/")) or options.get("dbname") or options.get("database")
    database = "the default database" if name is None else f"the database {name!r}"
    return f"{database} on {'the default host' if host is None else repr(host)}"


def is_behind_pooler(settings: Settings, dsn: str) -> bool:
    """Return whether a transaction pooler, such as PgBouncer, shares our connections with other clients.

    With `TODO_DATABASE_POOLER=auto` the host's name decides: Neon's poolers have `-pooler` in it.
    """
    if settings.database_pooler == "auto":
        return "-pooler" in (urlsplit(dsn).hostname or "")
    return settings.database_pooler == "on"
