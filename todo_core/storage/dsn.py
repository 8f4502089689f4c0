"""Connection strings, as people paste them and as asyncpg takes them."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from todo_core.settings import Settings


def asyncpg_dsn(url: str) -> str:
    """A connection string as asyncpg takes it.

    Neon adds `channel_binding=require`, which asyncpg would send to the server as a setting.
    """
    parts = urlsplit(url)
    given = parse_qsl(parts.query, keep_blank_values=True)
    query = [(name, value) for name, value in given if name != "channel_binding"]
    return urlunsplit(parts._replace(scheme="postgresql", query=urlencode(query)))


def is_behind_pooler(settings: Settings, dsn: str) -> bool:
    """Whether connections are shared with other clients, transaction by transaction, as PgBouncer does."""
    if settings.database_pooler == "auto":
        return "-pooler" in (urlsplit(dsn).hostname or "")
    return settings.database_pooler == "on"
