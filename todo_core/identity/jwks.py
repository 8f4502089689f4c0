"""Find the key that verifies a JWT: a shared secret, or one of a key set on the network (RFC 7517).

PyJWT's own client blocks the event loop, fetches under a lock and forgets its keys when the
endpoint is down. This one fetches once for all requests that wait, keeps its keys through an
outage, and cannot be made to flood the endpoint (`docs/decisions/0010-issuers-and-keys.md`).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol, cast
from urllib.parse import urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from todo_core.errors import Unavailable
from todo_core.identity.issuers import Algorithm, is_loopback
from todo_core.log import structlog
from todo_core.text.json_text import strict_json

FRESH: Final = 300.0
"""Seconds after which a key set is fetched again, in the background."""
KEPT: Final = 4 * 3600.0
"""Seconds for which keys serve while their URL cannot be reached."""
COOLDOWN: Final = 10.0
"""Least seconds between the starts of two fetches, so that unknown key ids cannot flood the URL. A new key is known
within this time."""
COOLDOWN_WITHOUT_KEYS: Final = 1.0
"""The same in seconds, while there is no key that serves."""
TIMEOUT: Final = 3.0
"""Seconds for one fetch, from connecting to the last byte."""
MAX_BYTES: Final = 64 * 1024
"""Largest key set, in bytes."""
MAX_KEYS: Final = 100
"""Most keys in a key set."""
RSA_BITS: Final = range(2048, 8193)
"""Accepted lengths of an RSA key: RFC 7518 §3.3 asks for 2048; above 8192 a check costs too much."""

_KINDS: Final[Mapping[Algorithm, Mapping[str, str]]] = {
    "RS256": {"kty": "RSA"},
    "ES256": {"kty": "EC", "crv": "P-256"},
    "EdDSA": {"kty": "OKP", "crv": "Ed25519"},
}
"""Members that a JWK has for each algorithm (RFC 7518 §6, RFC 8037 §2)."""
_log = structlog.get_logger()


class NoSuchKeyError(LookupError):
    """No key fits the token."""


class KeySource(Protocol):
    """The keys of an issuer."""

    async def find(self, kid: str | None, algorithm: str) -> Any:
        """Return the key that verifies a signature.

        Args:
            kid: The key id in the token's header, if there is one.
            algorithm: The token's algorithm, which the configuration allows.

        Raises:
            NoSuchKeyError: No key fits.
            Unavailable: There is no key at all.
        """


class SharedSecret:
    """A secret shared with the issuer, for HS256."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    async def find(self, kid: str | None, algorithm: str) -> Any:  # noqa: ARG002  # one key fits every token
        return self._secret


@dataclass(frozen=True, slots=True)
class Key:
    """One public key of a key set."""

    kid: str | None
    algorithm: Algorithm
    material: Any
    """The key as PyJWT takes it."""


class RemoteKeys:
    """A key set at a URL, fetched when it is needed and kept."""

    def __init__(self, url: str, clock: Callable[[], datetime], *, timeout: float = TIMEOUT) -> None:
        """Fetch nothing yet.

        Args:
            url: Where the key set is.
            clock: Returns the present moment, with a time zone.
            timeout: Seconds for one fetch.
        """
        import httpx2  # takes long to import, and only a key set on the network needs it

        # A proxy that the environment names cannot reach what listens on this machine.
        self._client = httpx2.AsyncClient(
            headers={"Accept": "application/json", "Accept-Encoding": "identity"},
            trust_env=not is_loopback(urlsplit(url).hostname),
        )
        self._url = url
        self._clock = clock
        self._timeout = timeout
        self._keys: list[Key] = []
        self._fetched_at = self._tried_at = float("-inf")
        self._fetching: asyncio.Task[None] | None = None

    async def find(self, kid: str | None, algorithm: str) -> Any:
        """Return the key with that id and algorithm; without an id, the only key of that algorithm.

        Fetches the keys again if none fits: the issuer may have a new one.

        Raises:
            NoSuchKeyError: No key fits, even after a fetch.
            Unavailable: No key is known, and the fetch failed.
        """
        if self._since(self._fetched_at) > FRESH:
            self._start_fetch()
        await self.require()
        material = self._pick(kid, algorithm)
        if material is None and (fetching := self._start_fetch()) is not None:
            await asyncio.shield(fetching)
            material = self._pick(kid, algorithm)
        if material is None:
            raise NoSuchKeyError
        return material

    async def require(self) -> None:
        """Fetch the keys if none are known.

        Raises:
            Unavailable: The fetch failed.
        """
        if self._usable():
            return
        if (fetching := self._start_fetch()) is not None:
            await asyncio.shield(fetching)
        if not self._usable():
            raise Unavailable("The keys that tokens are checked with cannot be reached right now.")

    async def close(self) -> None:
        """Cancel a fetch that is running and close the connections."""
        if self._fetching is not None:
            self._fetching.cancel()
            with suppress(asyncio.CancelledError):
                await self._fetching
        await self._client.aclose()

    def _now(self) -> float:
        return self._clock().timestamp()

    def _since(self, moment: float) -> float:
        """Return the seconds since a moment. If the clock was set back to before it, return `KEPT`: fetch again."""
        passed = self._now() - moment
        return passed if passed >= 0 else KEPT

    def _usable(self) -> bool:
        return bool(self._keys) and self._since(self._fetched_at) <= KEPT

    def _pick(self, kid: str | None, algorithm: str) -> Any | None:
        """Return the key that fits; None if there is none, or more than one."""
        fitting = [key for key in self._keys if key.algorithm == algorithm and kid in (None, key.kid)]
        return fitting[0].material if len(fitting) == 1 else None

    def _start_fetch(self) -> asyncio.Task[None] | None:
        """Start a fetch, or return the one that is running; None during the cooldown after the last."""
        if self._fetching is None or self._fetching.done():
            if self._since(self._tried_at) < (COOLDOWN if self._usable() else COOLDOWN_WITHOUT_KEYS):
                return None
            self._tried_at = self._now()
            self._fetching = asyncio.create_task(self._fetch())
        return self._fetching

    async def _fetch(self) -> None:
        """Replace the keys; if that fails, keep the present ones and log why."""
        try:
            async with asyncio.timeout(self._timeout):
                document = await self._get()
            keys = usable_keys(document)
        except Exception as error:
            _log.warning("jwks_not_fetched", error=type(error).__name__, keys_kept=len(self._keys))
            return
        self._keys, self._fetched_at = keys, self._now()
        _log.info("jwks_fetched", keys=len(keys))

    async def _get(self) -> bytes:
        """Return the body at the URL.

        Raises:
            httpx2.HTTPError: The URL cannot be reached.
            ValueError: The answer is not 200, is compressed, or is too large.
        """
        async with self._client.stream("GET", self._url) as response:
            if response.status_code != 200 or "content-encoding" in response.headers:
                raise ValueError("is not 200, or is compressed")
            document = bytearray()
            async for chunk in response.aiter_raw(MAX_BYTES):
                document += chunk
                if len(document) > MAX_BYTES:
                    raise ValueError("is too large")
            return bytes(document)


def usable_keys(document: bytes) -> list[Key]:
    """Return the keys of a JWK set that may verify a signature, without the others (`specs/identity/tokens.md`).

    Raises:
        ValueError: The document is not a JWK set, or has more than `MAX_KEYS` keys.
    """
    parsed = strict_json(document)
    entries = parsed.get("keys") if isinstance(parsed, dict) else None
    if not isinstance(entries, list) or len(entries) > MAX_KEYS:
        raise ValueError("is not a key set")
    keys = [key for entry in entries if (key := _public_key(entry)) is not None]
    # Of two keys with one kid, neither is used: a token could not say which.
    kids = Counter(entry["kid"] for entry in entries if isinstance(entry, dict) and isinstance(entry.get("kid"), str))
    return [key for key in keys if key.kid is None or kids[key.kid] == 1]


def _public_key(entry: object) -> Key | None:
    """Return the key of a JWK; None if it is malformed, or meant for something else than our signatures."""
    if not isinstance(entry, dict):
        return None
    algorithm = next((name for name, members in _KINDS.items() if members.items() <= entry.items()), None)
    if algorithm is None:
        return None
    operations = entry.get("key_ops", ["verify"])
    usable = (
        entry.get("use", "sig") == "sig"
        and isinstance(operations, list)
        and "verify" in operations
        and entry.get("alg", algorithm) == algorithm
        and isinstance(entry.get("kid", ""), str)
        and "d" not in entry  # a private key that is published may be anybody's
    )
    if not usable:
        return None
    try:
        material = jwt.PyJWK(cast("dict[str, Any]", entry), algorithm).key
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None
    if isinstance(material, RSAPublicKey) and material.key_size not in RSA_BITS:
        return None
    return Key(entry.get("kid"), algorithm, material)
