"""Tokens that nobody should accept, and good ones that everybody should, made anew for each run.

Each hostile token is a good one but for its defect: whoever forgets the one check accepts it. So
most are signed rightly, over what they say, with the issuer's own key.
"""

from __future__ import annotations

import base64
import hashlib
import json
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.keys import (
    MAKERS,
    Json,
    Pair,
    Sign,
    as_json,
    base64url,
    compact,
    ec_pair,
    ed448_pair,
    ed_pair,
    es_signature,
    key_set,
    rs_signer,
    rsa_pair,
    rsa_with_exponent_one,
    secret_pair,
    x25519_pair,
)

ALGORITHMS: Final = ("HS256", "RS256", "ES256", "EdDSA")
ASYMMETRIC: Final = ("RS256", "ES256", "EdDSA")
LONGEST: Final = 8192
P256_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
ED25519_ORDER: Final = 2**252 + 27742317777372353535851937790883648493
ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


class _Absent:
    """A claim or a header that is left out."""


ABSENT: Final = _Absent()


def changed(before: Json, changes: Mapping[str, Any]) -> Json:
    """With other members, and without those that are to be absent."""
    return {name: value for name, value in (before | changes).items() if value is not ABSENT}


@dataclass(frozen=True)
class Bait:
    """What a careless reader of headers would fetch: an attacker's server and a file."""

    url: str
    file: Path


@dataclass(frozen=True)
class Kit:
    """One trusted issuer with everything that good and hostile tokens of it need."""

    pair: Pair
    """Its key."""
    bait: Bait
    attacker: Pair
    """A key of the same kind that nobody published."""
    stranger: Pair
    """A key of another kind that nobody published."""
    others: Mapping[str, Pair] = field(default_factory=dict)
    """Keys that its key set has beside, each with something wrong, by what that is."""
    two: tuple[Pair, Pair] | None = None
    """Both keys of `issuer_of_two`."""

    @property
    def alg(self) -> str:
        return self.pair.alg

    @property
    def issuer(self) -> str:
        return f"https://{self.alg.lower()}.example.test"

    @property
    def audience(self) -> str:
        return f"https://todo.example.test/{self.alg}"

    def settings(self, jwks_url: str) -> Json:
        """The issuer as `TODO_ISSUERS` names it."""
        keys = (
            {"secret": self.pair.private.decode()}
            if self.alg == "HS256"
            else {"jwks_url": jwks_url, "algorithms": [self.alg]}
        )
        return {"issuer": self.issuer, "audience": ["https://other.example.test", self.audience]} | keys

    def document(self) -> bytes:
        """Its key set: its key among keys that no token may be signed with, and among what are no keys at all."""
        others = [pair for name, pair in self.others.items() if name != "foreign"]
        return key_set(*_JUNK, *others, self.pair, {"kty": "RSA", "kid": "last"})

    def claims(self, **changes: Any) -> Json:
        usual = {
            "iss": self.issuer,
            "aud": self.audience,
            "sub": f"hostile-{uuid4().hex}",
            "exp": int(time.time()) + 600,
        }
        return changed(usual, changes)

    def header(self, **changes: Any) -> Json:
        return changed(self.pair.header(), changes)

    def token(self, header: Any = None, claims: Any = None, sign: Sign | None = None) -> str:
        """A token that is good but for what is given."""
        return compact(
            self.header() if header is None else header,
            self.claims() if claims is None else claims,
            sign or self.pair.sign,
        )

    def claiming(self, **changes: Any) -> str:
        """A token whose claims differ."""
        return self.token(claims=self.claims(**changes))

    def headed(self, **changes: Any) -> str:
        """A token whose header differs, signed as its issuer does."""
        return self.token(self.header(**changes))

    def written(self, more: str) -> str:
        """A token whose claims end in what JSON libraries would not write."""
        return self.token(claims=f"{as_json(self.claims()).decode()[:-1]}, {more}}}".encode())

    def in_header(self, more: str) -> str:
        """A token whose header ends so."""
        return self.token(f"{as_json(self.header()).decode()[:-1]}, {more}}}".encode())

    def by(self, pair: Pair, **changes: Any) -> str:
        """A token of another key, which its header names."""
        return self.token(pair.header() | changes, sign=pair.sign)


_JUNK: Final = (
    None,
    "a string",
    [],
    {},
    7,
    {"kty": "RSA", "kid": "no numbers"},
    {"kty": "RSA", "kid": "wrong numbers", "n": 5, "e": [1]},
    {"kty": "RSA", "kid": "no base64", "n": "!", "e": "AQAB"},
    {"kty": "EC", "kid": "off the curve", "crv": "P-256", "x": "AA", "y": "AA"},
    {"kty": "EC", "kid": "a curve of a wrong type", "crv": ["P-256"], "x": 1, "y": None},
    {"kty": "OKP", "kid": "too short", "crv": "Ed25519", "x": "AAAA"},
    {"kty": "AKP", "kid": "of the future", "alg": "ML-DSA-44", "pub": "AAAA"},
    {"kty": {"a": 1}, "kid": {"a": 1}},
    {"kty": "RSA", "kid": 5, "n": "AQAB", "e": "AQAB"},
)
"""What a key set may have, and must not keep anybody from using the rest."""


def kits_of(bait: Bait) -> dict[str, Kit]:
    """An issuer for each algorithm, with keys of its own."""
    strangers = {"HS256": rsa_pair("x"), "RS256": ec_pair("x"), "ES256": ed_pair("x"), "EdDSA": ec_pair("x")}
    kits = {
        "HS256": Kit(
            secret_pair(b"a-secret-of-the-first-issuer-, 32+ bytes"),
            bait,
            secret_pair(b"an-attackers-secret-of-32-bytes-or-more!"),
            strangers["HS256"],
            {"foreign": secret_pair(b"a-secret-of-another-trusted-issuer, 32+!")},
        )
    }
    usable = {alg: make(f"{alg}-good", **_usual(alg)) for alg, make in MAKERS.items()}
    foreign = {alg: make(f"{alg}-foreign") for alg, make in MAKERS.items()}
    for alg, make in MAKERS.items():
        twice, shared = make("twice"), make("shared")
        others = {
            "for encryption": make("enc", use="enc"),
            "to encrypt with": make("ops", key_ops=["encrypt", "wrapKey"]),
            "of another algorithm": make("alg", alg={"RS256": "PS256", "ES256": "ES384", "EdDSA": "Ed448"}[alg]),
            "with a number as id": make(7),
            "twice": twice,
            "twice, the other": make("twice"),
            "shared with another kind": shared,
            "shared with this kind": MAKERS["ES256" if alg == "RS256" else "RS256"]("shared"),
            "a secret": secret_pair(b"a-secret-that-somebody-has-published!!", "oct"),
            **_weak(alg),
            # good keys, but of algorithms that this issuer is not trusted with
            **{f"a key for {other}": pair for other, pair in usable.items() if other != alg},
        }
        two = (make(f"{alg}-first"), make(f"{alg}-ü".ljust(256, "k")))
        attacker = make(f"{alg}-good")
        kits[alg] = Kit(usable[alg], bait, attacker, strangers[alg], others | {"foreign": foreign[alg]}, two)
    return kits


def _usual(alg: str) -> Json:
    """What providers write beside a key: all that is allowed, some of it, nothing."""
    return {"RS256": {"use": "sig", "alg": "RS256", "key_ops": ["verify"], "x5t": "AAAA"}, "ES256": {"use": "sig"}}.get(
        alg, {}
    )


def _weak(alg: str) -> dict[str, Pair]:
    if alg == "RS256":
        return {"of 1024 bits": rsa_pair("short", 1024), "with exponent one": rsa_with_exponent_one("one")}
    if alg == "ES256":
        return {"on P-384": ec_pair("p384", ec.SECP384R1()), "on secp256k1": ec_pair("k1", ec.SECP256K1())}
    return {"on Ed448": ed448_pair("ed448"), "to agree on keys": x25519_pair("x25519")}


def published(kits: Mapping[str, Kit]) -> dict[str, bytes]:
    """The key sets, by the path of their URL. The foreign keys are another trusted issuer's."""
    sets = {}
    for alg in ASYMMETRIC:
        kit = kits[alg]
        sets[f"/{alg}"] = kit.document()
    sets["/foreign"] = key_set(*(kits[alg].others["foreign"] for alg in ASYMMETRIC))
    sets["/two"] = key_set(*(pair for alg in ASYMMETRIC for pair in kits[alg].two or ()))
    return sets


ISSUER_OF_TWO: Final = "https://two.example.test"
FOREIGN: Final = "https://foreign.example.test"
FOREIGN_SECRET: Final = "https://foreign-secret.example.test"
UNREACHABLE: Final = "https://unreachable.example.test"


def trusted(kits: Mapping[str, Kit], url: Callable[[str], str], nowhere: str) -> list[Json]:
    """The four issuers, and those that some tokens need beside them, as `TODO_ISSUERS` has them."""
    secret = kits["HS256"].others["foreign"].private.decode()
    return [
        *(kit.settings(url(f"/{alg}")) for alg, kit in kits.items()),
        {"issuer": ISSUER_OF_TWO, "audience": ["two"], "jwks_url": url("/two")},
        {"issuer": FOREIGN, "audience": ["foreign"], "jwks_url": url("/foreign")},
        {"issuer": FOREIGN_SECRET, "audience": ["foreign"], "secret": secret},
        {"issuer": UNREACHABLE, "audience": ["unreachable"], "jwks_url": nowhere},
    ]


# --- ways to misspell ------------------------------------------------------------------------------


def part(token: str, index: int) -> str:
    return token.split(".")[index]


def with_part(token: str, index: int, text: str) -> str:
    parts = token.split(".")
    parts[index] = text
    return ".".join(parts)


def spelled(kit: Kit, spell: Callable[[str], str], index: int, suits: Callable[[str], bool] = lambda _: True) -> str:
    """A token with one segment in another spelling of the same bytes, and signed like that.

    A signature's spelling is signed by nobody. `suits` says whether a segment can be misspelled.
    """
    for attempt in range(200):
        header = kit.header(x="~" * (attempt % 5) + "?>" * (attempt % 7)) if index == 0 else kit.header()
        claims = kit.claims(x="~" * (attempt % 5) + "?>" * (attempt % 7))
        token = kit.token(header, claims)
        if suits(part(token, index)):
            token = with_part(token, index, spell(part(token, index)))
            body, _, _ = token.rpartition(".")
            return token if index == 2 else f"{body}.{base64url(kit.pair.sign(body.encode()))}"
    raise AssertionError("no segment suits")


def plain_alphabet(text: str) -> str:
    return text.replace("-", "+").replace("_", "/")


def padded(text: str) -> str:
    return text + "=" * (-len(text) % 4)


def next_last(text: str) -> str:
    """The same bytes: an unused bit of the last character is set."""
    return text[:-1] + ALPHABET[ALPHABET.index(text[-1]) + 1]


def has_odd_characters(text: str) -> bool:
    return "-" in text or "_" in text


def has_unused_bits(text: str) -> bool:
    return len(text) % 4 != 0


def in_the_middle(text: str) -> Callable[[str], str]:
    return lambda segment: segment[: len(segment) // 2] + text + segment[len(segment) // 2 :]


def resigned(kit: Kit, change: Callable[[bytes], bytes]) -> str:
    """A good token whose signature's bytes are changed."""
    return kit.token(sign=lambda data: change(kit.pair.sign(data)))


def flipped(raw: bytes, index: int) -> bytes:
    changed_byte = bytes([raw[index] ^ 1])
    return raw[:index] + changed_byte + raw[index:][1:]


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def of_length(kit: Kit, length: int) -> str:
    """A token that is otherwise good, of exactly so many characters."""
    for blanks in range(8):
        header = as_json(kit.header()) + b" " * blanks
        sub = f"hostile-{uuid4().hex}"
        size = length - len(kit.token(header, kit.claims(sub=sub, more="")))
        for more in range(max(0, size * 3 // 4 - 4), size):
            token = kit.token(header, kit.claims(sub=sub, more="x" * more))
            if len(token) == length:
                return token
            if len(token) > length:
                break
    raise AssertionError("no token of this length")


# --- hostile tokens --------------------------------------------------------------------------------

Make = Callable[[Kit], str | bytes]


@dataclass(frozen=True)
class Family:
    """Cases that the same check refuses."""

    reason: str
    """What the log says of them, as a regular expression."""
    cases: Mapping[str, Make]
    algorithms: tuple[str, ...] = ALGORITHMS


def unsigned(alg: Any) -> Make:
    return lambda kit: kit.token(kit.header(alg=alg), sign=lambda _: b"")


def signed_none(alg: Any) -> Make:
    return lambda kit: kit.headed(alg=alg)


def json_form(kit: Kit, *, general: bool) -> str:
    """RFC 7515 §7.2: the same signature in JSON."""
    protected, payload, signature = kit.token().split(".")
    one = {"protected": protected, "signature": signature}
    return json.dumps({"payload": payload} | ({"signatures": [one]} if general else one))


def encrypted(kit: Kit, alg: str) -> str:
    """RFC 7516: five segments."""
    header = base64url(as_json({"alg": alg, "enc": "A256GCM", "kid": kit.pair.kid}))
    return ".".join([header, base64url(b"key"), base64url(b"nonce"), base64url(as_json(kit.claims())), base64url(b"t")])


_SHAPES: Final[dict[str, Make]] = {
    "a word": lambda _: "garbage",
    "two dots": lambda _: "..",
    "three letters": lambda _: "a.b.c",
    "no signature and no dot before it": lambda kit: kit.token().rpartition(".")[0],
    "an empty header": lambda kit: with_part(kit.token(), 0, ""),
    "an empty payload": lambda kit: with_part(kit.token(), 1, ""),
    "an empty payload, signed": lambda kit: kit.token(claims=b""),
    "an empty signature": lambda kit: with_part(kit.token(), 2, ""),
    "a fourth segment": lambda kit: kit.token() + ".AAAA",
    "an empty fourth segment": lambda kit: kit.token() + ".",
    "an empty segment before": lambda kit: "." + kit.token(),
    "two tokens with a dot": lambda kit: f"{kit.token()}.{kit.token()}",
    "two tokens with a comma": lambda kit: f"{kit.token()},{kit.token()}",
    "two tokens with a comma and a space": lambda kit: f"{kit.token()}, {kit.token()}",
    "the scheme again": lambda kit: f"Bearer {kit.token()}",
    "in quotes": lambda kit: f'"{kit.token()}"',
    "after a tab": lambda kit: f"\t{kit.token()}",
    "before a space": lambda kit: f"{kit.token()} ",
    "before a line's end": lambda kit: f"{kit.token()}\n",
    "before a header": lambda kit: f"{kit.token()}\r\nX-Admin: 1",
    "before a NUL": lambda kit: f"{kit.token()}\x00",
    "before a lone surrogate": lambda kit: f"{kit.token()}\ud800",
    "before a byte that is not UTF-8": lambda kit: kit.token().encode() + b"\xff",
    "before a zero-width space": lambda kit: f"{kit.token()}\u200b",
    "dots in percent signs": lambda kit: kit.token().replace(".", "%2E"),
    "full-width dots": lambda kit: kit.token().replace(".", "\uff0e"),
    "general JSON": lambda kit: json_form(kit, general=True),
    "flattened JSON": lambda kit: json_form(kit, general=False),
    "encrypted to nobody": lambda kit: encrypted(kit, "dir"),
    "encrypted to a key": lambda kit: encrypted(kit, "RSA-OAEP"),
    "the header padded": lambda kit: spelled(kit, padded, 0, has_unused_bits),
    "the payload padded": lambda kit: spelled(kit, padded, 1, has_unused_bits),
    "the signature padded": lambda kit: spelled(kit, padded, 2, has_unused_bits),
    "one more sign of equality": lambda kit: kit.token() + "=",
    "four signs of equality": lambda kit: kit.token() + "====",
    "the header in plain base64": lambda kit: spelled(kit, plain_alphabet, 0, has_odd_characters),
    "the payload in plain base64": lambda kit: spelled(kit, plain_alphabet, 1, has_odd_characters),
    "the signature in plain base64": lambda kit: spelled(kit, plain_alphabet, 2, has_odd_characters),
    "a space in the header": lambda kit: spelled(kit, in_the_middle(" "), 0),
    "a line's end in the payload": lambda kit: spelled(kit, in_the_middle("\n"), 1),
    "a tab in the signature": lambda kit: spelled(kit, in_the_middle("\t"), 2),
    "a NUL in the payload": lambda kit: spelled(kit, in_the_middle("\x00"), 1),
    "an exclamation mark in the signature": lambda kit: spelled(kit, in_the_middle("!"), 2),
    "a soft hyphen in the payload": lambda kit: spelled(kit, in_the_middle("\u00ad"), 1),
    "unused bits of the header": lambda kit: spelled(kit, next_last, 0, has_unused_bits),
    "unused bits of the payload": lambda kit: spelled(kit, next_last, 1, has_unused_bits),
    "unused bits of the signature": lambda kit: spelled(kit, next_last, 2, has_unused_bits),
    "a header of impossible length": lambda kit: spelled(kit, lambda s: s + "A", 0, lambda s: len(s) % 4 == 0),
    "a payload of impossible length": lambda kit: spelled(kit, lambda s: s + "A", 1, lambda s: len(s) % 4 == 0),
    "8193 characters": lambda kit: of_length(kit, LONGEST + 1),
    "a claim of 9 KiB": lambda kit: kit.claiming(more="x" * 9216),
    "a key id of 10 kB": lambda kit: kit.headed(kid="k" * 10_000),
    "a subject of 1 MB": lambda kit: kit.claiming(sub="s" * 2**20),
    "a megabyte of nothing": lambda _: "x" * 2**20,
    "a megabyte of dots": lambda _: "." * 2**20,
    "a signature of 9 KiB": lambda kit: resigned(kit, lambda raw: raw + b"\x00" * 9216),
}

_JSON: Final[dict[str, Make]] = {
    "a payload that is a list": lambda kit: kit.token(claims=[kit.claims()]),
    "a payload that is a string": lambda kit: kit.token(claims=b'"sub"'),
    "a payload that is a token": lambda kit: kit.token(kit.header(cty="JWT"), kit.token().encode()),
    "a payload that is a number": lambda kit: kit.token(claims=b"1"),
    "a payload that is null": lambda kit: kit.token(claims=b"null"),
    "a payload that is true": lambda kit: kit.token(claims=b"true"),
    "a header that is a list": lambda kit: kit.token([kit.header()]),
    "a header that is a string": lambda kit: kit.token(b'"HS256"'),
    "a header that is null": lambda kit: kit.token(b"null"),
    "a payload that ends early": lambda kit: kit.token(claims=as_json(kit.claims())[:-1]),
    "a payload that goes on": lambda kit: kit.token(claims=as_json(kit.claims()) + b"{}"),
    "a payload with a comma too many": lambda kit: kit.token(claims=as_json(kit.claims())[:-1] + b",}"),
    "a payload with a comment": lambda kit: kit.token(claims=as_json(kit.claims()) + b"/* */"),
    "a payload in single quotes": lambda kit: kit.token(claims=as_json(kit.claims()).replace(b'"', b"'")),
    "five thousand lists": lambda kit: kit.token(claims=b"[" * 5000),
    "a payload with a byte that is not UTF-8": lambda kit: kit.token(
        claims=as_json(kit.claims())[:-1] + b', "x": "\xff"}'
    ),
    "a payload with UTF-8's overlong slash": lambda kit: kit.token(
        claims=as_json(kit.claims())[:-1] + b', "x": "\xc0\xaf"}'
    ),
    "a payload in UTF-16": lambda kit: kit.token(claims=as_json(kit.claims()).decode().encode("utf-16")),
    "a payload in UTF-32": lambda kit: kit.token(claims=as_json(kit.claims()).decode().encode("utf-32-be")),
    "a payload after a byte order mark": lambda kit: kit.token(claims=b"\xef\xbb\xbf" + as_json(kit.claims())),
    "a header after a byte order mark": lambda kit: kit.token(b"\xef\xbb\xbf" + as_json(kit.header())),
    "a header with a byte that is not UTF-8": lambda kit: kit.token(as_json(kit.header())[:-1] + b', "x": "\xff"}'),
    "a control character in a string": lambda kit: kit.written('"x": "a\nb"'),
    "a number too long to read": lambda kit: kit.written('"x": ' + "9" * 5000),
    "a number with a zero before": lambda kit: kit.written('"x": 01'),
    "NaN": lambda kit: kit.claiming(exp=float("nan")),
    "Infinity": lambda kit: kit.claiming(exp=float("inf")),
    "minus Infinity": lambda kit: kit.claiming(nbf=float("-inf")),
    "NaN as iat": lambda kit: kit.claiming(iat=float("nan")),
    "Infinity in depth": lambda kit: kit.claiming(more=[{"a": float("inf")}]),
    "NaN in the header": lambda kit: kit.headed(x=float("nan")),
    "two subjects": lambda kit: kit.written('"sub": "admin"'),
    "two subjects, one in escapes": lambda kit: kit.written('"s\\u0075b": "admin"'),
    "the same subject twice": lambda kit: kit.token(claims=as_json(kit.claims(sub="x"))[:-1] + b', "sub": "x"}'),
    "two times of expiry": lambda kit: kit.written(f'"exp": {int(time.time()) + 900}'),
    "two audiences": lambda kit: kit.written(f'"aud": {json.dumps(kit.audience)}'),
    "two issuers": lambda kit: kit.written(f'"iss": {json.dumps(kit.issuer)}'),
    "a name twice in depth": lambda kit: kit.written('"more": [{"a": 1, "a": 2}]'),
    "two algorithms": lambda kit: kit.in_header(f'"alg": "{kit.alg}"'),
    "two algorithms, one of them none": lambda kit: kit.token(
        f'{{"alg": "none", {as_json(kit.header()).decode()[1:]}'.encode()
    ),
    "two key ids": lambda kit: kit.token(
        f'{{"kid": "a", {as_json(kit.header(kid=kit.pair.kid or "b")).decode()[1:]}'.encode()
    ),
    "lists in lists": lambda kit: kit.claiming(more=nested(500)),
    "objects in objects": lambda kit: kit.written('"more": ' + '{"a":' * 500 + "1" + "}" * 500),
    "a header with lists in lists": lambda kit: kit.headed(more=nested(500)),
    "nine deep": lambda kit: kit.claiming(more=nested(8)),
    "a header nine deep": lambda kit: kit.headed(more=nested(8)),
}

_ALGORITHMS: Final[dict[str, Make]] = {
    **{f"{alg}, signed": signed_none(alg) for alg in ("none", "None", "NONE", "nOnE")},
    "no algorithm": lambda kit: kit.headed(alg=ABSENT),
    "an algorithm of null": lambda kit: kit.headed(alg=None),
    "an algorithm of nothing": lambda kit: kit.headed(alg=""),
    "a number as algorithm": lambda kit: kit.headed(alg=256),
    "true as algorithm": lambda kit: kit.headed(alg=True),
    "a list of algorithms": lambda kit: kit.headed(alg=[kit.alg]),
    "an object as algorithm": lambda kit: kit.headed(alg={kit.alg: 1}),
    "the algorithm in another case": lambda kit: kit.headed(alg=kit.alg.swapcase()),
    "the algorithm and a space": lambda kit: kit.headed(alg=kit.alg + " "),
    "the algorithm and a NUL": lambda kit: kit.headed(alg=kit.alg + "\x00"),
    "the algorithm in other letters": lambda kit: kit.headed(alg=kit.alg.replace("S", "\u0405")),
    "the algorithm under another name": lambda kit: kit.token(kit.header(alg=ABSENT, Alg=kit.alg)),
    "an algorithm that PyJWT knows": lambda kit: kit.headed(alg="HS384"),
    "another algorithm that PyJWT knows": lambda kit: kit.headed(alg="ES521"),
    "an algorithm of encryption": lambda kit: kit.headed(alg="RSA-OAEP"),
    "an attacker's key of another algorithm": lambda kit: kit.by(kit.stranger),
}

_NONE: Final[dict[str, Make]] = {
    f"{alg}, with an empty signature": unsigned(alg) for alg in ("none", "None", "NONE", "nOnE")
} | {
    "the right algorithm, with an empty signature": lambda kit: kit.token(sign=lambda _: b""),
    "none in two segments": lambda kit: unsigned("none")(kit).rstrip("."),  # type: ignore[arg-type]
}


def types() -> Iterator[tuple[str, Make]]:
    for kind in (
        "dpop+jwt",
        "application/dpop+jwt",
        "logout+jwt",
        "id_token",
        "secevent+jwt",
        "JWE",
        "JOSE+JSON",
        "at+jwt ",
        "at+jwt;v=1",
        "xat+jwt",
        "text/at+jwt",
        "",
        "J\u0057\u0422",
        1,
        None,
        True,
        ["JWT"],
        {"JWT": 1},
    ):
        yield f"of type {kind!r}", lambda kit, kind=kind: kit.headed(typ=kind)


_HEADERS: Final[dict[str, Make]] = {
    "crit with what nobody knows": lambda kit: kit.headed(crit=["x"], x=1),
    "crit with what everybody knows": lambda kit: kit.headed(crit=["exp"]),
    "crit with b64": lambda kit: kit.headed(crit=["b64"], b64=True),
    "an empty crit": lambda kit: kit.headed(crit=[]),
    "a crit of null": lambda kit: kit.headed(crit=None),
    "a string as crit": lambda kit: kit.headed(crit="exp"),
    "b64 false": lambda kit: kit.headed(b64=False),
    "b64 true": lambda kit: kit.headed(b64=True),
    "zip": lambda kit: kit.headed(zip="DEF"),
    "zip of null": lambda kit: kit.headed(zip=None),
}

_KIDS: Final[dict[str, Make]] = {
    "an empty key id": lambda kit: kit.headed(kid=""),
    "a key id of null": lambda kit: kit.headed(kid=None),
    "a number as key id": lambda kit: kit.headed(kid=0),
    "a fraction as key id": lambda kit: kit.headed(kid=1.5),
    "true as key id": lambda kit: kit.headed(kid=True),
    "a list of key ids": lambda kit: kit.headed(kid=[kit.pair.kid]),
    "an object as key id": lambda kit: kit.headed(kid={"kid": kit.pair.kid}),
    "a key id of 257 characters": lambda kit: kit.headed(kid="k" * 257),
}

INJECTIONS: Final[dict[str, Callable[[Bait], tuple[str, bytes]]]] = {
    "a path": lambda bait: (str(bait.file), bait.file.read_bytes()),
    "a path that climbs": lambda bait: ("../" * 12 + str(bait.file)[1:], bait.file.read_bytes()),
    "a path in percent signs": lambda bait: (str(bait.file).replace("/", "%2f"), bait.file.read_bytes()),
    "a path that ends in NUL": lambda bait: (f"{bait.file}\x00.pem", bait.file.read_bytes()),
    "a file URL": lambda bait: (f"file://{bait.file}", bait.file.read_bytes()),
    "the empty device": lambda _: ("/dev/null", b""),
    "the empty device from afar": lambda _: ("../../../../../../../dev/null", b""),
    "the process's environment": lambda _: ("/proc/self/environ", b""),
    "the address of a key": lambda bait: (bait.url, b"hostile-key"),
    "a command": lambda bait: (f"|/bin/cat {bait.file}", bait.file.read_bytes()),
    "a command in a shell": lambda bait: (f"$(cat {bait.file})", bait.file.read_bytes()),
    "SQL": lambda _: ("' UNION SELECT 'hostile-key' --", b"hostile-key"),
    "SQL that writes": lambda _: ("1; DROP TABLE users; --", b""),
    "LDAP": lambda _: ("*)(uid=*))(|(uid=*", b""),
    "a NUL": lambda _: ("\x00", b""),
    "a lone surrogate": lambda _: ("\ud800", b""),
    "emoji": lambda _: ("🔑", "🔑".encode()),
    "a format": lambda _: ("{0.__class__}%s%n", b""),
    "an object's name": lambda _: ("__proto__", b""),
    "lines": lambda _: ("a\r\nSet-Cookie: b", b""),
    "what nobody published": lambda _: ("unknown", b""),
}
"""Key ids that a careless reader takes for more, and the secret that would then be the key."""


def injected(name: str) -> Make:
    """With a shared secret, signed with what the injection would give; with a key set, by the issuer's own key."""

    def make(kit: Kit) -> str:
        kid, secret = INJECTIONS[name](kit.bait)
        return kit.token(kit.header(kid=kid), sign=secret_pair(secret).sign if kit.alg == "HS256" else None)

    return make


def confused(secret: Callable[[Kit], bytes]) -> Make:
    """What everybody knows as the secret of an HMAC (RFC 8725 §2.1)."""
    return lambda kit: kit.token(kit.header(alg="HS256"), sign=secret_pair(secret(kit)).sign)


_CONFUSIONS: Final[dict[str, Make]] = {
    "the public key's PEM as a secret": confused(lambda kit: kit.pair.spki(Encoding.PEM)),
    "the public key's PEM, trimmed, as a secret": confused(lambda kit: kit.pair.spki(Encoding.PEM).strip()),
    "the public key's DER as a secret": confused(lambda kit: kit.pair.spki(Encoding.DER)),
    "the public key's JWK as a secret": confused(lambda kit: json.dumps(kit.pair.jwk).encode()),
    "the public key's JWK, close together, as a secret": confused(
        lambda kit: json.dumps(kit.pair.jwk, separators=(",", ":")).encode()
    ),
    "the public key's number as a secret": confused(lambda kit: kit.pair.jwk.get("n", kit.pair.jwk.get("x")).encode()),
    "the public key's bytes as a secret": confused(
        lambda kit: base64.urlsafe_b64decode(padded(kit.pair.jwk.get("n", kit.pair.jwk.get("x"))))
    ),
    "the key set as a secret": confused(Kit.document),
    "nothing as a secret": confused(lambda _: b""),
    "the key id as a secret": confused(lambda kit: kit.pair.kid.encode()),
    "a published secret": lambda kit: kit.by(kit.others["a secret"]),
    "a key of an algorithm that is not this issuer's": lambda kit: kit.by(
        next(pair for name, pair in kit.others.items() if name.startswith("a key for"))
    ),
    "a key of another such algorithm": lambda kit: kit.by(
        next(pair for name, pair in reversed(kit.others.items()) if name.startswith("a key for"))
    ),
}

_WRONG_KEYS: Final[dict[str, Make]] = {
    **{
        f"a key {name}": lambda kit, name=name: kit.by(kit.others[name])
        for name in ("for encryption", "to encrypt with")
    },
    "a key marked for another algorithm": lambda kit: kit.by(kit.others["of another algorithm"]),
    "a key id that two keys have": lambda kit: kit.by(kit.others["twice"]),
    "a key id that two keys have, the other": lambda kit: kit.by(kit.others["twice, the other"]),
    "a key id that keys of two kinds have": lambda kit: kit.by(kit.others["shared with another kind"]),
    "a key whose id is a number, by its text": lambda kit: kit.by(kit.others["with a number as id"], kid="7"),
    "a published secret under this algorithm's name": lambda kit: kit.by(kit.others["a secret"], alg=kit.alg),
    "a key of another kind under this algorithm's name": lambda kit: kit.by(
        next(pair for name, pair in kit.others.items() if name.startswith("a key for")), alg=kit.alg
    ),
    "a key of a third kind under this algorithm's name": lambda kit: kit.by(
        next(pair for name, pair in reversed(kit.others.items()) if name.startswith("a key for")), alg=kit.alg
    ),
    "another trusted issuer's key": lambda kit: kit.by(kit.others["foreign"]),
    "the key id in another case": lambda kit: kit.headed(kid=kit.pair.kid.swapcase()),
    "the key id and a space": lambda kit: kit.headed(kid=kit.pair.kid + " "),
    "the beginning of the key id": lambda kit: kit.headed(kid=kit.pair.kid[:-1]),
    "no key id where two keys fit": lambda kit: kit.token(
        kit.header(kid=ABSENT),
        kit.claims(iss=ISSUER_OF_TWO, aud="two"),
        (kit.two or (kit.pair,))[0].sign,
    ),
    "no key id where two keys fit, by the other": lambda kit: kit.token(
        kit.header(kid=ABSENT),
        kit.claims(iss=ISSUER_OF_TWO, aud="two"),
        (kit.two or (kit.pair,))[-1].sign,
    ),
}


def embedded(headers: Callable[[Kit], Json]) -> Make:
    """A token of an attacker's that brings its key along, or says where it is."""
    return lambda kit: kit.token(kit.header(**headers(kit)), sign=kit.attacker.sign)


def certificate(kit: Kit) -> str:
    """What stands for the attacker's certificate: nobody gets so far as to read it."""
    return b64encode(json.dumps(kit.attacker.jwk).encode()).decode()


_EMBEDDED: Final[dict[str, Make]] = {
    "an attacker's jwk": embedded(lambda kit: {"jwk": kit.attacker.jwk}),
    "an attacker's jwk without a key id": embedded(lambda kit: {"jwk": kit.attacker.jwk, "kid": ABSENT}),
    "an attacker's jku": embedded(lambda kit: {"jku": kit.bait.url}),
    "an attacker's jku without a key id": embedded(lambda kit: {"jku": kit.bait.url, "kid": ABSENT}),
    "an attacker's x5u": embedded(lambda kit: {"x5u": kit.bait.url}),
    "an attacker's x5c": embedded(lambda kit: {"x5c": [certificate(kit)]}),
    "an attacker's jwks": embedded(lambda kit: {"jwks": {"keys": [kit.attacker.jwk]}}),
    "an attacker's file": embedded(lambda kit: {"jku": kit.bait.file.as_uri(), "x5u": kit.bait.file.as_uri()}),
    "an attacker's address of every kind": embedded(
        lambda kit: {"jku": kit.bait.url, "x5u": kit.bait.url, "url": kit.bait.url, "iss": kit.bait.url}
    ),
}

_SIGNATURES: Final[dict[str, Make]] = {
    "an attacker's key": lambda kit: kit.token(sign=kit.attacker.sign),
    "an attacker's key without a key id": lambda kit: kit.token(kit.header(kid=ABSENT), sign=kit.attacker.sign),
    "another trusted issuer's key under this one's key id": lambda kit: kit.token(sign=kit.others["foreign"].sign),
    "a byte less": lambda kit: resigned(kit, lambda raw: raw[:-1]),
    "a byte less in front": lambda kit: resigned(kit, lambda raw: raw[1:]),
    "half a signature": lambda kit: resigned(kit, lambda raw: raw[: len(raw) // 2]),
    "a byte of a signature": lambda kit: resigned(kit, lambda raw: raw[:1]),
    "a byte more": lambda kit: resigned(kit, lambda raw: raw + b"\x00"),
    "a byte more in front": lambda kit: resigned(kit, lambda raw: b"\x00" + raw),
    "the signature twice": lambda kit: resigned(kit, lambda raw: raw * 2),
    "the first bit": lambda kit: resigned(kit, lambda raw: flipped(raw, 0)),
    "the last bit": lambda kit: resigned(kit, lambda raw: flipped(raw, len(raw) - 1)),
    "a bit in the middle": lambda kit: resigned(kit, lambda raw: flipped(raw, len(raw) // 2)),
    "nothing but zeros": lambda kit: resigned(kit, lambda raw: bytes(len(raw))),
    "nothing but ones": lambda kit: resigned(kit, lambda raw: b"\xff" * len(raw)),
    "backwards": lambda kit: resigned(kit, lambda raw: raw[::-1]),
    "the signature in hexadecimal": lambda kit: resigned(kit, lambda raw: raw.hex().encode()),
    "the signature in base64 twice": lambda kit: resigned(kit, lambda raw: base64url(raw).encode()),
    "the hash as a signature": lambda kit: kit.token(sign=lambda data: hashlib.sha256(data).digest()),
    "what is signed is the payload": lambda kit: kit.token(sign=lambda data: kit.pair.sign(data.split(b".")[1])),
    "what is signed is a dot more": lambda kit: kit.token(sign=lambda data: kit.pair.sign(data + b".")),
    "what is signed is not in base64": lambda kit: kit.token(
        sign=lambda data: kit.pair.sign(b".".join(base64.urlsafe_b64decode(one + b"==") for one in data.split(b".")))
    ),
    "another payload": lambda kit: with_part(kit.token(), 1, base64url(as_json(kit.claims(sub="admin")))),
    "another header": lambda kit: with_part(kit.token(), 0, base64url(as_json(kit.header(x=1)))),
    "another token's signature": lambda kit: with_part(kit.token(), 2, part(kit.token(), 2)),
}

_ISSUERS: Final[dict[str, Make]] = {
    "no issuer": lambda kit: kit.claiming(iss=ABSENT),
    "an issuer of null": lambda kit: kit.claiming(iss=None),
    "an empty issuer": lambda kit: kit.claiming(iss=""),
    "a number as issuer": lambda kit: kit.claiming(iss=1),
    "true as issuer": lambda kit: kit.claiming(iss=True),
    "a list of issuers": lambda kit: kit.claiming(iss=[kit.issuer]),
    "an object as issuer": lambda kit: kit.claiming(iss={kit.issuer: 1}),
    "an issuer with a slash more": lambda kit: kit.claiming(iss=kit.issuer + "/"),
    "an issuer in another case": lambda kit: kit.claiming(iss=kit.issuer.upper()),
    "an issuer with a port": lambda kit: kit.claiming(iss=kit.issuer + ":443"),
    "an issuer with a space": lambda kit: kit.claiming(iss=kit.issuer + " "),
    "an issuer with a NUL": lambda kit: kit.claiming(iss=kit.issuer + "\x00"),
    "an issuer with a lone surrogate": lambda kit: kit.claiming(iss=kit.issuer + "\ud800"),
    "an issuer in other letters": lambda kit: kit.claiming(iss=kit.issuer.replace("e", "\u0435")),
    "an issuer without its scheme": lambda kit: kit.claiming(iss=kit.issuer.removeprefix("https://")),
    "the beginning of an issuer": lambda kit: kit.claiming(iss=kit.issuer[:-1]),
    "an issuer below": lambda kit: kit.claiming(iss=kit.issuer + ".evil.example"),
    "the issuer of local users": lambda kit: kit.claiming(iss="urn:todo-mcp:local"),
    "the issuer of the operator": lambda kit: kit.claiming(iss="urn:todo-mcp:operator"),
    "an issuer nobody knows": lambda kit: kit.claiming(iss="https://hostile.example.test"),
    "an issuer at an attacker's address": lambda kit: kit.claiming(iss=kit.bait.url),
    "no claims at all": lambda kit: kit.token(claims={}),
}


def wrong_audiences(kit: Kit) -> dict[str, Any]:
    ours = kit.audience
    return {
        "no audience": ABSENT,
        "an audience of null": None,
        "an empty audience": "",
        "no audience in the list": [],
        "a number as audience": 1,
        "true as audience": True,
        "an object as audience": {ours: ours},
        "another audience": "https://elsewhere.example.test",
        "other audiences": ["https://elsewhere.example.test", ours + "/"],
        "the issuer as audience": kit.issuer,
        "an audience with a slash more": ours + "/",
        "an audience in another case": ours.upper(),
        "an audience with a space": ours + " ",
        "an audience among words": f"a {ours} b",
        "the beginning of an audience": ours[:-1],
        "a number among the audiences": [ours, 1],
        "null among the audiences": [None, ours],
        "true among the audiences": [True, ours],
        "a list in the list of audiences": [[ours]],
        "an object in the list of audiences": [ours, {"a": 1}],
        "an audience that only another issuer's tokens may have": "foreign",
    }


def wrong_subjects(_: Kit) -> dict[str, Any]:
    return {
        "no subject": ABSENT,
        "a subject of null": None,
        "an empty subject": "",
        "a number as subject": 1,
        "zero as subject": 0,
        "true as subject": True,
        "false as subject": False,
        "a list of subjects": ["hostile"],
        "an object as subject": {"id": "hostile"},
        "a subject of 256 characters": "s" * 256,
        "a subject of 5000 characters": "s" * 5000,
        "a subject with a NUL": "hostile\x00admin",
        "a NUL as subject": "\x00",
        "a subject with a lone surrogate": "hostile\ud800",
        "a subject with surrogates the wrong way round": "\udc00\ud800",
    }


def wrong_times(_: Kit) -> dict[str, tuple[str, Any]]:
    now = int(time.time())
    found: dict[str, tuple[str, Any]] = {
        "no time of expiry": ("exp", ABSENT),
        "expired a minute ago": ("exp", now - 60),
        "expired a minute and a fraction ago": ("exp", now - 60.5),
        "expired in 1970": ("exp", 0),
        "expired at minus nothing": ("exp", -0.0),
        "valid in an hour": ("nbf", now + 3600),
        "valid in two minutes": ("nbf", now + 120),
        "issued in an hour": ("iat", now + 3600),
        "issued in two minutes and a fraction": ("iat", now + 120.5),
    }
    for name, value in {"exp": now + 600, "nbf": now - 600, "iat": now - 600}.items():
        found |= {
            f"{name} as text": (name, str(value)),
            f"{name} as an ISO date": (name, "2036-01-01T00:00:00Z"),
            f"{name} as true": (name, True),
            f"{name} in a list": (name, [value]),
            f"{name} in an object": (name, {"seconds": value}),
            f"{name} of null": (name, None),
            f"{name} before 1970": (name, -1),
            f"{name} beyond 2^53": (name, 2**53 + 2),
            f"{name} beyond 2^64": (name, 2**64),
            f"{name} of 400 digits": (name, 10**400),
            f"{name} of 1e308": (name, 1e308),
        }
    return found


def wrong_scopes(_: Kit) -> dict[str, tuple[str, Any]]:
    wrong = {
        "a number": 1,
        "null": None,
        "true": True,
        "an object": {"todos:read": True},
        "a list with a number": ["todos:read", 1],
        "a list with a list": [["todos:read"]],
        "a list with null": [None],
    }
    found = {f"{value} as {name}": (name, given) for name in ("scope", "scp") for value, given in wrong.items()}
    return found | {"a list of scopes": ("scope", ["todos:read"])}


_PROOF: Final[dict[str, Make]] = {
    "bound to a key": lambda kit: kit.claiming(cnf={"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}),
    "bound to a certificate": lambda kit: kit.claiming(cnf={"x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}),
    "bound to a key in the claims": lambda kit: kit.claiming(cnf={"jwk": kit.attacker.jwk}),
    "bound to nothing": lambda kit: kit.claiming(cnf={}),
}


def each(wrong: Callable[[Kit], Mapping[str, Any]], claim: str | None = None) -> dict[str, Make]:
    """A case for each value, of one claim or of the one that is named beside it."""

    def make(name: str) -> Make:
        def token(kit: Kit) -> str:
            value = wrong(kit)[name]
            return kit.claiming(**({claim: value} if claim else {value[0]: value[1]}))

        return token

    nobody = secret_pair(b"")
    anybody = Kit(nobody, Bait("", Path()), nobody, nobody)
    return {name: make(name) for name in wrong(anybody)}


# only with a shared secret

_SECRETS: Final[dict[str, Make]] = {
    name: lambda kit, secret=secret: kit.token(sign=secret_pair(secret).sign)
    for name, secret in {
        "signed with nothing": b"",
        "signed with the word secret": b"secret",
        "signed with a secret that everybody knows": b"your-256-bit-secret",
        "signed with 64 zeros": bytes(64),
    }.items()
} | {
    "signed with the secret in other letters": lambda kit: kit.token(sign=secret_pair(kit.pair.private.upper()).sign),
    "signed with the secret's hash": lambda kit: kit.token(
        sign=secret_pair(hashlib.sha256(kit.pair.private).digest()).sign
    ),
    "signed with the secret in base64": lambda kit: kit.token(sign=secret_pair(b64encode(kit.pair.private)).sign),
    "signed with the secret and a line's end": lambda kit: kit.token(sign=secret_pair(kit.pair.private + b"\n").sign),
    "signed with the issuer's name": lambda kit: kit.token(sign=secret_pair(kit.issuer.encode()).sign),
}


# only with RSA


def _rsa_plus_modulus(kit: Kit) -> str:
    """The same signature for whoever forgets RFC 8017's range check."""
    modulus = kit.pair.public.public_numbers().n

    def sign(data: bytes) -> bytes:
        return (int.from_bytes(kit.pair.sign(data), "big") + modulus).to_bytes(257, "big")

    for _ in range(100):
        token = kit.token(sign=sign)
        raw = base64.urlsafe_b64decode(padded(part(token, 2)))
        if raw[0] == 0:
            return with_part(token, 2, base64url(raw[1:]))
    return token


def _rsa_renamed(alg: str, digest: hashes.HashAlgorithm, *, pss: bool = False) -> Make:
    return lambda kit: kit.token(kit.header(alg=alg), sign=rs_signer(kit.pair.private, digest, pss=pss))


_RSA_KEYS: Final[dict[str, Make]] = {
    "an RSA key of 1024 bits": lambda kit: kit.by(kit.others["of 1024 bits"]),
    "an RSA key with exponent one": lambda kit: kit.by(kit.others["with exponent one"]),
}
_RSA_SIGNATURES: Final[dict[str, Make]] = {
    "PSS under RS256's name": _rsa_renamed("RS256", hashes.SHA256(), pss=True),
    "SHA-512 under RS256's name": _rsa_renamed("RS256", hashes.SHA512()),
    "SHA-384 under RS256's name": _rsa_renamed("RS256", hashes.SHA384()),
    "SHA-1 under RS256's name": _rsa_renamed("RS256", hashes.SHA1()),  # noqa: S303  # an attacker's choice
    "the signature and the modulus": _rsa_plus_modulus,
    "one as signature": lambda kit: resigned(kit, lambda raw: (1).to_bytes(len(raw), "big")),
    "the unpadded hash as signature": lambda kit: kit.token(
        sign=lambda data: hashlib.sha256(data).digest().rjust(256, b"\x00")
    ),
}
_RSA_NAMES: Final[dict[str, Make]] = {
    "a right signature by RS384": _rsa_renamed("RS384", hashes.SHA384()),
    "a right signature by RS512": _rsa_renamed("RS512", hashes.SHA512()),
    "a right signature by PS256": _rsa_renamed("PS256", hashes.SHA256(), pss=True),
    "a signature by RS256 under ES256's name": lambda kit: kit.headed(alg="ES256"),
    "the public key's PKCS #1 as a secret": confused(
        lambda kit: kit.pair.public.public_bytes(Encoding.PEM, PublicFormat.PKCS1)
    ),
}


# only with ECDSA


def numbers(change: Callable[[int, int], tuple[int, int]]) -> Make:
    """A signature whose two numbers are others."""

    def sign(data: bytes, kit: Kit) -> bytes:
        return b"".join(part.to_bytes(32, "big") for part in change(*es_signature(kit.pair.private, data)))

    return lambda kit: kit.token(sign=lambda data: sign(data, kit))


_ECDSA_KEYS: Final[dict[str, Make]] = {
    "a key on P-384": lambda kit: kit.by(kit.others["on P-384"]),
    "a key on secp256k1": lambda kit: kit.by(kit.others["on secp256k1"]),
}
_ECDSA_SIGNATURES: Final[dict[str, Make]] = {
    "a signature in DER": lambda kit: kit.token(
        sign=lambda data: kit.pair.private.sign(data, ec.ECDSA(hashes.SHA256()))
    ),
    "the psychic signature": numbers(lambda _r, _s: (0, 0)),
    "r of zero": numbers(lambda _, s: (0, s)),
    "s of zero": numbers(lambda r, _: (r, 0)),
    "r and s of the order": numbers(lambda _r, _s: (P256_ORDER, P256_ORDER)),
    "r and s of one": numbers(lambda _r, _s: (1, 1)),
    "r and s exchanged": numbers(lambda r, s: (s, r)),
    "s of ones": numbers(lambda r, _: (r, 2**256 - 1)),
    "a psychic signature in DER": lambda kit: kit.token(sign=lambda _: bytes.fromhex("3006020100020100")),
    "SHA-384 under ES256's name": lambda kit: kit.token(
        sign=lambda data: b"".join(
            n.to_bytes(32, "big") for n in decode_dss_signature(kit.pair.private.sign(data, ec.ECDSA(hashes.SHA384())))
        )
    ),
    "a signature of 96 bytes": lambda kit: resigned(kit, lambda raw: bytes(16) + raw[:32] + bytes(16) + raw[32:]),
}
_ECDSA_NAMES: Final[dict[str, Make]] = {
    "ES384's name": lambda kit: kit.headed(alg="ES384"),
    "ES256K's name": lambda kit: kit.headed(alg="ES256K"),
    "ES256K's name and key": lambda kit: kit.by(kit.others["on secp256k1"], alg="ES256K"),
    "ES384's name and key": lambda kit: kit.by(kit.others["on P-384"], alg="ES384"),
    "EdDSA's name": lambda kit: kit.headed(alg="EdDSA"),
}


# only with EdDSA


def _with_order(raw: bytes) -> bytes:
    """S + L: the same signature for whoever forgets RFC 8032's range check."""
    return raw[:32] + (int.from_bytes(raw[32:], "little") + ED25519_ORDER).to_bytes(32, "little")


_EDDSA_KEYS: Final[dict[str, Make]] = {
    "a key on Ed448": lambda kit: kit.by(kit.others["on Ed448"]),
    "a key to agree on keys": lambda kit: kit.by(kit.others["to agree on keys"]),
}
_EDDSA_SIGNATURES: Final[dict[str, Make]] = {
    "a signature and the order": lambda kit: resigned(kit, _with_order),
    "the neutral point and zero": lambda kit: resigned(kit, lambda _: b"\x01" + bytes(63)),
    "S of zero": lambda kit: resigned(kit, lambda raw: raw[:32] + bytes(32)),
    "R and S exchanged": lambda kit: resigned(kit, lambda raw: raw[32:] + raw[:32]),
    "the hash signed": lambda kit: kit.token(sign=lambda data: kit.pair.sign(hashlib.sha512(data).digest())),
    "a signature of 114 bytes": lambda kit: kit.token(sign=kit.others["on Ed448"].sign),
}
_EDDSA_NAMES: Final[dict[str, Make]] = {
    "the name Ed25519": lambda kit: kit.headed(alg="Ed25519"),
    "the name Ed448, with its key": lambda kit: kit.by(kit.others["on Ed448"], alg="Ed448"),
    "ES256's name": lambda kit: kit.headed(alg="ES256"),
}


FAMILIES: Final = (
    Family("not a jwt|too long|not base64url|not canonical", _SHAPES | _NONE),
    Family("jwt segment", _JSON),
    Family("algorithm", _ALGORITHMS),
    Family("another type", dict(types())),
    Family("critical extension", _HEADERS),
    Family("key id", _KIDS),
    Family(
        "no known key|InvalidSignature",
        {f"{name} as key id": injected(name) for name in INJECTIONS},
    ),
    Family("algorithm", _CONFUSIONS, ASYMMETRIC),
    Family("no known key", _WRONG_KEYS, ASYMMETRIC),
    Family("InvalidSignature", _EMBEDDED),
    Family("InvalidSignature", _SIGNATURES),
    Family("issuer", _ISSUERS),
    Family("Audience|MissingRequiredClaim", each(wrong_audiences, "aud")),
    Family("subject|InvalidSubject|MissingRequiredClaim", each(wrong_subjects, "sub")),
    Family("time of a wrong|expired|not valid yet|MissingRequiredClaim", each(wrong_times)),
    Family("scope", each(wrong_scopes)),
    Family("bound to a key", _PROOF),
    Family("InvalidSignature", _SECRETS, ("HS256",)),
    Family("no known key", _RSA_KEYS, ("RS256",)),
    Family("InvalidSignature", _RSA_SIGNATURES, ("RS256",)),
    Family("algorithm", _RSA_NAMES, ("RS256",)),
    Family("no known key", _ECDSA_KEYS, ("ES256",)),
    Family("InvalidSignature", _ECDSA_SIGNATURES, ("ES256",)),
    Family("algorithm", _ECDSA_NAMES, ("ES256",)),
    Family("no known key", _EDDSA_KEYS, ("EdDSA",)),
    Family("InvalidSignature", _EDDSA_SIGNATURES, ("EdDSA",)),
    Family("algorithm", _EDDSA_NAMES, ("EdDSA",)),
)


@dataclass(frozen=True)
class Case:
    """One way to be hostile."""

    name: str
    reason: str
    make: Make
    algorithms: tuple[str, ...]

    def __str__(self) -> str:
        return self.name


HOSTILE: Final = [
    Case(name, family.reason, make, family.algorithms) for family in FAMILIES for name, make in family.cases.items()
]


# --- good tokens -----------------------------------------------------------------------------------


def typed(kind: Any) -> Make:
    return lambda kit: kit.token(kit.header(typ=kind), kit.claims(scope="todos:read"))


def claimed(claims: Callable[[], Json]) -> Make:
    return lambda kit: kit.claiming(**claims())


def now() -> int:
    return int(time.time())


GOOD: Final[dict[str, Make]] = {
    "as they usually are": lambda kit: kit.token(),
    "after further spaces": lambda kit: f"  {kit.token()}",
    "without a type": typed(ABSENT),
    "of type JWT": typed("JWT"),
    "of type at+jwt": typed("at+jwt"),
    "of type application/at+jwt": typed("application/at+jwt"),
    "without a key id where one key fits": lambda kit: kit.headed(kid=ABSENT),
    "with another key id of the same issuer": lambda kit: (
        kit.token(kit.two[0].header(), kit.claims(iss=ISSUER_OF_TWO, aud="two"), kit.two[0].sign)
        if kit.two
        else kit.token()
    ),
    "with a key id of 256 characters": lambda kit: (
        kit.token(kit.two[1].header(), kit.claims(iss=ISSUER_OF_TWO, aud="two"), kit.two[1].sign)
        if kit.two
        else kit.headed(kid="k" * 256)
    ),
    "from another trusted issuer": lambda kit: kit.token(
        kit.others["foreign"].header(),
        kit.claims(iss=FOREIGN_SECRET if kit.alg == "HS256" else FOREIGN, aud="foreign"),
        kit.others["foreign"].sign,
    ),
    "with addresses of keys, unheard": lambda kit: kit.headed(
        jku=kit.bait.url, x5u=kit.bait.url, x5c=[certificate(kit)], jwk=kit.attacker.jwk
    ),
    "with other headers": lambda kit: kit.headed(x={"y": [1, None, True, 0.5]}),
    "with blanks in the JSON": lambda kit: kit.token(
        json.dumps(kit.header(), indent=2).encode(), b" " + json.dumps(kit.claims(), indent=1).encode() + b"\n"
    ),
    "with our audience among others": lambda kit: kit.claiming(aud=["a", kit.audience, ""]),
    "with our audience alone in a list": lambda kit: kit.claiming(aud=[kit.audience]),
    "with the issuer's other audience": claimed(lambda: {"aud": "https://other.example.test"}),
    "until a fraction of a second": claimed(lambda: {"exp": time.time() + 60.25}),
    "until ten years from now": claimed(lambda: {"exp": now() + 10 * 365 * 86_400, "iat": now()}),
    "until the largest of times": claimed(lambda: {"exp": 2**53}),
    "expired ten seconds ago, by a clock that is behind": claimed(lambda: {"exp": now() - 10}),
    "from now on": claimed(lambda: {"nbf": now(), "iat": now()}),
    "from a fraction of a second on": claimed(lambda: {"nbf": time.time(), "iat": time.time()}),
    "from twenty seconds on, by a clock that is ahead": claimed(lambda: {"nbf": now() + 20, "iat": now() + 20}),
    "from 1970 on": claimed(lambda: {"nbf": 0, "iat": 0}),
    "with claims of all kinds": claimed(
        lambda: {
            "jti": "a",
            "auth_time": now(),
            "email": "hostile@example.test",
            "email_verified": True,
            "name": "Zoë 🦊",
            "realm_access": {"roles": ["user", "tester"]},
            "": None,
            "alg": "none",
        }
    ),
    "with claims of wrong types that nobody needs": claimed(
        lambda: {"email": 1, "name": ["a"], "role": {"a": 1}, "azp": None, "acr": 0}
    ),
    "with claims eight deep": lambda kit: kit.claiming(more=nested(7)),
    "with a scope": claimed(lambda: {"scope": "openid  todos:read offline_access"}),
    "with a list of scopes": claimed(lambda: {"scp": ["todos:read", "openid"]}),
    "with a string of scopes": claimed(lambda: {"scp": "todos:read openid"}),
    "with a subject in other letters": claimed(lambda: {"sub": f"Ζωή-Å-ﬁ-{uuid4()}"}),
    "with emoji as subject": claimed(lambda: {"sub": f"🦊👩‍🚀-{uuid4()}"}),
    "with a subject of 255 characters": claimed(lambda: {"sub": str(uuid4()).ljust(255, "s")}),
    "with a subject of 255 emoji": claimed(lambda: {"sub": str(uuid4()).ljust(255, "🦊")}),
    "with a subject of one character": claimed(lambda: {"sub": "x"}),
    "with a subject that looks like SQL": claimed(lambda: {"sub": f"'; DROP TABLE users; -- {uuid4()}"}),
    "of 8192 characters": lambda kit: of_length(kit, LONGEST),
}
"""Each is accepted, and may read todos."""
