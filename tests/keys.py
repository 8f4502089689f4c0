"""Keys, signatures, key sets and the web server they are fetched from, as an identity provider has them.

Signed by hand: PyJWT would refuse to make most of what the tests need.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import sys
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa, x25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

Json = dict[str, Any]
Sign = Callable[[bytes], bytes]


def base64url(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def number(value: int, size: int | None = None) -> str:
    """A whole number as JWKs have it: big-endian base64url."""
    return base64url(value.to_bytes(size or (value.bit_length() + 7) // 8 or 1, "big"))


def as_json(value: Any) -> bytes:
    """A value as JSON; bytes as they are."""
    return value if isinstance(value, bytes) else json.dumps(value).encode()


def compact(header: Any, claims: Any, sign: Sign) -> str:
    """A JWS of RFC 7515 in its compact form; header and claims as values, or as the very bytes to sign."""
    body = f"{base64url(as_json(header))}.{base64url(as_json(claims))}"
    return f"{body}.{base64url(sign(body.encode()))}"


# --- keys ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pair:
    """A key with which to sign, and what its issuer publishes of it."""

    alg: str
    kid: str
    sign: Sign
    jwk: Json
    public: Any = None
    """As the cryptography library has it; None of a secret."""
    private: Any = None

    def header(self) -> Json:
        """What a usual token says about its key."""
        return {"alg": self.alg, "typ": "JWT", "kid": self.kid} if self.kid else {"alg": self.alg, "typ": "JWT"}

    def spki(self, encoding: Encoding) -> bytes:
        """The public key in X.509's form."""
        found: bytes = self.public.public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)
        return found


def secret_pair(secret: bytes, kid: str = "") -> Pair:
    """HMAC with SHA-256."""
    jwk = {"kty": "oct", "kid": kid, "alg": "HS256", "k": base64url(secret)}
    return Pair("HS256", kid, lambda data: hmac.digest(secret, data, "sha256"), jwk, private=secret)


def rsa_pair(kid: str, bits: int = 2048, **more: Any) -> Pair:
    """RSASSA-PKCS1-v1_5 with SHA-256."""
    private = rsa.generate_private_key(65537, bits)
    public = private.public_key().public_numbers()
    jwk = {"kty": "RSA", "kid": kid, "n": number(public.n), "e": number(public.e)} | more
    return Pair("RS256", kid, rs_signer(private), jwk, private.public_key(), private)


def rs_signer(private: rsa.RSAPrivateKey, digest: hashes.HashAlgorithm | None = None, *, pss: bool = False) -> Sign:
    """RSA as one of JWA's other algorithms has it, or as none has."""
    digest = digest or hashes.SHA256()
    how = padding.PSS(padding.MGF1(digest), digest.digest_size) if pss else padding.PKCS1v15()
    return lambda data: private.sign(data, how, digest)


def rsa_with_exponent_one(kid: str) -> Pair:
    """A key under which each text is its own signature: anybody can sign."""
    modulus = (1 << 2048) - 1
    prefix = bytes.fromhex("3031300d060960864801650304020105000420")

    def sign(data: bytes) -> bytes:
        digest = prefix + hashlib.sha256(data).digest()
        return b"\x00\x01" + b"\xff" * (256 - 3 - len(digest)) + b"\x00" + digest

    return Pair("RS256", kid, sign, {"kty": "RSA", "kid": kid, "n": number(modulus), "e": number(1)})


def es_signature(private: ec.EllipticCurvePrivateKey, data: bytes) -> tuple[int, int]:
    """The two numbers of an ECDSA signature with SHA-256."""
    return decode_dss_signature(private.sign(data, ec.ECDSA(hashes.SHA256())))


def ec_pair(kid: str, curve: ec.EllipticCurve | None = None, **more: Any) -> Pair:
    """ECDSA with SHA-256, by default on P-256."""
    curve = curve or ec.SECP256R1()
    private = ec.generate_private_key(curve)
    public = private.public_key().public_numbers()
    size = (curve.key_size + 7) // 8
    name = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}.get(curve.name, curve.name)
    jwk = {"kty": "EC", "kid": kid, "crv": name, "x": number(public.x, size), "y": number(public.y, size)} | more

    def sign(data: bytes) -> bytes:
        return b"".join(part.to_bytes(size, "big") for part in es_signature(private, data))

    return Pair("ES256", kid, sign, jwk, private.public_key(), private)


def _okp(kid: str, curve: str, private: Any, sign: Sign, more: Json) -> Pair:
    public = private.public_key()
    x = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return Pair("EdDSA", kid, sign, {"kty": "OKP", "kid": kid, "crv": curve, "x": base64url(x)} | more, public, private)


def ed_pair(kid: str, **more: Any) -> Pair:
    """Ed25519."""
    private = ed25519.Ed25519PrivateKey.generate()
    return _okp(kid, "Ed25519", private, private.sign, more)


def ed448_pair(kid: str) -> Pair:
    """Ed448, the other curve that `EdDSA` may mean."""
    private = ed448.Ed448PrivateKey.generate()
    return _okp(kid, "Ed448", private, private.sign, {})


def x25519_pair(kid: str) -> Pair:
    """A key that can only agree on keys; what signs is somebody else's."""
    return _okp(kid, "X25519", x25519.X25519PrivateKey.generate(), ed25519.Ed25519PrivateKey.generate().sign, {})


MAKERS: Final[dict[str, Callable[..., Pair]]] = {"RS256": rsa_pair, "ES256": ec_pair, "EdDSA": ed_pair}
"""How to make a key, by algorithm."""


def key_set(*keys: Any) -> bytes:
    """A JWKS document of pairs, or of whatever stands for one."""
    return json.dumps({"keys": [key.jwk if isinstance(key, Pair) else key for key in keys]}).encode()


# --- the web server ------------------------------------------------------------------------------

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


def raw(*parts: bytes) -> Answer:
    """These very bytes, then the end of the connection."""

    async def write(writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()

    return write


def page(body: bytes, status: int = 200, **headers: str) -> Answer:
    """A plain answer."""
    headers = {"content-type": "application/json", "content-length": str(len(body)), "connection": "close"} | headers
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return raw(f"HTTP/1.1 {status} Whatever\r\n{lines}\r\n".encode(), body)


def without_length(body: bytes) -> Answer:
    """An answer that ends when the connection does."""
    return raw(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n", body)


def chunked(*chunks: bytes) -> Answer:
    """An answer in pieces, of a size that nobody says beforehand."""
    head = (
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
    )
    return raw(head, *(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks), b"0\r\n\r\n")


async def silence(_: asyncio.StreamWriter) -> None:
    """Never an answer, though the connection stands."""
    await asyncio.Event().wait()


async def hang_up(writer: asyncio.StreamWriter) -> None:
    """The end of the connection before any answer."""
    writer.transport.abort()


class Gate:
    """An answer that waits until the test opens the gate."""

    def __init__(self, then: Answer) -> None:
        self.opened = asyncio.Event()
        self._reached = asyncio.Event()
        self._then = then

    async def reached(self) -> None:
        """Wait until somebody stands before it."""
        async with asyncio.timeout(10):
            await self._reached.wait()

    async def __call__(self, writer: asyncio.StreamWriter) -> None:
        self._reached.set()
        await self.opened.wait()
        await self._then(writer)


class KeyServer:
    """A web server of 127.0.0.1 that counts: each path has an answer that tests may change at any time."""

    def __init__(self) -> None:
        self.pages: dict[str, Answer] = {}
        self.requests: Counter[str] = Counter()
        self.connections = 0
        self.heads: list[bytes] = []
        """What was asked, line for line."""
        self.port = 0
        self._open: set[asyncio.Task[None]] = set()

    def url(self, path: str = "/jwks") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    @property
    def asked(self) -> int:
        """How many requests there were, whatever the path."""
        return self.requests.total()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[KeyServer]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in self._open:
                task.cancel()
            await asyncio.gather(*self._open, return_exceptions=True)
            await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        self.connections += 1
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            path = head.split(b" ", 2)[1].decode()
            self.heads.append(head)
            self.requests[path] += 1
            await self.pages.get(path, page(b"", 404))(writer)
        except (asyncio.CancelledError, asyncio.IncompleteReadError, ConnectionError):
            pass  # the test is over, or the client has left
        finally:
            self._open.discard(task)
            writer.close()


# --- what a process asks of the system -----------------------------------------------------------

_OUTSIDE: Final = ("open", "os.", "socket.connect", "socket.getaddrinfo", "subprocess.Popen", "urllib.Request")
_watchers: list[list[str]] = []


def _audit(event: str, args: tuple[object, ...]) -> None:
    if _watchers and event.startswith(_OUTSIDE):
        for seen in _watchers:
            seen.append(f"{event} {args!r}")


sys.addaudithook(_audit)


@contextmanager
def outside() -> Iterator[list[str]]:
    """Every file that is opened and every address that is called meanwhile, by whoever."""
    seen: list[str] = []
    _watchers.append(seen)
    try:
        yield seen
    finally:
        _watchers.remove(seen)
