"""The identity provider of the benchmark: an Ed25519 key, and the key set that our server fetches."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm

KID = "bench"


@cache
def _key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


def sign(claims: dict[str, Any]) -> str:
    """An EdDSA JWT."""
    return jwt.encode(claims, _key(), "EdDSA", {"kid": KID})


class _KeySet(BaseHTTPRequestHandler):
    def do_GET(self) -> None:  # the library's name
        key = OKPAlgorithm.to_jwk(_key().public_key(), as_dict=True)
        body = json.dumps({"keys": [{**key, "kid": KID}]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def served() -> Iterator[str]:
    """The key set's URL, for as long as this lasts."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _KeySet)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/jwks"
    finally:
        server.shutdown()
        server.server_close()
