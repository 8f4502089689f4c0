"""Where the program listens, and what it serves there."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import urlsplit

from todo_core.settings import ConfigurationError, Settings

Only = Literal["rest", "mcp"]
"""The one face to serve."""
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
LOOPBACK: Final = ("127.0.0.1", "localhost", "[::1]")
"""The names of this machine for itself."""


@dataclass(frozen=True, slots=True)
class Address:
    """The host and the port on which the server listens."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Return whether only this machine reaches the address."""
        return self.host in ("127.0.0.1", "localhost", "::1")

    def is_free(self) -> bool:
        """Return whether nobody listens on the address yet."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self.host, self.port))
            except OSError:
                return False
        return True

    def url(self, path: str = "") -> str:
        """Return the URL of a path there."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}{path}"

    def hosts(self, settings: Settings) -> list[str]:
        """Return the values of the Host header that are accepted, a guard against DNS rebinding.

        Raises:
            ConfigurationError: The address is public, and the configuration names no host.
        """
        if not self.is_loopback and not settings.allowed_hosts and settings.public_url is None:
            raise ConfigurationError(
                f"TODO_PUBLIC_URL is required to serve on {self.host}: the URL that clients use"
                " (or TODO_ALLOWED_HOSTS: each host:port that they use)"
            )
        local = [f"{name}:{self.port}" for name in LOOPBACK]
        if self.port == _DEFAULT_PORTS["http"]:  # clients leave it out (RFC 9110 §4.2.3)
            local += LOOPBACK
        return [*local, *_public_host(settings), *settings.allowed_hosts]


def _public_host(settings: Settings) -> list[str]:
    """Return the values of the Host header for the public URL; clients may leave out the scheme's own port."""
    if settings.public_url is None:
        return []
    parts = urlsplit(settings.public_url)
    return [parts.netloc] if parts.port else [parts.netloc, f"{parts.netloc}:{_DEFAULT_PORTS[parts.scheme]}"]
