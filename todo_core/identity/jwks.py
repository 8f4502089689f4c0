"""The keys that JWTs are checked with: a shared secret, or a key set on the network (RFC 7517).

PyJWT's own client blocks the event loop, fetches under a lock and forgets its keys when the
endpoint is down. This one asks once for everybody who waits, keeps what it knows through an
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
import structlog
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from todo_core.errors import Unavailable
from todo_core.identity.issuers import Algorithm, is_loopback
from todo_core.text import strict_json

FRESH: Final = 300.0
"""Seconds until a key set is fetched again, behind the requests' back."""
KEPT: Final = 4 * 3600.0
"""Seconds that keys serve while their URL cannot be reached."""
COOLDOWN: Final = 10.0
"""Least seconds between two fetches, whoever asks: a new key is seen within them."""
COOLDOWN_WITHOUT_KEYS: Final = 1.0
TIMEOUT: Final = 3.0
MAX_BYTES: Final = 64 * 1024
MAX_KEYS: Final = 100
RSA_BITS: Final = range(2048, 8193)
"""RFC 7518 §3.3 asks for 2048; above 8192 a check costs too much."""

_KINDS: Final[Mapping[Algorithm, Mapping[str, str]]] = {
    "RS256": {"kty": "RSA"},
    "ES256": {"kty": "EC", "crv": "P-256"},
    "EdDSA": {"kty": "OKP", "crv": "Ed25519"},
}
_log = structlog.get_logger()


class NoSuchKeyError(LookupError):
    """No key fits the token."""


class KeySource(Protocol):
    """Where an issuer's keys come from."""

    async def find(self, kid: str | None, algorithm: str) -> Any:
        """The key to check a signature with.

        Raises:
            NoSuchKeyError: No key fits.
            Unavailable: There is no key at all.
        """


class SharedSecret:
    """One secret, for HS256."""

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


class RemoteKeys:
    """A key set at a URL."""

    def __init__(self, url: str, clock: Callable[[], datetime], *, timeout: float = TIMEOUT) -> None:
        import httpx2  # only who trusts a key set on the network pays for this import

        # A proxy of the environment cannot reach what listens on this machine.
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
        """The key with that id and of that kind; without an id, if exactly one key is of that kind.

        Raises:
            NoSuchKeyError: No key fits, also not after asking again.
            Unavailable: No key is known, and none can be had.
        """
        if self._since(self._fetched_at) > FRESH:
            self._fetch_soon()
        await self.require()
        found = self._pick(kid, algorithm)
        if found is None and (fetching := self._fetch_soon()) is not None:
            await asyncio.shield(fetching)
            found = self._pick(kid, algorithm)
        if found is None:
            raise NoSuchKeyError
        return found

    async def require(self) -> None:
        """Fetch the keys if none are known.

        Raises:
            Unavailable: They cannot be had.
        """
        if self._usable():
            return
        if (fetching := self._fetch_soon()) is not None:
            await asyncio.shield(fetching)
        if not self._usable():
            raise Unavailable("The keys that tokens are checked with cannot be reached right now.")

    async def close(self) -> None:
        """Give up a fetch that is running."""
        if self._fetching is not None:
            self._fetching.cancel()
            with suppress(asyncio.CancelledError):
                await self._fetching
        await self._client.aclose()

    def _now(self) -> float:
        return self._clock().timestamp()

    def _since(self, moment: float) -> float:
        """Seconds since a moment; ages, if the clock was set back to before it."""
        passed = self._now() - moment
        return passed if passed >= 0 else KEPT

    def _usable(self) -> bool:
        return bool(self._keys) and self._since(self._fetched_at) <= KEPT

    def _pick(self, kid: str | None, algorithm: str) -> Any | None:
        fitting = [key for key in self._keys if key.algorithm == algorithm and kid in (None, key.kid)]
        return fitting[0].material if len(fitting) == 1 else None

    def _fetch_soon(self) -> asyncio.Task[None] | None:
        """The fetch that is running, or a new one unless the last was a moment ago."""
        if self._fetching is None or self._fetching.done():
            if self._since(self._tried_at) < (COOLDOWN if self._usable() else COOLDOWN_WITHOUT_KEYS):
                return None
            self._tried_at = self._now()
            self._fetching = asyncio.create_task(self._fetch())
        return self._fetching

    async def _fetch(self) -> None:
        """Replace the keys; if that fails, keep those there are."""
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
        """The document.

        Raises:
            httpx2.HTTPError: It cannot be reached.
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
    """The keys of a JWK set that a signature may be checked with (`specs/identity/tokens.md`).

    Raises:
        ValueError: It is not a JWK set.
    """
    parsed = strict_json(document)
    listed = parsed.get("keys") if isinstance(parsed, dict) else None
    if not isinstance(listed, list) or len(listed) > MAX_KEYS:
        raise ValueError("is not a key set")
    found = [key for one in listed if (key := _key(one)) is not None]
    # A kid that names two keys names neither.
    kids = Counter(one["kid"] for one in listed if isinstance(one, dict) and isinstance(one.get("kid"), str))
    return [key for key in found if key.kid is None or kids[key.kid] == 1]


def _key(one: object) -> Key | None:
    if not isinstance(one, dict):
        return None
    algorithm = next((name for name, kind in _KINDS.items() if kind.items() <= one.items()), None)
    if algorithm is None:
        return None
    operations = one.get("key_ops", ["verify"])
    usable = (
        one.get("use", "sig") == "sig"
        and isinstance(operations, list)
        and "verify" in operations
        and one.get("alg", algorithm) == algorithm
        and isinstance(one.get("kid", ""), str)
        and "d" not in one  # whoever publishes a private key has lost it
    )
    if not usable:
        return None
    try:
        material = jwt.PyJWK(cast("dict[str, Any]", one), algorithm).key
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None
    if isinstance(material, RSAPublicKey) and material.key_size not in RSA_BITS:
        return None
    return Key(one.get("kid"), algorithm, material)
