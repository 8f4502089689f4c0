"""Read connection strings, as people paste them, for asyncpg."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from todo_core.settings import Settings


def asyncpg_dsn(url: str) -> str:
    """Return a connection string as asyncpg takes it: with the scheme `postgresql`, without `channel_binding`.

    Neon adds `channel_binding=require`, which asyncpg would send to the server as a setting.
    """
    parts = urlsplit(url)
    options = parse_qsl(parts.query, keep_blank_values=True)
    query = [(name, value) for name, value in options if name != "channel_binding"]
    return urlunsplit(parts._replace(scheme="postgresql", query=urlencode(query)))


def is_behind_pooler(settings: Settings, dsn: str) -> bool:
    """Return whether a transaction pooler, such as PgBouncer, shares our connections with other clients.

    With `TODO_DATABASE_POOLER=auto` the host's name decides: Neon's poolers have `-pooler` in it.
    """
    if settings.database_pooler == "auto":
        return "-pooler" in (urlsplit(dsn).hostname or "")
    return settings.database_pooler == "on"
